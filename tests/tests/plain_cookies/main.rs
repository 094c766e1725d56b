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

/// Returns an application with one route, `/`.
fn app<R: IntoResponse>(layer: CookiesLayer, handler: impl Fn(Cookies) -> R + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/", any(move |cookies: Cookies| async move { handler(cookies) })).layer(layer)
}

/// Returns the reply to a request with these `Cookie` headers.
async fn ask(app: &Router, cookies: &[&[u8]]) -> Reply {
    let mut request = Request::builder().uri("/").body(Body::empty()).unwrap();
    for line in cookies {
        request.headers_mut().append(COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    send(app, request).await
}

/// Returns the `Set-Cookie` of this handler.
async fn set_by<R: IntoResponse>(handler: impl Fn(Cookies) -> R + Clone + Send + Sync + 'static) -> String {
    let reply = ask(&app(CookiesLayer::new(), handler), &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.set_cookie().unwrap()
}

/// Runs a future to its end, for property tests.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
