#![allow(clippy::unwrap_used)]

use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::keys::tests::{key, ring};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HERE: &[&[u8]] = &[b"shop", b"cart"];
const VALUE: &[u8] = b"two apples";

fn signer(seeds: &[u8]) -> Signer {
    Signer::new(&ring(seeds), Purpose::SIGNED_COOKIE).unwrap()
}

fn opens(signer: &Signer, signed: &[u8], place: &[&[u8]]) -> bool {
    signer.open(signed, place, NOW).is_some()
}

// Values in browsers must still open after an update. The value comes from another implementation of HKDF and HMAC (Python's).
#[test]
fn the_format_never_changes() {
    use sha2::Digest as _;
    let ring = KeyRing::from_bytes(&Sha256::digest(b"a key for tests")).unwrap();
    let signer = Signer::new(&ring, Purpose::SIGNED_COOKIE).unwrap();
    let signed = signer.sign(VALUE, HERE);
    assert_eq!(crate::id::hex(&signed), "0185aa3f2774776f206170706c65737ec8073e6a491270a42bd852ea17b99f");
    assert_eq!(signer.open(&signed, HERE, NOW).unwrap(), Verified { value: VALUE, current: true });
}

// S39
#[test]
fn a_value_with_a_flipped_bit_or_another_length_does_not_open() {
    let signer = signer(&[1, 2]);
    let signed = signer.sign(VALUE, HERE);
    for bit in 0..signed.len() * 8 {
        let mut forged = signed.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&signer, &forged, HERE), "bit {bit}");
    }
    for length in 0..signed.len() {
        assert!(!opens(&signer, &signed[..length], HERE), "the first {length} bytes");
        assert!(!opens(&signer, &signed[signed.len() - length..], HERE), "the last {length} bytes");
        let cut = [&signed[..length], &signed[length + 1..]].concat();
        assert!(!opens(&signer, &cut, HERE), "without byte {length}");
    }
    assert!(!opens(&signer, &[&signed[..], b"A"].concat(), HERE));
}

// S40, S41
#[test]
fn a_value_opens_only_for_its_place_and_purpose() {
    let ring = ring(&[1]);
    let other = Purpose { version: "v2", ..Purpose::SIGNED_COOKIE };
    let contexts: [(Purpose, &[&[u8]]); 8] = [
        (Purpose::SIGNED_COOKIE, &[b"ab", b"c"]),
        (Purpose::SIGNED_COOKIE, &[b"a", b"bc"]),
        (Purpose::SIGNED_COOKIE, &[b"abc"]),
        (Purpose::SIGNED_COOKIE, &[b"ab", b"c", b""]),
        (Purpose::SIGNED_COOKIE, &[b"ab", b"C"]),
        (Purpose::SIGNED_COOKIE, &[]),
        (Purpose::TOKEN, &[b"ab", b"c"]),
        (other, &[b"ab", b"c"]),
    ];
    let signers = contexts.map(|(purpose, _)| Signer::new(&ring, purpose).unwrap());
    for (i, (_, place)) in contexts.iter().enumerate() {
        let signed = signers[i].sign(VALUE, place);
        for (j, (_, place)) in contexts.iter().enumerate() {
            assert_eq!(opens(&signers[j], &signed, place), i == j, "context {i} in context {j}");
        }
    }
}

// S45
#[test]
fn older_keys_open_until_their_end_and_the_newest_signs() {
    let (old, both, new) = (signer(&[1]), signer(&[2, 3, 1]), signer(&[2]));
    let before = old.sign(VALUE, HERE);
    assert!(opens(&both, &before, HERE));
    assert!(opens(&new, &both.sign(VALUE, HERE), HERE));
    assert!(!opens(&new, &before, HERE), "the key was removed from the ring");

    let ring = KeyRing::from_bytes(&key(2)).unwrap().with_previous_until(&key(1), SystemTime::from(NOW)).unwrap();
    let ending = Signer::new(&ring, Purpose::SIGNED_COOKIE).unwrap();
    assert!(ending.open(&before, HERE, Timestamp::from_millis(NOW.as_millis() - 1)).is_some());
    assert!(ending.open(&before, HERE, NOW).is_none());
}

#[test]
fn an_empty_ring_makes_no_signer() {
    assert!(Signer::new(&ring(&[]), Purpose::SIGNED_COOKIE).is_err());
}

proptest! {
    // S39
    #[test]
    fn arbitrary_bytes_neither_open_nor_panic(bytes: Vec<u8>, body in prop::collection::vec(any::<u8>(), 16..60)) {
        let signer = signer(&[1]);
        prop_assert!(!opens(&signer, &bytes, HERE));
        prop_assert!(!opens(&signer, &[&[VERSION][..], signer.0.current().0, &body].concat(), HERE));
    }

    #[test]
    fn any_value_round_trips(value: Vec<u8>, place: Vec<Vec<u8>>) {
        let signer = signer(&[1]);
        let place: Vec<&[u8]> = place.iter().map(Vec::as_slice).collect();
        let signed = signer.sign(&value, &place);
        prop_assert_eq!(signer.open(&signed, &place, NOW).map(|opened| opened.value), Some(&value[..]));
    }
}
