//! The minimum that code written for this one session can do with a store: bare commands or statements. It has no layer, signs
//! nothing and guards nothing: a write does not check whether the session still exists.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::HeaderMap;

use super::{
    axum_app,
    hand_written::{id, with_cookie, without_cookie},
};
use crate::{
    gate,
    session::{Data, Theme, next_user},
    site::Site,
    works::{self, OK},
};

/// The lifetime of an untouched session.
pub const LIFETIME: std::time::Duration = std::time::Duration::from_secs(1800);

/// A field that can be written alone.
#[derive(Clone, Copy)]
pub enum Field {
    Theme(Theme),
    Locale(&'static str),
    Visits(u64),
}

/// The operations that this session needs from a store.
pub trait Floor: Send + Sync + 'static {
    fn load(&self, id: u128) -> impl Future<Output = Option<Data>> + Send;
    fn insert(&self, id: u128, data: Data) -> impl Future<Output = ()> + Send;
    /// Stores a session with only a locale.
    fn start(&self, id: u128, locale: &'static str) -> impl Future<Output = ()> + Send;
    /// Writes a field and extends the session's lifetime.
    fn write(&self, id: u128, field: Field) -> impl Future<Output = ()> + Send;
    fn sign_in(&self, from: u128, to: u128, user: u64) -> impl Future<Output = ()> + Send;
    fn remove(&self, id: u128) -> impl Future<Output = ()> + Send;
}

async fn load(store: &impl Floor, headers: &HeaderMap) -> Option<Data> {
    store.load(id(headers)?).await
}

async fn begin(store: &impl Floor, data: Data) -> Response {
    let id = rand::random();
    store.insert(id, data).await;
    with_cookie(id)
}

async fn start(store: &impl Floor) -> Response {
    let id = rand::random();
    store.start(id, "de-AT").await;
    with_cookie(id)
}

async fn write(store: &impl Floor, headers: &HeaderMap, field: Field) -> Response {
    if let Some(id) = id(headers) {
        store.write(id, field).await;
    }
    OK.into_response()
}

async fn count(store: &impl Floor, headers: &HeaderMap) -> Response {
    let seen = load(store, headers).await.map_or(0, |data| data.visits);
    gate::pause().await;
    write(store, headers, Field::Visits(seen + 1)).await
}

async fn sign_in(store: &impl Floor, headers: &HeaderMap) -> Response {
    let Some(from) = id(headers) else { return OK.into_response() };
    let to = rand::random();
    store.sign_in(from, to, next_user()).await;
    with_cookie(to)
}

async fn end(store: &impl Floor, headers: &HeaderMap) -> Response {
    if let Some(id) = id(headers) {
        store.remove(id).await;
    }
    without_cookie()
}

pub fn site<F: Floor>(store: F) -> Site {
    axum_app::site(
        Router::new()
            .route("/W0", get(works::untouched))
            .route(
                "/W1",
                get(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    let read = load(&*f, &h).await.map_or(0, |data| data.theme as u64 + data.visits);
                    if read > 0 { OK } else { "" }
                }),
            )
            .route(
                "/W2-dark",
                get(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    write(&*f, &h, Field::Theme(Theme::Dark)).await
                }),
            )
            .route(
                "/W2-dim",
                get(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    write(&*f, &h, Field::Theme(Theme::Dim)).await
                }),
            )
            .route("/W3", get(|State(f): State<Arc<F>>| async move { start(&*f).await }))
            .route("/W4", get(|State(f): State<Arc<F>>, h: HeaderMap| async move { end(&*f, &h).await }))
            .route("/begin", post(|State(f): State<Arc<F>>| async move { begin(&*f, Data::signed_in()).await }))
            .route("/guest", post(|State(f): State<Arc<F>>| async move { begin(&*f, Data::guest()).await }))
            .route("/in", post(|State(f): State<Arc<F>>, h: HeaderMap| async move { sign_in(&*f, &h).await }))
            .route("/out", post(|State(f): State<Arc<F>>, h: HeaderMap| async move { end(&*f, &h).await }))
            .route(
                "/theme",
                post(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    gate::pause().await;
                    write(&*f, &h, Field::Theme(Theme::Dark)).await
                }),
            )
            .route(
                "/locale",
                post(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    gate::pause().await;
                    write(&*f, &h, Field::Locale("de-AT")).await
                }),
            )
            .route("/count", post(|State(f): State<Arc<F>>, h: HeaderMap| async move { count(&*f, &h).await }))
            .route(
                "/show",
                post(|State(f): State<Arc<F>>, h: HeaderMap| async move {
                    gate::show(load(&*f, &h).await.unwrap_or_else(Data::none).seen());
                    OK
                }),
            )
            .with_state(Arc::new(store)),
    )
}
