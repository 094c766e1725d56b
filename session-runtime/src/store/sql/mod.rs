//! Sessions in a SQL database: the store itself. What it does to a session's row is in `row`, whose they are in `users`, going
//! through them in `scan`; which statements it sends in `statements`, over what in `database` and `open`, what the tables are
//! called in `name`, how moments are stored in `moment`, what spares it a look in `recent`, and what to say of errors in
//! `advice`.

mod advice;
mod database;
mod moment;
mod name;
mod open;
mod recent;
mod row;
mod scan;
mod statements;
mod users;

use std::{fmt, sync::Arc};

pub use self::database::SqlPool;
use self::{
    advice::{failed, is_lost_race, is_missing},
    database::{Database, Tries, Value},
    moment::present,
    name::Name,
    open::Address,
    recent::Recent,
    row::Refused,
    statements::{Dialect, Sql, Statements},
};
use super::{Applied, Change, Ended, Key, Record, Store, StoreError, Target};
use crate::{clock::Timestamp, error::Error};

/// What the table with the sessions is called if nothing else is said.
const TABLE: &str = "sessions";

/// Whether [`SqlStore::open`] would understand what is ours in this URL.
pub(super) fn check(url: &str) -> Result<(), Error> {
    match Address::parse(url)?.table {
        Some(table) => Name::parse(&table).map(drop),
        None => Ok(()),
    }
}

/// Sessions in a database that the application has already: PostgreSQL (12 or later), MySQL (8), MariaDB (10.6) or SQLite,
/// each with its feature: `postgres`, `mysql` (both), `sqlite`. A load is one statement, and so is a save. Tested on
/// PostgreSQL 15, MariaDB 10.11 and the SQLite that `sqlx` brings.
///
/// ```toml
/// session-runtime = { version = "0.1", features = ["postgres"] }
/// ```
///
/// | URL | where to |
/// |---|---|
/// | `postgres://user:password@host:5432/database` | what [`sqlx::postgres::PgConnectOptions`](https://docs.rs/sqlx/0.9/sqlx/postgres/struct.PgConnectOptions.html) documents |
/// | `mysql://user:password@host:3306/database`, or `mariadb://…` | what [`sqlx::mysql::MySqlConnectOptions`](https://docs.rs/sqlx/0.9/sqlx/mysql/struct.MySqlConnectOptions.html) documents |
/// | `sqlite:sessions.db` | a file, made if it is not there, for nobody else to read (0600) |
///
/// `?table=shop.sessions` is [`SqlStore::table`]. TLS takes the feature `sql-tls`, and is only checked if that is asked for:
/// `?sslmode=verify-full` on PostgreSQL, `?ssl-mode=VERIFY_IDENTITY` on MySQL, whose version 8 lets most users in over TLS
/// only. Behind PgBouncer that pools transactions, add `?statement-cache-capacity=0`.
///
/// * **Two tables**: a row for each session, and one for each entry in a user's list. Nothing in them opens a session
///   (SECURITY S2). They are made by [`SqlStore::migrate`], which settings call when they name the store
///   ([`SessionsBuilder::store_url`](crate::SessionsBuilder::store_url)), or by migrations of the application's with the SQL
///   below (then settings say `?migrate=never`). Two applications on one database take two names.
/// * **A save** writes the session's row if nobody else has meanwhile, which the row's revision tells; else it is made anew
///   of what is there now. So changes of two requests are both in, and it costs two statements more. Nothing is written to
///   a session that has ended, or whose id a sign-in or log-out has renewed since. A save that is sent again, by whomever,
///   counts once. To end a session is one statement too, or on MySQL and SQLite two if it is a user's; to sign out of one
///   that goes on, one more than a save.
/// * **The application's transactions** are not touched: the store takes connections of its own from the pool, one for
///   each statement, and every statement stands for itself. A handler that holds a connection of the pool while it loads or
///   saves its session needs a second one; where all are held so, each waits for the others until the pool's
///   `acquire_timeout`. On SQLite, where only one can write, a save waits for a transaction that writes, up to the pool's
///   `busy_timeout`: so call `save` outside of your own.
/// * **Replicas**: every statement must reach the primary.
/// * **Time** is that of the runtime's clock alone. A database whose clock is off neither ends sessions nor keeps them.
/// * **Clean-up** ([`Store::delete_expired`], by the runtime from time to time) goes in batches of 500 rows. On
///   SQLite, where only one can write at a time, they are of 100 rows, and whoever writes meanwhile waits for the batch.
/// * **What cannot be read** is removed with a warning, and reads as none.
/// * **A server that is down** fails calls within three seconds (a pool's `acquire_timeout`, which `sqlx` has at 30), and the
///   first call after it is back succeeds.
/// * **SQLite** is opened in WAL mode with `synchronous = NORMAL`: what was answered survives the end of the process, while
///   a power cut may take the last changes along, log-outs too.
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
/// # The tables
///
/// For an application's own migrations. With another name than `sessions`, replace that word wherever it stands, in the
/// names of the indexes too.
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
    recent: Arc<Recent>,
}

impl SqlStore {
    /// Connects to the database at `url`, with a pool of ten connections.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a sentence that says what to do: the URL is wrong, the feature of its database is not
    /// compiled in, nobody answers within ten seconds, or the server refuses the user. No password is repeated.
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

    /// The same with its tables, unless the URL says that they are the application's affair.
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

    /// Uses a pool of the application's, of `sqlx` 0.9 with its feature `runtime-tokio`. Its size, time-outs and settings are
    /// the application's affair.
    ///
    /// With `test_before_acquire`, which is the default of `sqlx`, each statement costs one round trip more. Sessions can do
    /// without, since a statement that meets a broken connection is sent again over another; where the application's own
    /// cannot, give sessions a pool of their own.
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
    pub fn from_pool(pool: impl Into<SqlPool>) -> Self {
        let database = Database::new(pool.into());
        let name = Name::new(TABLE);
        let statements = Statements::new(database.dialect(), &name);
        let recent = Arc::new(Recent::new());
        Self { database: Arc::new(database), statements: Arc::new(statements), name, recent }
    }

    /// What the table with the sessions is called, perhaps with its schema: `table` or `schema.table`. The other is called
    /// the same and `_users`. Default: `sessions`.
    ///
    /// # Errors
    /// [`Error::is_setup`] if it is anything but ASCII letters, digits and `_`, or longer than 48 of them.
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
        let statements = Arc::new(Statements::new(dialect, &name));
        Ok(Self { statements, name, recent: Arc::new(Recent::new()), ..self })
    }

    /// Makes the tables, if they are not there; if they are, it asks for no right to do so. Several processes may do so at
    /// once.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a sentence that says what to do, such as that the user may not make tables, or that a table
    /// of this name is somebody else's.
    ///
    /// ```no_run
    /// # async fn start(store: session_runtime::SqlStore) -> Result<(), session_runtime::Error> {
    /// store.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self) -> Result<(), Error> {
        let refused = |error| advice::refused("the database for the tables of sessions", error);
        // They are looked at first, since to make what is there would take rights and locks.
        match self.probe().await {
            Err(error) if is_missing(&error) => {
                self.database.run(&self.database.dialect().migration(&self.name)).await.map_err(refused)?;
                // Another application's table of this name is not made, and not used.
                self.probe().await.map_err(refused)
            }
            answer => answer.map_err(refused),
        }
    }

    async fn probe(&self) -> Result<(), sqlx::Error> {
        for probe in &self.statements.probes {
            self.database.rows(probe, &[]).await?;
        }
        Ok(())
    }

    /// Repeats a statement of the clean-up until a batch is no longer full, and says how many rows it took.
    async fn in_batches(&self, sql: &Sql, moments: &[i64], doing: &str) -> Result<u64, StoreError> {
        let (moments, mut all) = (moments.iter().copied().map(Value::Number).collect::<Vec<_>>(), 0);
        loop {
            let rows = self.database.change_again(sql, &moments).await.map_err(|error| failed(doing, error))?;
            all += rows;
            if rows < self.database.dialect().batch() {
                return Ok(all);
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Store for SqlStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let found = self.look(&key.digest(), "load a session").await?;
        Ok(found.filter(|record| record.is_live(now)))
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let (id, doing) = (key.digest(), "change a session");
        let mut tries = Tries::new(&self.database);
        // What is there is guessed first: what was seen last, and of a new session nothing.
        let is_new = matches!(change.target, Target::New { .. });
        let guess = if is_new { None } else { self.recent.get(&id) };
        let (mut current, mut is_sure) =
            if is_new || guess.is_some() { (guess, false) } else { (self.look(&id, doing).await?, true) };
        loop {
            let verdict = change.judge(current.as_deref(), now);
            if let Some(new) = verdict.write {
                match self.replace(&id, current.as_deref(), &new).await {
                    Ok(true) => {
                        if let Some(Record { user: Some(left), .. }) = current.as_deref()
                            && new.user.as_ref() != Some(left)
                        {
                            self.left(&id, left).await;
                        }
                        self.recent.put(id, new);
                        return Ok(verdict.answer);
                    }
                    Ok(false) => {}
                    // It may be in; then the nonce tells.
                    Err(Refused::Now(error)) if tries.once_more(&error) => {}
                    Err(Refused::Now(error)) => {
                        self.recent.forget(&id);
                        return Err(failed(doing, error));
                    }
                    Err(Refused::ForGood(error)) => return Err(error),
                }
            } else if is_sure {
                return Ok(verdict.answer);
            }
            (current, is_sure) = (self.look(&id, doing).await?, true);
        }
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        const ENDED: Applied = Applied::Applied { renewed: false };
        let (id, doing) = (key.digest(), "end a session");
        let (mut tries, mut sent_before) = (Tries::new(&self.database), false);
        let guess = self.recent.get(&id);
        let (mut current, mut is_sure) =
            if guess.is_some() { (guess, false) } else { (self.look(&id, doing).await?, true) };
        loop {
            match (change.admit(current.as_deref(), now), &current) {
                (Ok(()), Some(record)) => match self.remove(&id, record).await {
                    Ok(true) => return Ok(ENDED.into()),
                    Ok(false) => {}
                    Err(error) if tries.once_more(&error) => sent_before |= !is_lost_race(&error),
                    Err(error) => {
                        self.recent.forget(&id);
                        return Err(failed(doing, error));
                    }
                },
                // One that begins a session, which has none to end.
                (Ok(()), None) => return Ok(ENDED.into()),
                (Err(Applied::Gone), _) if is_sure && sent_before => return Ok(ENDED.into()),
                (Err(answer), _) if is_sure => return Ok(answer.into()),
                (Err(_), _) => {}
            }
            (current, is_sure) = (self.look(&id, doing).await?, true);
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let id = key.digest();
        self.recent.forget(&id);
        let doing = "end a session";
        let deleted = self.database.change_again(&self.statements.delete, &[Value::Bytes(&id)]).await;
        let was_there = deleted.map_err(|error| failed(doing, error))? > 0;
        // Of a session that is not there yet, the entry is for clean-up to judge.
        if let Some(entries) = &self.statements.delete_entries
            && was_there
        {
            let deleted = self.database.change_again(entries, &[Value::Bytes(&id)]).await;
            deleted.map_err(|error| failed(doing, error))?;
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let now = present(now);
        let removed = self.in_batches(&self.statements.delete_expired, &[now; 2], "remove expired sessions").await?;
        self.look_after_users(now).await?;
        Ok(removed)
    }
}

impl fmt::Debug for SqlStore {
    // The pool's own would show the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.name.quoted(self.database.dialect(), "");
        f.debug_struct("SqlStore").field("on", &self.database.dialect()).field("table", &table).finish_non_exhaustive()
    }
}
