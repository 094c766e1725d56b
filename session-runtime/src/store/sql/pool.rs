//! A pool of connections to a database of any kind.

/// A pool of `sqlx` connections to a database of any kind.
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

/// The argument of [`SqlStore::from_pool`](super::SqlStore::from_pool). A pool of another version of `sqlx` has a type of the
/// same name, so the compiler's own message would name the same type twice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pool of `sqlx` 0.9",
    label = "not a `PgPool`, `MySqlPool` or `SqlitePool` of `sqlx` 0.9",
    note = "a pool of another version of `sqlx` is another type of the same name: write `sqlx = \"0.9\"` in your `Cargo.toml` \
            (`cargo tree -i sqlx` shows which versions there are), or give sessions a pool of their own with \
            `SqlStore::open(\"postgres://…\")`",
    note = "each database has its feature: `postgres`, `mysql`, `sqlite`"
)]
#[doc(hidden)]
pub trait IntoSqlPool {
    fn into_sql_pool(self) -> SqlPool;
}

#[diagnostic::do_not_recommend]
impl<T: Into<SqlPool>> IntoSqlPool for T {
    fn into_sql_pool(self) -> SqlPool {
        self.into()
    }
}

/// Evaluates an expression with the pool, whatever its kind.
macro_rules! with_pool {
    ($all:expr, $pool:ident => $answer:expr) => {
        match $all {
            #[cfg(feature = "postgres")]
            $crate::store::sql::SqlPool::Postgres($pool) => $answer,
            #[cfg(feature = "mysql")]
            $crate::store::sql::SqlPool::MySql($pool) => $answer,
            #[cfg(feature = "sqlite")]
            $crate::store::sql::SqlPool::Sqlite($pool) => $answer,
        }
    };
}

pub(super) use with_pool;

impl SqlPool {
    /// Returns the most connections that the pool opens.
    pub(super) fn most_connections(&self) -> u32 {
        with_pool!(self, pool => pool.options().get_max_connections())
    }

    /// Returns whether the pool's connections may be switched between servers, as by PgBouncer. On PostgreSQL,
    /// `statement_cache_capacity(0)` is taken as the sign of it.
    pub(super) fn is_behind_pooler(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                // The capacity has no getter, but it is in the `Debug` output. The other way to read it, the options as a URL,
                // panics on some hosts.
                let options = pool.connect_options();
                let without_cache = (*options).clone().statement_cache_capacity(0);
                format!("{options:?}") == format!("{without_cache:?}")
            }
            #[allow(unreachable_patterns, reason = "each has its feature")]
            _ => false,
        }
    }
}

#[cfg(all(test, feature = "postgres"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

    use super::SqlPool;

    // F23
    #[tokio::test]
    async fn a_pool_without_a_statement_cache_is_recognised() {
        let url = "postgres://shop:secret@[::1]/shop";
        for (query, expected) in [("", false), ("?statement-cache-capacity=0", true)] {
            let options: PgConnectOptions = format!("{url}{query}").parse().unwrap();
            let pool = SqlPool::from(PgPoolOptions::new().connect_lazy_with(options));
            assert_eq!(pool.is_behind_pooler(), expected, "{query}");
        }
    }
}
