//! The database itself: a pool of connections of either kind, and what is asked over it.

use std::{pin::Pin, sync::Arc};

use sqlx::{AssertSqlSafe, Row as _, pool::PoolConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    advice::{is_broken, is_lost_race, is_made},
    statements::{Dialect, Sql},
};

/// How often a statement that met a lost race of the database's own (a deadlock) is sent again.
const RACES: u32 = 20;

/// A pool of connections of `sqlx`, to whichever database.
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "postgres")] {
/// use session_runtime::{SqlPool, SqlStore};
///
/// let pool = sqlx::PgPool::connect("postgres://localhost/shop").await?;
/// let store = SqlStore::from_pool(pool.clone());
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SqlPool {
    /// PostgreSQL. With the feature `postgres`.
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    /// MySQL or MariaDB. With the feature `mysql`.
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
    /// SQLite. With the feature `sqlite`.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for SqlPool {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::Postgres(pool)
    }
}

#[cfg(feature = "mysql")]
impl From<sqlx::MySqlPool> for SqlPool {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Self::MySql(pool)
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for SqlPool {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}

/// What stands in the place of a `?`.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Null,
}

/// What each of our queries answers: bytes, a number, and, if it has three columns, an id.
pub(super) struct Row {
    pub(super) bytes: Vec<u8>,
    pub(super) number: i64,
    pub(super) id: Option<Vec<u8>>,
}

pub(super) struct Database {
    pool: SqlPool,
    /// SQLite has one writer at a time. In this process they queue here, since in the file they would take turns at random.
    turn: Mutex<()>,
}

/// A connection that goes back to its pool once it has answered. If the call is given up before, or the connection broke,
/// it is closed: the pool would first ask whether it is well, and a server that is gone never answers that.
struct Held<D: sqlx::Database>(Option<PoolConnection<D>>);

impl<D: sqlx::Database> Held<D> {
    /// What `ask` is answered over a connection of this pool. In boxes, since these futures are large, and every call of
    /// a store would be.
    async fn ask<T>(
        pool: &sqlx::Pool<D>,
        ask: impl for<'c> FnOnce(&'c mut D::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let mut held = Self(Some(Box::pin(pool.acquire()).await?));
        let Some(connection) = &mut held.0 else { return Err(sqlx::Error::PoolClosed) };
        let answer = ask(connection).await;
        if !answer.as_ref().is_err_and(is_broken) {
            drop(held.0.take());
        }
        answer
    }
}

impl<D: sqlx::Database> Drop for Held<D> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// With more values than this a statement is one of many texts, and not kept prepared in the place of others.
const MOST_VALUES: usize = 6;

/// `query` with all its values, for a pool of this kind.
macro_rules! bound {
    ($kind:ty, $sql:expr, $values:expr) => {{
        let query = sqlx::query::<$kind>(AssertSqlSafe(Arc::clone($sql)));
        let mut query = query.persistent($values.len() <= MOST_VALUES);
        for value in $values {
            query = match value {
                Value::Number(number) => query.bind(*number),
                Value::Bytes(bytes) => query.bind(*bytes),
                Value::Null => query.bind(None::<&[u8]>),
            };
        }
        query
    }};
}

macro_rules! executed {
    ($kind:ty, $sql:expr, $values:expr, $pool:expr) => {{
        let query = bound!($kind, $sql, $values);
        Held::<$kind>::ask($pool, |connection| Box::pin(query.execute(connection))).await?.rows_affected()
    }};
}

macro_rules! fetched {
    ($kind:ty, $sql:expr, $values:expr, $pool:expr) => {{
        let query = bound!($kind, $sql, $values);
        let rows = Held::<$kind>::ask($pool, |connection| Box::pin(query.fetch_all(connection))).await?;
        let read = |row: &<$kind as sqlx::Database>::Row| {
            let id = if row.len() > 2 { Some(row.try_get(2)?) } else { None };
            Ok(Row { bytes: row.try_get(0)?, number: row.try_get(1)?, id })
        };
        rows.iter().map(read).collect()
    }};
}

macro_rules! scripted {
    ($script:expr, $pool:expr) => {
        Held::ask($pool, |connection| {
            Box::pin(async move {
                let done = sqlx::raw_sql($script).execute(&mut *connection).await;
                if done.is_err() {
                    // It may have begun a transaction; if not, nothing comes of this.
                    let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
                }
                done.map(|_| ())
            })
        })
        .await
    };
}

impl Database {
    pub(super) fn new(pool: SqlPool) -> Self {
        Self { pool, turn: Mutex::new(()) }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            SqlPool::MySql(_) => Dialect::MySql,
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// How often a connection may be found broken in a row: each that the pool has, after a restart of the server.
    pub(super) fn most_broken(&self) -> u32 {
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => pool.options().get_max_connections(),
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => pool.options().get_max_connections(),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(_) => 0,
        }
    }

    /// Does it once, and says how many rows it touched.
    pub(super) async fn change(&self, sql: &Sql, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let _turn = self.turn().await;
        Ok(match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => executed!(sqlx::Postgres, sql, values, pool),
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => executed!(sqlx::MySql, sql, values, pool),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => executed!(sqlx::Sqlite, sql, values, pool),
        })
    }

    /// The same for what may be done twice: again on another connection if one is broken.
    pub(super) async fn change_again(&self, sql: &Sql, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.change(sql, values).await {
                Err(error) if tries.once_more(&error) => {}
                answer => return answer,
            }
        }
    }

    /// Has several statements executed as one, whole or not at all, where tables can be made so: not on MySQL.
    pub(super) async fn run(&self, script: &str) -> Result<(), sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.run_once(script).await {
                // PostgreSQL lets two that make the same at once run into each other.
                Err(error) if tries.once_more(&error) || is_made(&error) && tries.race() => {}
                answer => return answer,
            }
        }
    }

    async fn run_once(&self, script: &str) -> Result<(), sqlx::Error> {
        let _turn = self.turn().await;
        let script = AssertSqlSafe(script.to_owned());
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => scripted!(script, pool),
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => scripted!(script, pool),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => scripted!(script, pool),
        }
    }

    pub(super) async fn rows(&self, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.rows_once(sql, values).await {
                Err(error) if tries.once_more(&error) => {}
                answer => return answer,
            }
        }
    }

    pub(super) async fn rows_once(&self, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => fetched!(sqlx::Postgres, sql, values, pool),
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => fetched!(sqlx::MySql, sql, values, pool),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => fetched!(sqlx::Sqlite, sql, values, pool),
        }
    }

    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.dialect() == Dialect::Sqlite { Some(self.turn.lock().await) } else { None }
    }
}

/// How often something may still be tried.
pub(super) struct Tries {
    broken: u32,
    races: u32,
}

impl Tries {
    pub(super) fn new(database: &Database) -> Self {
        Self { broken: database.most_broken(), races: RACES }
    }

    /// Whether what met this error should be tried again.
    pub(super) fn once_more(&mut self, error: &sqlx::Error) -> bool {
        if is_lost_race(error) {
            return self.race();
        }
        is_broken(error) && take_one(&mut self.broken)
    }

    fn race(&mut self) -> bool {
        take_one(&mut self.races)
    }
}

/// Whether there was one left.
fn take_one(left: &mut u32) -> bool {
    let was_there = *left > 0;
    *left = left.saturating_sub(1);
    was_there
}
