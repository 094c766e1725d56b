#![allow(clippy::unwrap_used)]

use std::{collections::HashSet, time::UNIX_EPOCH};

use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

/// Returns a key that is always the same, but looks random.
pub(crate) fn key(seed: u8) -> [u8; 32] {
    Sha256::digest([seed]).into()
}

/// Returns a ring of such keys, the current one first.
pub(crate) fn ring(seeds: &[u8]) -> KeyRing {
    let keys = seeds.iter().map(|&seed| MasterKey::new(&key(seed), Timestamp::NEVER).unwrap()).collect();
    KeyRing::from_keys(keys, KeySource::Argument).unwrap()
}

fn variable(text: &str) -> Result<KeyRing, Error> {
    let place = KeySource::Variable("SESSION_KEYS");
    KeyRing::from_keys(text::parse(text, place)?, place)
}

fn file(text: &str) -> Result<KeyRing, Error> {
    let place = KeySource::File(Path::new("/etc/keys"));
    KeyRing::from_keys(text::parse(text, place)?, place)
}

fn ids(ring: &KeyRing) -> Vec<KeyId> {
    ring.0.iter().map(MasterKey::id).collect()
}

fn ends(ring: &KeyRing) -> Vec<u64> {
    ring.0.iter().map(|key| key.end().as_millis()).collect()
}

// Every cookie depends on the labels and lengths that go into a derived key. The values come from another implementation of RFC
// 5869.
#[test]
fn derived_keys_never_change() {
    let key = MasterKey::new(&Sha256::digest(b"a key for tests"), Timestamp::NEVER).unwrap();
    assert_eq!(hex(&key.id()), "85aa3f27");
    let named = key.mac(Purpose::FINGERPRINT).unwrap();
    let hash = hmac::Mac::finalize(hmac::Mac::chain_update(named, std::array::from_fn::<u8, 16, _>(|at| at as u8)));
    assert_eq!(hex(&hash.into_bytes()[..6]), "8f09a2ee6720");
}

// S40
#[test]
fn each_purpose_and_key_derives_a_different_key() {
    let purposes = [
        Purpose::TOKEN,
        Purpose::FINGERPRINT,
        Purpose::SECRET,
        Purpose { name: "seal", ..Purpose::TOKEN },
        Purpose { algorithm: "xchacha20-poly1305", ..Purpose::TOKEN },
        Purpose { version: "v2", ..Purpose::TOKEN },
    ];
    let derived: HashSet<[u8; 32]> = (1..4)
        .map(|seed| MasterKey::new(&key(seed), Timestamp::NEVER).unwrap())
        .flat_map(|key| purposes.map(|purpose| *key.derive(purpose).unwrap()))
        .collect();
    assert_eq!(derived.len(), 3 * purposes.len());
    assert!(MasterKey::new(&key(1), Timestamp::NEVER).unwrap().derive::<8161>(Purpose::TOKEN).is_err());
}

proptest! {
    // S41
    #[test]
    fn different_lists_of_parts_have_different_frames(a: Vec<String>, b: Vec<String>) {
        let frame = |parts: &[String]| framed(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(frame(&a) == frame(&b), a == b);
    }

    #[test]
    fn parsing_any_text_does_not_panic(text: String) {
        let _ = (variable(&text), file(&text));
    }
}

// S41
#[test]
fn moving_a_boundary_changes_the_frame() {
    let frames =
        [framed(&["ab", "c"]), framed(&["a", "bc"]), framed(&["abc"]), framed(&["abc", ""]), framed(&["", "abc"])];
    assert_eq!(HashSet::from(frames).len(), 5);
}

#[test]
fn keys_are_read_in_every_spelling() {
    let expected = ids(&ring(&[1]));
    for spelling in [
        hex(&key(1)),
        hex(&key(1)).to_uppercase(),
        Base64::encode_string(&key(1)),
        Base64Unpadded::encode_string(&key(1)),
        Base64Url::encode_string(&key(1)),
        Base64UrlUnpadded::encode_string(&key(1)),
        format!("  \u{feff}{}\r\n", hex(&key(1))).trim_start().to_owned(),
    ] {
        assert_eq!(ids(&variable(&spelling).unwrap()), expected, "{spelling}");
        assert_eq!(ids(&file(&spelling).unwrap()), expected, "{spelling}");
    }
}

// S45: several keys, some with an end.
#[test]
fn keys_are_read_in_order() {
    let [a, b, c] = [1, 2, 3].map(|seed| hex(&key(seed)));
    let expected = ids(&ring(&[1, 2, 3]));
    for text in [format!("{a},{b},{c}"), format!(" {a} {b}\t{c} "), format!("{a},\n{b} ,\r\n\r\n,{c}\n")] {
        assert_eq!(ids(&variable(&text).unwrap()), expected);
    }
    let text = format!("# new, 2026\n{a} # signs\n#{c}\n{b}@1970-01-01 {c}@2028-02-29#last");
    let ring = file(&text).unwrap();
    assert_eq!(ids(&ring), expected);
    assert_eq!(ends(&ring), [u64::MAX, 86_400_000, 1_835_481_600_000]);
}

#[test]
fn keys_in_bytes_rotate_like_keys_in_text() {
    let end = UNIX_EPOCH + std::time::Duration::from_millis(1234);
    let ring = KeyRing::from_bytes(&key(1)).unwrap();
    let ring = ring.with_previous(&key(2)).unwrap().with_previous_until(&key(3), end).unwrap();
    assert_eq!(ids(&ring), ids(&tests::ring(&[1, 2, 3])));
    assert_eq!(ends(&ring), [u64::MAX, u64::MAX, 1234]);
}

// S45: each message says which key is wrong and how, and never shows a key.
#[test]
fn bad_keys_are_rejected_with_a_message() {
    let good = hex(&key(1));
    let make = "make a good one with `openssl rand -hex 32`";
    let first = "the 1st key of the variable SESSION_KEYS";
    let second = "the 2nd key of the variable SESSION_KEYS";
    let twice = format!("{good},{good}");
    let with = |tail: &str| format!("{good},{tail}");
    let table = [
        ("", "the variable SESSION_KEYS holds no key; write one made with `openssl rand -hex 32`".to_owned()),
        (" ,\n, ", "the variable SESSION_KEYS holds no key; write one made with `openssl rand -hex 32`".to_owned()),
        ("hunter2", format!("{first} has 5 bytes and needs at least 32; {make}")),
        ("aa5f03", format!("{first} has 3 bytes and needs at least 32; {make}")),
        (&good[..62], format!("{first} has 31 bytes and needs at least 32; {make}")),
        (&good[..63], format!("{first} has an odd number of hexadecimal digits; {make}")),
        (&format!("\"{good}\""), format!("{first} is neither hexadecimal nor base64 at its 1st character; {make}")),
        (&format!("{good}:{good}"), format!("{first} is neither hexadecimal nor base64 at its 65th character; {make}")),
        ("Qm+_", format!("{first} is neither hexadecimal nor base64 at its 3rd character; {make}")),
        ("é", format!("{first} is neither hexadecimal nor base64 at its 1st character; {make}")),
        (
            &with("quJISYQtcIK2b1fOgnC9BNosOf+5ffIoA8JwmDAyxOU=="),
            format!("{second} is not complete base64: a character is missing, or there is one too many; {make}"),
        ),
        (
            &with("quJISYQtcIK2b1fOgnC9BNosOf+5ffIoA8JwmDAyxOV="),
            format!("{second} is not complete base64: a character is missing, or there is one too many; {make}"),
        ),
        (&"00".repeat(32), format!("{first} is one byte over and over, so it can be guessed; {make}")),
        (&"z".repeat(44), format!("{first} is one byte over and over, so it can be guessed; {make}")),
        (&with(&"deadbeef".repeat(8)), format!("{second} repeats a short pattern, so it can be guessed; {make}")),
        (
            &hex(&std::array::from_fn::<u8, 32, _>(|at| at as u8)),
            format!("{first} counts up or down, so it can be guessed; {make}"),
        ),
        (
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            format!("{first} counts up or down, so it can be guessed; {make}"),
        ),
        (
            "qWErTy1qWErTy1qWErTy1qWErTy1qWErTy1qWErTy1qWErTy1qWErTy1",
            format!("{first} repeats a short pattern, so it can be guessed; {make}"),
        ),
        ("changeme", format!("{first} looks like words or a placeholder, so it can be guessed; {make}")),
        (
            "ThisIsMySuperSecretKeyForTheShopInBerlin2026Xy",
            format!("{first} looks like words or a placeholder, so it can be guessed; {make}"),
        ),
        (
            "correct-horse-battery-staple-correct-horse-42",
            format!("{first} looks like words or a placeholder, so it can be guessed; {make}"),
        ),
        (
            &hex(b"correct horse battery staple, 42 times"),
            format!(
                "{first} is text instead of random bytes (decode hexadecimal or base64 first), so it can be guessed; {make}"
            ),
        ),
        (
            &Base64::encode_string(good.as_bytes()),
            format!(
                "{first} is text instead of random bytes (decode hexadecimal or base64 first), so it can be guessed; {make}"
            ),
        ),
        (
            &format!("{good}@2027-01-31"),
            format!("{first} signs, so it cannot have an end; drop its date, or write a new key before it"),
        ),
        (&twice, format!("{second} is the 1st again; remove one of them")),
    ];
    for (text, sentence) in table {
        let error = variable(text).unwrap_err();
        assert!(error.is_setup());
        assert_eq!(error.to_string(), sentence);
        assert!(!format!("{error:?}").contains(&good[..8]), "the key is shown: {error:?}");
    }
    for date in [
        "2027-02-29",
        "2027-13-01",
        "2027-00-10",
        "2027-1-31",
        "27-01-31",
        "",
        "tomorrow",
        "2027-01-31@",
        "+027-01-31",
        "9999-12-31",
    ] {
        let error = variable(&with(&format!("{}@{date}", hex(&key(2))))).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{second} has no valid date after its `@`; write `KEY@2027-01-31`"),
            "{date}"
        );
    }
    // `#` begins a comment in files only. In a variable it is more likely a paste that went wrong.
    assert!(variable(&format!("{good} # signs")).is_err());
    let error = file("# nothing but a comment").unwrap_err();
    assert!(error.to_string().starts_with("the file \"/etc/keys\" holds no key"), "{error}");
}

#[test]
fn bad_bytes_are_rejected_with_a_message() {
    let sentence = |bytes: &[u8]| KeyRing::from_bytes(bytes).unwrap_err().to_string();
    assert!(sentence(b"").starts_with("the 1st key of the ring has 0 bytes and needs at least 32; make a good one"));
    assert!(sentence(&key(1)[..31]).contains("has 31 bytes"));
    assert!(sentence(&[0; 64]).contains("is one byte over and over"));
    assert!(sentence(hex(&key(1)).as_bytes()).contains("is text instead of random bytes"));
    assert!(sentence("ein Schlüssel aus lauter Wörtern ist keiner".as_bytes()).contains("is text"));
    assert!(sentence(&std::array::from_fn::<u8, 40, _>(|at| 255 - 3 * at as u8)).contains("counts up or down"));
    let mut padded = [0; 32];
    padded[..10].copy_from_slice(&key(1)[..10]);
    assert!(sentence(&padded).contains("is one byte over and over"));
    let few: Vec<u8> = key(1).iter().map(|byte| byte & 7).collect();
    assert!(sentence(&few).contains("too few different bytes"));

    let ring = KeyRing::from_bytes(&key(1)).unwrap();
    let error = ring.clone().with_previous(&[7; 32]).unwrap_err();
    assert!(error.to_string().starts_with("the 2nd key of the ring is one byte over and over"), "{error}");
    let error = ring.with_previous(&key(1)).unwrap_err();
    assert_eq!(error.to_string(), "the 2nd key of the ring is the 1st again; remove one of them");
}

#[test]
fn random_keys_are_accepted() {
    for _ in 0..2000 {
        let key = random::<32>().unwrap();
        KeyRing::from_bytes(&key).unwrap();
        variable(&hex(&key)).unwrap();
        variable(&Base64::encode_string(&key)).unwrap();
        variable(&Base64UrlUnpadded::encode_string(&key)).unwrap();
    }
}

// S1: without random bytes there is no key.
#[test]
fn an_empty_ring_signs_nothing() {
    let empty = KeyRing([].into());
    assert!(matches!(empty.keys(), Err(error) if matches!(error.kind(), Kind::Random)));
    assert!(matches!(empty.clone().with_previous(&key(1)).unwrap_err().kind(), Kind::Random));
    assert_eq!(format!("{empty:?}"), r#"KeyRing { current: "", previous: [] }"#);
    assert_eq!(KeyRing::generate().0.len(), 1);
}

// B12, S49
#[test]
fn debug_shows_only_ids() {
    let shown = format!("{:?}", ring(&[1, 2]));
    let expected: Vec<_> = ids(&ring(&[1, 2])).iter().map(|id| hex(id)).collect();
    assert_eq!(shown, format!("KeyRing {{ current: {:?}, previous: [{:?}] }}", expected[0], expected[1]));
}

// F14, S49: a vector that grows leaves part of the key in its previous memory.
#[test]
fn a_hexadecimal_key_is_read_into_memory_of_its_size() {
    let digits = hex(&[key(1), key(2)].concat()[..33]);
    assert_eq!(text::decode(&digits).unwrap().capacity(), 33);
}
