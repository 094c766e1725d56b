//! A signed or private cookie is valid only for its name, application and purpose, for a limited time, and under the ring's keys.

use std::time::Duration;

use axum::Router;
use session_runtime::{Clock, Cookies, CookiesLayer, KeyRing, PlainCookie};
use tests::client::{Reply, Visitor};

use super::{app, ask};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Signed,
    Private,
}
use Kind::{Private, Signed};

const BOTH: [Kind; 2] = [Signed, Private];

fn get(kind: Kind, cookies: &Cookies, name: &str) -> Option<String> {
    match kind {
        Signed => cookies.signed().get(name),
        Private => cookies.private().get(name),
    }
}

fn layer(keys: &KeyRing) -> CookiesLayer {
    CookiesLayer::new().keys(keys).unwrap()
}

/// Returns the value of a cookie `name` with this text.
async fn value_of(kind: Kind, layer: CookiesLayer, name: &'static str, text: &'static str) -> String {
    let app = app(layer, move |cookies| match kind {
        Signed => cookies.signed().set(name, text),
        Private => cookies.private().set(name, text),
    });
    let mut visitor = Visitor::new(&app);
    assert!(visitor.get("/").await.set_cookie().unwrap().ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"));
    visitor.cookie_named(name).unwrap()
}

fn reader(kind: Kind, layer: CookiesLayer) -> Router {
    app(layer, move |cookies| get(kind, &cookies, "cart").unwrap_or_else(|| "(none)".into()))
}

async fn read(app: &Router, value: &[u8]) -> String {
    let Reply { status, body, .. } = ask(app, &[&[b"cart=", value].concat()]).await;
    assert_eq!(status, 200);
    body
}

// S39: tries every flipped bit, if a header can hold the result, and every cookie that is cut at either end.
#[tokio::test]
async fn a_tampered_cookie_reads_as_none() {
    let keys = KeyRing::generate();
    for kind in BOTH {
        let value = value_of(kind, layer(&keys), "cart", "two apples").await.into_bytes();
        let app = reader(kind, layer(&keys));
        assert_eq!(read(&app, &value).await, "two apples");
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut forged = value.clone();
                forged[at] ^= 1 << bit;
                if http::HeaderValue::from_bytes(&forged).is_ok() {
                    assert_eq!(read(&app, &forged).await, "(none)", "{kind:?}: bit {bit} of {at}");
                }
            }
            assert_eq!(read(&app, &value[..at]).await, "(none)", "{kind:?}: the first {at}");
            assert_eq!(read(&app, &value[at + 1..]).await, "(none)", "{kind:?}: from {at} on");
        }
        for forged in [&b"two apples"[..], b"", b"%", b"=", b"\xff", &[b'A'; 8000]] {
            assert_eq!(read(&app, forged).await, "(none)");
        }
    }
}

// S40: Laravel 2014
#[tokio::test]
async fn a_value_is_valid_for_one_name_application_and_purpose() {
    let keys = KeyRing::generate();
    for kind in BOTH {
        let other_kind = if kind == Signed { Private } else { Signed };
        let app = reader(kind, layer(&keys).app("shop"));
        let good = value_of(kind, CookiesLayer::new().app("shop").keys(&keys).unwrap(), "cart", "x").await;
        assert_eq!(read(&app, good.as_bytes()).await, "x", "the order of `app` and `keys` does not matter");
        for (kind, app_name, name, keys) in [
            (kind, "shop", "Cart", &keys),
            (kind, "shop", "carts", &keys),
            (kind, "", "cart", &keys),
            (kind, "forum", "cart", &keys),
            (kind, "shop", "cart", &KeyRing::generate()),
            (other_kind, "shop", "cart", &keys),
        ] {
            let value = value_of(kind, layer(keys).app(app_name), name, "x").await;
            assert_eq!(read(&app, value.as_bytes()).await, "(none)", "{kind:?} {app_name} {name}");
        }
    }
}

// S39: no reader falls back to another kind of cookie.
#[tokio::test]
async fn a_plain_cookie_is_not_a_signed_one() {
    let keys = KeyRing::generate();
    for kind in BOTH {
        let app = app(layer(&keys), move |cookies| {
            cookies.set("cart", "plain").unwrap();
            assert_eq!(get(kind, &cookies, "cart"), None);
            cookies.signed().set("cart", "signed").unwrap();
            assert_eq!(get(kind, &cookies, "cart").is_some(), kind == Signed);
            assert_ne!(cookies.get("cart").as_deref(), Some("signed"));
            cookies.private().set("cart", "private").unwrap();
            assert_eq!(get(kind, &cookies, "cart").is_some(), kind == Private);
            cookies.remove("cart").unwrap();
            assert_eq!(get(kind, &cookies, "cart"), None);
        });
        assert!(ask(&app, &[]).await.set_cookie().unwrap().contains("Max-Age=0"));
    }
}

// S32
#[tokio::test]
async fn an_invalid_duplicate_is_ignored_and_two_valid_values_read_as_none() {
    let keys = KeyRing::generate();
    for kind in BOTH {
        let app = reader(kind, layer(&keys));
        let one = format!("cart={}", value_of(kind, layer(&keys), "cart", "one").await);
        let again = format!("cart={}", value_of(kind, layer(&keys), "cart", "one").await);
        let two = format!("cart={}", value_of(kind, layer(&keys), "cart", "two").await);
        let evil = "cart=evil".to_owned();
        for (a, b, expected) in [(&one, &evil, "one"), (&one, &again, "one"), (&one, &two, "(none)")] {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!(ask(&app, &[format!("{a}; {b}").as_bytes()]).await.body, expected);
                assert_eq!(ask(&app, &[a.as_bytes(), b.as_bytes()]).await.body, expected);
            }
        }
    }
}

// S42
#[tokio::test]
async fn a_value_expires_by_the_servers_clock_even_if_the_browser_keeps_it() {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let cart = PlainCookie::new("cart").max_age(HOUR);
    for (kind, cookie, good) in [
        (Signed, cart, HOUR),
        (Private, cart, HOUR),
        (Signed, "cart".into(), 400 * 24 * HOUR),
        (Private, "cart".into(), 400 * 24 * HOUR),
    ] {
        let setter = app(layer(&keys).clock(clock.clone()), move |cookies| match kind {
            Signed => cookies.signed().set(cookie, "x"),
            Private => cookies.private().set(cookie, "x"),
        });
        let mut visitor = Visitor::new(&setter);
        visitor.get("/").await;
        let mut visitor = visitor.at(&reader(kind, layer(&keys).clock(clock.clone())));
        clock.advance(good - Duration::from_millis(1));
        assert_eq!(visitor.get("/").await.body, "x", "{kind:?}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(visitor.get("/").await.body, "(none)", "{kind:?}");
    }
}

// S45
#[tokio::test]
async fn keys_rotate() {
    let (old, new) = (*b"\x91\xe5\x07\xc8\x5b\x1fJ\x9d~\x02\xaa3\xf1\xdd\x86\x10\x44\xbe\x69\x8c\x27\xd3\xf9\x01\x55\xea\x7b\x18\xcf\x62\x9e\x34", *b"\x3c\x80\xd2\x4f\x17\xb9\xe6\x0a\x71\x95\xfb\x2d\xc0\x58\x8e\x63\xa4\x19\xf7\x0e\x36\xdb\x92\x48\xed\x05\xbc\x7a\x21\x6f\xc3\x94");
    let before = KeyRing::from_bytes(&old).unwrap();
    let both = KeyRing::from_bytes(&new).unwrap().with_previous(&old).unwrap();
    let after = KeyRing::from_bytes(&new).unwrap();
    for kind in BOTH {
        let by_old = value_of(kind, layer(&before), "cart", "x").await;
        let by_both = value_of(kind, layer(&both), "cart", "x").await;
        assert_eq!(read(&reader(kind, layer(&both)), by_old.as_bytes()).await, "x");
        assert_eq!(
            read(&reader(kind, layer(&after)), by_both.as_bytes()).await,
            "x",
            "the newest key protects new values"
        );
        assert_eq!(read(&reader(kind, layer(&after)), by_old.as_bytes()).await, "(none)");
    }
}

#[tokio::test]
async fn without_keys_protected_cookies_are_an_error() {
    let app = app(CookiesLayer::new(), |cookies| {
        assert_eq!(cookies.signed().get("cart"), None);
        let error = cookies.private().set("cart", "x").unwrap_err();
        error.to_string()
    });
    assert_eq!(
        ask(&app, &[b"cart=x"]).await.body,
        "signed and private cookies need keys: write `CookiesLayer::new().keys(&keys)?`, where `keys` is a `KeyRing`"
    );
}

// S27: the limit includes the bytes that protect the value.
#[tokio::test]
async fn the_limit_covers_the_whole_cookie() {
    let app = app(layer(&KeyRing::generate()), |cookies| {
        assert!(cookies.signed().set("cart", "x".repeat(3100)).unwrap_err().is_too_large());
        assert!(cookies.private().set("cart", "x".repeat(3100)).unwrap_err().is_too_large());
        cookies.private().set("cart", "x".repeat(3000))
    });
    assert_eq!(ask(&app, &[]).await.set_cookies().len(), 1);
}
