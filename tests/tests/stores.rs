//! Every store of ours passes the suite that every store must pass, and so does the one that the documentation shows.
//! That the suite notices a bad store is tested in `bad_stores.rs`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use session_runtime::{
    FileStore, MemoryStore, RedisStore, SqlStore, Timestamp,
    store::{Applied, Change, Digest, Ended, Key, Record, Store, StoreError},
    testing::conformance::{self, Expiry},
};
use tempfile::TempDir;
use tests::{
    databases::{self, Engine, table},
    servers::{Kind, Sentinels, prefix, shared, shared_cluster},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    conformance::run(async || MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_in_memory() {
    conformance::run_user_index(async || MemoryStore::new()).await;
    conformance::run_scan(async || MemoryStore::new()).await;
}

/// A full store behaves as any other: strangers go, and nothing is mixed up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn full_memory() {
    let beginning = Timestamp::from_millis(0);
    let guest = Change::create(Digest::from([0; 16]), beginning, Timestamp::NEVER, Timestamp::NEVER);
    let make = async || {
        let store = MemoryStore::with_capacity(150);
        for _ in 0..store.capacity() {
            store.apply(&Key::random().unwrap(), &guest, beginning).await.unwrap();
        }
        store
    };
    conformance::run(make).await;
    conformance::run_user_index(make).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn files() {
    let folders = Folders::new(tempfile::tempdir().unwrap());
    conformance::run(async || folders.open(false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_in_files() {
    let folders = Folders::new(tempfile::tempdir().unwrap());
    conformance::run_user_index(async || folders.open(false).await).await;
    conformance::run_scan(async || folders.open(false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn durable_files() {
    // In memory where that is possible: what is tested is that it works, not how long the disk takes.
    let folders = Folders::new(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
    conformance::run(async || folders.open(true).await).await;
    conformance::run_user_index(async || folders.open(true).await).await;
}

// B36
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn files_of_two_processes() {
    let (folder, number) = (tempfile::tempdir().unwrap(), AtomicU32::new(0));
    conformance::run(async || {
        let fresh = folder.path().join(number.fetch_add(1, Ordering::Relaxed).to_string());
        let stores = [FileStore::open(&fresh).await.unwrap(), FileStore::open(&fresh).await.unwrap()];
        InTurn { stores, calls: AtomicU32::new(0) }
    })
    .await;
}

/// Two stores on one folder, which share nothing else, as those of two processes: each call goes to the other one.
struct InTurn {
    stores: [FileStore; 2],
    calls: AtomicU32,
}

impl InTurn {
    fn next(&self) -> &FileStore {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) as usize % 2]
    }
}

impl Store for InTurn {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.next().load(key, now).await
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        self.next().apply(key, change, now).await
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        self.next().end(key, change, now).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.next().delete(key).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.next().delete_expired(now).await
    }
}

/// A fresh folder for each store.
struct Folders(TempDir, AtomicU32);

impl Folders {
    fn new(folder: TempDir) -> Self {
        Self(folder, AtomicU32::new(0))
    }

    async fn open(&self, fsync: bool) -> FileStore {
        let fresh = self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string());
        FileStore::builder(fresh).fsync(fsync).open().await.unwrap()
    }
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

/// A fresh file for each store.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = async || on_tables(&format!("sqlite:{}", folder.path().join(table()).display())).await;
    conformance::run(fresh).await;
    conformance::run_user_index(fresh).await;
    conformance::run_scan(fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    on_database(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mariadb() {
    on_database(Engine::MariaDb).await;
}

/// Fresh tables for each store.
async fn on_database(engine: Engine) {
    let Some(server) = databases::shared(engine) else { return };
    let fresh = async || on_tables(&server.url()).await;
    conformance::run(fresh).await;
    conformance::run_user_index(fresh).await;
    conformance::run_scan(fresh).await;
}

async fn on_tables(url: &str) -> SqlStore {
    let store = SqlStore::open(&format!("{url}?table={}", table())).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn on_server(kind: Kind) {
    let Some(server) = shared(kind) else { return };
    on_redis(&server.url()).await;
}

async fn on_redis(url: &str) {
    let fresh = async || RedisStore::open(url).await.unwrap().prefix(prefix());
    conformance::run_with(Expiry::ByServer, fresh).await;
    conformance::run_user_index_with(Expiry::ByServer, fresh).await;
    conformance::run_scan(fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_shelf_of_the_documentation() {
    conformance::run(async || Shelf::default()).await;
}

type Records = HashMap<[u8; 16], Arc<Record>>;

#[derive(Default)]
struct Shelf(Mutex<Records>);

impl Shelf {
    fn lock(&self) -> Result<MutexGuard<'_, Records>, StoreError> {
        self.0.lock().map_err(|_| StoreError::new("the shelf broke"))
    }
}

impl Store for Shelf {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        Ok(self.lock()?.get(&key.digest()).filter(|record| record.is_live(now)).cloned())
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let mut shelf = self.lock()?;
        let verdict = change.judge(shelf.get(&key.digest()).map(|record| &**record), now);
        if let Some(record) = verdict.write {
            shelf.insert(key.digest(), record);
        }
        Ok(verdict.answer)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.lock()?.remove(&key.digest());
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut shelf = self.lock()?;
        let before = shelf.len();
        shelf.retain(|_, record| record.is_live(now));
        Ok((before - shelf.len()) as u64)
    }
}
