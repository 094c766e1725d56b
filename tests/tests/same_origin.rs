//! S36: requests forged by other sites. `origins_browser.rs` tests the same in a real browser.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{any, get, post},
};
use http::{HeaderValue, Method, Request, header::CONTENT_TYPE};
use session_runtime::{KeyRing, MemoryStore, OriginReason, OriginRefusal, SameOriginLayer, Session, Sessions};
use tests::client::{Reply, send};
use tower_http::cors::CorsLayer;

/// Returns the router's reply to a request with these headers.
async fn reply(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

fn within(layer: SameOriginLayer) -> Router {
    Router::new().route("/", any(async || "done")).layer(layer)
}

/// Returns the status for a request with these headers.
async fn ask(layer: SameOriginLayer, method: Method, headers: &[(&str, &str)]) -> u16 {
    reply(&within(layer), method, "/", headers).await.status.as_u16()
}

// S36, S38: a login form is protected like any other.
#[tokio::test]
async fn only_same_origin_requests_may_change_anything() {
    let host = ("host", "shop.example.com");
    for (headers, passes) in [
        (&[host, ("sec-fetch-site", "same-origin")][..], true),
        (&[host, ("sec-fetch-site", "none")], true),
        (&[host, ("sec-fetch-site", "same-site")], false),
        (&[host, ("sec-fetch-site", "cross-site")], false),
        (&[host, ("sec-fetch-site", "")], false),
        (&[host, ("sec-fetch-site", "Same-Origin")], false),
        // `Sec-Fetch-Site` takes precedence over all other headers.
        (&[host, ("sec-fetch-site", "cross-site"), ("origin", "https://shop.example.com")], false),
        (&[host, ("origin", "https://shop.example.com")], true),
        // Behind a proxy that terminates TLS, the server does not know its own scheme.
        (&[host, ("origin", "http://shop.example.com")], true),
        (&[("host", "shop.example.com:80"), ("origin", "http://shop.example.com")], true),
        (&[("host", "localhost:3000"), ("origin", "http://localhost:3000")], true),
        (&[("host", "localhost:3000"), ("origin", "http://localhost:4000")], false),
        (&[("host", "[::1]:3000"), ("origin", "http://[::1]:3000")], true),
        (&[host, ("origin", "https://SHOP.example.com")], true),
        (&[host, ("origin", "https://shop.example.com:443")], true),
        (&[host, ("origin", "https://shop.example.com:8443")], false),
        (&[host, ("origin", "https://shop.example.com.evil.test")], false),
        (&[host, ("origin", "https://evil.test/shop.example.com")], false),
        (&[host, ("origin", "https://shop.example.com@evil.test")], false),
        (&[host, ("origin", "https://www.example.com")], false),
        (&[host, ("origin", "null")], false),
        (&[host, ("origin", "")], false),
        (&[host, ("origin", "shop.example.com")], false),
        (&[host, ("origin", "file://shop.example.com")], false),
        (&[host, ("origin", "null"), ("referer", "https://shop.example.com/")], false),
        (&[host, ("referer", "https://shop.example.com/cart?x=1")], true),
        (&[host, ("referer", "https://evil.test/shop.example.com")], false),
        (&[("origin", "https://shop.example.com")], false),
        (&[host], false),
    ] {
        let expected = if passes { 200 } else { 403 };
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            assert_eq!(ask(SameOriginLayer::new(), method.clone(), headers).await, expected, "{method} {headers:?}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(ask(SameOriginLayer::new(), method.clone(), headers).await, 200, "{method} {headers:?}");
            // F3: a handshake changes the protocol, and then the page can act for its visitor.
            for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
                let handshake = [headers, &[("connection", "Upgrade"), ("upgrade", upgrade)]].concat();
                let status = ask(SameOriginLayer::new(), method.clone(), &handshake).await;
                assert_eq!(status, expected, "{method} {handshake:?}");
            }
            // Java's HTTP client and `curl --http2` send this offer with any GET to an `http:` URL.
            let offer = [headers, &[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")]].concat();
            assert_eq!(ask(SameOriginLayer::new(), method.clone(), &offer).await, 200, "{method} {offer:?}");
        }
    }
}

// F3
#[tokio::test]
async fn an_upgrade_in_any_of_several_headers_counts() {
    let two = [("upgrade", "h2c"), ("upgrade", "websocket"), ("host", "a.test"), ("origin", "https://b.test")];
    assert_eq!(ask(SameOriginLayer::new(), Method::GET, &two).await, 403);
}

#[tokio::test]
async fn programs_can_be_allowed_but_other_sites_cannot() {
    let layer = || SameOriginLayer::new().allow_programs();
    assert_eq!(ask(layer(), Method::POST, &[("host", "shop.example.com")]).await, 200);
    assert_eq!(ask(layer(), Method::GET, &[("host", "shop.example.com"), ("upgrade", "websocket")]).await, 200);
    assert_eq!(ask(layer(), Method::POST, &[("host", "a.test"), ("origin", "https://b.test")]).await, 403);
    assert_eq!(ask(layer(), Method::POST, &[("host", "a.test"), ("sec-fetch-site", "cross-site")]).await, 403);
}

// F31
#[tokio::test]
async fn a_program_is_told_that_it_sent_no_origin() {
    let app = within(SameOriginLayer::new());
    let curl = reply(&app, Method::POST, "/", &[("host", "a.test")]).await;
    assert_eq!(curl.status, 403);
    assert!(curl.body.contains("does not say which page sent it") && curl.body.contains("`Origin`"), "{}", curl.body);
    let told = [("host", "a.test"), ("origin", "https://a.test")];
    assert_eq!(reply(&app, Method::POST, "/", &told).await.status, 200, "a request that follows the advice passes");
    let page = reply(&app, Method::POST, "/", &[("host", "a.test"), ("origin", "https://b.test")]).await;
    assert!(page.body.contains("another site"), "{}", page.body);
    assert!(!page.body.contains("b.test"), "a page repeats nothing that a stranger sent");
}

// F3, F30
#[tokio::test]
async fn a_refusal_can_be_answered_with_a_custom_page() {
    let layer = SameOriginLayer::new().pages(|page| match page.forged().map(OriginRefusal::reason) {
        Some(OriginReason::NoOrigin) => page.text("who are you?"),
        _ => page.json(r#"{"error":"origin"}"#),
    });
    let seen = axum::middleware::map_response(async |response: Response| {
        let refused = response.extensions().get::<OriginRefusal>().and_then(OriginRefusal::origin).map(str::to_owned);
        ([("x-refused", refused.unwrap_or_default())], response)
    });
    let app = Router::new().route("/", post(async || "done")).layer(layer).layer(seen);
    let page = reply(&app, Method::POST, "/", &[("host", "a.test"), ("origin", "https://b.test")]).await;
    assert_eq!((page.status.as_u16(), &*page.body), (403, r#"{"error":"origin"}"#));
    assert_eq!(page.headers["x-refused"], "https://b.test", "a middleware around the layer sees the refused origin");
    let program = reply(&app, Method::POST, "/", &[("host", "a.test")]).await;
    assert_eq!((program.status.as_u16(), &*program.body), (403, "who are you?"));
    assert_eq!(reply(&app, Method::POST, "/", &[("sec-fetch-site", "same-origin")]).await.body, "done");
}

#[derive(Session)]
struct Shop {
    #[session(identity)]
    user: Option<u64>,
}

/// The API of the security guide.
fn api() -> Router {
    let sessions = Sessions::<Shop>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example.com"))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .allow_credentials(true);
    Router::new()
        .route("/login", post(async |mut session: Session<Shop>| session.user_mut().log_in(7)))
        .route("/me", get(async |session: Session<Shop>| format!("{:?}", session.user())))
        .layer(sessions.layer().same_origin().trust("https://app.example.com").unwrap())
        .layer(cors)
}

// F3, F30
#[tokio::test]
async fn a_front_end_on_a_trusted_origin_signs_in_and_no_other_page_does() {
    let app = api();
    let from = |origin, site| [("host", "api.example.com"), ("origin", origin), ("sec-fetch-site", site)];
    let front = from("https://app.example.com", "same-site");
    let asks = [&front[..], &[("access-control-request-method", "POST")]].concat();
    let preflight = reply(&app, Method::OPTIONS, "/login", &asks).await;
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://app.example.com");
    let login = reply(&app, Method::POST, "/login", &front).await;
    assert_eq!(
        (login.status.as_u16(), &login.headers["access-control-allow-credentials"]),
        (200, &"true".parse().unwrap())
    );
    let set = login.set_cookie().unwrap();
    let cookie = set.split(';').next().unwrap();
    let asks = [&front[..], &[("cookie", cookie)]].concat();
    assert_eq!(reply(&app, Method::GET, "/me", &asks).await.body, "Some(7)");
    for (origin, site) in [
        ("https://blog.example.com", "same-site"),
        ("http://app.example.com", "cross-site"),
        ("https://app.example.com:8443", "same-site"),
        ("https://evil.test", "cross-site"),
    ] {
        let refused = reply(&app, Method::POST, "/login", &from(origin, site)).await;
        assert_eq!((refused.status.as_u16(), refused.set_cookie()), (403, None), "{origin}");
    }
}
