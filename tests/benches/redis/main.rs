//! Measures the cost of sessions on Redis, compared with bare commands: `cargo bench -p tests --bench redis`. It runs on each
//! kind of server that is installed.
//!
//! `works` compares the store with the commands that a program without any guard would send. `guards` compares the ways to guard
//! a write. `room` prints how much memory a session takes. Both sides of a comparison use the same client, the same number of
//! connections and the same server, and take turns; the ratio is the median of the rounds.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../crowd/mod.rs"]
mod crowd;
mod guards;
mod room;
#[path = "../../tests/redis_store/values.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic)]
mod values;
mod works;

use redis::{Client, aio::ConnectionManager};
use session_runtime::RedisStore;
use tests::servers::{Kind, Options, RedisServer};

fn main() {
    // The client has one thread, so that the server has a processor to itself.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        println!("\n{kind:?}");
        runtime.block_on(async {
            room::measure(&server).await;
            works::measure(&server).await;
            guards::measure(&server).await;
        });
    }
}

/// Operations per round.
const TIMES: usize = 10_000;

/// Returns the processor time of the server since it started, in seconds.
fn processor_time(server: &RedisServer) -> f64 {
    ["used_cpu_user", "used_cpu_sys"]
        .iter()
        .map(|field| server.info("cpu", field).unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Opens `count` connections, the way the store does.
async fn connect(server: &RedisServer, count: usize) -> Vec<ConnectionManager> {
    let client = Client::open(format!("{}/?protocol=resp3", server.url())).unwrap();
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(ConnectionManager::new(client.clone()).await.unwrap());
    }
    connections
}

/// Opens a store on each of `count` connections.
async fn open(server: &RedisServer, count: usize, prefix: &str) -> Vec<RedisStore> {
    let mut stores = Vec::new();
    for connection in connect(server, count).await {
        stores.push(RedisStore::from_connection(connection).await.unwrap().prefix(prefix));
    }
    stores
}
