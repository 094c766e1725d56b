//! The application's own cookies, end to end: read, set, removed, signed, private, and beside a session.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod errors;
mod headers;
mod layer;
mod protected;
mod reading;
mod refused;
mod sessions;
mod values;
mod writing;

use std::future::Future;

use axum::{Router, body::Body, response::IntoResponse, routing::any};
use http::{HeaderValue, Request, header::COOKIE};
use session_runtime::{Cookies, CookiesLayer};
use tests::client::{Reply, send};

/// An application of one route, `/`.
fn app<R: IntoResponse>(layer: CookiesLayer, handler: impl Fn(Cookies) -> R + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/", any(move |cookies: Cookies| async move { handler(cookies) })).layer(layer)
}

/// The reply to one request with these `Cookie` headers.
async fn ask(app: &Router, cookies: &[&[u8]]) -> Reply {
    let mut request = Request::builder().uri("/").body(Body::empty()).unwrap();
    for line in cookies {
        request.headers_mut().append(COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    send(app, request).await
}

/// The `Set-Cookie` of a handler that does this.
async fn set_by<R: IntoResponse>(handler: impl Fn(Cookies) -> R + Clone + Send + Sync + 'static) -> String {
    let reply = ask(&app(CookiesLayer::new(), handler), &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.set_cookie().unwrap()
}

/// Waits for a future where a property is tested.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
