//! The response when a handler fails.

use http::StatusCode;
use session_runtime::{Cookies, CookiesLayer, Error, KeyRing};

use super::{app, ask};

#[tokio::test]
async fn the_page_of_an_error_that_a_handler_returns_hides_the_value() {
    type Work = fn(Cookies) -> Result<(), Error>;
    let (broken, large) = ("Something went wrong on this site.", "This is more than can be kept for you");
    for (work, sentence) in [
        ((|cookies| cookies.set("a;b", "4711")) as Work, broken),
        (|cookies| cookies.set("a", "4711".repeat(2000)), large),
        (|cookies| cookies.signed().set("a", "4711"), broken),
    ] {
        let reply = ask(&app(CookiesLayer::new(), work), &[]).await;
        let status = if sentence == large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::INTERNAL_SERVER_ERROR };
        assert_eq!(reply.status, status);
        assert!(reply.body.starts_with(sentence), "{}", reply.body);
        assert_eq!(reply.set_cookies(), [""; 0]);
    }
}

#[tokio::test]
async fn a_failed_requests_cookies_are_dropped_but_its_removals_stay() {
    for (status, expected) in [(200, 3), (404, 3), (500, 1), (503, 1)] {
        let app = app(CookiesLayer::new(), move |cookies| {
            cookies.set("theme", "dark")?;
            cookies.set("a", "b")?;
            cookies.remove("coupon")?;
            Ok::<_, Error>(StatusCode::from_u16(status).unwrap())
        });
        let lines = ask(&app, &[]).await.set_cookies();
        assert_eq!(lines.len(), expected, "{status}: {lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("coupon=; ")));
    }
}

// S49
#[tokio::test]
async fn debug_output_shows_no_value() {
    let app = app(CookiesLayer::new().app("shop"), |cookies| {
        cookies.set("theme", "4711").unwrap();
        format!("{cookies:?} {:?}", cookies.signed())
    });
    let shown = ask(&app, &[b"code=4711"]).await.body;
    assert_eq!(shown, "Cookies { .. } ProtectedCookies(Signed)");
    let keyed = CookiesLayer::new().keys(&KeyRing::generate()).unwrap();
    assert!(format!("{keyed:?}").starts_with("CookiesLayer { app: \"\", keys: true, "));
}
