//! Programs with several Tokio runtimes. A connection of a pool belongs to the runtime that opened it.

use std::time::Duration;

use session_runtime::{SqlStore, Timestamp, store::Store as _};
use tests::databases::{self, Engine, table};
use tokio::runtime::Runtime;

use crate::{at, key};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SOON: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the URLs of all database servers that are installed.
fn urls() -> Vec<String> {
    let engines = [Engine::Postgres, Engine::MariaDb];
    let servers = engines.into_iter().filter_map(databases::shared);
    servers.map(|server| format!("{}?table={}", server.url(), table())).collect()
}

async fn load(store: &SqlStore) {
    let key = key();
    let load = tokio::time::timeout(SOON, store.load(&key, NOW));
    assert!(load.await.expect("the load hangs").unwrap().is_none());
}

/// The pool still has the connections of the first runtime, and replaces them when they turn out to be broken.
#[test]
fn a_runtime_that_shuts_down_does_not_stop_the_calls_of_another() {
    for url in urls() {
        let (first, second) = (runtime(), runtime());
        let store = first.block_on(at(&url));
        first.block_on(load(&store));
        drop(first);
        for _ in 0..3 {
            second.block_on(load(&store));
        }
    }
}
