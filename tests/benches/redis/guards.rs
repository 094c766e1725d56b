//! Compares ways to guard a save: the store's compare-and-swap, a transaction under `WATCH`, and no guard at all.

use std::sync::{Arc, Mutex};

use redis::{AsyncCommands as _, aio::ConnectionManager};
use session_runtime::store::Key;
use tests::servers::RedisServer;

use super::{
    TIMES, connect,
    crowd::{Way, in_turns, median, ratio, way},
    open, processor_time,
    room::session,
    values::{create, replace},
    works::LIFETIME,
};

/// The numbers of concurrent tasks. `WATCH` applies to one connection, so each task has a connection of its own. For a fair
/// comparison, it also has one in the ways without `WATCH`.
const CROWDS: [usize; 2] = [1, 16];

pub async fn measure(server: &RedisServer) {
    for crowd in CROWDS {
        let ways = [unguarded(server, crowd).await, watched(server, crowd).await, swapped(server, crowd).await];
        let costs = in_turns(&|| processor_time(server), crowd, TIMES, &ways).await;
        for (name, way) in ["SET, unguarded", "WATCH and MULTI", "compare-and-swap"].into_iter().zip(&costs) {
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

async fn swapped(server: &RedisServer, crowd: usize) -> Way {
    let mut stores = Vec::new();
    for store in open(server, crowd, "guards:").await {
        let key = Key::random().unwrap();
        let held = create(&store, &key, &session()).await;
        stores.push((store, key, Mutex::new(held)));
    }
    let stores = Arc::new(stores);
    way(move |who, _| {
        let stores = Arc::clone(&stores);
        async move {
            let (store, key, last) = &stores[who];
            let held = last.lock().unwrap().clone();
            let held = replace(store, key, &held, &session()).await;
            *last.lock().unwrap() = held;
        }
    })
}

/// Takes two round trips: reads, then writes unless another client has written in between.
async fn watched(server: &RedisServer, crowd: usize) -> Way {
    let connections = connect(server, crowd).await;
    way(move |who, _| {
        let mut connection = connections[who].clone();
        async move {
            let key = format!("watched:{who}");
            let mut look = redis::pipe();
            look.cmd("WATCH").arg(&key).ignore().cmd("GETRANGE").arg(&key).arg(0).arg(7);
            let (_revision,): (Vec<u8>,) = look.query_async(&mut connection).await.unwrap();
            let mut write = redis::pipe();
            write.atomic().pset_ex(&key, session().to_bytes().to_vec(), lifetime()).ignore();
            let done: Option<()> = write.query_async(&mut connection).await.unwrap();
            assert!(done.is_some(), "no other client writes here");
        }
    })
}

async fn unguarded(server: &RedisServer, crowd: usize) -> Way {
    let connections: Vec<ConnectionManager> = connect(server, crowd).await;
    way(move |who, _| {
        let mut connection = connections[who].clone();
        async move {
            let value = session().to_bytes().to_vec();
            let () = connection.pset_ex(format!("unguarded:{who}"), value, lifetime()).await.unwrap();
        }
    })
}

fn lifetime() -> u64 {
    u64::try_from(LIFETIME.as_millis()).unwrap()
}
