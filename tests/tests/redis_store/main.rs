//! What only the Redis store shows: how it is reached, what it leaves on the server, and what befalls it there. That it is
//! a store at all is tested in `stores.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod connect;
mod failover;
mod faults;
mod forms;
mod garbage;
mod lifetime;
mod memory;
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

/// A server of the test's own, and a store on it.
async fn server(kind: Kind) -> Option<(RedisServer, RedisStore)> {
    let server = RedisServer::start(kind, Options::default())?;
    let store = RedisStore::open(&server.url()).await.unwrap();
    Some((server, store))
}

fn key() -> Key {
    Key::random().unwrap()
}

/// What the key is called on the server.
fn name(key: &Key) -> String {
    format!("session:{}", key.hex())
}

/// Asks until it is answered: what comes back takes a moment to be found.
async fn answered<T, E, F: Future<Output = Result<T, E>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => assert!(Instant::now() < deadline, "waited in vain"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await; // between two looks
    }
}
