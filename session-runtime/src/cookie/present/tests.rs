#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Timestamp,
    cookie::TokenSigner,
    id::{Selector, Verifier},
    keys::tests::ring,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The result of [`read`] for several values.
const SEVERAL: &str = "several";

fn signer(seeds: &[u8], name: &str) -> TokenSigner {
    TokenSigner::new(&ring(seeds), "shop", name).unwrap()
}

fn session() -> (Selector, Verifier) {
    (Selector::random().unwrap(), Verifier::random().unwrap())
}

fn token(signer: &TokenSigner) -> String {
    let (selector, verifier) = session();
    signer.sign(selector, &verifier)
}

/// Returns the session in the cookies, as a token that is signed again for comparison, and the events.
fn read(headers: &[impl AsRef<[u8]>], name: &str, signer: &TokenSigner) -> (Option<String>, Vec<Event>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let events = Events::new({
        let seen = Arc::clone(&seen);
        move |report| seen.lock().unwrap().push(report.event.clone())
    });
    let open = |value: &[u8]| signer.open(value, NOW);
    let presented = present(headers.iter().map(AsRef::as_ref), name, &events, open, Token::is_same);
    let session = match presented {
        Brought::Nothing => None,
        Brought::One(opened) => Some(signer.sign(opened.selector, &opened.verifier)),
        Brought::Several(_) => Some(SEVERAL.to_owned()),
    };
    let seen = seen.lock().unwrap().clone();
    (session, seen)
}

#[test]
fn one_genuine_cookie_counts() {
    for name in ["__Host-sid", "sid"] {
        let signer = signer(&[1], name);
        let token = token(&signer);
        let header = format!("a=b; {name}={token}; junk");
        assert_eq!(read(&[header], name, &signer), (Some(token), vec![]));
        assert_eq!(read(&["a=b; c=d"], name, &signer), (None, vec![]));
        assert_eq!(read(&[""; 0], name, &signer), (None, vec![]));
    }
}

// B6, S4
#[test]
fn an_invalid_cookie_counts_as_none_and_emits_an_event() {
    let signer = signer(&[1], "sid");
    let stranger = self::signer(&[9], "sid");
    let token = token(&signer);
    for value in [
        b"".to_vec(),
        b"../../etc/passwd".to_vec(),
        b"\0".to_vec(),
        b"%2e".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'A'; 60_000],
        token.as_bytes()[..91].to_vec(),
        format!("{token}A").into_bytes(),
        format!("{token}=").into_bytes(),
        format!("\"{token}\"").into_bytes(),
        token.replace(&token[40..41], if &token[40..41] == "A" { "B" } else { "A" }).into_bytes(),
        self::token(&stranger).into_bytes(),
    ] {
        let header = [b"sid=", &value[..]].concat();
        assert_eq!(read(&[&header], "sid", &signer), (None, vec![Event::Refused]), "{}", value.escape_ascii());
    }
    let endless = format!("sid={token}; a={}", "x".repeat(1024 * 1024));
    assert_eq!(read(&[endless], "sid", &signer), (None, vec![Event::Refused]));
}

// B8, S32
#[test]
fn two_cookies_with_a_host_prefix_count_as_none() {
    for name in ["__Host-sid", "__Host-Http-sid", "__host-sid"] {
        let signer = signer(&[1], name);
        let (ours, theirs) = (token(&signer), token(&signer));
        for pair in
            [[&*ours, &*theirs], [&*theirs, &*ours], [&*ours, "junk"], ["junk", &*ours], [&*ours, &*ours], ["", ""]]
        {
            let [a, b] = pair.map(|value| format!("{name}={value}"));
            let expected = (None, vec![Event::DuplicateCookie]);
            assert_eq!(read(&[format!("{a}; x=y; {b}")], name, &signer), expected);
            assert_eq!(read(&[a, b], name, &signer), expected);
        }
    }
}

// B8, S32
#[test]
fn without_a_host_prefix_each_cookie_is_tried() {
    for name in ["sid", "__Secure-sid", "__Http-sid"] {
        let signer = signer(&[1], name);
        let (ours, theirs) = (token(&signer), token(&signer));
        let both = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|value| format!("{name}={value}"));
            let one = read(&[format!("{a}; {b}")], name, &signer);
            assert_eq!(one, read(&[a, b], name, &signer));
            one
        };
        assert_eq!(both(&ours, "junk"), (Some(ours.clone()), vec![]));
        assert_eq!(both("junk", &ours), (Some(ours.clone()), vec![]));
        assert_eq!(both(&ours, &ours), (Some(ours.clone()), vec![]));
        assert_eq!(both(&ours, &theirs), (Some(SEVERAL.to_owned()), vec![]));
        assert_eq!(both(&theirs, &ours), (Some(SEVERAL.to_owned()), vec![]));
        assert_eq!(both("junk", "more"), (None, vec![Event::Refused]));
    }
}

// B8: only the store knows which of two verifiers is the current one.
#[test]
fn two_verifiers_of_one_session_are_two_cookies() {
    let signer = signer(&[1], "sid");
    let (selector, verifier) = session();
    let (old, new) = (signer.sign(selector, &verifier), signer.sign(selector, &session().1));
    assert_eq!(read(&[format!("sid={old}; sid={new}")], "sid", &signer), (Some(SEVERAL.to_owned()), vec![]));
}

// B8, B9
#[test]
fn the_same_session_under_two_keys_counts_once() {
    let (old, new) = (signer(&[1], "sid"), signer(&[2, 1], "sid"));
    let (selector, verifier) = session();
    let (before, after) = (old.sign(selector, &verifier), new.sign(selector, &verifier));
    for header in [format!("sid={before}; sid={after}"), format!("sid={after}; sid={before}")] {
        let open = |value: &[u8]| new.open(value, NOW);
        let presented = present([header.as_bytes()], "sid", &Events::default(), open, Token::is_same);
        assert!(matches!(presented, Brought::One(opened) if opened.current));
    }
}

// S34
#[test]
fn many_cookies_of_our_name_count_as_none() {
    let signer = signer(&[1], "sid");
    let header = format!("sid={}; {}", token(&signer), "sid=x; ".repeat(8));
    assert_eq!(read(&[header], "sid", &signer), (None, vec![Event::DuplicateCookie]));
}

proptest! {
    // S31, B6, B8
    #[test]
    fn other_cookies_neither_panic_nor_change_the_result(
        before in prop::collection::vec(any::<u8>(), 0..200),
        after in prop::collection::vec(any::<u8>(), 0..200),
        host: bool,
    ) {
        let name = if host { "__Host-sid" } else { "sid" };
        let signer = signer(&[1], name);
        let token = token(&signer);
        let alone = read(&[&before, &after], name, &signer);
        // A random name and value may make a valid cookie by themselves; skip those cases.
        prop_assume!(alone == (None, vec![]));
        let header = [&before, &b"; "[..], name.as_bytes(), b"=", token.as_bytes(), b";", &after].concat();
        prop_assert_eq!(read(&[header], name, &signer), (Some(token), vec![]));
    }
}
