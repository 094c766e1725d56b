//! Properties that only the SQL store has: its table, its statements, the faults of its databases, and that it leaves the
//! application's transactions alone. `stores.rs` runs the conformance suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cleaning;
mod faults;
mod log;
mod open;
mod pooler;
mod requests;
mod runtimes;
mod sqlite;
mod statements;
mod swaps;
mod tables;
mod transactions;
mod values;

use std::{fmt::Debug, sync::Arc};

use session_runtime::{
    SqlStore,
    store::{Key, StoreError},
};
use tempfile::TempDir;
use tests::databases::{self, DatabaseServer, Engine, table};

fn key() -> Key {
    Key::random().unwrap()
}

fn sentence<T: Debug>(answer: Result<T, StoreError>) -> String {
    answer.unwrap_err().to_string()
}

/// Opens a store at this URL, and creates its table.
async fn at(url: &str) -> SqlStore {
    let store = SqlStore::open(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Opens a store in a file of its own.
async fn in_file() -> (TempDir, String, SqlStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let store = at(&url).await;
    (folder, url, store)
}

/// Opens a store on the shared server of this kind. Also returns the server and the name of the table.
async fn on(engine: Engine) -> Option<(&'static DatabaseServer, String, SqlStore)> {
    let (server, table) = (databases::shared(engine)?, table());
    let store = at(&format!("{}?table={table}", server.url())).await;
    Some((server, table, store))
}

/// Opens a store on each kind of database that is installed, and a second one on PostgreSQL, with the option that a pooler needs.
/// The store in a file comes with the file's folder.
async fn everywhere() -> Vec<(SqlStore, Option<Arc<TempDir>>)> {
    let (folder, _, store) = in_file().await;
    let mut all = vec![(store, Some(Arc::new(folder)))];
    for engine in Engine::ALL {
        all.extend(on(engine).await.map(|(.., store)| (store, None)));
    }
    if let Some(server) = databases::shared(Engine::Postgres) {
        let url = format!("{}?table={}&statement-cache-capacity=0", server.url(), table());
        all.push((at(&url).await, None));
    }
    all
}
