//! What guards a save: the store's script, or a transaction under `WATCH`; beside one that is not guarded at all. This is
//! the comparison that decided for the script.

use redis::aio::ConnectionManager;
use session_runtime::store::{Key, Nonce};
use tests::{
    records::{NOW, set, update, write},
    servers::RedisServer,
};

use super::{
    TIMES, connect,
    crowd::{Way, in_turns, median, ratio, way},
    open, processor_time,
    room::begin,
    works::LIFETIME,
};

/// `WATCH` is about a connection, so everybody has their own, with the script and without a guard too.
const CROWDS: [usize; 2] = [1, 16];

/// Beside the field, each writes what the store's header would take.
const GUARD: [u8; 39] = [1; 39];

pub async fn measure(server: &RedisServer) {
    for crowd in CROWDS {
        let ways = [unguarded(server, crowd).await, watched(server, crowd).await, script(server, crowd).await];
        let costs = in_turns(&|| processor_time(server), crowd, TIMES, &ways).await;
        for (name, way) in ["MULTI, unguarded", "WATCH and MULTI", "the script"].into_iter().zip(&costs) {
            println!(
                "a save by {crowd:>2}, {name:<16}: {:>6.0}/s, ratio {:.2}; server {:.1} µs, ratio {:.2}",
                median(way.iter().map(|cost| cost.per_second)),
                ratio(way, &costs[0], |cost| cost.per_second),
                median(way.iter().map(|cost| cost.server)),
                ratio(way, &costs[0], |cost| cost.server),
            );
        }
    }
}

async fn script(server: &RedisServer, crowd: usize) -> Way {
    let mut stores = Vec::new();
    for store in open(server, crowd, "guards:").await {
        let key = Key::random().unwrap();
        write(&store, &key, &begin()).await;
        stores.push((store, key));
    }
    way(move |who, at| {
        let (store, key) = stores[who].clone();
        async move {
            let mut change = set(update(), "score", rmp_serde::to_vec(&at).unwrap());
            change.touch = Some(NOW + LIFETIME);
            write(&store, &key, &change).await;
        }
    })
}

/// Two round trips: look, and write unless somebody else wrote meanwhile.
async fn watched(server: &RedisServer, crowd: usize) -> Way {
    let connections = prepared(server, crowd, "watched").await;
    way(move |who, at| {
        let mut connection = connections[who].clone();
        async move {
            let key = format!("watched:{who}");
            let mut look = redis::pipe();
            look.cmd("WATCH").arg(&key).ignore().cmd("HMGET").arg(&key).arg("guard").arg("nonces");
            let ((guard, nonces),): ((Vec<u8>, Vec<u8>),) = look.query_async(&mut connection).await.unwrap();
            assert_eq!(guard, GUARD);
            let done: Option<()> = transaction(&key, at, &nonces).query_async(&mut connection).await.unwrap();
            assert!(done.is_some(), "nobody else writes here");
        }
    })
}

async fn unguarded(server: &RedisServer, crowd: usize) -> Way {
    let connections = prepared(server, crowd, "unguarded").await;
    way(move |who, at| {
        let mut connection = connections[who].clone();
        async move {
            transaction(&format!("unguarded:{who}"), at, &[0; 56]).exec_async(&mut connection).await.unwrap();
        }
    })
}

/// Connections, and a session for each of the crowd.
async fn prepared(server: &RedisServer, crowd: usize, name: &str) -> Vec<ConnectionManager> {
    let connections = connect(server, crowd).await;
    for (who, connection) in connections.iter().enumerate() {
        transaction(&format!("{name}:{who}"), 0, &[0; 56]).exec_async(&mut connection.clone()).await.unwrap();
    }
    connections
}

/// Writes one field, and of the header what a change writes.
fn transaction(key: &str, value: usize, nonces: &[u8]) -> redis::Pipeline {
    let nonces = [&nonces[nonces.len().saturating_sub(56)..], &Nonce::next().0.to_be_bytes()].concat();
    let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap();
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.cmd("HSET").arg(key).arg("guard").arg(&GUARD).arg("nonces").arg(nonces);
    pipeline.arg("score").arg(rmp_serde::to_vec(&value).unwrap()).ignore();
    pipeline.pexpire(key, lifetime).ignore();
    pipeline
}
