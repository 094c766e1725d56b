//! Sessions in a SQL database: [`SqlStore`].

// - `statements`: the SQL, and `name`: the name of the table.
// - `database`: sends statements over a pool of connections, and `pool`: that pool; `open`: opens one by URL.
// - `group`: executes updates of SQLite together.
// - `scan`: lists all values; `clean`: removes expired ones; `announce` and `feed`: send and receive messages about ended
//   sessions.
// - `advice`: the messages of errors.

mod advice;
mod announce;
mod clean;
mod database;
#[cfg(feature = "postgres")]
mod feed;
mod group;
mod name;
mod open;
mod pool;
mod scan;
mod statements;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

pub use self::pool::{IntoSqlPool, SqlPool};
use self::{
    advice::{is_duplicate, is_missing},
    announce::{Announcer, Announcing},
    database::{Database, Row},
    group::Update,
    name::Name,
    open::Address,
    statements::{Dialect, LOADED, Statements},
};
use super::{Feed, Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned};
use crate::{clock::Timestamp, error::Error};

/// The default name of the table.
const TABLE: &str = "sessions";

/// Checks the store's own parameters in this URL.
pub(super) fn check(url: &str) -> Result<(), Error> {
    match Address::parse(url)?.table {
        Some(table) => Name::parse(&table).map(drop),
        None => Ok(()),
    }
}

/// Sessions in a database that the application already runs: PostgreSQL (12 or later), MySQL (8), MariaDB (10.6) or SQLite,
/// each with its feature: `postgres`, `mysql` (both), `sqlite`. Tested on PostgreSQL 15, also behind PgBouncer, on
/// MariaDB 10.11, and on the SQLite that `sqlx` includes.
///
/// ```toml
/// session-runtime = { version = "0.1", features = ["postgres"] }
/// ```
///
/// | URL | parameters |
/// |---|---|
/// | `postgres://user:password@host:5432/database` | those of [`sqlx::postgres::PgConnectOptions`](https://docs.rs/sqlx/0.9/sqlx/postgres/struct.PgConnectOptions.html) |
/// | `mysql://user:password@host:3306/database`, or `mariadb://…` | those of [`sqlx::mysql::MySqlConnectOptions`](https://docs.rs/sqlx/0.9/sqlx/mysql/struct.MySqlConnectOptions.html) |
/// | `sqlite:sessions.db` | a file. The store creates it if it is missing, readable only by its owner (0600) |
///
/// `?table=shop.sessions` is [`SqlStore::table`]. TLS needs the feature `sql-tls`. Certificates are only checked with
/// `?sslmode=verify-full` (PostgreSQL) or `?ssl-mode=VERIFY_IDENTITY` (MySQL, whose version 8 accepts most users only over
/// TLS).
///
/// * **One table**, with a row for each session and for each user's list of sessions. Nothing in it opens a session (SECURITY
///   S2). [`SqlStore::migrate`] creates the table. Alternatively, a migration of the application creates it, with the SQL
///   below. A store that is opened by a URL in settings also creates it
///   ([`SessionsBuilder::store_url`](crate::SessionsBuilder::store_url)), unless the URL says `?migrate=never`. Give each
///   application in a database its own table, or its own [`app`](crate::SessionsBuilder::app). Staging and production need
///   different ones too.
/// * **Statements**: a load takes one statement, and so does a write. A write names the revision that it replaces. If the row
///   has another revision by then, nothing is written, and a second statement loads the current row.
/// * **The application's transactions** are not touched. The store takes its own connections from the pool, one per statement.
///   So a handler that holds a connection of the pool while it loads or saves its session needs a second one. If the handlers
///   hold all connections of the pool, each of them waits for a second one until the pool's `acquire_timeout`. On SQLite,
///   which has one writer at a time, a save waits for a transaction that writes, so call `save` outside your own transactions.
/// * **Replicas**: every statement must reach the primary.
/// * **PgBouncer** and other poolers that switch servers between transactions: add `?statement-cache-capacity=0` to the URL,
///   or call `statement_cache_capacity(0)` on the options of your pool. Each statement is then a transaction of its own,
///   which takes four round trips. PgBouncer itself must allow a parameter that `sqlx` sends:
///   `ignore_startup_parameters = extra_float_digits`. Behind such a pooler, your own queries with parameters need a transaction
///   too, and `persistent(false)`. Otherwise `sqlx` may execute another client's statement.
/// * **The end of a session** is announced on PostgreSQL, for streams that watch the session
///   ([`Core::ended`](crate::Core::ended)): after a write that ends or renews a session, a transaction of its own calls
///   `pg_notify` on the channel `session_ended`, for all such writes since the last one. A process with such streams keeps one
///   more connection, which listens to the channel. PgBouncer in transaction mode delivers no such messages; the store detects
///   that and logs it. Then, and on the other databases, streams learn of an end within
///   [`watch_every`](crate::SessionsBuilder::watch_every).
/// * **Time** comes from the runtime's clock. Only the clean-up reads the database's clock, once in each run.
/// * **Clean-up** ([`Store::delete_expired`], which the runtime calls every minute) removes a row an hour after it has
///   expired, so that a machine whose clock is up to an hour ahead removes no live session. A machine whose clock is further
///   ahead of the database's removes nothing, and logs a warning. Rows are removed in batches of 500; on SQLite in batches of
///   100, during which other writers wait.
/// * **A server that is down** makes calls fail within three seconds (or the `acquire_timeout` of the application's own pool,
///   which is 30 seconds by default). The first call after the server is back succeeds. A statement is retried over another
///   connection if its connection breaks. It is also retried if the database rolls it back because of a deadlock or a
///   serialization failure.
/// * **SQLite** is opened in WAL mode with `synchronous = NORMAL`. An answered write survives the end of the process, but a
///   power cut may undo the last writes, including sign-outs. A statement that finds the file locked is retried for three
///   seconds.
///
/// Calls need a Tokio runtime with timer and network.
///
/// ```no_run
/// use session_runtime::SqlStore;
///
/// # async fn open() -> Result<(), session_runtime::Error> {
/// let store = SqlStore::open("sqlite:sessions.db").await?;
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
///
/// # The table
///
/// Use this SQL in the application's own migrations. For a table of another name, replace the word `sessions` everywhere,
/// including in the name of the index. The bytes in `value` are those of [`Value::to_bytes`].
///
/// ## On PostgreSQL
/// ```sql
#[doc = include_str!("tables/postgres.sql")]
/// ```
/// ## On MySQL and MariaDB
/// ```sql
#[doc = include_str!("tables/mysql.sql")]
/// ```
/// ## On SQLite
/// ```sql
#[doc = include_str!("tables/sqlite.sql")]
/// ```
#[derive(Clone)]
pub struct SqlStore {
    database: Arc<Database>,
    statements: Arc<Statements>,
    name: Name,
    /// Whether the log already says that this machine's clock is ahead.
    warned: Arc<AtomicBool>,
    /// Announces ended sessions on a database that can.
    announcer: Option<Arc<Announcer>>,
}

impl SqlStore {
    /// Connects to the database at `url`, with a pool of ten connections.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that says what to do: the URL is wrong, the feature of its database is not
    /// compiled in, no server answers within ten seconds, or the server refuses the user. The message contains no password.
    ///
    /// ```
    /// # use session_runtime::SqlStore;
    /// # async fn open() {
    /// let error = SqlStore::open("oracle://localhost").await.unwrap_err();
    /// assert!(error.to_string().contains("begins with postgres:, mysql: or sqlite:"));
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(open());
    /// ```
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::connect(&Address::parse(url)?).await
    }

    /// Connects as [`SqlStore::open`] does, and creates the table if it is missing, unless the URL says `?migrate=never`.
    pub(super) async fn open_with_tables(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let store = Self::connect(&address).await?;
        if address.migrates {
            store.migrate().await?;
        }
        Ok(store)
    }

    async fn connect(address: &Address) -> Result<Self, Error> {
        let store = Self::from_pool(address.connect().await?);
        match &address.table {
            Some(table) => store.table(table),
            None => Ok(store),
        }
    }

    /// Uses the application's own pool, of `sqlx` 0.9 with its feature `runtime-tokio`. The application sets the pool's size,
    /// time-outs and options. On SQLite, use WAL mode: without it, a write waits for all readers, and waits for the disk
    /// several times.
    ///
    /// With `test_before_acquire`, which is the default of `sqlx`, each statement costs one more round trip. Sessions do not
    /// need it, since a statement is retried when its connection is broken. If the application's own statements need it, give
    /// sessions a pool of their own.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "sqlite")] {
    /// let pool = sqlx::SqlitePool::connect("sqlite:shop.db").await?;
    /// let store = session_runtime::SqlStore::from_pool(pool.clone());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_pool(pool: impl IntoSqlPool) -> Self {
        let database = Database::new(pool.into_sql_pool());
        let name = Name::new(TABLE);
        let statements = Arc::new(Statements::new(database.dialect(), &name));
        let database = Arc::new(database);
        let announces = database.dialect() == Dialect::Postgres;
        let announcer = announces.then(|| Arc::new(Announcer::new(Arc::clone(&database))));
        Self { database, statements, name, warned: Arc::default(), announcer }
    }

    /// Sets the name of the table, perhaps with its schema: `table` or `schema.table`. Default: `sessions`.
    ///
    /// # Errors
    /// [`Error::is_setup`] unless the table's name, and the schema's, each begin with an ASCII letter or `_`, consist of ASCII
    /// letters, digits and `_`, and have at most 48 characters.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), session_runtime::Error> {
    /// let store = session_runtime::SqlStore::open("postgres://localhost/shop").await?.table("web.sessions")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn table(self, name: &str) -> Result<Self, Error> {
        let (name, dialect) = (Name::parse(name)?, self.database.dialect());
        if name.has_schema() && dialect == Dialect::Sqlite {
            return Err(Error::setup("SQLite knows no schemas: write the table's name alone"));
        }
        Ok(Self { statements: Arc::new(Statements::new(dialect, &name)), name, ..self })
    }

    /// Creates the table if it is missing. If the table exists, the database user needs no right to create tables. Several
    /// processes may call this at the same time.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that says what to do, such as that the user may not create tables, or that the
    /// table of this name has other columns.
    ///
    /// ```no_run
    /// # async fn start(store: session_runtime::SqlStore) -> Result<(), session_runtime::Error> {
    /// store.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self) -> Result<(), Error> {
        let refused = |error| advice::refused("the database for the table of sessions", &self.shown_name(), error);
        // Probes first, since `CREATE TABLE IF NOT EXISTS` needs rights and locks even if the table exists.
        match self.probe().await {
            Err(error) if is_missing(&error) => {
                self.database.run(&self.database.dialect().migration(&self.name)).await.map_err(refused)?;
                // Another application may have created a table of this name meanwhile.
                self.probe().await.map_err(refused)
            }
            answer => answer.map_err(refused),
        }?;
        self.check_journal().await.map_err(refused)
    }

    /// Warns if the SQLite file is not in WAL mode. Without it, each write waits for all readers, and waits for the disk
    /// several times, so during a burst, some requests can reach their time limit.
    async fn check_journal(&self) -> Result<(), sqlx::Error> {
        let Some(journal_mode) = &self.statements.journal_mode else { return Ok(()) };
        let rows = self.database.rows(journal_mode, &[]).await?;
        let mode = rows.first().map_or("".into(), |row| String::from_utf8_lossy(&row.bytes));
        if matches!(&*mode, "delete" | "truncate" | "persist") {
            tracing::warn!(
                target: "session_runtime",
                table = self.shown_name(),
                journal_mode = &*mode,
                "the SQLite file of the sessions is not in WAL mode, so writes are slow: execute `PRAGMA journal_mode = WAL` once"
            );
        }
        Ok(())
    }

    async fn probe(&self) -> Result<(), sqlx::Error> {
        self.database.rows(&self.statements.probe, &[]).await.map(drop)
    }

    fn failed(&self, doing: &str, source: sqlx::Error) -> StoreError {
        advice::failed(doing, &self.shown_name(), source)
    }

    fn shown_name(&self) -> String {
        self.name.quoted(self.database.dialect())
    }
}

impl Store for SqlStore {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        let rows = self.database.rows(&self.statements.load, &[database::Value::Bytes(&key.digest())]).await;
        Ok(rows.map_err(|error| self.failed("read a session", error))?.pop().map(versioned))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        use database::Value::{Bytes, Number};
        let id = key.digest();
        let old = before.map(|before| before.revision().to_number()).transpose()?.map(u64::cast_signed);
        let is_critical = after.is_none_or(Value::is_critical);
        let announcing = self.announcer.as_ref().filter(|_| is_critical).map(|to| Announcing::new(to, id));
        let (database, statements) = (&self.database, &self.statements);
        let swapped = match (old, after) {
            (None, Some(after)) => {
                let (revision, expires_at) = (after.revision().cast_signed(), millis(after.expires_at()));
                let values = [Bytes(&id), Number(revision), Number(expires_at), Bytes(&after.to_bytes())];
                database.execute(&statements.insert, &values).await
            }
            (Some(old), Some(after)) => {
                let (revision, expires_at) = (after.revision().cast_signed(), millis(after.expires_at()));
                let update = Update { id, old, revision, expires_at, value: after.to_bytes() };
                match database.dialect() {
                    Dialect::Sqlite => database.update_in_turn(statements, update).await,
                    Dialect::Postgres | Dialect::MySql => database.execute(&statements.update, &update.values()).await,
                }
            }
            (Some(old), None) => database.execute(&statements.delete, &[Bytes(&id), Number(old)]).await,
            (None, None) => Ok(0),
        };
        match swapped {
            Ok(1..) => return Ok(after.map_or_else(Swapped::removed, Swapped::written)),
            Ok(0) => {}
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(self.failed("write a session", error)),
        }
        if let Some(announcing) = announcing {
            announcing.withdraw();
        }
        match self.load(key, now).await? {
            None if before.is_none() && after.is_none() => Ok(Swapped::removed()),
            current => Ok(Swapped::Stale(current)),
        }
    }

    async fn load_many(&self, keys: &[Key], _now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(LOADED) {
            let digests: Vec<_> = keys.iter().map(Key::digest).collect();
            // The statement has a fixed number of parameters. If there are fewer keys, the last key is repeated.
            let last = digests.last().into_iter().cycle();
            let parameters: Vec<_> =
                digests.iter().chain(last).take(LOADED).map(|digest| database::Value::Bytes(digest)).collect();
            let rows = self.database.rows(&self.statements.load_many, &parameters).await;
            for mut row in rows.map_err(|error| self.failed("read sessions", error))? {
                if let Some(id) = row.id.take() {
                    found.insert(id, versioned(row));
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(&key.digest()[..]).cloned()).collect())
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        match self.database.pool() {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => feed::listen(&self.database, pool, &self.shown_name(), &feed).await,
            #[allow(unreachable_patterns, reason = "the only database if only `postgres` is on")]
            _ => {
                drop(feed);
                Ok(())
            }
        }
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.clean_up(now).await
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.list_values(from, now).await.map(Some)
    }
}

/// Returns the value in a row. The revision is taken from its column and not from the value's bytes, so that a damaged value
/// can be replaced too.
fn versioned(row: Row) -> Versioned {
    Versioned::with_revision(Value::from_bytes(row.bytes), row.number.cast_unsigned())
}

/// Returns the time as a column holds it: milliseconds since 1970, at most 292 million years later.
fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for SqlStore {
    // The pool's own `Debug` would show the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = self.database.dialect();
        f.debug_struct("SqlStore").field("on", &dialect).field("table", &self.shown_name()).finish_non_exhaustive()
    }
}
