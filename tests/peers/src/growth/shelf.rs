//! Any of this project's stores behind one type, with its own server or folder, which is removed together with the store.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, sync::Arc};

use session_runtime::{
    FileStore, MemoryStore, RedisStore, Sessions, SqlStore, Timestamp,
    store::{Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned},
    testing::inspect,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tests::{
    databases::{DatabaseServer, Engine},
    servers::{Kind, Options, RedisServer},
};

use super::eight;
use crate::contestants::ours::Bench;

/// The places for this project's sessions, except cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Memory,
    Redis,
    Sqlite,
    Postgres,
    Files,
}

impl What {
    pub const ALL: [Self; 5] = [Self::Memory, Self::Redis, Self::Sqlite, Self::Postgres, Self::Files];

    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "MemoryStore",
            Self::Redis => "RedisStore",
            Self::Sqlite => "SqlStore, SQLite",
            Self::Postgres => "SqlStore, PostgreSQL",
            Self::Files => "FileStore",
        }
    }
}

#[derive(Clone)]
pub enum AnyStore {
    Memory(MemoryStore),
    File(FileStore),
    Redis(RedisStore),
    Sql(SqlStore),
}

macro_rules! each {
    ($of:ident, $store:ident => $call:expr) => {
        match $of {
            Self::Memory($store) => $call.await,
            Self::File($store) => $call.await,
            Self::Redis($store) => $call.await,
            Self::Sql($store) => $call.await,
        }
    };
}

impl Store for AnyStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        each!(self, store => store.load(key, now))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        each!(self, store => store.swap(key, before, after, now))
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        each!(self, store => store.delete_expired(now))
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        each!(self, store => store.scan(from, now))
    }
}

/// The place of a store's sessions.
pub enum Home {
    Memory,
    Folder(TempDir),
    Redis(Box<RedisServer>),
    /// A server, and the table's name on it.
    Postgres(Arc<DatabaseServer>, String),
}

/// A store that holds the sessions 0 to `size` after it is filled.
pub struct Shelf {
    pub what: What,
    pub size: u64,
    pub store: AnyStore,
    pub home: Home,
    /// Lists the sessions of the user who has several.
    pub sessions: Sessions<Bench>,
}

impl Shelf {
    /// Opens an empty shelf. Reports a missing server and returns `None`.
    pub async fn open(what: What, size: u64, postgres: &Option<Arc<DatabaseServer>>) -> Option<Self> {
        let (store, home) = match what {
            What::Memory => (AnyStore::Memory(MemoryStore::with_capacity(10_000_000)), Home::Memory),
            What::Files => {
                let folder = tempfile::tempdir().unwrap();
                let store = FileStore::open(folder.path().join("sessions")).await.unwrap();
                (AnyStore::File(store), Home::Folder(folder))
            }
            What::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let store = SqlStore::open(&sqlite(folder.path())).await.unwrap();
                store.migrate().await.unwrap();
                (AnyStore::Sql(store), Home::Folder(folder))
            }
            What::Postgres => {
                let (server, table) = (postgres.clone()?, format!("sessions_{size}"));
                let store = SqlStore::open(&server.url()).await.unwrap().table(&table).unwrap();
                store.migrate().await.unwrap();
                (AnyStore::Sql(store), Home::Postgres(server, table))
            }
            What::Redis => {
                let server = RedisServer::start(Kind::Redis, Options::default())?;
                let store = RedisStore::open(&server.url()).await.unwrap();
                (AnyStore::Redis(store), Home::Redis(Box::new(server)))
            }
        };
        let sessions = eight::sessions(store.clone(), eight::MONTH);
        eight::sign_in_the_listed(&sessions).await;
        Some(Self { what, size, store, home, sessions })
    }

    /// Does what a reading request does: loads, and looks for a field.
    pub async fn read(&self, n: u64) {
        let found = self.store.load(&eight::key(n), eight::NOW).await.unwrap().unwrap();
        assert!(inspect::has_field(found.value(), "theme"));
    }

    /// Does what a request that writes one small field does: loads, changes, and swaps.
    pub async fn write(&self, n: u64) {
        let key = eight::key(n);
        let before = self.store.load(&key, eight::NOW).await.unwrap().unwrap();
        self.swap(&key, &before, &eight::changed(before.value())).await;
    }

    pub async fn swap(&self, key: &Key, before: &Versioned, after: &Value) {
        let swapped = self.store.swap(key, Some(before), Some(after), eight::NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
    }

    /// Lists the sessions of the user who has several.
    pub async fn list(&self) {
        let listed = self.sessions.of(&eight::LISTED).list().await.unwrap();
        assert_eq!(listed.len() as u64, eight::SESSIONS_OF_ONE);
    }

    /// Returns the space that the store's content takes, if the server or file system can tell.
    pub async fn bytes(&self) -> Option<u64> {
        match (&self.home, self.what) {
            (Home::Redis(server), _) => server.info("memory", "used_memory")?.trim().parse().ok(),
            (Home::Postgres(server, table), _) => {
                server.ask(&format!("SELECT pg_total_relation_size('{table}')")).parse().ok()
            }
            (Home::Folder(folder), What::Sqlite) => {
                let mut file = SqliteConnection::connect(&sqlite(folder.path())).await.ok()?;
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut file).await.ok()?;
                let (size,): (i64,) =
                    sqlx::query_as("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
                        .fetch_one(&mut file)
                        .await
                        .ok()?;
                size.try_into().ok()
            }
            (Home::Folder(folder), _) => Some(allocated(folder.path())),
            (Home::Memory, _) => None,
        }
    }
}

/// Returns the URL of the SQLite file in this folder.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("sessions.db").display())
}

pub fn postgres() -> Option<Arc<DatabaseServer>> {
    DatabaseServer::start(Engine::Postgres).map(Arc::new)
}

/// Returns the size of the blocks of all files and folders.
fn allocated(folder: &Path) -> u64 {
    let size = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok()?;
        let within = if metadata.is_dir() { allocated(&entry.path()) } else { 0 };
        Some(metadata.blocks() * 512 + within)
    };
    fs::read_dir(folder).into_iter().flatten().flatten().filter_map(size).sum()
}
