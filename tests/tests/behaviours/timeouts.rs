//! B28, B33: timeouts of handlers and of commits.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use http::StatusCode;
use serde_json::json;
use session_runtime::{
    Event, KeyRing, Session, Sessions, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{self, Server, Site},
    client::Visitor,
    store::AnyStore,
};
use tokio::sync::Notify;
use tower::Service;

use super::shared::PATIENCE;

type S = Session<Site>;

/// A timeout layer like that of `tower-http`. After the timeout, its future responds with 408, but keeps the handler's future
/// until it is dropped itself. The test triggers the timeout.
#[derive(Clone)]
struct GivesUp<I>(Arc<Notify>, I);

impl<I> Service<Request> for GivesUp<I>
where
    I: Service<Request, Response = Response, Error = Infallible>,
    I::Future: Unpin + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = GivingUp<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.1.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let told = Arc::clone(&self.0);
        GivingUp { handler: self.1.call(request), over: Box::pin(async move { told.notified().await }) }
    }
}

struct GivingUp<F> {
    handler: F,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for GivingUp<F> {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(response) = Pin::new(&mut self.handler).poll(cx) {
            return Poll::Ready(response);
        }
        self.over.as_mut().poll(cx).map(|()| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            Ok(response)
        })
    }
}

// B28: after a timeout, the handler's changes are dropped, no matter when the timeout drops the handler's future.
#[tokio::test]
async fn a_timeout_that_keeps_its_handler_stores_nothing() {
    let server = Server::new(AnyStore::memory());
    let over = Arc::new(Notify::new());
    let tell = Arc::clone(&over);
    let gives_up = tower::layer::layer_fn(move |inner| GivesUp(Arc::clone(&over), inner));
    let handler = move |mut s: S| async move {
        *s.name_mut() = "half done".into();
        s.visits_mut().add(1);
        tell.notify_one();
        std::future::pending::<()>().await;
    };
    // Both layers form one service, because a router drops the inner service as soon as it has answered.
    let layers = (server.sessions.layer(), gives_up);
    let app = Router::new().route("/", post(handler)).layer(layers);
    let mut visitor = server.visitor();
    visitor.post("/name/first").await;
    server.heard();
    assert_eq!(visitor.at(&app).post("/").await.status, StatusCode::REQUEST_TIMEOUT);
    assert!(!server.heard().contains(&Event::Late));
    let seen = visitor.get("/show").await.json();
    assert_eq!((&seen["name"], &seen["visits"]), (&json!("first"), &json!(0)));
}

/// A store that rejects every swap, and fails the test if swaps still arrive after [`PATIENCE`].
struct Refuses(Instant);

impl Store for Refuses {
    async fn load(&self, _: &Key, _: Timestamp) -> Result<Option<Versioned>, StoreError> {
        Ok(None)
    }

    async fn swap(
        &self,
        _: &Key,
        _: Option<&Versioned>,
        _: Option<&Value>,
        _: Timestamp,
    ) -> Result<Swapped, StoreError> {
        assert!(self.0.elapsed() < PATIENCE, "the commit still sends swaps to the store");
        tokio::task::yield_now().await;
        Ok(Swapped::Stale(None))
    }
}

// B33: a commit ends in time, whatever the store answers.
#[tokio::test]
async fn a_commit_that_the_store_always_refuses_fails_in_time() {
    let sessions = Sessions::<Site>::builder().store(Refuses(Instant::now())).keys(KeyRing::generate());
    let sessions = sessions.clean_every(Duration::ZERO).commit_timeout(Duration::from_millis(100)).build().unwrap();
    let mut visitor = Visitor::new(&app::routes().layer(sessions.layer()));
    for path in ["/name/first", "/login/ada"] {
        let reply = visitor.post(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{path}");
    }
}
