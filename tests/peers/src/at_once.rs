//! Counts how often each of many concurrent updates of one session calls the store. The store is in memory, and each call takes
//! a millisecond, as if over a network.

use std::{cell::Cell, time::Duration};

use axum::{Router, body::Body, routing::post};
use futures_util::future::join_all;
use http::{
    Request,
    header::{COOKIE, SET_COOKIE},
};
use session_runtime::{
    KeyRing, MemoryStore, Session, Sessions, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tokio::{runtime::Runtime, time::sleep};
use tower::ServiceExt as _;

use crate::tables;

/// The number of updates.
pub const UPDATES: usize = 200;
/// The numbers of nodes; the nodes share a store but no memory.
pub const NODES: [usize; 3] = [1, 2, 4];
/// The number of runs; the report shows the run with the most calls.
const RUNS: usize = 3;
/// The duration of a call.
const CALL: Duration = Duration::from_millis(1);

/// Store calls per request, including the load of its session.
pub struct Calls {
    pub nodes: usize,
    pub most: usize,
    pub mean: f64,
}

#[derive(Session)]
#[session(cookie = "__Host-bench")]
struct Crowded {
    #[session(atomic)]
    updates: u64,
}

tokio::task_local! {
    /// The store calls of the current request.
    static CALLS: Cell<usize>;
}

#[derive(Clone)]
struct Counted(MemoryStore);

impl Counted {
    /// Counts a call of the current request, and waits. Calls outside a request are not counted.
    async fn call() {
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
        sleep(CALL).await;
    }
}

impl Store for Counted {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        Self::call().await;
        self.0.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        Self::call().await;
        self.0.swap(key, before, after, now).await
    }
}

/// Measures each number of nodes.
pub fn measure() -> Vec<Calls> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    NODES.map(|nodes| worst(&runtime, nodes)).into()
}

fn worst(runtime: &Runtime, nodes: usize) -> Calls {
    let runs = (0..RUNS).map(|_| runtime.block_on(run(nodes)));
    let worst = runs.max_by_key(|calls| (calls.iter().max().copied(), calls.iter().sum::<usize>())).unwrap();
    Calls {
        nodes,
        most: worst.iter().max().copied().unwrap(),
        mean: worst.iter().sum::<usize>() as f64 / UPDATES as f64,
    }
}

/// Returns the store calls of each request, and checks that no update was lost.
async fn run(nodes: usize) -> Vec<usize> {
    let (store, keys) = (Counted(MemoryStore::new()), KeyRing::generate());
    let nodes: Vec<_> = (0..nodes).map(|_| node(&store, &keys)).collect();
    let cookie = post_to(&nodes[0], "/begin", None).await.0.unwrap();
    let updates = (0..UPDATES).map(|at| {
        let (node, cookie) = (nodes[at % nodes.len()].clone(), cookie.clone());
        tokio::spawn(CALLS.scope(Cell::new(0), async move {
            post_to(&node, "/update", Some(&cookie)).await;
            CALLS.with(Cell::get)
        }))
    });
    let calls = join_all(updates.collect::<Vec<_>>()).await;
    assert_eq!(post_to(&nodes[0], "/updates", Some(&cookie)).await.1, (UPDATES + 1).to_string());
    calls.into_iter().map(|calls| calls.unwrap()).collect()
}

fn node(store: &Counted, keys: &KeyRing) -> Router {
    type S = Session<Crowded>;
    let sessions = Sessions::<Crowded>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
    let update = async |mut s: S| s.updates_mut().update(|updates| *updates += 1).await.unwrap();
    Router::new()
        .route("/begin", post(update))
        .route("/update", post(update))
        .route("/updates", post(async |s: S| s.updates().to_string()))
        .layer(sessions.layer())
}

/// Returns the cookie that the response sets, and the page.
async fn post_to(node: &Router, path: &str, cookie: Option<&str>) -> (Option<String>, String) {
    let request = Request::post(path).header(COOKIE, cookie.unwrap_or_default());
    let response = node.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let set = response.headers().get(SET_COOKIE).map(|line| line.to_str().unwrap());
    let cookie = set.and_then(|line| line.split(';').next()).map(str::to_owned);
    let page = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (cookie, String::from_utf8_lossy(&page).into_owned())
}

pub fn table(all: &[Calls]) -> String {
    let rows: Vec<_> =
        all.iter().map(|of| vec![of.nodes.to_string(), of.most.to_string(), format!("{:.1}", of.mean)]).collect();
    tables::table(&["nodes", "calls of a request, at most", "on average"], &rows)
}
