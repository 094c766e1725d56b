//! Every store of the library, and the example store of its documentation, passes the suite that each store must pass.
//! `bad_stores` tests that the suite notices a bad store.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use session_runtime::{
    FileStore, MemoryStore, RedisStore, SqlStore, Timestamp,
    store::{Class, Key, Position, Store, StoreError, Swapped, Value, Versioned},
    testing::conformance::{self, Expiry, value},
};
use tests::{
    databases::{self, Engine, table},
    servers::{Kind, Sentinels, prefix, shared, shared_cluster},
};

async fn passes<S: Store>(expiry: Expiry, open: impl AsyncFn() -> S) {
    conformance::run_with(expiry, &open).await;
    let scanned = open().await.scan(&Position::start(), Timestamp::from_millis(0)).await.unwrap();
    assert!(scanned.is_some(), "each store of the library can list its values, so the suite has checked that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    let store = MemoryStore::new();
    passes(Expiry::ByCleaningUp, async || store.clone()).await;
}

/// A full store evicts guests, and otherwise behaves like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn full_memory() {
    let (store, beginning) = (MemoryStore::with_capacity(150), Timestamp::from_millis(0));
    for _ in 0..store.capacity() {
        let guest = value(Class::Guest, Timestamp::NEVER, b"a guest");
        store.swap(&Key::random().unwrap(), None, Some(&guest), beginning).await.unwrap();
    }
    conformance::run(async || store.clone()).await;
    assert!(store.len() <= 150);
}

/// B36: the handles share only the folder, like handles in different processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn files() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn durable_files() {
    // Uses memory where possible, because this tests correctness, not the speed of the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    in_files(folder.path(), true).await;
}

async fn in_files(folder: &Path, fsync: bool) {
    let open = async || FileStore::builder(folder.join("sessions")).fsync(fsync).open().await.unwrap();
    passes(Expiry::ByCleaningUp, open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis() {
    on_server(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_6() {
    on_server(Kind::Redis6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_8() {
    on_server(Kind::Redis8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valkey() {
    on_server(Kind::Valkey).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_cluster() {
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    on_redis(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_by_sentinel() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    on_redis(&sentinels.url()).await;
}

async fn on_server(kind: Kind) {
    let Some(server) = shared(kind) else { return };
    on_redis(&server.url()).await;
}

async fn on_redis(url: &str) {
    let prefix = prefix();
    passes(Expiry::ByServer, async || RedisStore::open(url).await.unwrap().prefix(&*prefix)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    on_tables(&format!("sqlite:{}", folder.path().join("sessions.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    on_tables(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mariadb() {
    let Some(server) = databases::shared(Engine::MariaDb) else { return };
    on_tables(&server.url()).await;
}

async fn on_tables(url: &str) {
    let url = format!("{url}?table={}", table());
    let open = async || {
        let store = SqlStore::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        store
    };
    passes(Expiry::ByCleaningUp, open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_of_the_documentation() {
    let shelf = Shelf::default();
    conformance::run(async || shelf.clone()).await;
}

type Values = HashMap<[u8; 16], Value>;

#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Values>>);

impl Shelf {
    fn lock(&self) -> Result<MutexGuard<'_, Values>, StoreError> {
        self.0.lock().map_err(|_| StoreError::new("the shelf broke"))
    }
}

impl Store for Shelf {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        Ok(self.lock()?.get(&key.digest()).cloned().map(Versioned::new))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        _now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let mut shelf = self.lock()?;
        let current = shelf.get(&key.digest()).cloned().map(Versioned::new);
        if current.as_ref().map(Versioned::revision) != before.map(Versioned::revision) {
            return Ok(Swapped::Stale(current));
        }
        Ok(match after {
            Some(value) => {
                shelf.insert(key.digest(), value.clone());
                Swapped::written(value)
            }
            None => {
                shelf.remove(&key.digest());
                Swapped::removed()
            }
        })
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut shelf = self.lock()?;
        let before = shelf.len();
        shelf.retain(|_, value| !value.expires_at().passed(now));
        Ok((before - shelf.len()) as u64)
    }
}
