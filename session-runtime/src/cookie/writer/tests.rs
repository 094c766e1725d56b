#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::cookie::{base64::LENGTH, rules::LARGEST_PAIR, spec::CookieSpec};

const SHOP: CookieSpec = CookieSpec::new("__Host-shop");

fn writer(spec: CookieSpec) -> Writer {
    Writer::new(&spec.into()).unwrap()
}

// S25
#[test]
fn the_default_attributes_are_those_that_owasp_recommends() {
    assert_eq!(writer(SHOP).set("TOKEN", None), "__Host-shop=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/");
}

// B5, S20
#[test]
fn a_removal_has_the_same_attributes() {
    for spec in [
        SHOP,
        CookieSpec { domain: Some("example.com"), path: "/shop", ..CookieSpec::new("sid") },
        CookieSpec { partitioned: true, same_site: SameSite::None, ..SHOP },
        CookieSpec { secure: false, http_only: false, same_site: SameSite::Strict, ..CookieSpec::new("sid") },
    ] {
        let writer = writer(spec);
        let expected = format!("{}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", writer.set("", None));
        assert_eq!(writer.remove(), expected);
    }
}

#[test]
fn every_attribute_is_written() {
    let spec = CookieSpec {
        path: "/shop",
        domain: Some("example.com"),
        same_site: SameSite::None,
        partitioned: true,
        ..CookieSpec::new("__Secure-sid")
    };
    assert_eq!(
        writer(spec).set("T", None),
        "__Secure-sid=T; HttpOnly; SameSite=None; Partitioned; Secure; Path=/shop; Domain=example.com"
    );
    let spec = CookieSpec { secure: false, http_only: false, same_site: SameSite::Strict, ..CookieSpec::new("sid") };
    assert_eq!(writer(spec).set("T", None), "sid=T; SameSite=Strict; Path=/");
}

// B11, S19, S30
#[test]
fn max_age_is_the_remaining_lifetime_up_to_400_days() {
    let writer = writer(SHOP);
    let attributes = "; HttpOnly; SameSite=Lax; Secure; Path=/";
    for (left, seconds) in [
        (Duration::from_secs(30 * 60), 1800),
        (Duration::from_secs(100), 100),
        (Duration::from_millis(1), 1),
        (Duration::from_millis(1001), 2),
        (Duration::ZERO, 0),
        (Duration::from_secs(400 * 86_400), 34_560_000),
        (Duration::from_secs(400 * 86_400 + 1), 34_560_000),
        (Duration::MAX, 34_560_000),
    ] {
        assert_eq!(writer.set("T", Some(left)), format!("__Host-shop=T{attributes}; Max-Age={seconds}"));
    }
}

// S27
#[test]
fn name_and_value_may_take_all_bytes_that_browsers_keep() {
    let name = |length| Attributes { name: "n".repeat(length).into(), ..SHOP.into() };
    let token = "T".repeat(LENGTH);
    let header = Writer::new(&name(LARGEST_PAIR - LENGTH)).unwrap().set(&token, None);
    let (pair, _) = header.split_once(';').unwrap();
    // The `=` between them is not part of the limit.
    assert_eq!(pair.len() - 1, LARGEST_PAIR);
    assert!(Writer::new(&name(LARGEST_PAIR - LENGTH + 1)).is_err());
}

// S53
#[test]
fn secure_is_written_only_if_it_is_set() {
    let spec = CookieSpec { secure: false, ..CookieSpec::new("sid") };
    assert!(!writer(spec).set("T", None).contains("Secure"));
}

proptest! {
    // S28
    #[test]
    fn no_name_path_or_domain_can_inject_an_attribute(
        name in piece(), path in piece(), domain in prop::option::of(piece()), flags: [bool; 3], same_site in 0..3,
    ) {
        let attributes = Attributes {
            name: name.into(),
            path: path.into(),
            domain: domain.map(Cow::from),
            secure: flags[0],
            http_only: flags[1],
            same_site: [SameSite::Strict, SameSite::Lax, SameSite::None][same_site as usize],
            partitioned: flags[2],
            persistent: false,
        };
        match Writer::new(&attributes) {
            Err(error) => prop_assert!(!error.to_string().contains(['\r', '\n', '\0']), "{error}"),
            Ok(writer) => {
                let parts = 2 + usize::from(flags[0]) + usize::from(flags[1]) + usize::from(flags[2])
                    + usize::from(attributes.domain.is_some());
                for (header, more) in [(writer.set("T", None), 0), (writer.set("T", Some(Duration::MAX)), 1)] {
                    prop_assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{header}");
                    prop_assert!(!header.contains([',', '"', '\\']), "{header}");
                    prop_assert_eq!(header.matches(';').count(), parts + more, "{}", header);
                }
                // Only the date contains a comma.
                let removal = writer.remove();
                prop_assert!(removal.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{removal}");
                prop_assert_eq!(removal.matches(';').count(), parts + 2, "{}", removal);
            }
        }
    }
}

/// Generates mostly pieces that could be valid, often with a forbidden byte in them.
fn piece() -> impl Strategy<Value = String> {
    let poison = prop::sample::select(vec![
        "", "", "", "", "\r", "\n", "\r\n", ";", ",", "\"", "\\", "\0", " ", "=", "é", "\u{7f}", ".",
    ]);
    prop_oneof![
        ("(__Host-|__Secure-|/|)[a-z]{0,5}", poison, "[a-z]{0,3}").prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        any::<String>(),
    ]
}
