//! Stores to test with: one that counts and fails on demand, and every real one under one name.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use session_runtime::{
    FileStore, MemoryStore, RedisStore, Timestamp,
    store::{Applied, Change, Key, Record, Store, StoreError, User, UserEntry, UserIndex},
};
use tempfile::TempDir;

use crate::servers::{Kind, prefix, shared, shared_after_failover, shared_cluster};

/// What a [`Probe`] is told to do, and what it saw.
#[derive(Default)]
pub struct Controls {
    pub loads: AtomicUsize,
    pub applies: AtomicUsize,
    pub deletes: AtomicUsize,
    pub index_calls: AtomicUsize,
    /// No call gets through.
    pub down: AtomicBool,
    /// No call is answered.
    pub stuck: AtomicBool,
    /// The next change is applied, but its answer is lost.
    pub lose_answer: AtomicBool,
    /// The keys seen, so that tests can look behind the scenes.
    pub keys: Mutex<Vec<Key>>,
}

impl Controls {
    pub fn calls(&self) -> (usize, usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.loads), count(&self.applies), count(&self.deletes))
    }
}

/// A store in front of another.
pub struct Probe {
    pub inner: AnyStore,
    pub controls: Arc<Controls>,
}

impl Probe {
    async fn check(&self, counter: &AtomicUsize, key: &Key) -> Result<(), StoreError> {
        self.controls.keys.lock().unwrap().push(*key);
        self.pass(counter).await
    }

    async fn pass(&self, counter: &AtomicUsize) -> Result<(), StoreError> {
        counter.fetch_add(1, Ordering::SeqCst);
        if self.controls.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match self.controls.down.load(Ordering::SeqCst) {
            true => Err(StoreError::new("the store is down")),
            false => Ok(()),
        }
    }
}

impl Store for Probe {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.check(&self.controls.loads, key).await?;
        self.inner.load(key, now).await
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        self.check(&self.controls.applies, key).await?;
        let applied = self.inner.apply(key, change, now).await;
        match self.controls.lose_answer.swap(false, Ordering::SeqCst) {
            true => Err(StoreError::new("the connection broke before the answer came")),
            false => applied,
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.check(&self.controls.deletes, key).await?;
        self.inner.delete(key).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }
}

impl UserIndex for Probe {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        self.check(&self.controls.index_calls, key).await?;
        self.inner.enter(user, key, now).await
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        self.pass(&self.controls.index_calls).await?;
        self.inner.entries(user).await
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        self.pass(&self.controls.index_calls).await?;
        self.inner.leave(user, keys).await
    }
}

/// Any of the real stores.
#[derive(Clone)]
pub enum AnyStore {
    Memory(MemoryStore),
    File(FileStore, Arc<TempDir>),
    /// With what its keys begin with.
    Redis(RedisStore, String),
}

impl AnyStore {
    pub fn memory() -> Self {
        Self::Memory(MemoryStore::new())
    }

    pub async fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path().join("sessions")).await.unwrap();
        Self::File(store, Arc::new(folder))
    }

    /// On the server that this binary's tests share, or what the variable `REDIS_BEHIND` says instead: `cluster`, or
    /// `sentinels`, after a failover. None, once that has been reported, if there is none.
    pub async fn redis() -> Option<Self> {
        let url = match std::env::var("REDIS_BEHIND").as_deref() {
            Ok("cluster") => shared_cluster(Kind::Redis)?.url(),
            Ok("sentinels") => shared_after_failover(Kind::Redis)?.url(),
            Ok(other) => panic!("REDIS_BEHIND is `cluster` or `sentinels`, not `{other}`"),
            Err(_) => shared(Kind::Redis)?.url(),
        };
        let store = RedisStore::open(&url).await.unwrap();
        let prefix = prefix();
        Some(Self::Redis(store.prefix(prefix.clone()), prefix))
    }
}

impl AnyStore {
    /// Whether a server removes what has expired, so that cleaning up finds nothing.
    pub fn is_cleaned_by_a_server(&self) -> bool {
        matches!(self, Self::Redis(..))
    }
}

impl Store for AnyStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        match self {
            Self::Memory(store) => store.load(key, now).await,
            Self::File(store, _) => store.load(key, now).await,
            Self::Redis(store, _) => store.load(key, now).await,
        }
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        match self {
            Self::Memory(store) => store.apply(key, change, now).await,
            Self::File(store, _) => store.apply(key, change, now).await,
            Self::Redis(store, _) => store.apply(key, change, now).await,
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.delete(key).await,
            Self::File(store, _) => store.delete(key).await,
            Self::Redis(store, _) => store.delete(key).await,
        }
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        match self {
            Self::Memory(store) => store.delete_expired(now).await,
            Self::File(store, _) => store.delete_expired(now).await,
            Self::Redis(store, _) => store.delete_expired(now).await,
        }
    }
}

impl UserIndex for AnyStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.enter(user, key, now).await,
            Self::File(store, _) => store.enter(user, key, now).await,
            Self::Redis(store, _) => store.enter(user, key, now).await,
        }
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        match self {
            Self::Memory(store) => store.entries(user).await,
            Self::File(store, _) => store.entries(user).await,
            Self::Redis(store, _) => store.entries(user).await,
        }
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.leave(user, keys).await,
            Self::File(store, _) => store.leave(user, keys).await,
            Self::Redis(store, _) => store.leave(user, keys).await,
        }
    }
}

/// Which sessions a list names.
pub fn listed(entries: Vec<UserEntry>) -> Vec<Key> {
    entries.into_iter().map(|entry| entry.key).collect()
}

/// All that Redis keeps under this prefix: names, and what stands under each.
pub fn redis_dump(prefix: &str) -> Vec<(String, Vec<Vec<u8>>)> {
    let server = shared(Kind::Redis).expect("a store on it is there");
    let names: Vec<String> = server.ask(&["KEYS", &format!("{prefix}*")]).unwrap();
    let dump = names.into_iter().map(|name| {
        let kind: String = server.ask(&["TYPE", &name]).unwrap();
        let content = match kind.as_str() {
            "hash" => server.ask(&["HGETALL", &name]).unwrap(),
            _ => server.ask(&["ZRANGE", &name, "0", "-1"]).unwrap(),
        };
        (name, content)
    });
    dump.collect()
}
