//! Loads (W1), replaces (W2) and creates (W3) a session, through the store and with bare commands.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use redis::{AsyncCommands as _, aio::ConnectionManager};
use session_runtime::{
    RedisStore,
    store::{Key, Store as _, Versioned},
};
use tests::servers::RedisServer;

use super::{
    TIMES, connect,
    crowd::{Way, in_turns, median, ratio, way},
    open, processor_time,
    room::session,
    values::{NOW, create, replace},
};

/// The lifetime of an untouched session.
pub const LIFETIME: Duration = Duration::from_secs(1800);
/// The number of sessions to choose from.
const SESSIONS: usize = 1000;
const PREFIX: &str = "works:";

/// Numbers of concurrent requests and of connections; each connection has its own store. They stand for a server with little to
/// do, a busy server, and several application servers.
const CROWDS: [(usize, usize); 3] = [(1, 1), (32, 1), (16, 16)];

/// The sessions, and their values on the server.
struct Shelf {
    keys: Vec<Key>,
    held: Vec<Mutex<Versioned>>,
}

pub async fn measure(server: &RedisServer) {
    let (store, mut bare) = (open(server, 1, PREFIX).await.remove(0), connect(server, 1).await.remove(0));
    let mut shelf = Shelf { keys: Vec::new(), held: Vec::new() };
    for _ in 0..SESSIONS {
        let key = Key::random().unwrap();
        shelf.held.push(Mutex::new(create(&store, &key, &session()).await));
        put(&mut bare, &name(&key)).await;
        shelf.keys.push(key);
    }
    let shelf = Arc::new(shelf);
    for (crowd, connections) in CROWDS {
        let bare: Arc<[_]> = connect(server, connections).await.into();
        let stores: Arc<[_]> = open(server, connections, PREFIX).await.into();
        for (work, bar, bare, ours) in [
            ("W1", 0.95, bare_load(&bare, &shelf), load(&stores, &shelf)),
            ("W2", 0.75, bare_save(&bare, &shelf), save(&stores, &shelf)),
            ("W3", 0.9, bare_create(&bare), begin(&stores)),
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

/// Returns the name under which the bare commands keep the session with this key.
fn name(key: &Key) -> String {
    format!("bare:{}", key.hex())
}

fn load(stores: &Arc<[RedisStore]>, shelf: &Arc<Shelf>) -> Way {
    let (stores, shelf) = (Arc::clone(stores), Arc::clone(shelf));
    way(move |who, at| {
        let (store, key) = (stores[who % stores.len()].clone(), shelf.keys[at % SESSIONS]);
        async move { assert!(store.load(&key, NOW).await.unwrap().is_some()) }
    })
}

fn bare_load(bare: &Arc<[ConnectionManager]>, shelf: &Arc<Shelf>) -> Way {
    let (bare, shelf) = (Arc::clone(bare), Arc::clone(shelf));
    way(move |who, at| {
        let (mut bare, key) = (bare[who % bare.len()].clone(), shelf.keys[at % SESSIONS]);
        async move {
            let found: Vec<u8> = bare.get(name(&key)).await.unwrap();
            assert!(!found.is_empty());
        }
    })
}

/// Two saves of one session never overlap: at most 32 saves run at a time, and a session is saved again only 1,000 saves later.
fn save(stores: &Arc<[RedisStore]>, shelf: &Arc<Shelf>) -> Way {
    let (stores, shelf) = (Arc::clone(stores), Arc::clone(shelf));
    way(move |who, at| {
        let (store, shelf) = (stores[who % stores.len()].clone(), Arc::clone(&shelf));
        async move {
            let held = shelf.held[at % SESSIONS].lock().unwrap().clone();
            let held = replace(&store, &shelf.keys[at % SESSIONS], &held, &session()).await;
            *shelf.held[at % SESSIONS].lock().unwrap() = held;
        }
    })
}

fn bare_save(bare: &Arc<[ConnectionManager]>, shelf: &Arc<Shelf>) -> Way {
    let (bare, shelf) = (Arc::clone(bare), Arc::clone(shelf));
    way(move |who, at| {
        let (mut bare, key) = (bare[who % bare.len()].clone(), shelf.keys[at % SESSIONS]);
        async move { put(&mut bare, &name(&key)).await }
    })
}

fn begin(stores: &Arc<[RedisStore]>) -> Way {
    let stores = Arc::clone(stores);
    way(move |who, _| {
        let store = stores[who % stores.len()].clone();
        async move {
            create(&store, &Key::random().unwrap(), &session()).await;
        }
    })
}

fn bare_create(bare: &Arc<[ConnectionManager]>) -> Way {
    let bare = Arc::clone(bare);
    way(move |who, _| {
        let mut bare = bare[who % bare.len()].clone();
        async move { put(&mut bare, &name(&Key::random().unwrap())).await }
    })
}

async fn put(bare: &mut ConnectionManager, key: &str) {
    let lifetime = u64::try_from(LIFETIME.as_millis()).unwrap();
    let () = bare.pset_ex(key, session().to_bytes().to_vec(), lifetime).await.unwrap();
}
