//! Properties that only the Redis store has: connections, data on the server, and the server's faults. `stores.rs` runs the
//! conformance suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod connect;
mod failover;
mod faults;
mod forms;
mod garbage;
mod lifetime;
mod memory;
mod runtimes;
mod scan;
mod trips;
mod values;
mod whole;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use session_runtime::{RedisStore, store::Key};
use tests::servers::{Kind, Options, PATIENCE, RedisServer};

/// Starts a server of the test's own, and opens a store on it.
async fn server(kind: Kind) -> Option<(RedisServer, RedisStore)> {
    let server = RedisServer::start(kind, Options::default())?;
    let store = RedisStore::open(&server.url()).await.unwrap();
    Some((server, store))
}

fn key() -> Key {
    Key::random().unwrap()
}

/// Returns the name of the key on the server.
fn name(key: &Key) -> String {
    format!("session:{}", key.base64url())
}

/// Repeats a call until it succeeds, because the store may take a moment to find a recovered server.
async fn answered<T, E, F: Future<Output = Result<T, E>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => assert!(Instant::now() < deadline, "the call did not succeed in time"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await; // polls
    }
}
