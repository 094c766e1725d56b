#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::keys::tests::{key, ring};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HERE: &[&[u8]] = &[&[7; 16], b"code"];
const VALUE: &[u8] = b"\xa64711-x";

fn sealer(seeds: &[u8]) -> Sealer {
    Sealer::new(&ring(seeds), Purpose::SECRET, "shop").unwrap()
}

fn open(sealer: &Sealer, sealed: &[u8], place: &[&[u8]]) -> Option<Vec<u8>> {
    sealer.open(sealed, place, NOW).map(|opened| opened.value.to_vec())
}

#[test]
fn a_sealed_value_opens_and_differs_each_time() {
    let sealer = sealer(&[1]);
    for value in [&b""[..], b"\xc0", VALUE, &[0x5a; 100_000]] {
        let (sealed, again) = (sealer.seal(value, HERE).unwrap(), sealer.seal(value, HERE).unwrap());
        assert_eq!(sealed.len(), value.len() + OVERHEAD);
        assert_eq!(open(&sealer, &sealed, HERE).unwrap(), value);
        assert_ne!(sealed[1 + 4..], again[1 + 4..]);
        // S2, B38
        assert!(value.len() < 4 || sealed.windows(4).all(|window| window != &value[..4]));
    }
}

// S39
#[test]
fn a_value_with_a_flipped_bit_does_not_open() {
    let sealer = sealer(&[1, 2]);
    let sealed = sealer.seal(VALUE, HERE).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut forged = sealed.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&sealer, &forged, HERE).is_none(), "bit {bit}");
    }
}

// S39, S41
#[test]
fn a_value_of_another_length_does_not_open() {
    let sealer = sealer(&[1]);
    let sealed = sealer.seal(VALUE, HERE).unwrap();
    for length in 0..sealed.len() {
        assert!(open(&sealer, &sealed[..length], HERE).is_none(), "the first {length} bytes");
        assert!(open(&sealer, &sealed[sealed.len() - length..], HERE).is_none(), "the last {length} bytes");
        let cut = [&sealed[..length], &sealed[length + 1..]].concat();
        assert!(open(&sealer, &cut, HERE).is_none(), "without byte {length}");
    }
    for more in [&b"\0"[..], b"A", &sealed] {
        assert!(open(&sealer, &[&sealed, more].concat(), HERE).is_none());
        assert!(open(&sealer, &[more, &sealed].concat(), HERE).is_none());
    }
    // A tag of zeros.
    let body = &sealed[..sealed.len() - TAG];
    assert!(open(&sealer, &[body, &[0; TAG]].concat(), HERE).is_none());
}

// S39: no fallback to values that were stored before the field was secret.
#[test]
fn a_plain_value_does_not_open() {
    let sealer = sealer(&[1]);
    for plain in [&b""[..], b"\xc0", VALUE, &[VERSION], &[VERSION; OVERHEAD], &[VERSION; 500]] {
        assert!(open(&sealer, plain, HERE).is_none());
    }
}

// S40: sealed under a key of the ring, but for another purpose.
#[test]
fn a_value_sealed_for_another_purpose_or_version_does_not_open() {
    let (ring, sealer) = (ring(&[1]), sealer(&[1]));
    let (key, _) = ring.keys().unwrap();
    let others = [Purpose::TOKEN, Purpose::FINGERPRINT, Purpose { version: "v2", ..Purpose::SECRET }];
    for purpose in others {
        let mut other = tests::sealer(&[1]);
        other.0.current_mut().cipher = XChaCha20Poly1305::new((&*key.derive::<32>(purpose).unwrap()).into());
        assert!(open(&sealer, &other.seal(VALUE, HERE).unwrap(), HERE).is_none());
    }
    let mut other = tests::sealer(&[1]);
    other.0.current_mut().context = framed(&[b"shop".as_slice(), &key.id()]);
    assert!(open(&sealer, &other.seal(VALUE, HERE).unwrap(), HERE).is_none());
    // Sealed under the first key, but with the id of the second.
    let both = tests::sealer(&[1, 2]);
    let mut sealed = sealer.seal(VALUE, HERE).unwrap();
    sealed[1..5].copy_from_slice(&both.0.previous_ids().next().unwrap());
    assert!(open(&both, &sealed, HERE).is_none());
}

// S40, S41
#[test]
fn a_value_opens_only_for_its_place_purpose_and_application() {
    let ring = ring(&[1]);
    let contexts: [(Purpose, &str, &[&[u8]]); 8] = [
        (Purpose::SECRET, "shop", &[b"ab", b"c"]),
        (Purpose::SECRET, "shop", &[b"a", b"bc"]),
        (Purpose::SECRET, "shop", &[b"abc"]),
        (Purpose::SECRET, "shop", &[b"ab", b"c", b""]),
        (Purpose::SECRET, "shop", &[]),
        (Purpose::SECRET, "forum", &[b"ab", b"c"]),
        (Purpose::SECRET, "", &[b"ab", b"c"]),
        (Purpose::TOKEN, "shop", &[b"ab", b"c"]),
    ];
    let sealers = contexts.map(|(purpose, app, _)| Sealer::new(&ring, purpose, app).unwrap());
    for (i, (.., place)) in contexts.iter().enumerate() {
        let sealed = sealers[i].seal(VALUE, place).unwrap();
        for (j, (.., place)) in contexts.iter().enumerate() {
            assert_eq!(open(&sealers[j], &sealed, place).is_some(), i == j, "context {i} in context {j}");
        }
    }
}

// S45
#[test]
fn older_keys_open_and_the_newest_seals() {
    let (old, both, new) = (sealer(&[1]), sealer(&[2, 3, 1]), sealer(&[2]));
    let before = old.seal(VALUE, HERE).unwrap();
    let opened = both.open(&before, HERE, NOW).unwrap();
    assert!(opened.value.as_slice() == VALUE && !opened.current);
    let after = both.seal(&opened.value, HERE).unwrap();
    assert!(new.open(&after, HERE, NOW).unwrap().current);
    assert!(open(&new, &before, HERE).is_none(), "the key was removed from the ring");
}

// S45
#[test]
fn an_older_key_opens_until_its_end() {
    let ring = KeyRing::from_bytes(&key(2)).unwrap().with_previous_until(&key(1), SystemTime::from(NOW)).unwrap();
    let both = Sealer::new(&ring, Purpose::SECRET, "shop").unwrap();
    let sealed = sealer(&[1]).seal(VALUE, HERE).unwrap();
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    assert!(both.open(&sealed, HERE, before).is_some());
    assert!(both.open(&sealed, HERE, NOW).is_none());
    let later = NOW + Duration::from_secs(100 * 365 * 86_400);
    assert!(both.open(&sealed, HERE, later).is_none());
    assert!(both.open(&both.seal(VALUE, HERE).unwrap(), HERE, later).is_some_and(|opened| opened.current));
}

#[test]
fn an_empty_ring_makes_no_sealer() {
    assert!(Sealer::new(&ring(&[]), Purpose::SECRET, "shop").is_err());
}

proptest! {
    // S39
    #[test]
    fn arbitrary_bytes_neither_open_nor_panic(bytes: Vec<u8>, body in prop::collection::vec(any::<u8>(), 40..80)) {
        let sealer = sealer(&[1]);
        prop_assert!(open(&sealer, &bytes, HERE).is_none());
        let forged = [&[VERSION][..], sealer.0.current().0, &body].concat();
        prop_assert!(open(&sealer, &forged, HERE).is_none());
    }

    #[test]
    fn any_value_round_trips(value: Vec<u8>, place: Vec<Vec<u8>>) {
        let sealer = sealer(&[1]);
        let place: Vec<&[u8]> = place.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(open(&sealer, &sealer.seal(&value, &place).unwrap(), &place), Some(value));
    }
}
