#![allow(clippy::unwrap_used)]

use super::*;
use crate::{id::hex, keys::tests::ring};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const VALUE: &[u8] = b"\xa64711-x";

fn open(sealer: &FieldSealer, sealed: &[u8], place: FieldPlace<'_>) -> Option<Vec<u8>> {
    sealer.open(sealed, place, NOW).map(|opened| opened.value.to_vec())
}

// Values in existing stores must still open after an update. This one comes from other implementations of HKDF and of
// XChaCha20-Poly1305 (libsodium).
#[test]
fn the_format_never_changes() {
    use sha2::Digest as _;
    let ring = KeyRing::from_bytes(&sha2::Sha256::digest(b"a key for tests")).unwrap();
    let sealer = FieldSealer::new(&ring, "shop").unwrap();
    let place = FieldPlace { record: &std::array::from_fn(|at| at as u8), name: "code" };
    let sealed = sealer.0.seal_with(b"\xa44711", &place.parts(), std::array::from_fn(|at| 100 + at as u8)).unwrap();
    let expected =
        "0185aa3f276465666768696a6b6c6d6e6f707172737475767778797a7b84240332035f51eedbba469ba12530feecb1d8aafb";
    assert_eq!(hex(&sealed), expected);
    assert_eq!(open(&sealer, &sealed, place).unwrap(), b"\xa44711");
}

// S40, S41
#[test]
fn a_value_opens_only_in_its_field_session_and_application() {
    let ring = ring(&[1]);
    let contexts = [
        ("shop", [7; 16], "code"),
        ("shop", [8; 16], "code"),
        ("shop", [7; 16], "token"),
        ("shop", [7; 16], ""),
        ("shop", [7; 16], "code\0"),
        ("shop", [7; 16], "Code"),
        ("forum", [7; 16], "code"),
        ("", [7; 16], "code"),
        ("shop\u{7}", [7; 16], "code"),
    ];
    let sealers = contexts.map(|(app, ..)| FieldSealer::new(&ring, app).unwrap());
    for (i, (_, record, name)) in contexts.iter().enumerate() {
        let sealed = sealers[i].seal(VALUE, FieldPlace { record, name }).unwrap();
        for (j, (_, record, name)) in contexts.iter().enumerate() {
            let opened = open(&sealers[j], &sealed, FieldPlace { record, name });
            assert_eq!(opened.is_some(), i == j, "{:?} in {:?}", contexts[i], contexts[j]);
        }
    }
}
