//! Kinds of work, through the store and by the bare commands: W1 loads a session, W2 saves one field, W3 creates one.

use std::{sync::Arc, time::Duration};

use redis::{AsyncCommands as _, aio::ConnectionManager};
use session_runtime::{
    RedisStore,
    store::{Key, Store as _},
};
use tests::{
    records::{NOW, create_until, set, update, write},
    servers::RedisServer,
};

use super::{
    TIMES, connect,
    crowd::{Way, in_turns, median, ratio, way},
    open, processor_time,
    room::{begin, fields},
};

/// How long an untouched session lives.
pub const LIFETIME: Duration = Duration::from_secs(1800);
/// How many sessions there are to choose from.
const SESSIONS: usize = 1000;
const PREFIX: &str = "works:";

/// How many requests are under way at once, and over how many connections, of which each store has one: a server without
/// much to do, a busy one, and several servers.
const CROWDS: [(usize, usize); 3] = [(1, 1), (32, 1), (16, 16)];

pub async fn measure(server: &RedisServer) {
    let keys: &'static [Key] = Vec::leak((0..SESSIONS).map(|_| Key::random().unwrap()).collect());
    let (store, mut bare) = (open(server, 1, PREFIX).await.remove(0), connect(server, 1).await.remove(0));
    for key in keys {
        write(&store, key, &begin()).await;
        let _: () = bare.hset_multiple(name(key), &fields()).await.unwrap();
    }
    for (crowd, connections) in CROWDS {
        let bare: Arc<[_]> = connect(server, connections).await.into();
        let stores: Arc<[_]> = open(server, connections, PREFIX).await.into();
        for (work, bar, bare, ours) in [
            ("W1", 0.95, bare_load(&bare, keys), load(&stores, keys)),
            ("W2", 0.75, bare_save(&bare, keys), save(&stores, keys)),
            ("W3", 0.9, bare_create(&bare), create(&stores)),
        ] {
            let costs = in_turns(&|| processor_time(server), crowd, TIMES, &[bare, ours]).await;
            let (bare, ours) = (&costs[0], &costs[1]);
            println!(
                "{work}, {crowd:>2} at once over {connections:>2}: {:>6.0}/s, bare {:>6.0}/s, ratio {:.2} (bar: {bar}); \
                 server {:>4.1} µs, bare {:>4.1} µs, ratio {:.2}",
                median(ours.iter().map(|cost| cost.per_second)),
                median(bare.iter().map(|cost| cost.per_second)),
                ratio(ours, bare, |cost| cost.per_second),
                median(ours.iter().map(|cost| cost.server)),
                median(bare.iter().map(|cost| cost.server)),
                ratio(ours, bare, |cost| cost.server),
            );
        }
    }
}

/// Where the bare session is.
fn name(key: &Key) -> String {
    format!("bare:{}", key.hex())
}

fn load(stores: &Arc<[RedisStore]>, keys: &'static [Key]) -> Way {
    let stores = Arc::clone(stores);
    way(move |who, at| {
        let store = stores[who % stores.len()].clone();
        async move {
            assert_eq!(store.load(&keys[at % SESSIONS], NOW).await.unwrap().unwrap().fields.iter().count(), 8);
        }
    })
}

fn bare_load(bare: &Arc<[ConnectionManager]>, keys: &'static [Key]) -> Way {
    let bare = Arc::clone(bare);
    way(move |who, at| {
        let mut bare = bare[who % bare.len()].clone();
        async move {
            let fields: Vec<(String, Vec<u8>)> = bare.hgetall(name(&keys[at % SESSIONS])).await.unwrap();
            assert_eq!(fields.len(), 8);
        }
    })
}

/// Guarded by existence and generation, recognised if it is sent again; refreshes the time to live.
fn save(stores: &Arc<[RedisStore]>, keys: &'static [Key]) -> Way {
    let stores = Arc::clone(stores);
    way(move |who, at| {
        let store = stores[who % stores.len()].clone();
        async move {
            let mut change = set(update(), "score", rmp_serde::to_vec(&at).unwrap());
            change.touch = Some(NOW + LIFETIME);
            write(&store, &keys[at % SESSIONS], &change).await;
        }
    })
}

fn bare_save(bare: &Arc<[ConnectionManager]>, keys: &'static [Key]) -> Way {
    let bare = Arc::clone(bare);
    way(move |who, at| {
        let mut bare = bare[who % bare.len()].clone();
        async move { put(&mut bare, &name(&keys[at % SESSIONS]), at).await }
    })
}

fn create(stores: &Arc<[RedisStore]>) -> Way {
    let stores = Arc::clone(stores);
    way(move |who, at| {
        let store = stores[who % stores.len()].clone();
        async move {
            let change = set(create_until(NOW + LIFETIME), "score", rmp_serde::to_vec(&at).unwrap());
            write(&store, &Key::random().unwrap(), &change).await;
        }
    })
}

fn bare_create(bare: &Arc<[ConnectionManager]>) -> Way {
    let bare = Arc::clone(bare);
    way(move |who, at| {
        let mut bare = bare[who % bare.len()].clone();
        async move { put(&mut bare, &name(&Key::random().unwrap()), at).await }
    })
}

async fn put(bare: &mut ConnectionManager, key: &str, value: usize) {
    let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap();
    let mut pipeline = redis::pipe();
    pipeline.hset(key, "score", rmp_serde::to_vec(&value).unwrap()).ignore().pexpire(key, lifetime).ignore();
    pipeline.exec_async(bare).await.unwrap();
}
