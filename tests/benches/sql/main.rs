//! Measures the cost of sessions in a SQL database, compared with bare statements, and finds the best table layout for a session:
//! `cargo bench -p tests --bench sql`. It runs on each database that is installed.
//!
//! It compares the store, a bare row that is overwritten whole without a guard, and a row for each field. On PostgreSQL it also
//! compares the store as it works behind PgBouncer, with a transaction for each statement. All sides use pools of the same size
//! and take turns; the ratio is the median of the rounds. Small sessions have the eight fields of the other benchmarks, large
//! sessions have ten fields of a kibibyte each.
//!
//! Because of this comparison, the store writes a session as one row, and prepares statements where there is no pooler. Ratios of
//! throughput to the bare row, for one request at a time and for eight at once, on two busy cores (SQLite 3.51, PostgreSQL 15.18,
//! MariaDB 10.11; November 2026):
//!
//! | | | SQLite | PostgreSQL | MariaDB |
//! |---|---|---|---|---|
//! | small, load | the store | 0.99 / 0.99 | 0.97 / 1.02 | 0.99 / 0.99 |
//! | | the store, as behind PgBouncer | | 0.44 / 0.36 | |
//! | | a row for each field | 0.66 / 0.63 | 0.95 / 0.80 | 0.62 / 0.76 |
//! | small, save | the store | 0.69 / 0.61 | 0.89 / 0.89 | 0.90 / 0.83 |
//! | | the store, as behind PgBouncer | | 0.43 / 0.35 | |
//! | | a row for each field | 0.32 / 0.26 | 0.85 / 0.82 | 0.37 / 0.43 |
//! | large, load | the store | 0.98 / 1.00 | 1.02 / 0.98 | 1.03 / 0.97 |
//! | | the store, as behind PgBouncer | | 0.37 / 0.43 | |
//! | | a row for each field | 0.57 / 0.60 | 0.78 / 0.79 | 0.72 / 0.75 |
//! | large, save | the store | 0.96 / 0.77 | 0.90 / 0.81 | 0.72 / 1.04 |
//! | | the store, as behind PgBouncer | | 0.24 / 0.33 | |
//! | | a row for each field | 0.62 / 0.25 | 1.24 / 1.23 | 0.48 / 0.75 |
//!
//! With values in the text of statements, a save behind PgBouncer would take one round trip, not four, and half the time. But the
//! values would appear in the logs of `sqlx` and of the server.
//!
//! Only saves of ten kibibytes to PostgreSQL are faster with a row for each field.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../crowd/mod.rs"]
mod crowd;
mod layouts;

use std::{sync::Arc, time::Duration};

use session_runtime::{
    SqlPool, SqlStore, Timestamp,
    store::{Key, Store as _, Swapped, Value, Versioned},
};
use tests::databases::{DatabaseServer, Engine, processor_time};
use tokio::sync::Mutex;

use self::{
    crowd::{ProcessorTime, Way, in_turns, median, ratio, way},
    layouts::Bare,
};

/// The time at which everything happens: in 2027.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The number of sessions to choose from.
const SESSIONS: usize = 500;
/// Operations per round.
const TIMES: usize = 1_000;
/// Concurrent requests.
const CROWDS: [usize; 2] = [1, 8];
/// The lifetime of an untouched session.
const LIFETIME: Duration = Duration::from_secs(1800);

/// Names and values of a session's fields.
type Fields = Vec<(&'static str, Vec<u8>)>;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db");
    let servers: Vec<_> = Engine::ALL.into_iter().filter_map(DatabaseServer::start).collect();
    // SQLite runs in this process.
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
        let table = format!("sessions_{size}");
        let store = SqlStore::from_pool(pool.clone()).table(&table).unwrap();
        store.migrate().await.unwrap();
        let mut kept = Vec::new();
        let bare = Arc::new(Bare::new(pool, size).await);
        for key in keys {
            let value = value(&fields, 0);
            assert!(matches!(store.swap(key, None, Some(&value), NOW).await, Ok(Swapped::Done(_))));
            kept.push(Mutex::new(Versioned::new(value)));
            bare.begin(key, &fields).await;
        }
        let kept: &'static [Mutex<Versioned>] = Vec::leak(kept);
        let mut stores = vec![("the store", store)];
        if url.starts_with("postgres") {
            let pool = layouts::pool(&format!("{url}?statement-cache-capacity=0")).await;
            stores.push(("the store, as behind PgBouncer", SqlStore::from_pool(pool).table(&table).unwrap()));
        }
        for crowd in CROWDS {
            let mut loads = vec![("a bare row", bare_load(&bare, keys))];
            let mut saves = vec![("a bare row", bare_save(&bare, keys, &fields))];
            for (name, store) in &stores {
                loads.push((name, load(store, keys)));
                saves.push((name, save(store, keys, kept, &fields)));
            }
            loads.push(("a row for each field", each_load(&bare, keys, fields.len())));
            saves.push(("a row for each field", each_save(&bare, keys, fields[0].0, &fields[0].1)));
            compare("load", cpu, crowd, &loads).await;
            compare("save of one field", cpu, crowd, &saves).await;
        }
    }
}

/// Compares each way with the first.
async fn compare(work: &str, cpu: ProcessorTime<'_>, crowd: usize, named: &[(&str, Way)]) {
    let ways: Vec<_> = named.iter().map(|(_, way)| Arc::clone(way)).collect();
    let costs = in_turns(cpu, crowd, TIMES, &ways).await;
    for ((name, _), way) in named.iter().zip(&costs) {
        println!(
            "{work} by {crowd}, {name:<30}: {:>6.0}/s, ratio {:.2}; server {:.0} µs, ratio {:.2}",
            median(way.iter().map(|cost| cost.per_second)),
            ratio(way, &costs[0], |cost| cost.per_second),
            median(way.iter().map(|cost| cost.server)),
            ratio(way, &costs[0], |cost| cost.server),
        );
    }
}

/// Returns a guest's session with these fields, under a new revision each time.
fn value(fields: &Fields, at: usize) -> Value {
    let revision = Key::random().unwrap().digest();
    let (version, class, scope) = (1, 0, [0; 8]);
    let until = (NOW + LIFETIME + Duration::from_millis(at as u64)).as_millis().to_be_bytes();
    let content = layouts::whole(fields);
    let length = (content.len() as u32).to_be_bytes();
    Value::from_bytes([&revision[..8], &[version, class], &until, &scope, &length, &content].concat())
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

/// Saves a session that the request has already loaded; the load is not counted.
fn save(store: &SqlStore, keys: &'static [Key], kept: &'static [Mutex<Versioned>], fields: &Fields) -> Way {
    let (store, fields) = (store.clone(), fields.clone());
    way(move |_, at| {
        let (store, after) = (store.clone(), value(&fields, at));
        async move {
            // Rarely waits, because the other tasks use other keys.
            let mut kept = kept[at % SESSIONS].lock().await;
            let swapped = store.swap(&keys[at % SESSIONS], Some(&kept), Some(&after), NOW).await.unwrap();
            assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
            *kept = Versioned::new(after);
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

/// The pools of the store and of the bare statements.
pub type Pool = SqlPool;
