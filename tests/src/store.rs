//! Stores to test with: a probe that counts calls and fails on demand, and every real store behind one type.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use session_runtime::{
    FileStore, MemoryStore, RedisStore, SqlStore, Timestamp,
    store::{Feed, Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned},
    testing::inspect::{self, Stored},
};
use sqlx::{Connection as _, Row as _};
use tempfile::TempDir;

use crate::databases::{self, DatabaseServer, Engine, table};
use crate::servers::{Kind, RedisServer, prefix, shared, shared_after_failover, shared_cluster};

/// The faults that a [`Probe`] causes, and the calls that it saw.
#[derive(Default)]
pub struct Controls {
    pub loads: AtomicUsize,
    pub swaps: AtomicUsize,
    /// Whether every call fails.
    pub down: AtomicBool,
    /// Whether no call is ever answered.
    pub stuck: AtomicBool,
    /// Whether the answer to the next swap is lost, although the swap is made.
    pub lose_answer: AtomicBool,
    /// Whether the store has no feed of ended sessions.
    pub deaf: AtomicBool,
    /// The keys of all calls, so that tests can look at the stored sessions.
    pub keys: Mutex<Vec<Key>>,
}

impl Controls {
    /// Returns the number of loads and of swaps.
    pub fn calls(&self) -> (usize, usize) {
        (self.loads.load(Ordering::SeqCst), self.swaps.load(Ordering::SeqCst))
    }
}

/// A store that passes its calls to another store, counts them, and causes faults.
pub struct Probe {
    pub inner: AnyStore,
    pub controls: Arc<Controls>,
}

impl Probe {
    async fn check(&self, counter: &AtomicUsize, key: &Key) -> Result<(), StoreError> {
        self.controls.keys.lock().unwrap().push(*key);
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
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.check(&self.controls.loads, key).await?;
        self.inner.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.check(&self.controls.swaps, key).await?;
        let swapped = self.inner.swap(key, before, after, now).await;
        match self.controls.lose_answer.swap(false, Ordering::SeqCst) {
            true => Err(StoreError::new("the connection broke before the answer came")),
            false => swapped,
        }
    }

    async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        for key in keys {
            self.check(&self.controls.loads, key).await?;
        }
        self.inner.load_many(keys, now).await
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        if self.controls.deaf.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.inner.listen(feed).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        match self.controls.down.load(Ordering::SeqCst) {
            true => Err(StoreError::new("the store is down")),
            false => self.inner.scan(from, now).await,
        }
    }
}

/// Any of the real stores.
#[derive(Clone)]
pub enum AnyStore {
    Memory(MemoryStore),
    File(FileStore, Arc<TempDir>),
    Redis(RedisStore, Shelf),
    Sql(SqlStore, Tables),
}

impl AnyStore {
    pub fn memory() -> Self {
        Self::Memory(MemoryStore::new())
    }

    pub async fn file() -> Self {
        let folder = folder();
        let store = FileStore::open(folder.path().join("sessions")).await.unwrap();
        Self::File(store, Arc::new(folder))
    }

    /// Opens a store on the server that all tests of a binary share. If the variable `REDIS_BEHIND` is `cluster` or `sentinels`,
    /// it uses a cluster, or sentinels after a failover. Reports a missing program and returns `None`.
    pub async fn redis() -> Option<Self> {
        let (servers, url) = match std::env::var("REDIS_BEHIND").as_deref() {
            Ok("cluster") => {
                let cluster = shared_cluster(Kind::Redis)?;
                (cluster.nodes(), cluster.url())
            }
            Ok("sentinels") => {
                let sentinels = shared_after_failover(Kind::Redis)?;
                (sentinels.servers(), sentinels.url())
            }
            Ok(other) => panic!("REDIS_BEHIND is `cluster` or `sentinels`, not `{other}`"),
            Err(_) => (std::slice::from_ref(shared(Kind::Redis)?), shared(Kind::Redis)?.url()),
        };
        let shelf = Shelf { servers, prefix: prefix().into() };
        let store = RedisStore::open(&url).await.unwrap().prefix(&*shelf.prefix);
        Some(Self::Redis(store, shelf))
    }

    /// Opens a store in a SQLite file.
    pub async fn sqlite() -> Self {
        let folder = Arc::new(folder());
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        let store = SqlStore::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        Self::Sql(store, Tables::InFile(folder))
    }

    /// Opens a store in tables of its own on the server that all tests of a binary share. Reports a missing program and returns
    /// `None`.
    pub async fn on(engine: Engine) -> Option<Self> {
        let server = databases::shared(engine)?;
        Some(Self::on_database(server, &server.url()).await)
    }

    /// Wraps a store on a Redis server of the test's own.
    pub fn on_redis(store: RedisStore) -> Self {
        Self::Redis(store, Shelf { servers: &[], prefix: "session:".into() })
    }

    /// Opens a store in a table of its own on this database server, through the given URL.
    pub async fn on_database(server: &'static DatabaseServer, url: &str) -> Self {
        let table = table();
        let store = SqlStore::open(url).await.unwrap().table(&table).unwrap();
        store.migrate().await.unwrap();
        Self::Sql(store, Tables::On(server, table))
    }

    pub async fn postgres() -> Option<Self> {
        Self::on(Engine::Postgres).await
    }

    pub async fn mariadb() -> Option<Self> {
        Self::on(Engine::MariaDb).await
    }

    /// Returns the session under a key, as it is stored; `None` if no session is stored there, or if it has ended.
    pub async fn session(&self, key: &Key, now: Timestamp) -> Option<Stored> {
        self.load(key, now).await.unwrap().and_then(|held| inspect::stored(held.value()))
    }

    /// Replaces a field with these bytes, as another program with access to the store might.
    pub async fn plant(&self, key: &Key, field: &str, bytes: &[u8], now: Timestamp) {
        let before = self.load(key, now).await.unwrap().unwrap();
        let after = inspect::planted(before.value(), field, Some(bytes)).unwrap();
        let swapped = self.swap(key, Some(&before), Some(&after), now).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
    }

    /// Returns whether the store's server removes expired sessions, so that a clean-up finds nothing to do.
    pub fn expires_by_itself(&self) -> bool {
        matches!(self, Self::Redis(..))
    }

    /// Returns one store of each kind that is available on this machine.
    pub async fn all() -> Vec<Self> {
        let servers = [Self::redis().await, Self::postgres().await, Self::mariadb().await];
        [Self::memory(), Self::file().await, Self::sqlite().await]
            .into_iter()
            .chain(servers.into_iter().flatten())
            .collect()
    }
}

/// Returns a folder for a store, in memory where possible: these tests are not about the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The place of a store's tables.
#[derive(Clone)]
pub enum Tables {
    InFile(Arc<TempDir>),
    /// A server, and the table's name on it.
    On(&'static DatabaseServer, String),
}

impl Tables {
    /// Returns every byte that the tables hold on a server: as text, and with binary columns as raw bytes.
    pub fn dump(&self) -> Vec<u8> {
        let Self::On(server, table) = self else { return Vec::new() };
        let (quote, hex) = match server.engine() {
            Engine::Postgres => ('"', "encode(COLUMN, 'hex')"),
            Engine::MariaDb => ('`', "HEX(COLUMN)"),
        };
        let mut dump = Vec::new();
        let table = format!("{quote}{table}{quote}");
        dump.extend(server.ask(&format!("SELECT * FROM {table}")).into_bytes());
        for column in ["id", "value"] {
            let digits = server.ask(&format!("SELECT {} FROM {table}", hex.replace("COLUMN", column)));
            let digits: Vec<_> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
            dump.extend(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8));
        }
        dump
    }

    /// Counts the rows.
    pub async fn rows(&self) -> usize {
        let count = |table: &str| format!("SELECT COUNT(*) FROM {table}");
        match self {
            Self::On(server, table) => server.ask(&count(table)).parse().unwrap(),
            Self::InFile(folder) => {
                let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
                let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
                let count = sqlx::query(sqlx::AssertSqlSafe(count("sessions")));
                count.fetch_one(&mut file).await.unwrap().get::<i64, _>(0) as usize
            }
        }
    }
}

/// The keys of one store, on servers that also hold the keys of other stores.
#[derive(Clone)]
pub struct Shelf {
    servers: &'static [RedisServer],
    prefix: Arc<str>,
}

impl Shelf {
    /// Returns the servers that are not replicas.
    fn primaries(&self) -> impl Iterator<Item = &'static RedisServer> {
        let is_primary = |server: &&RedisServer| {
            server.ask::<String>(&["INFO", "replication"]).is_ok_and(|info| info.contains("role:master"))
        };
        self.servers.iter().filter(|server| server.is_up()).filter(is_primary)
    }

    fn keys_on(&self, server: &RedisServer) -> Vec<String> {
        server.ask(&["KEYS", &format!("{}*", self.prefix)]).unwrap()
    }

    /// Returns the names of all keys.
    pub fn keys(&self) -> Vec<String> {
        self.primaries().flat_map(|server| self.keys_on(server)).collect()
    }

    /// Returns every byte that is stored, names included.
    pub fn dump(&self) -> Vec<u8> {
        let mut dump = Vec::new();
        for server in self.primaries() {
            for key in self.keys_on(server) {
                dump.extend(key.bytes());
                dump.push(b'\n');
                dump.extend(server.ask::<Vec<u8>>(&["GET", &key]).unwrap());
            }
        }
        dump
    }
}

/// Evaluates the same expression for each kind of store.
macro_rules! each {
    ($any:expr, $store:ident => $call:expr) => {
        match $any {
            AnyStore::Memory($store) => $call,
            AnyStore::File($store, _) => $call,
            AnyStore::Redis($store, _) => $call,
            AnyStore::Sql($store, _) => $call,
        }
    };
}

impl Store for AnyStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        each!(self, store => store.load(key, now).await)
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        each!(self, store => store.swap(key, before, after, now).await)
    }

    async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        each!(self, store => store.load_many(keys, now).await)
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        each!(self, store => store.listen(feed).await)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        each!(self, store => store.delete_expired(now).await)
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        each!(self, store => store.scan(from, now).await)
    }
}
