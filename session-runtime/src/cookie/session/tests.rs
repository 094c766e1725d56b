#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;

use super::*;
use crate::{
    cookie::{Candidates, LARGEST_PAIR, spec::chunk_name},
    keys::tests::{key, ring},
    record::{Entry, Fields, Proof},
    schema::Field,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const FIELDS: &[Meta] = &[
    Field::<String>::plain("theme").meta,
    Field::<u32>::plain("size").meta,
    Field::<Option<String>>::plain("user").identity().meta,
];

fn cookie(form: Form, seeds: &[u8], app: &str, name: &str) -> SessionCookie {
    SessionCookie::new(form, 1, &ring(seeds), app, name, "Shop", FIELDS).unwrap()
}

/// Returns the cookies of both forms.
fn cookies(seeds: &[u8]) -> [SessionCookie; 2] {
    [Form::Encrypted, Form::Signed].map(|form| cookie(form, seeds, "shop", "__Host-shop"))
}

fn session(theme: &str) -> Carried {
    let mut fields = Fields::default();
    fields.push(Entry { name: "size", value: &[17], expires: NOW + Duration::from_secs(60) });
    fields.push(Entry { name: "theme", value: &crate::schema::to_bytes(theme).unwrap(), expires: Timestamp::NEVER });
    let payload = Payload {
        name: [7; NAME],
        created_at: NOW,
        seen_at: NOW + Duration::from_millis(1),
        idle_until: NOW + Duration::from_secs(1800),
        ends_at: NOW + Duration::from_secs(43_200),
        remembered: false,
        signed_in: Some((NOW, crate::schema::to_bytes("ada").unwrap().into())),
        proof: Proof::AtSignIn,
        is_capped: false,
        fields,
    };
    payload.into_carried(FIELDS.last())
}

#[test]
fn a_sealed_session_opens() {
    for cookie in cookies(&[1]) {
        let carried = session("dark");
        let value = cookie.seal(&carried, NOW).unwrap();
        // S28
        assert!(
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')),
            "{value}"
        );
        let opened = cookie.open(value.as_bytes(), NOW).unwrap();
        assert!(opened.current && opened.carried.selector == carried.selector);
        assert_eq!(opened.carried.record, carried.record);
    }
}

// S39, B6: the decoder gets only verified bytes, so no changed value reaches it.
#[test]
fn no_flipped_bit_is_verified() {
    for cookie in cookies(&[1, 2]) {
        let value = cookie.seal(&session("dark"), NOW).unwrap().into_bytes();
        for bit in 0..value.len() * 8 {
            let mut forged = value.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(cookie.verify(&forged, NOW).is_none(), "bit {bit} of the text");
        }
        // Also flips the bits of the decoded bytes.
        for (part, text) in String::from_utf8(value).unwrap().split('.').map(str::to_owned).enumerate() {
            let bytes = Base64UrlUnpadded::decode_vec(&text).unwrap();
            let whole = cookie.seal(&session("dark"), NOW).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut forged = bytes.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let forged = Base64UrlUnpadded::encode_string(&forged);
                let mut parts: Vec<_> = whole.split('.').collect();
                parts[part] = &forged;
                assert!(cookie.verify(parts.join(".").as_bytes(), NOW).is_none(), "bit {bit} of part {part}");
            }
        }
    }
}

// S39, S41
#[test]
fn no_other_length_is_verified() {
    for cookie in cookies(&[1]) {
        let value = cookie.seal(&session("dark"), NOW).unwrap();
        for length in 0..value.len() {
            assert!(cookie.verify(&value.as_bytes()[..length], NOW).is_none(), "the first {length}");
            assert!(cookie.verify(&value.as_bytes()[value.len() - length..], NOW).is_none(), "the last {length}");
        }
        for more in ["A", "=", ".", " ", "~", "2~", "\0", &value] {
            assert!(cookie.verify(format!("{value}{more}").as_bytes(), NOW).is_none(), "{more}");
            assert!(cookie.verify(format!("{more}{value}").as_bytes(), NOW).is_none(), "{more}");
        }
    }
}

// S6, S40, B10
#[test]
fn a_session_opens_only_in_its_cookie_application_and_form() {
    let places = [
        ("shop", "__Host-shop"),
        ("shop", "__Host-admin"),
        ("forum", "__Host-shop"),
        ("shop__Host-", "shop"),
        ("", "shop__Host-shop"),
    ];
    let forms = [Form::Encrypted, Form::Signed];
    let cookies: Vec<_> =
        forms.iter().flat_map(|form| places.map(|(app, name)| cookie(*form, &[1], app, name))).collect();
    for (i, from) in cookies.iter().enumerate() {
        let value = from.seal(&session("dark"), NOW).unwrap();
        for (j, to) in cookies.iter().enumerate() {
            assert_eq!(to.verify(value.as_bytes(), NOW).is_some(), i == j, "{i} in {j}");
        }
    }
}

// S39: values that the same key sealed for other purposes, and values that were never sealed.
#[test]
fn nothing_else_under_the_same_key_is_a_session() {
    let [encrypted, signed] = cookies(&[1]);
    let plain = binary::write(&session("dark"), &Names::of("Shop", FIELDS).unwrap(), NOW);
    let text = json::write(&session("dark"), NOW).unwrap();
    let secret = Sealer::new(&ring(&[1]), Purpose::SECRET, "shop").unwrap();
    for bytes in [plain.clone(), text.clone(), secret.seal(&plain, &[b"__Host-shop"]).unwrap(), vec![]] {
        let value = Base64UrlUnpadded::encode_string(&bytes);
        for value in [value.clone(), format!("{value}."), format!("{value}.{}", "A".repeat(28))] {
            assert!(encrypted.verify(value.as_bytes(), NOW).is_none());
            assert!(signed.verify(value.as_bytes(), NOW).is_none());
        }
    }
}

// B9, S45
#[test]
fn older_keys_open_and_the_newest_seals() {
    let (old, both, new) = (cookies(&[1]), cookies(&[2, 1]), cookies(&[2]));
    for ((old, both), new) in old.iter().zip(&both).zip(&new) {
        let before = old.seal(&session("dark"), NOW).unwrap();
        let opened = both.open(before.as_bytes(), NOW).unwrap();
        assert!(!opened.current);
        let after = both.seal(&opened.carried, NOW).unwrap();
        assert!(new.open(after.as_bytes(), NOW).unwrap().current);
        assert!(new.open(before.as_bytes(), NOW).is_none(), "the key was removed from the ring");
    }
}

// S45
#[test]
fn an_older_key_opens_until_its_end() {
    let keys = KeyRing::from_bytes(&key(2)).unwrap().with_previous_until(&key(1), SystemTime::from(NOW)).unwrap();
    for form in [Form::Encrypted, Form::Signed] {
        let value = cookie(form, &[1], "shop", "__Host-shop").seal(&session("dark"), NOW).unwrap();
        let cookie = SessionCookie::new(form, 1, &keys, "shop", "__Host-shop", "Shop", FIELDS).unwrap();
        assert!(cookie.open(value.as_bytes(), Timestamp::from_millis(NOW.as_millis() - 1)).is_some());
        assert!(cookie.open(value.as_bytes(), NOW).is_none());
    }
}

// S42: the field's own deadline is part of the sealed value.
#[test]
fn expired_fields_are_not_sealed() {
    for cookie in cookies(&[1]) {
        let value = cookie.seal(&session("dark"), NOW + Duration::from_secs(60)).unwrap();
        let opened = cookie.open(value.as_bytes(), NOW).unwrap();
        let names: Vec<_> = opened.carried.record.fields.iter().map(|entry| entry.name.to_owned()).collect();
        assert_eq!(names, ["theme", "user"]);
    }
}

// S27: one more byte is an error, which lists the fields by size.
#[test]
fn a_session_may_take_all_bytes_that_browsers_keep() {
    for cookie in cookies(&[1]) {
        let length =
            |theme: usize| cookie.seal(&session(&"x".repeat(theme)), NOW).map(|value| value.len() + cookie.name.len());
        let lengths: Vec<_> = (0..4096).collect();
        let most = lengths.partition_point(|theme| length(*theme).is_ok()) - 1;
        assert!((4094..=4096).contains(&length(most).unwrap()), "{:?}", length(most));
        let error = length(most + 1).unwrap_err();
        assert!(error.is_too_large());
        let error = error.to_string();
        assert!(error.contains("browsers keep 4096; its fields by size: `theme` ("), "{error}");
        assert!(error.contains("), `size` (") && error.contains("CookieStore::split"), "{error}");
    }
}

proptest! {
    // S27, S29: each chunk is small enough for browsers, however many there are.
    #[test]
    fn every_value_round_trips_in_chunks(length in 0..4 * 4096_usize, most in 1..=4_usize, name in "[a-z]{1,40}") {
        let value: String = "0123456789abcdef".chars().cycle().take(length).collect();
        if value.len() <= chunks::room(&name, most) {
            let chunks = split(&value, &name);
            prop_assert!(chunks.len() <= most);
            for (at, chunk) in chunks.iter().enumerate() {
                prop_assert!(chunk_name(&name, at).len() + chunk.len() <= LARGEST_PAIR);
            }
            let whole = |value: &[u8]| Some(value.to_vec());
            let first = chunks[0].as_bytes();
            let other = |at: usize| Some(Candidates::one(chunks[at].as_bytes()));
            let (joined, count) = chunks::open_joined(first, most, other, whole).unwrap();
            prop_assert_eq!(&*joined, value.as_bytes());
            prop_assert_eq!(usize::from(count), chunks.len());
            if chunks.len() > 1 {
                prop_assert!(chunks::open_joined(first, most, |_| None, whole).is_none());
                prop_assert!(chunks::open_joined(first, chunks.len() - 1, other, whole).is_none());
            }
        }
    }

    // B6
    #[test]
    fn no_value_panics_or_opens(value: Vec<u8>, text in "[A-Za-z0-9_.~-]{0,400}") {
        for cookie in cookies(&[1]) {
            prop_assert!(cookie.open(&value, NOW).is_none());
            prop_assert!(cookie.open(text.as_bytes(), NOW).is_none());
        }
    }
}
