//! What only the SQL store shows: its tables, what it sends, what befalls it on its databases, and that it leaves the
//! application's transactions alone. That it is a store at all is tested in `stores.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cleaning;
mod faults;
mod open;
mod sqlite;
mod statements;
mod tables;
mod transactions;

use std::{fmt::Debug, sync::Arc};

use session_runtime::{
    SqlStore,
    store::{Change, Key, StoreError},
};
use tempfile::TempDir;
use tests::{
    databases::{self, DatabaseServer, Engine, table},
    records::{create, set},
};

fn key() -> Key {
    Key::random().unwrap()
}

/// `create()` with a field.
fn filled() -> Change {
    set(create(), "theme", b"\xa4dark")
}

fn sentence<T: Debug>(answer: Result<T, StoreError>) -> String {
    answer.unwrap_err().to_string()
}

/// A store on tables of its own at this URL.
async fn at(url: &str) -> SqlStore {
    let store = SqlStore::open(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// The same in a file of its own.
async fn in_file() -> (TempDir, String, SqlStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let store = at(&url).await;
    (folder, url, store)
}

/// The same on the shared server of this kind: where, and what the table is called.
async fn on(engine: Engine) -> Option<(&'static DatabaseServer, String, SqlStore)> {
    let (server, table) = (databases::shared(engine)?, table());
    let store = at(&format!("{}?table={table}", server.url())).await;
    Some((server, table, store))
}

/// A store on each kind of database that is here, and what keeps it.
async fn everywhere() -> Vec<(SqlStore, Option<Arc<TempDir>>)> {
    let (folder, _, store) = in_file().await;
    let mut all = vec![(store, Some(Arc::new(folder)))];
    for engine in Engine::ALL {
        all.extend(on(engine).await.map(|(.., store)| (store, None)));
    }
    all
}
