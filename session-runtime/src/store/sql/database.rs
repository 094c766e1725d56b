//! The database: sends statements over its pool, and retries them where that is safe and helps.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Encode, Row as _, Type, pool::PoolConnection, query::Query};
use tokio::sync::{MutexGuard, OnceCell};

use super::{
    advice::{is_broken, is_locked, is_lost_race, is_made},
    group::Writers,
    pool::{SqlPool, with_pool},
    statements::{Dialect, Sql},
};

/// How often to retry a statement that the database rolled back because of another one, such as after a deadlock.
const RACES: u32 = 20;
/// How long a statement waits for another one that writes to the same file. A request waits longer than this for its session,
/// so the statement's own error ends the request, and the log says why.
pub(super) const BUSY: Duration = Duration::from_secs(3);
/// How long to wait before the next try on a locked file.
pub(super) const SHORTLY: Duration = Duration::from_millis(20);

/// The value of a parameter.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

/// One row that a query returned: a number, and optionally bytes and an id.
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) bytes: Vec<u8>,
    pub(super) id: Option<Vec<u8>>,
}

pub(super) struct Database {
    pool: SqlPool,
    /// The writers to SQLite.
    pub(super) writers: Writers,
    /// Whether statements are prepared without a name, each in a transaction of its own.
    ///
    /// A pooler that switches servers between transactions needs this. Behind such a pooler, a named statement may be missing,
    /// or may be another client's. Leaving out the name is not enough: `sqlx` prepares the statement in one round trip and
    /// executes it in the next, which may reach a server where another client has prepared its own unnamed statement. Within a
    /// transaction, both round trips reach the same server.
    is_behind_pooler: bool,
    /// Whether MySQL commits each statement by itself. Queried once.
    #[cfg_attr(not(feature = "mysql"), allow(dead_code))]
    autocommit: OnceCell<bool>,
}

impl Database {
    pub(super) fn new(pool: SqlPool) -> Self {
        let is_behind_pooler = pool.is_behind_pooler();
        Self { pool, writers: Writers::default(), is_behind_pooler, autocommit: OnceCell::new() }
    }

    pub(super) const fn pool(&self) -> &SqlPool {
        &self.pool
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

    /// Executes a statement, and returns how many rows it affected. If a connection breaks, the statement may be executed
    /// twice.
    pub(super) async fn execute(&self, sql: &Sql, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.execute_once(sql, values).await {
                Err(error) if tries.again(&error).await => {}
                answer => return answer,
            }
        }
    }

    /// Executes a query, and returns its rows.
    pub(super) async fn rows(&self, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.rows_once(sql, values).await {
                Err(error) if tries.again(&error).await => {}
                answer => return answer,
            }
        }
    }

    /// Executes a script, whole or not at all, except on MySQL.
    pub(super) async fn run(&self, script: &str) -> Result<(), sqlx::Error> {
        let mut tries = Tries::new(self);
        loop {
            match self.run_once(script).await {
                // On PostgreSQL, `CREATE` can fail if another process creates the same table at the same time.
                Err(error) if tries.again(&error).await || is_made(&error) && tries.lost_race() => {}
                answer => return answer,
            }
        }
    }
}

/// Executes one statement over a connection of the pool, and evaluates an expression on its result.
macro_rules! executed {
    ($database:expr, $sql:expr, $values:expr, $method:ident, $done:ident => $answer:expr) => {{
        let begins = $database.begins().await?;
        with_pool!(&$database.pool, pool => {
            let query = bound(pool, $sql, $values).persistent(!$database.is_behind_pooler);
            let $done = ask(pool, |connection| Box::pin(async move {
                if begins {
                    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
                }
                let done = query.$method(&mut *connection).await;
                if begins {
                    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
                    sqlx::raw_sql(end).execute(connection).await?;
                }
                done
            })).await?;
            $answer
        })
    }};
}

impl Database {
    async fn execute_once(&self, sql: &Sql, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let _turn = self.turn().await;
        Ok(executed!(self, sql, values, execute, done => done.rows_affected()))
    }

    /// Executes a query once: does not wait for the turn, and does not retry.
    pub(super) async fn rows_once(&self, sql: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        executed!(self, sql, values, fetch_all, rows => rows.iter().map(|row| {
            Ok(Row {
                number: row.try_get(0)?,
                bytes: if row.len() > 1 { row.try_get(1)? } else { Vec::new() },
                id: if row.len() > 2 { Some(row.try_get(2)?) } else { None },
            })
        }).collect())
    }

    async fn run_once(&self, script: &str) -> Result<(), sqlx::Error> {
        let _turn = self.turn().await;
        let begins = script.starts_with("BEGIN");
        let script = AssertSqlSafe(script.to_owned());
        with_pool!(&self.pool, pool => ask(pool, |connection| Box::pin(async move {
            let done = sqlx::raw_sql(script).execute(&mut *connection).await;
            // Without a transaction, PostgreSQL would log a warning.
            if done.is_err() && begins {
                let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
            }
            done.map(drop)
        })).await)
    }

    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.dialect() == Dialect::Sqlite { Some(self.writers.turn().await) } else { None }
    }

    /// Returns whether a statement must begin and end a transaction of its own. On MySQL it must if the server's configuration,
    /// or the application for its pool, sets `autocommit = 0`.
    async fn begins(&self) -> Result<bool, sqlx::Error> {
        match &self.pool {
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => {
                let asked = self.autocommit.get_or_try_init(async || {
                    let row =
                        ask(pool, |connection| Box::pin(sqlx::raw_sql("SELECT @@autocommit").fetch_one(connection)));
                    Ok(row.await?.try_get::<i64, _>(0)? != 0)
                });
                asked.await.map(|autocommit| !autocommit)
            }
            #[allow(unreachable_patterns, reason = "each has its feature")]
            _ => Ok(self.is_behind_pooler),
        }
    }
}

/// Returns the statement with all its values, for a pool of this kind.
fn bound<D: sqlx::Database>(_: &sqlx::Pool<D>, sql: &Sql, values: &[Value<'_>]) -> Query<'static, D, D::Arguments>
where
    i64: for<'e> Encode<'e, D> + Type<D>,
    for<'e> &'e [u8]: Encode<'e, D> + Type<D>,
{
    values.iter().fold(sqlx::query(AssertSqlSafe(Arc::clone(sql))), |query, value| match value {
        Value::Number(number) => query.bind(*number),
        Value::Bytes(bytes) => query.bind(*bytes),
    })
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs `ask` with a connection of the pool. The futures are boxed: they are large, and would otherwise make the future of
/// every store call as large.
async fn ask<D: sqlx::Database, T>(
    pool: &sqlx::Pool<D>,
    ask: impl for<'c> FnOnce(&'c mut D::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let mut held = HeldConnection(Some(Box::pin(pool.acquire()).await?));
    let Some(connection) = &mut held.0 else { return Err(sqlx::Error::PoolClosed) };
    let answer = ask(connection).await;
    if !answer.as_ref().is_err_and(is_broken) {
        drop(held.0.take());
    }
    answer
}

/// A connection that is closed if the caller gives up, or if the connection breaks. Otherwise the pool would wait for the
/// connection's answer before lending it again, and an unreachable server never answers.
struct HeldConnection<D: sqlx::Database>(Option<PoolConnection<D>>);

impl<D: sqlx::Database> Drop for HeldConnection<D> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

/// How many retries a statement has left.
struct Tries {
    /// Retries after a broken connection. After a restart of the server, every connection of the pool is broken.
    broken: u32,
    races: u32,
    locked_until: Instant,
}

impl Tries {
    fn new(database: &Database) -> Self {
        let broken = match database.dialect() {
            Dialect::Postgres | Dialect::MySql => database.pool.most_connections(),
            Dialect::Sqlite => 0,
        };
        Self { broken, races: RACES, locked_until: Instant::now() + BUSY }
    }

    /// Returns whether to retry a statement after this error. Waits first, if necessary.
    async fn again(&mut self, error: &sqlx::Error) -> bool {
        if is_locked(error) && Instant::now() < self.locked_until {
            // SQLite has already waited, except if it detects that two writers would wait for each other.
            tokio::time::sleep(SHORTLY).await;
            return true;
        }
        if is_lost_race(error) { self.lost_race() } else { is_broken(error) && take_one(&mut self.broken) }
    }

    fn lost_race(&mut self) -> bool {
        take_one(&mut self.races)
    }
}

/// Returns whether a retry was left, and uses it up.
fn take_one(left: &mut u32) -> bool {
    let was_there = *left > 0;
    *left = left.saturating_sub(1);
    was_there
}
