//! The other headers that a response gets when cookies are read or set.

use axum::response::AppendHeaders;
use http::header::SET_COOKIE;
use session_runtime::{CookiesLayer, Error};

use super::{app, ask};

// S35
#[tokio::test]
async fn reading_a_cookie_makes_the_response_vary_by_cookie() {
    let untouched = ask(&app(CookiesLayer::new(), |_| ()), &[b"theme=dark"]).await;
    assert_eq!((untouched.vary(), untouched.cache_control()), (None, None));
    let read = app(CookiesLayer::new(), |cookies| cookies.get("theme").unwrap_or_default());
    for cookies in [&[&b"theme=dark"[..]][..], &[]] {
        let reply = ask(&read, cookies).await;
        assert_eq!((reply.vary(), reply.cache_control()), (Some("Cookie"), None));
    }
    let merged = app(CookiesLayer::new(), |cookies| ([("vary", "Accept")], cookies.get("theme").unwrap_or_default()));
    assert_eq!(ask(&merged, &[]).await.vary(), Some("Accept, Cookie"));
}

// S35: Flask CVE-2023-30861
#[tokio::test]
async fn a_response_that_sets_or_removes_a_cookie_is_not_stored() {
    for set in [true, false] {
        let app = app(CookiesLayer::new(), move |cookies| {
            if set { cookies.set("theme", "dark") } else { cookies.remove("theme") }?;
            Ok::<_, Error>([("cache-control", "public, max-age=60")])
        });
        assert_eq!(ask(&app, &[]).await.cache_control(), Some("no-store"));
    }
}

// S29
#[tokio::test]
async fn a_handlers_own_set_cookie_is_replaced_if_it_has_the_same_name() {
    let app = app(CookiesLayer::new(), |cookies| {
        cookies.set("theme", "dark")?;
        cookies.set("b", "2")?;
        let own = ["theme=light", "theme =light; Path=/x", "themes=1", "a=theme=x"];
        Ok::<_, Error>(AppendHeaders(own.map(|line| (SET_COOKIE, line))))
    });
    let attributes = "; HttpOnly; SameSite=Lax; Secure; Path=/";
    let expected =
        ["themes=1".into(), "a=theme=x".into(), format!("theme=dark{attributes}"), format!("b=2{attributes}")];
    assert_eq!(ask(&app, &[]).await.set_cookies(), expected);
}
