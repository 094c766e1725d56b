//! S36: requests forged from other sites.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::{Router, body::Body, routing::any};
use http::{Method, Request};
use session_runtime::SameOriginLayer;
use tests::client::send;

/// The status for a request with these headers.
async fn ask(layer: SameOriginLayer, method: Method, headers: &[(&str, &str)]) -> u16 {
    let app = Router::new().route("/", any(async || "done")).layer(layer);
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(&app, request.body(Body::empty()).unwrap()).await.status.as_u16()
}

// S36, S38: a login form is protected like any other.
#[tokio::test]
async fn who_asks_decides_what_may_be_changed() {
    let host = ("host", "shop.example.com");
    for (headers, passes) in [
        (&[host, ("sec-fetch-site", "same-origin")][..], true),
        (&[host, ("sec-fetch-site", "none")], true),
        (&[host, ("sec-fetch-site", "same-site")], false),
        (&[host, ("sec-fetch-site", "cross-site")], false),
        (&[host, ("sec-fetch-site", "")], false),
        (&[host, ("sec-fetch-site", "Same-Origin")], false),
        // The browser's own word counts more than what else is there.
        (&[host, ("sec-fetch-site", "cross-site"), ("origin", "https://shop.example.com")], false),
        (&[host, ("origin", "https://shop.example.com")], true),
        // Behind a proxy that ends TLS, the server does not know its own scheme.
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
        }
    }
}

#[tokio::test]
async fn programs_may_be_let_in_but_no_other_site() {
    let layer = SameOriginLayer::new().allow_programs();
    assert_eq!(ask(layer, Method::POST, &[("host", "shop.example.com")]).await, 200);
    assert_eq!(ask(layer, Method::POST, &[("host", "a.test"), ("origin", "https://b.test")]).await, 403);
    assert_eq!(ask(layer, Method::POST, &[("host", "a.test"), ("sec-fetch-site", "cross-site")]).await, 403);
}
