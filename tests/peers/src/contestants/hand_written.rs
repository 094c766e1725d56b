//! The minimum that code written for this one session can do: a typed struct in a concurrent map, under a random number that is
//! in the cookie. It has no layer and no lifetime, and encodes and signs nothing.

use std::{future::ready, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use dashmap::DashMap;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{COOKIE, SET_COOKIE},
};

use super::{Contestant, Framework, Pair, axum_app};
use crate::{
    gate,
    session::{Data, Seen, Theme, next_theme, next_user},
    site::Site,
    works::{self, OK},
};

pub const CONTESTANT: Contestant = Contestant {
    name: "hand-written",
    package: "dashmap",
    framework: Framework::Axum,
    keeps: "`DashMap` of a typed struct, no layer, no lifetime",
    cookie: "a random number, not signed",
    open: || Box::pin(ready(axum_app::app(routes(Map::default())))),
    pair: Some(|| {
        let map = Map::default();
        let nodes = [axum_app::app(routes(map.clone())), axum_app::app(routes(map.clone()))];
        Box::pin(ready(Pair { nodes, records: Some(Box::new(move || map.len())) }))
    }),
};

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    axum_app::site(routes(Map::default()))
}

type Map = Arc<DashMap<u128, Data>>;

pub fn id(headers: &HeaderMap) -> Option<u128> {
    let mut pairs = headers.get(COOKIE)?.to_str().ok()?.split("; ");
    u128::from_str_radix(pairs.find_map(|pair| pair.strip_prefix("__Host-id="))?, 16).ok()
}

pub fn with_cookie(id: u128) -> Response {
    let cookie = format!("__Host-id={id:032x}; Path=/; Secure; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, HeaderValue::try_from(cookie).unwrap())], OK).into_response()
}

fn start(map: &Map, data: Data) -> Response {
    let id = rand::random();
    map.insert(id, data);
    with_cookie(id)
}

/// Changes the current session, or answers 409 if it no longer exists.
fn change(map: &Map, headers: &HeaderMap, how: impl FnOnce(&mut Data)) -> Response {
    match id(headers).and_then(|id| map.get_mut(&id)) {
        Some(mut data) => {
            how(&mut data);
            OK.into_response()
        }
        None => StatusCode::CONFLICT.into_response(),
    }
}

fn end(map: &Map, headers: &HeaderMap) -> Response {
    if let Some(id) = id(headers) {
        map.remove(&id);
    }
    without_cookie()
}

pub fn without_cookie() -> Response {
    let cookie = HeaderValue::from_static("__Host-id=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    ([(SET_COOKIE, cookie)], OK).into_response()
}

fn read(map: &Map, headers: &HeaderMap) -> u64 {
    id(headers).and_then(|id| map.get(&id)).map_or(0, |data| data.theme as u64 + data.visits)
}

fn sign_in(map: &Map, headers: &HeaderMap) -> Response {
    let guest = id(headers).and_then(|id| map.remove(&id)).map_or_else(Data::guest, |(_, data)| data);
    start(map, Data { user: Some(next_user()), ..guest })
}

fn show(map: &Map, headers: &HeaderMap) {
    let data = id(headers).and_then(|id| map.get(&id));
    gate::show(data.map_or_else(Seen::default, |data| data.seen()));
}

fn routes(map: Map) -> Router {
    type M = State<Map>;
    type R = Request;
    Router::new()
        .route("/W0", get(works::untouched))
        .route(
            "/W1",
            get(|State(map): M, request: R| async move { if read(&map, request.headers()) > 0 { OK } else { "" } }),
        )
        .route(
            "/W2",
            get(|State(map): M, request: R| async move {
                change(&map, request.headers(), |data| data.theme = next_theme())
            }),
        )
        .route(
            "/W2-dark",
            get(|State(map): M, request: R| async move {
                change(&map, request.headers(), |data| data.theme = Theme::Dark)
            }),
        )
        .route(
            "/W2-dim",
            get(|State(map): M, request: R| async move {
                change(&map, request.headers(), |data| data.theme = Theme::Dim)
            }),
        )
        .route("/W3", get(|State(map): M| async move { start(&map, Data { locale: "de-AT".into(), ..Data::none() }) }))
        .route("/W4", get(|State(map): M, request: R| async move { end(&map, request.headers()) }))
        .route("/begin", post(|State(map): M| async move { start(&map, Data::signed_in()) }))
        .route("/guest", post(|State(map): M| async move { start(&map, Data::guest()) }))
        .route("/in", post(|State(map): M, request: R| async move { sign_in(&map, request.headers()) }))
        .route("/out", post(|State(map): M, request: R| async move { end(&map, request.headers()) }))
        .route(
            "/theme",
            post(|State(map): M, request: R| async move {
                gate::pause().await;
                change(&map, request.headers(), |data| data.theme = Theme::Dark)
            }),
        )
        .route(
            "/locale",
            post(|State(map): M, request: R| async move {
                gate::pause().await;
                change(&map, request.headers(), |data| data.locale = "de-AT".into())
            }),
        )
        .route(
            "/count",
            post(|State(map): M, request: R| async move {
                gate::pause().await;
                change(&map, request.headers(), |data| data.visits += 1)
            }),
        )
        .route(
            "/show",
            post(|State(map): M, request: R| async move {
                show(&map, request.headers());
                OK
            }),
        )
        .with_state(map)
}
