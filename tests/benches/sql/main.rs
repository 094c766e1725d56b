//! What sessions in a SQL database cost beside the bare statements, and how a session should lie in its tables:
//! `cargo bench -p tests --bench sql`, on each database that is here.
//!
//! Compared are the store, a bare row that is overwritten whole without any guard, and a row for each field. All use pools
//! of the same size, and take turns; the ratio is the median of the rounds. Small sessions have the eight fields of the other
//! benchmarks, large ones ten of a kibibyte.
//!
//! This is the comparison that decided for a row that is written whole. Ratios of throughput to the bare row, by one at a
//! time and by eight at once, on two cores (SQLite 3.51, PostgreSQL 15.18, MariaDB 10.11; November 2026):
//!
//! | | | SQLite | PostgreSQL | MariaDB |
//! |---|---|---|---|---|
//! | small, load | the store | 0.94 / 0.93 | 0.94 / 0.92 | 0.95 / 0.89 |
//! | | a row for each field | 0.83 / 0.73 | 0.81 / 0.75 | 0.70 / 0.72 |
//! | small, save | the store | 0.80 / 0.71 | 0.94 / 0.95 | 0.83 / 0.85 |
//! | | a row for each field | 0.34 / 0.28 | 0.80 / 0.83 | 0.37 / 0.44 |
//! | large, load | the store | 0.91 / 0.84 | 0.95 / 0.86 | 0.93 / 0.85 |
//! | | a row for each field | 0.90 / 0.60 | 0.79 / 0.73 | 0.71 / 0.72 |
//! | large, save | the store | 1.04 / 0.91 | 0.94 / 0.90 | 0.88 / 0.87 |
//! | | a row for each field | 0.55 / 0.53 | 1.18 / 1.17 | 0.52 / 0.84 |
//!
//! Only saves of ten kibibytes to PostgreSQL are faster with a row for each field.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../crowd/mod.rs"]
mod crowd;
mod layouts;

use std::{sync::Arc, time::Duration};

use session_runtime::{
    SqlPool, SqlStore,
    store::{Key, Store as _},
};
use tests::{
    databases::{DatabaseServer, Engine, processor_time},
    records::{NOW, create_until, set, update, write},
};

use self::{
    crowd::{ProcessorTime, Way, in_turns, median, ratio, way},
    layouts::Bare,
};

/// How many sessions there are to choose from.
const SESSIONS: usize = 500;
/// How often something is done in a turn.
const TIMES: usize = 1_000;
/// How many requests are under way at once.
const CROWDS: [usize; 2] = [1, 8];
/// How long an untouched session lives.
const LIFETIME: Duration = Duration::from_secs(1800);

/// Names and values of a session's fields.
type Fields = Vec<(&'static str, Vec<u8>)>;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db");
    let servers: Vec<_> = Engine::ALL.into_iter().filter_map(DatabaseServer::start).collect();
    // In a file the work is done by this process.
    runtime.block_on(measure(&format!("sqlite:{}", file.display()), &|| processor_time("self")));
    for server in &servers {
        runtime.block_on(measure(&server.url(), &|| server.processor_time()));
    }
}

async fn measure(url: &str, cpu: ProcessorTime<'_>) {
    for (size, fields) in [("small", small()), ("large", large())] {
        println!("\n{}, {size} sessions", url.split(':').next().unwrap());
        let pool = layouts::pool(url).await;
        let keys: &'static [Key] = Vec::leak((0..SESSIONS).map(|_| Key::random().unwrap()).collect());
        let store = SqlStore::from_pool(pool.clone()).table(&format!("sessions_{size}")).unwrap();
        store.migrate().await.unwrap();
        let bare = Arc::new(Bare::new(pool, size).await);
        for key in keys {
            let begin =
                fields.iter().fold(create_until(NOW + LIFETIME), |begin, (name, value)| set(begin, *name, value));
            write(&store, key, &begin).await;
            bare.begin(key, &fields).await;
        }
        for crowd in CROWDS {
            let loads = [load(&store, keys), bare_load(&bare, keys), each_load(&bare, keys, fields.len())];
            compare("load", cpu, crowd, &loads).await;
            let value = fields[0].1.clone();
            let saves = [
                save(&store, keys, fields[0].0, &value),
                bare_save(&bare, keys, &fields),
                each_save(&bare, keys, fields[0].0, &value),
            ];
            compare("save of one field", cpu, crowd, &saves).await;
        }
    }
}

async fn compare(work: &str, cpu: ProcessorTime<'_>, crowd: usize, ways: &[Way]) {
    let costs = in_turns(cpu, crowd, TIMES, ways).await;
    for (name, way) in ["the store", "a bare row", "a row for each field"].into_iter().zip(&costs) {
        println!(
            "{work} by {crowd}, {name:<20}: {:>6.0}/s, ratio {:.2}; server {:.0} µs, ratio {:.2}",
            median(way.iter().map(|cost| cost.per_second)),
            ratio(way, &costs[1], |cost| cost.per_second),
            median(way.iter().map(|cost| cost.server)),
            ratio(way, &costs[1], |cost| cost.server),
        );
    }
}

fn small() -> Fields {
    let encoded = |value: &str| rmp_serde::to_vec(value).unwrap();
    vec![
        ("user", rmp_serde::to_vec(&1_000_000).unwrap()),
        ("cart", rmp_serde::to_vec(&[1, 2, 3]).unwrap()),
        ("theme", encoded("dark")),
        ("locale", encoded("en-GB")),
        ("notice", encoded("Welcome back")),
        ("visits", rmp_serde::to_vec(&41).unwrap()),
        ("last", encoded("/products/tea")),
        ("score", rmp_serde::to_vec(&1000).unwrap()),
    ]
}

fn large() -> Fields {
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|name| (name, vec![7; 1024])).into()
}

fn load(store: &SqlStore, keys: &'static [Key]) -> Way {
    let store = store.clone();
    way(move |_, at| {
        let store = store.clone();
        async move {
            assert!(store.load(&keys[at % SESSIONS], NOW).await.unwrap().is_some());
        }
    })
}

/// By who has loaded the session before, as a request does; that is not counted here, since the store remembers.
fn save(store: &SqlStore, keys: &'static [Key], name: &'static str, value: &[u8]) -> Way {
    let (store, value) = (store.clone(), value.to_vec());
    way(move |_, at| {
        let (store, value) = (store.clone(), value.clone());
        async move {
            let mut change = set(update(), name, value);
            change.touch = Some(NOW + LIFETIME);
            write(&store, &keys[at % SESSIONS], &change).await;
        }
    })
}

fn bare_load(bare: &Arc<Bare>, keys: &'static [Key]) -> Way {
    let bare = Arc::clone(bare);
    way(move |_, at| {
        let bare = Arc::clone(&bare);
        async move { assert_eq!(bare.load(&keys[at % SESSIONS]).await, 1) }
    })
}

fn bare_save(bare: &Arc<Bare>, keys: &'static [Key], fields: &Fields) -> Way {
    let (bare, whole) = (Arc::clone(bare), layouts::whole(fields));
    way(move |_, at| {
        let (bare, whole) = (Arc::clone(&bare), whole.clone());
        async move { bare.save(&keys[at % SESSIONS], &whole, at).await }
    })
}

fn each_load(bare: &Arc<Bare>, keys: &'static [Key], fields: usize) -> Way {
    let bare = Arc::clone(bare);
    way(move |_, at| {
        let bare = Arc::clone(&bare);
        async move { assert_eq!(bare.load_each(&keys[at % SESSIONS]).await, fields) }
    })
}

fn each_save(bare: &Arc<Bare>, keys: &'static [Key], name: &'static str, value: &[u8]) -> Way {
    let (bare, value) = (Arc::clone(bare), value.to_vec());
    way(move |_, at| {
        let (bare, value) = (Arc::clone(&bare), value.clone());
        async move { bare.save_each(&keys[at % SESSIONS], name, &value, at).await }
    })
}

/// A pool as an application would have it.
pub type Pool = SqlPool;
