#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;

use super::*;
use crate::{
    key::Scope,
    keys::tests::{key, ring},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn signer(seeds: &[u8]) -> TokenSigner {
    TokenSigner::new(&ring(seeds), "shop", "__Host-shop").unwrap()
}

fn session() -> (Selector, Verifier) {
    (Selector::random().unwrap(), Verifier::random().unwrap())
}

fn token(signer: &TokenSigner) -> String {
    let (selector, verifier) = session();
    signer.sign(selector, &verifier)
}

// S1
#[test]
fn ids_do_not_repeat_and_no_bit_is_biased() {
    const IDS: usize = 1_000_000;
    // Counts how often each byte of an id has each value. The shares of the bits are summed later.
    let mut values = vec![[0_usize; 256]; 48];
    let (mut selectors, mut verifiers) = (Vec::with_capacity(IDS), Vec::with_capacity(IDS));
    for _ in 0..IDS {
        let (selector, verifier) = session();
        let bytes = selector.0.iter().chain(&verifier.0);
        bytes.zip(&mut values).for_each(|(&byte, counts)| counts[usize::from(byte)] += 1);
        selectors.push(selector.0);
        verifiers.push(verifier.0);
    }
    selectors.sort_unstable();
    verifiers.sort_unstable();
    assert!(selectors.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(verifiers.windows(2).all(|pair| pair[0] != pair[1]));
    let sigma = (IDS as f64 / 4.0).sqrt();
    for (at, bit) in (0..48).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let ones: usize =
            values[at].iter().enumerate().filter(|(value, _)| value >> bit & 1 == 1).map(|(_, n)| n).sum();
        let off = (ones as f64 - IDS as f64 / 2.0).abs();
        assert!(off < 6.0 * sigma, "bit {bit} of byte {at} is set in {ones} of {IDS}");
    }
}

// Tokens in browsers must still open after an update. The value comes from another implementation.
#[test]
fn the_format_never_changes() {
    use sha2::Digest as _;
    let ring = KeyRing::from_bytes(&Sha256::digest(b"a key for tests")).unwrap();
    let signer = TokenSigner::new(&ring, "shop", "__Host-shop").unwrap();
    let selector = Selector(std::array::from_fn(|at| at as u8));
    let verifier = Verifier(std::array::from_fn(|at| 100 + at as u8));
    let token = signer.sign(selector, &verifier);
    assert_eq!(token, "AYWqPycAAQIDBAUGBwgJCgsMDQ4PZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoN4P5P0OEWfX0xfqUk7e4cv");
    assert_eq!(signer.fingerprints().name(&Scope::new("shop", "Shop").session(selector)), "64798a92b447");
}

#[test]
fn a_signed_token_opens() {
    let signer = signer(&[1]);
    let (selector, verifier) = session();
    let token = signer.sign(selector, &verifier);
    assert_eq!(token.len(), LENGTH);
    // S28
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    let opened = signer.open(token.as_bytes(), NOW).unwrap();
    assert!(opened.selector == selector && opened.verifier.0 == verifier.0 && opened.current);
}

// S39, B6
#[test]
fn no_flipped_bit_opens() {
    let signer = signer(&[1, 2]);
    let token = token(&signer);
    let bytes = Base64UrlUnpadded::decode_vec(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(signer.open(Base64UrlUnpadded::encode_string(&forged).as_bytes(), NOW).is_none(), "bit {bit}");
    }
    for bit in 0..token.len() * 8 {
        let mut forged = token.clone().into_bytes();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(signer.open(&forged, NOW).is_none(), "bit {bit} of the text");
    }
}

// S39, S41, B6
#[test]
fn no_other_length_opens() {
    let signer = signer(&[1]);
    let token = token(&signer);
    for length in 0..token.len() {
        assert!(signer.open(&token.as_bytes()[..length], NOW).is_none());
        assert!(signer.open(&token.as_bytes()[token.len() - length..], NOW).is_none());
    }
    for more in ["A", "=", "==", " ", "\0", &token] {
        assert!(signer.open(format!("{token}{more}").as_bytes(), NOW).is_none());
        assert!(signer.open(format!("{more}{token}").as_bytes(), NOW).is_none());
    }
    // A MAC that is empty or zero.
    let bytes = Base64UrlUnpadded::decode_vec(&token).unwrap();
    assert!(signer.open(Base64UrlUnpadded::encode_string(&bytes[..SIGNED]).as_bytes(), NOW).is_none());
    let zero: Vec<u8> = bytes[..SIGNED].iter().copied().chain([0; 16]).collect();
    assert!(signer.open(Base64UrlUnpadded::encode_string(&zero).as_bytes(), NOW).is_none());
}

// S4
#[test]
fn a_token_has_one_spelling() {
    let signer = signer(&[1]);
    let bytes: Vec<u8> = (0..1000)
        .map(|_| Base64UrlUnpadded::decode_vec(&token(&signer)).unwrap())
        .find(|bytes| base64ct::Base64Unpadded::encode_string(bytes).contains(['+', '/']))
        .unwrap();
    assert!(signer.open(Base64UrlUnpadded::encode_string(&bytes).as_bytes(), NOW).is_some());
    assert!(signer.open(base64ct::Base64Unpadded::encode_string(&bytes).as_bytes(), NOW).is_none());
    let token = Base64UrlUnpadded::encode_string(&bytes);
    for (from, to) in [("A", "%41"), ("A", "="), ("A", "\u{ff21}")] {
        assert!(signer.open(token.replacen(from, to, 1).as_bytes(), NOW).is_none());
    }
    for junk in [&[0; LENGTH], &[0xff; LENGTH], &[b'A'; LENGTH], &[b'='; LENGTH], &[b'.'; LENGTH]] {
        assert!(signer.open(junk, NOW).is_none());
    }
}

// S6, S40, B10
#[test]
fn a_token_opens_only_in_its_cookie_and_application() {
    let ring = ring(&[1]);
    let contexts = [
        ("shop", "__Host-shop"),
        ("shop", "__Host-admin"),
        ("forum", "__Host-shop"),
        ("__Host-shop", "shop"),
        ("shop", "__Host-shop\0"),
        ("shop__Host-", "shop"),
        ("", "shop__Host-shop"),
        ("shop__Host-shop", ""),
        ("shop", "__host-shop"),
    ];
    let signers = contexts.map(|(app, name)| TokenSigner::new(&ring, app, name).unwrap());
    let (selector, verifier) = session();
    for (i, from) in signers.iter().enumerate() {
        let token = from.sign(selector, &verifier);
        for (j, to) in signers.iter().enumerate() {
            assert_eq!(to.open(token.as_bytes(), NOW).is_some(), i == j, "{:?} in {:?}", contexts[i], contexts[j]);
        }
    }
}

// S40: a MAC under the same key for another purpose.
#[test]
fn no_other_purpose_makes_a_token() {
    let (ring, signer) = (ring(&[1]), signer(&[1]));
    let (key, _) = ring.keys().unwrap();
    let bytes = Base64UrlUnpadded::decode_vec(&token(&signer)).unwrap();
    for purpose in [Purpose::FINGERPRINT, Purpose { version: "v2", ..Purpose::TOKEN }] {
        let mut context = framed(&[Purpose::TOKEN.name, "shop", "__Host-shop"]);
        context.resize(context.len().next_multiple_of(64), 0);
        let mac =
            key.mac(purpose).unwrap().chain_update(context).chain_update(&bytes[..SIGNED]).finalize().into_bytes();
        let forged = [&bytes[..SIGNED], &mac[..16]].concat();
        assert!(signer.open(Base64UrlUnpadded::encode_string(&forged).as_bytes(), NOW).is_none());
    }
}

// S40: another version under a valid MAC.
#[test]
fn no_other_version_opens() {
    let signer = signer(&[1]);
    let mut signed = Base64UrlUnpadded::decode_vec(&token(&signer)).unwrap()[..SIGNED].to_vec();
    for version in [0, 2, 255] {
        signed[0] = version;
        let forged = [&signed[..], &signer.keys.current().1.mac(&signed)].concat();
        assert!(signer.open(Base64UrlUnpadded::encode_string(&forged).as_bytes(), NOW).is_none());
    }
}

// B9, S45
#[test]
fn older_keys_open_and_the_newest_signs() {
    let (old, both, new, other) = (signer(&[1]), signer(&[2, 3, 1]), signer(&[2]), signer(&[3, 2]));
    let (selector, verifier) = session();
    let before = old.sign(selector, &verifier);
    let opened = both.open(before.as_bytes(), NOW).unwrap();
    assert!(opened.selector == selector && opened.verifier.0 == verifier.0 && !opened.current);

    let after = both.sign(opened.selector, &opened.verifier);
    assert!(new.open(after.as_bytes(), NOW).unwrap().current);
    assert!(!other.open(after.as_bytes(), NOW).unwrap().current);
    assert!(new.open(before.as_bytes(), NOW).is_none(), "the key was removed from the ring");
}

// S45
#[test]
fn an_older_key_opens_until_its_end() {
    let end = SystemTime::from(NOW);
    let ring = KeyRing::from_bytes(&key(2)).unwrap().with_previous_until(&key(1), end).unwrap();
    let signer = TokenSigner::new(&ring, "shop", "__Host-shop").unwrap();
    let token = token(&tests::signer(&[1]));
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    assert!(signer.open(token.as_bytes(), before).is_some());
    assert!(signer.open(token.as_bytes(), NOW).is_none());
    assert!(signer.open(token.as_bytes(), NOW + Duration::from_secs(1)).is_none());
    let later = NOW + Duration::from_secs(100 * 365 * 86_400);
    assert!(signer.open(tests::token(&signer).as_bytes(), later).is_some_and(|opened| opened.current));
}

#[test]
fn an_empty_ring_makes_no_signer() {
    assert!(TokenSigner::new(&ring(&[]), "shop", "shop").is_err());
}

// S50, B12
#[test]
fn a_fingerprint_names_a_session_and_does_not_reveal_its_id() {
    let (a, b) = (session().0, session().0);
    let fingerprint = signer(&[1]).fingerprints().name(&Scope::new("shop", "Shop").session(a));
    assert_eq!(fingerprint.len(), 12);
    assert!(fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(fingerprint, signer(&[1, 2]).fingerprints().name(&Scope::new("shop", "Shop").session(a)));
    assert_ne!(fingerprint, signer(&[1]).fingerprints().name(&Scope::new("shop", "Shop").session(b)));
    assert_ne!(fingerprint, signer(&[2]).fingerprints().name(&Scope::new("shop", "Shop").session(a)));
    assert!(!hex(&a.0).contains(&fingerprint));
}

proptest! {
    // B6
    #[test]
    fn no_value_panics_or_opens(value: Vec<u8>, text in "[A-Za-z0-9_-]{92}") {
        let signer = signer(&[1]);
        prop_assert!(signer.open(&value, NOW).is_none());
        prop_assert!(signer.open(text.as_bytes(), NOW).is_none());
    }
}
