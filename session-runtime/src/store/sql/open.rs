//! Reads a URL such as `postgres://user:password@host/database?table=shop`, and opens a pool of connections.

use std::{io::ErrorKind, str::FromStr, time::Duration};

use sqlx::{Connection, Database, pool::PoolOptions};

#[cfg(feature = "sqlite")]
use super::database::BUSY;
use super::{
    super::query::trimmed,
    SqlPool,
    advice::{is_locked, refused},
    database::SHORTLY,
};
use crate::error::Error;

/// The maximum number of connections of a pool that the store opens.
const CONNECTIONS: u32 = 10;
/// How long the first connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a call waits for a connection while the server is down, or while all connections are in use.
const ACQUIRE: Duration = Duration::from_secs(3);
/// A connection that was idle for longer than this is tested before it is used: a device between here and the server may have
/// dropped it.
const FORGOTTEN: Duration = Duration::from_secs(30);
/// How long such a connection may take to answer. A dropped one does not answer at all.
const ANSWER: Duration = Duration::from_millis(500);

/// A parsed URL.
pub(super) struct Address {
    kind: Kind,
    /// The URL for `sqlx`.
    url: String,
    /// Its parameters.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    query: String,
    /// The database, for messages.
    place: String,
    pub(super) table: Option<String>,
    /// Whether the store creates the table if it is missing.
    pub(super) migrates: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Postgres,
    MySql,
    Sqlite,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let url = trimmed(url)?;
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let (kind, scheme) = match scheme {
            "postgres" | "postgresql" => (Kind::Postgres, "postgres"),
            "mysql" | "mariadb" => (Kind::MySql, "mysql"),
            "sqlite" => (Kind::Sqlite, "sqlite"),
            _ => return Err(Error::setup("the URL of a SQL database begins with postgres:, mysql: or sqlite:")),
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') && !matches!(kind, Kind::Sqlite) {
            return Err(Error::setup(
                "the URL of the SQL database has an `@` after its `?`: in a user's name or a password, `?` is written %3F",
            ));
        }
        let (mut table, mut migrates, mut theirs) = (None, true, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("table", name)) => table = Some(name.to_owned()),
                Some(("migrate", "never")) => migrates = false,
                Some(("migrate", _)) => {
                    return Err(Error::setup(
                        "in the URL of a SQL database, `migrate` can only be `never`: otherwise its table is created if it \
                         is missing",
                    ));
                }
                _ => theirs.push(part),
            }
        }
        let query = theirs.join("&");
        let url = if query.is_empty() { format!("{scheme}:{path}") } else { format!("{scheme}:{path}?{query}") };
        // Leaves out the part that may hold a password.
        let shown = path.rsplit_once('@').map_or(path, |(_, shown)| shown).trim_start_matches("//");
        let place = match kind {
            Kind::Postgres => format!("the PostgreSQL database at {shown}"),
            Kind::MySql => format!("the MySQL database at {shown}"),
            Kind::Sqlite => format!("the SQLite database `{shown}`"),
        };
        Ok(Self { kind, url, query, place, table, migrates })
    }

    pub(super) async fn connect(&self) -> Result<SqlPool, Error> {
        match self.kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres => Ok(SqlPool::Postgres(self.pool(self.options()?).await?)),
            #[cfg(feature = "mysql")]
            Kind::MySql => Ok(SqlPool::MySql(self.pool(self.options()?).await?)),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => Ok(SqlPool::Sqlite(self.pool(sqlite::options(self)?).await?)),
            #[allow(unreachable_patterns, reason = "each has its feature")]
            kind => {
                let feature = match kind {
                    Kind::Postgres => "postgres",
                    Kind::MySql => "mysql",
                    Kind::Sqlite => "sqlite",
                };
                Err(Error::setup(format!("{} needs the feature `{feature}` of session-runtime", self.place)))
            }
        }
    }

    fn refused(&self, error: sqlx::Error) -> Error {
        // No table is involved yet.
        refused(&self.place, "", error)
    }

    fn options<O: FromStr<Err = sqlx::Error>>(&self) -> Result<O, Error> {
        self.url.parse().map_err(|error| self.refused(error))
    }

    async fn pool<D: Database>(&self, options: <D::Connection as Connection>::Options) -> Result<sqlx::Pool<D>, Error> {
        // Connects outside the pool first, since the pool would wait for an unreachable server.
        let first = Box::pin(async {
            loop {
                match D::Connection::connect_with(&options).await {
                    // If several processes create a SQLite file, one switches it to WAL mode while the others wait.
                    Err(error) if is_locked(&error) => tokio::time::sleep(SHORTLY).await,
                    connection => return connection?.close().await,
                }
            }
        });
        match tokio::time::timeout(CONNECT, first).await {
            Ok(first) => first.map_err(|error| self.refused(error))?,
            Err(_) => {
                let place = &self.place;
                return Err(Error::setup(format!(
                    "no answer from {place} within {CONNECT:?}: is it the right address?"
                )));
            }
        }
        let pool = PoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|connection: &mut D::Connection, meta| {
                Box::pin(async move {
                    if meta.idle_for < FORGOTTEN {
                        return Ok(true);
                    }
                    let answer = tokio::time::timeout(ANSWER, connection.ping()).await;
                    answer.map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))?.map(|()| true)
                })
            });
        Ok(pool.connect_lazy_with(options))
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;

    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    use super::{Address, Error};

    /// Returns options for WAL mode, unless the URL says `mode=ro`: readers and a writer work at the same time, and an answered
    /// write survives the end of the process. Creates the file if it is missing, unless the URL says `mode=ro` or `mode=rw`.
    pub(super) fn options(address: &Address) -> Result<SqliteConnectOptions, Error> {
        let options = address.options::<SqliteConnectOptions>()?.busy_timeout(super::BUSY);
        let path = options.get_filename();
        let has = |mode: &str| address.query.split('&').any(|part| part.strip_prefix("mode=") == Some(mode));
        if address.url.contains(":memory:") || has("memory") || path.as_os_str().is_empty() {
            return Err(Error::setup(
                "each connection to a SQLite database in memory has a database of its own: name a file, or use `MemoryStore`",
            ));
        }
        if has("ro") {
            return Ok(options);
        }
        if !has("rw") {
            create(path, &address.place)?;
        }
        Ok(options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal))
    }

    /// Creates the file if it is missing, readable only by its owner. SQLite gives the files beside it the same permissions.
    fn create(path: &Path, place: &str) -> Result<(), Error> {
        let mut file = std::fs::OpenOptions::new();
        file.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        let made = file.open(path);
        made.map(drop).map_err(|source| {
            Error::setup(format!(
                "cannot open {place}: does its folder exist, and may this process write there? {source}"
            ))
        })
    }
}
