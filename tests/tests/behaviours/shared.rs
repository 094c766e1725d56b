//! Functions that several files of these tests use.

use std::time::Duration;

use axum::Router;
use http::{HeaderMap, header::COOKIE};
use tests::client::Visitor;

/// Returns whether the visitor is signed in as ada.
pub(super) async fn is_in(visitor: &Visitor) -> bool {
    visitor.clone().get("/show").await.json()["user"].as_str() == Some("ada")
}

/// Returns another tab of the browser that sent a request with these headers.
pub(super) fn other_tab(app: &Router, headers: &HeaderMap) -> Visitor {
    let (name, value) = headers[COOKIE].to_str().unwrap().split_once('=').unwrap();
    Visitor::with_cookie(app, name, value)
}

/// How long a test waits before it fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `answer`, but fails the test after [`PATIENCE`].
pub(super) async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.expect("the answer arrives in time")
}
