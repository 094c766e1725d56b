//! Any text can be the value of a cookie.

use proptest::prelude::*;
use session_runtime::{CookiesLayer, KeyRing};
use tests::client::Visitor;

use super::{app, ask, set_by, wait};

#[tokio::test]
async fn forbidden_characters_are_encoded() {
    let line = set_by(|cookies| cookies.set("q", "two apples; \"100%\", é\r\n")).await;
    assert_eq!(line, "q=two%20apples%3B%20%22100%25%22%2C%20%C3%A9%0D%0A; HttpOnly; SameSite=Lax; Secure; Path=/");
    assert!(set_by(|cookies| cookies.set("q", "a+b=c&d:[{e}]")).await.starts_with("q=a+b=c&d:[{e}];"));
}

// Values that Flask or a script wrote.
#[tokio::test]
async fn a_foreign_value_is_read_unchanged() {
    let app = app(CookiesLayer::new(), |cookies| cookies.get("q").unwrap_or_else(|| "(none)".into()));
    for (value, text) in [
        (&b"100%"[..], "100%"),
        (b"%zz", "%zz"),
        (b"a+b", "a+b"),
        (b"\"dark\"", "\"dark\""),
        (b"a b,c", "a b,c"),
        ("é".as_bytes(), "é"),
        (b"%FF", "(none)"),
        (b"\xff", "(none)"),
    ] {
        assert_eq!(ask(&app, &[&[b"q=", value].concat()]).await.body, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // S28
    #[test]
    fn any_text_round_trips(text in ".{0,300}", kind in 0..3) {
        let layer = CookiesLayer::new().keys(&KeyRing::generate()).unwrap();
        let sent = text.clone();
        // Shows the value of the cookie, or sets the cookie if there is none.
        let app = app(layer, move |cookies| {
            let value = match kind {
                0 => cookies.get("q"),
                1 => cookies.signed().get("q"),
                _ => cookies.private().get("q"),
            };
            match (value, kind) {
                (Some(value), _) => Ok(value),
                (None, 0) => cookies.set("q", &sent).map(|()| String::new()),
                (None, 1) => cookies.signed().set("q", &sent).map(|()| String::new()),
                (None, _) => cookies.private().set("q", &sent).map(|()| String::new()),
            }
        });
        let mut visitor = Visitor::new(&app);
        let reply = wait(visitor.get("/"));
        let line = reply.set_cookie().unwrap();
        let octet = |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        prop_assert!(line.split(';').next().unwrap().bytes().all(octet), "{line}");
        let reply = wait(visitor.get("/"));
        prop_assert_eq!(reply.body, text);
        prop_assert_eq!(reply.headers.get("set-cookie"), None);
    }
}
