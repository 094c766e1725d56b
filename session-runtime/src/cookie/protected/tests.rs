#![allow(clippy::unwrap_used)]

use base64ct::{Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;

use super::{Protection::*, *};
use crate::keys::tests::ring;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HERE: CookiePlace<'static> = CookiePlace { app: "shop", name: "cart" };
const BOTH: [Protection; 2] = [Signed, Private];

fn protector(seeds: &[u8]) -> Protector {
    Protector::new(&ring(seeds)).unwrap()
}

fn write(protector: &Protector, protection: Protection) -> String {
    protector.write(protection, HERE, "two apples", NOW, None).unwrap()
}

// S39: changes each character of a value into every other one of the alphabet, and also changes the length.
#[test]
fn no_other_spelling_opens() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let protector = protector(&[1]);
    for protection in BOTH {
        for text in ["", "a", "ab", "abc"] {
            let value = protector.write(protection, HERE, text, NOW, None).unwrap();
            let read = |value: &[u8]| protector.read(protection, HERE, value, NOW);
            assert_eq!(read(value.as_bytes()).as_deref(), Some(text));
            for at in 0..value.len() {
                for &other in ALPHABET.iter().chain(b"=+/ %;\0\xff").filter(|other| **other != value.as_bytes()[at]) {
                    let mut forged = value.clone().into_bytes();
                    forged[at] = other;
                    assert_eq!(read(&forged), None, "{protection:?}, {} at {at}", other.escape_ascii());
                }
                assert_eq!(read(&value.as_bytes()[..at]), None, "{protection:?}, the first {at}");
                assert_eq!(read(&value.as_bytes()[at + 1..]), None, "{protection:?}, from {at} on");
            }
            for more in ["=", "A", " ", "\""] {
                assert_eq!(read(format!("{value}{more}").as_bytes()), None, "{protection:?}, with {more} after it");
                assert_eq!(read(format!("{more}{value}").as_bytes()), None, "{protection:?}, with {more} before it");
            }
        }
    }
}

// S40
#[test]
fn a_value_opens_only_in_its_cookie() {
    let protector = protector(&[1]);
    let places =
        [("shop", "cart"), ("shop", "Cart"), ("shop", "cart2"), ("forum", "cart"), ("", "cart"), ("s", "hopcart")];
    let contexts: Vec<_> =
        BOTH.into_iter().flat_map(|kind| places.map(|(app, name)| (kind, CookiePlace { app, name }))).collect();
    for (i, (protection, place)) in contexts.iter().enumerate() {
        let value = protector.write(*protection, *place, "x", NOW, None).unwrap();
        for (j, (protection, place)) in contexts.iter().enumerate() {
            let read = protector.read(*protection, *place, value.as_bytes(), NOW);
            assert_eq!(read.is_some(), i == j, "{:?} in {:?}", contexts[i], contexts[j]);
        }
    }
}

// S42
#[test]
fn a_value_expires_by_the_servers_clock() {
    let protector = protector(&[1]);
    const DAY: Duration = Duration::from_secs(86_400);
    for protection in BOTH {
        for (max_age, good) in [
            (Some(Duration::from_millis(1)), Duration::from_millis(1)),
            (Some(Duration::from_secs(60)), Duration::from_secs(60)),
            (None, 400 * DAY),
            (Some(Duration::MAX), 400 * DAY),
        ] {
            let value = protector.write(protection, HERE, "x", NOW, max_age).unwrap();
            let read = |now| protector.read(protection, HERE, value.as_bytes(), now).is_some();
            assert!(read(NOW) && read(NOW + (good - Duration::from_millis(1))));
            assert!(!read(NOW + good), "at the deadline itself, the value has expired");
            assert!(!read(Timestamp::NEVER));
            assert!(read(Timestamp::from_millis(0)), "a value does not expire because the clock was set back");
        }
        let value = protector.write(protection, HERE, "x", Timestamp::NEVER, None).unwrap();
        assert_eq!(
            protector.read(protection, HERE, value.as_bytes(), Timestamp::NEVER),
            None,
            "the deadline saturates"
        );
    }
}

// S45
#[test]
fn older_keys_open_and_the_newest_writes() {
    let (old, both, new) = (protector(&[1]), protector(&[2, 1]), protector(&[2]));
    for protection in BOTH {
        let read = |by: &Protector, value: &str| by.read(protection, HERE, value.as_bytes(), NOW).is_some();
        assert!(read(&both, &write(&old, protection)));
        assert!(read(&new, &write(&both, protection)));
        assert!(!read(&new, &write(&old, protection)));
        assert!(!read(&old, &write(&both, protection)));
    }
}

#[test]
fn a_signed_value_is_readable_and_a_private_one_is_not() {
    let protector = protector(&[1]);
    let shows = |protection| {
        let bytes = Base64UrlUnpadded::decode_vec(&write(&protector, protection)).unwrap();
        bytes.windows(10).any(|part| part == b"two apples")
    };
    assert!(shows(Signed) && !shows(Private));
    assert_ne!(write(&protector, Private), write(&protector, Private));
}

// S34
#[test]
fn a_value_longer_than_a_cookie_is_rejected() {
    let protector = protector(&[1]);
    for protection in BOTH {
        let value = protector.write(protection, HERE, &"x".repeat(4096), NOW, None).unwrap();
        assert_eq!(protector.read(protection, HERE, value.as_bytes(), NOW), None);
    }
}

proptest! {
    #[test]
    fn any_text_round_trips(text in ".{0,500}", name: String, app: String) {
        let protector = protector(&[1]);
        let place = CookiePlace { app: &app, name: &name };
        for protection in BOTH {
            let value = protector.write(protection, place, &text, NOW, None).unwrap();
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
            prop_assert_eq!(protector.read(protection, place, value.as_bytes(), NOW), Some(text.clone()));
        }
    }

    // S39
    #[test]
    fn no_bytes_panic_or_open(value: Vec<u8>) {
        for protection in BOTH {
            prop_assert_eq!(protector(&[1]).read(protection, HERE, &value, NOW), None);
        }
    }
}
