//! What sessions on Redis cost beside the bare commands: `cargo bench -p tests --bench redis`, on each kind of server that is
//! here.
//!
//! `works` measures the store against the commands that a program without any guard would send, `guards` compares the ways to
//! guard a write, `room` shows how much memory a session takes. Both sides of a comparison use the same client, the same
//! number of connections and the same server, and take turns; the ratio is the median of the rounds.
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
    // One thread for the client, so that the server has a processor of its own.
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

/// How often something is done in a turn.
const TIMES: usize = 10_000;

/// In seconds, since the server started.
fn processor_time(server: &RedisServer) -> f64 {
    ["used_cpu_user", "used_cpu_sys"]
        .iter()
        .map(|field| server.info("cpu", field).unwrap().parse::<f64>().unwrap())
        .sum()
}

/// So many connections, each as the store connects.
async fn connect(server: &RedisServer, count: usize) -> Vec<ConnectionManager> {
    let client = Client::open(format!("{}/?protocol=resp3", server.url())).unwrap();
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(ConnectionManager::new(client.clone()).await.unwrap());
    }
    connections
}

/// The same for stores.
async fn open(server: &RedisServer, count: usize, prefix: &str) -> Vec<RedisStore> {
    let mut stores = Vec::new();
    for connection in connect(server, count).await {
        stores.push(RedisStore::from_connection(connection).await.unwrap().prefix(prefix));
    }
    stores
}
