//! What only the Redis store shows: how it is reached, what it leaves on the server, and what befalls it there. That it is
//! a store at all is tested in `stores.rs`, and that its script means what [`Change`] means in `change_model`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod connect;
mod failover;
mod faults;
mod garbage;
mod lifetime;
mod memory;
mod scripts;
mod trips;
mod users;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use session_runtime::{
    RedisStore, Timestamp,
    store::{Change, Key, Set},
};
use tests::{
    records::create,
    servers::{Options, PATIENCE, RedisServer},
};

/// A server of the test's own, of the system's kind, and a store on it.
async fn server() -> Option<(RedisServer, RedisStore)> {
    let server = RedisServer::start(tests::servers::Kind::Redis, Options::default())?;
    let store = RedisStore::open(&server.url()).await.unwrap();
    Some((server, store))
}

fn key() -> Key {
    Key::random().unwrap()
}

fn session(key: &Key) -> String {
    format!("session:s:{}", key.hex())
}

/// `create()` with a field.
fn filled() -> Change {
    tests::records::set(create(), "theme", b"\xa4dark")
}

fn set_until(mut change: Change, name: &'static str, value: &[u8], expires: Timestamp) -> Change {
    change.set.push(Set { name: name.into(), value: value.to_vec(), expires });
    change
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
