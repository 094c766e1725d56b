//! Kinds of request to measure, over axum and the memory store, on a session of eight fields. W0 does not touch the session, W1
//! reads two fields, W2 writes a small one, W3 begins a new session, W4 ends one, W5 signs a guest in, and W6 reads two fields
//! through a view.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    Router,
    body::Body,
    http::{
        Request,
        header::{COOKIE, SET_COOKIE},
    },
    routing::get,
};
use session_runtime::{KeyRing, MemoryStore, Session, Sessions, View, view};
use tests::eight::{Eight, fill};
use tower::ServiceExt as _;

#[view(Eight)]
struct Seen {
    user: u64,
    visits: u64,
}

type S = Session<Eight>;

pub const WORKS: [&str; 7] = ["W0", "W1", "W2", "W3", "W4", "W5", "W6"];

pub const REQUESTS: usize = 400;

/// Requests that are ready to be sent.
pub struct Load {
    runtime: tokio::runtime::Runtime,
    app: Router,
    requests: Vec<Request<Body>>,
}

impl Load {
    pub fn new(work: &str, bare: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(async { app(bare) });
        // A request of W4 ends its session, and one of W5 signs in with it, so each request needs a session of its own.
        let (begin, sessions) = match work {
            "W0" | "W3" => ("/begin", 0),
            "W4" => ("/begin", REQUESTS),
            "W5" => ("/guest", REQUESTS),
            _ => ("/begin", 1),
        };
        let mut cookies = Vec::new();
        for _ in 0..sessions {
            let response = runtime.block_on(app.clone().oneshot(request(begin, None))).unwrap();
            let cookie = response.headers().get(SET_COOKIE).map(|line| line.to_str().unwrap());
            cookies.push(cookie.and_then(|line| line.split(';').next()).unwrap_or("__Host-bench=x").to_owned());
        }
        let cookie = |at: usize| (sessions > 0).then(|| cookies[at % sessions].as_str());
        let requests = (0..REQUESTS).map(|at| request(&format!("/{work}"), cookie(at))).collect();
        Self { runtime, app, requests }
    }

    pub fn send(self) {
        for request in self.requests {
            let response = self.runtime.block_on(self.app.clone().oneshot(request)).unwrap();
            assert!(response.status().is_success());
        }
    }
}

fn request(path: &str, cookie: Option<&str>) -> Request<Body> {
    let request = Request::get(path);
    let request = match cookie {
        Some(cookie) => request.header(COOKIE, cookie),
        None => request,
    };
    request.body(Body::empty()).unwrap()
}

fn app(bare: bool) -> Router {
    if bare {
        let handler = || get(|| async { "ok" });
        return WORKS
            .iter()
            .fold(Router::new(), |app, work| app.route(&format!("/{work}"), handler()))
            .route("/begin", handler())
            .route("/guest", handler());
    }
    let sessions = Sessions::<Eight>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    Router::new()
        .route("/begin", get(begin))
        .route(
            "/guest",
            get(|mut s: S| async move {
                fill(&mut s).await;
                "ok"
            }),
        )
        .route("/W0", get(|| async { "ok" }))
        .route("/W1", get(|s: S| async move { if s.theme().len() as u64 + s.visits() > 0 { "ok" } else { "" } }))
        .route(
            "/W2",
            get(|mut s: S| async move {
                let next = s.score() + 1;
                s.score_mut().set(next);
                "ok"
            }),
        )
        .route(
            "/W3",
            get(|mut s: S| async move {
                s.score_mut().set(1);
                "ok"
            }),
        )
        .route(
            "/W4",
            get(|mut s: S| async move {
                s.destroy();
                "ok"
            }),
        )
        .route(
            "/W5",
            get(|mut s: S| async move {
                s.user_mut().log_in(next_user());
                "ok"
            }),
        )
        .route("/W6", get(|View(seen): View<Seen>| async move { if seen.user + seen.visits > 0 { "ok" } else { "" } }))
        .layer(sessions.layer())
}

/// Returns a different user for each session.
fn next_user() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

async fn begin(mut s: S) -> &'static str {
    s.user_mut().log_in(next_user());
    fill(&mut s).await;
    "ok"
}
