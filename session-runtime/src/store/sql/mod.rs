//! Sessions in a SQL database: the store itself. Which statements it sends is in `statements`, over what in `database` and
//! `open`, what the tables are called in `name`, what spares it a look in `recent`, and what to say of errors in `advice`.

mod advice;
mod database;
mod name;
mod open;
mod recent;
mod statements;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

pub use self::database::SqlPool;
use self::{
    advice::{failed, is_missing},
    database::{Database, Row, Tries, Value},
    name::Name,
    open::Address,
    recent::Recent,
    statements::{BATCH, Dialect, SCANNED, Statements},
};
use super::{
    Applied, Change, ENTRY_GRACE, Key, Position, Record, Scan, Scanned, Store, StoreError, Target, User, UserEntry,
    UserIndex,
};
use crate::{clock::Timestamp, error::Error};

/// What the table with the sessions is called if nothing else is said.
const TABLE: &str = "sessions";
/// The first byte of a stored record.
const VERSION: u8 = 1;
/// How many sessions one statement takes off a user's list.
const LEAVING: usize = 500;

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
///   (SECURITY S2). They are made by [`SqlStore::migrate`], or by migrations of the application's with the SQL below, and
///   never by anything else. Two applications on one database take two names.
/// * **A save** writes the session's row if nobody else has meanwhile, which the row's revision tells; else it is made anew
///   of what is there now. So changes of two requests are both in, and it costs two statements more. Nothing is written to
///   a session that has ended, or that was renewed. A save that is sent again, by whomever, counts once. Signing out takes
///   one statement more, which has the user's list looked after.
/// * **The application's transactions** are not touched: the store takes connections of its own from the pool, one for
///   each statement, and every statement stands for itself. A handler that holds a connection of the pool while it loads or
///   saves its session needs a second one; where all are held so, each waits for the others until the pool's
///   `acquire_timeout`. On SQLite, where only one can write, a save waits for a transaction that writes, up to the pool's
///   `busy_timeout`: so call `save` outside of your own.
/// * **Replicas**: every statement must reach the primary.
/// * **Time** is that of the runtime's clock alone. A database whose clock is off neither ends sessions nor keeps them.
/// * **Clean-up** ([`Store::delete_expired`], by the runtime from time to time) goes in batches of 500 rows, and holds up
///   nobody.
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
        let address = Address::parse(url)?;
        let store = Self::from_pool(address.connect().await?);
        match address.table {
            Some(table) => store.table(&table),
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

    /// What is stored under this id, expired or not.
    async fn look(&self, id: &[u8; 16], doing: &str) -> Result<Option<Arc<Record>>, StoreError> {
        let rows = self.database.rows(&self.statements.load, &[Value::Bytes(id)]).await;
        let Some(Row { bytes, number, .. }) = rows.map_err(|error| failed(doing, error))?.pop() else {
            self.recent.forget(id);
            return Ok(None);
        };
        let record = read(&bytes).filter(|record| revision(record) == Some(number));
        match record {
            Some(record) => {
                let record = Arc::new(record);
                self.recent.put(*id, Arc::clone(&record));
                Ok(Some(record))
            }
            None => {
                self.discard(id, number).await;
                Ok(None)
            }
        }
    }

    /// Removes what was found and is no session, unless it is one by now.
    async fn discard(&self, id: &[u8; 16], revision: i64) {
        let key = Key::from_digest(*id).hex();
        tracing::warn!(target: "session_runtime", key, "what is stored here is no session of this version; it is removed");
        let values = [Value::Bytes(id), Value::Number(revision)];
        if let Err(error) = self.database.change_again(&self.statements.discard, &values).await {
            tracing::warn!(target: "session_runtime", %error, "it could not be removed; it reads as none all the same");
        }
    }

    /// Puts `new` in the place of `old`. Whether it could, since `old` was still there.
    async fn replace(&self, id: &[u8; 16], old: Option<&Record>, new: &Record) -> Result<bool, Refused> {
        let mut bytes = vec![VERSION];
        new.encode(&mut bytes).map_err(|error| {
            Refused::ForGood(StoreError::new("cannot encode a session; this is a defect").because(error))
        })?;
        let digest = new.user.as_ref().map(|user| User::new(&**user).digest());
        let user = digest.as_ref().map_or(Value::Null, |digest| Value::Bytes(digest));
        let (id, revision_now) = (Value::Bytes(id), Value::Number(revision(new).unwrap_or_default()));
        let (expires, record) = (Value::Number(deadline(new.expires_at())), Value::Bytes(&bytes));
        let changed = match old.map(revision) {
            None => {
                let values = [id, revision_now, expires, user, record];
                self.database.change(&self.statements.insert, &values).await
            }
            Some(before) => {
                let before = Value::Number(before.unwrap_or_default());
                let values = [revision_now, expires, user, record, id, before];
                self.database.change(&self.statements.update, &values).await
            }
        };
        match changed {
            Ok(rows) => Ok(rows > 0),
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => Ok(false),
            Err(error) => Err(Refused::Now(error)),
        }
    }

    /// Has clean-up look after the entry of a session that this user has just left. It is no more than early if it fails.
    async fn left(&self, id: &[u8; 16], user: &[u8]) {
        let (user, grace) = (User::new(user).digest(), Value::Number(GRACE));
        let values = [grace, Value::Bytes(id), Value::Bytes(&user)];
        if let Err(error) = self.database.change_again(&self.statements.check, &values).await {
            tracing::debug!(target: "session_runtime", %error, "an entry without a session stays until that would have expired");
        }
    }

    /// Repeats a statement of the clean-up until a batch is no longer full, and says how many rows it took.
    async fn in_batches(&self, sql: &statements::Sql, moments: &[i64], doing: &str) -> Result<u64, StoreError> {
        let (moments, mut all) = (moments.iter().copied().map(Value::Number).collect::<Vec<_>>(), 0);
        loop {
            let rows = self.database.change_again(sql, &moments).await.map_err(|error| failed(doing, error))?;
            all += rows;
            if rows < BATCH {
                return Ok(all);
            }
            tokio::task::yield_now().await;
        }
    }
}

/// How long an entry stands without a session, in milliseconds.
const GRACE: i64 = ENTRY_GRACE.as_millis() as i64;

/// After how long an entry whose session is there is looked at again, in milliseconds: a day. So long may one stay that was
/// left behind when a process or a connection ended at the wrong moment.
const RECHECK: i64 = 24 * 60 * 60 * 1_000;

/// Why a row was not written.
enum Refused {
    /// By the database, for the time being perhaps.
    Now(sqlx::Error),
    ForGood(StoreError),
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
        let doing = "look after the lists of users' sessions";
        self.in_batches(&self.statements.recheck, &[now.saturating_add(RECHECK), now, now], doing).await?;
        self.in_batches(&self.statements.forget, &[now; 2], doing).await?;
        Ok(removed)
    }
}

impl UserIndex for SqlStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let (id, user, at) = (key.digest(), user.digest(), present(now));
        let failed = |error| failed("enter a session among those of its user", error);
        let (id, user, mut place) = (Value::Bytes(&id), Value::Bytes(&user), next_place(at));
        if let Some(last) = &self.statements.last {
            let last = self.database.rows(last, &[user]).await.map_err(failed)?;
            place = place.max(last.first().map_or(0, |last| last.number.saturating_add(1)));
        }
        let [entered, place, check] = [at, place, at + GRACE].map(Value::Number);
        let values = match self.statements.last {
            Some(_) => vec![id, user, entered, place, check],
            None => vec![id, user, entered, place, user, check],
        };
        self.database.change_again(&self.statements.enter, &values).await.map(|_| ()).map_err(failed)
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        let rows = self.database.rows(&self.statements.entries, &[Value::Bytes(&user.digest())]).await;
        let rows = rows.map_err(|error| failed("list the sessions of a user", error))?;
        let entry = |row: Row| {
            let at = Timestamp::from_millis(u64::try_from(row.number).unwrap_or_default());
            Some(UserEntry { key: Key::from_digest(row.bytes.try_into().ok()?), at })
        };
        Ok(rows.into_iter().filter_map(entry).collect())
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        let user = user.digest();
        for keys in keys.chunks(LEAVING) {
            let ids: Vec<_> = keys.iter().map(Key::digest).collect();
            let values: Vec<_> =
                [Value::Bytes(&user)].into_iter().chain(ids.iter().map(|id| Value::Bytes(id))).collect();
            let left = self.database.change_again(&self.statements.leave(ids.len()), &values).await;
            left.map_err(|error| failed("take sessions out of those of their user", error))?;
        }
        Ok(())
    }
}

impl Scan for SqlStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        if !matches!(from.as_bytes().len(), 0 | 16) {
            return Err(Position::unknown());
        }
        let values = [Value::Bytes(from.as_bytes()), Value::Number(present(now))];
        let rows = self.database.rows(&self.statements.scan, &values).await;
        let rows = rows.map_err(|error| failed("go through the sessions", error))?;
        let last = rows.last().and_then(|row| row.id.clone()).filter(|_| rows.len() == SCANNED);
        let session = |row: Row| {
            // What cannot be read is removed by whoever opens the session.
            let record = read(&row.bytes).filter(|record| record.is_live(now))?;
            Some((Key::from_digest(row.id?.try_into().ok()?), Arc::new(record)))
        };
        Ok(Scanned { sessions: rows.into_iter().filter_map(session).collect(), next: last.map(Position::new) })
    }
}

impl fmt::Debug for SqlStore {
    // The pool's own would show the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.name.quoted(self.database.dialect(), "");
        f.debug_struct("SqlStore").field("on", &self.database.dialect()).field("table", &table).finish_non_exhaustive()
    }
}

fn read(bytes: &[u8]) -> Option<Record> {
    let (&version, bytes) = bytes.split_first()?;
    if version == VERSION { Record::decode(bytes) } else { None }
}

/// What tells one state of a session from the next: the nonce of its last change, which no other has.
fn revision(record: &Record) -> Option<i64> {
    record.nonces.last().map(|nonce| nonce.0.cast_signed())
}

/// A deadline as the database has it. One that is too late for it, in 292 million years, is never.
fn deadline(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(NEVER).min(NEVER)
}

const NEVER: i64 = i64::MAX - GRACE;

/// The present, which is always before that.
fn present(now: Timestamp) -> i64 {
    deadline(now).min(NEVER - 1)
}

/// Where an entry of this moment stands among its user's at least: after all that this process has made before. The
/// database puts it after all others.
fn next_place(at: i64) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let next = |last: i64| last.saturating_add(1).max(at.saturating_mul(1_000));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    next(last.unwrap_or_else(|last| last))
}
