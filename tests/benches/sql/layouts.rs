//! Stores sessions with bare statements, in two layouts. In the first, a row holds the whole session and is overwritten without a
//! guard. In the second, a session is a header and a row for each field; a save writes the changed fields, guarded by the
//! header's generation.

use session_runtime::store::Key;
use sqlx::{AssertSqlSafe, mysql::MySqlPoolOptions, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};

use super::{Fields, Pool};

/// Opens a pool of the same size for each side, without a ping before each use.
pub async fn pool(url: &str) -> Pool {
    match url.split(':').next().unwrap() {
        "postgres" => {
            PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect(url).await.unwrap().into()
        }
        "mysql" => {
            MySqlPoolOptions::new().max_connections(10).test_before_acquire(false).connect(url).await.unwrap().into()
        }
        _ => {
            use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
            let options: SqliteConnectOptions = url.parse().unwrap();
            let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
            let options = options.synchronous(SqliteSynchronous::Normal);
            let pool = SqlitePoolOptions::new().max_connections(10).test_before_acquire(false);
            pool.connect_with(options).await.unwrap().into()
        }
    }
}

/// Encodes all fields as one value.
pub fn whole(fields: &Fields) -> Vec<u8> {
    rmp_serde::to_vec(fields).unwrap()
}

/// Returns the value with different last bytes.
fn changed(value: &[u8], at: usize) -> Vec<u8> {
    let mut changed = value.to_vec();
    changed.iter_mut().rev().zip(at.to_le_bytes()).for_each(|(byte, at)| *byte = at);
    changed
}

pub struct Bare {
    pool: Pool,
    size: &'static str,
}

/// Runs a statement whose parameters are written for the pool's database, with one of `sqlx`'s macros.
macro_rules! on {
    ($bare:expr, $sql:expr, [$($value:expr),*], $how:ident) => {{
        let sql: String = $sql;
        match &$bare.pool {
            Pool::Postgres(pool) => {
                let mut parts = sql.split('?');
                let first = parts.next().unwrap().to_owned();
                let sql = parts.enumerate().fold(first, |sql, (at, part)| format!("{sql}${}{part}", at + 1));
                $how!(sqlx::query::<sqlx::Postgres>(AssertSqlSafe(sql))$(.bind($value))*, pool)
            }
            Pool::MySql(pool) => $how!(sqlx::query::<sqlx::MySql>(AssertSqlSafe(sql))$(.bind($value))*, pool),
            Pool::Sqlite(pool) => $how!(sqlx::query::<sqlx::Sqlite>(AssertSqlSafe(sql))$(.bind($value))*, pool),
            _ => unreachable!(),
        }
    }};
}

macro_rules! execute {
    ($query:expr, $pool:expr) => {{
        $query.execute($pool).await.unwrap();
    }};
}

macro_rules! count {
    ($query:expr, $pool:expr) => {
        $query.fetch_all($pool).await.unwrap().len()
    };
}

impl Bare {
    pub async fn new(pool: Pool, size: &'static str) -> Self {
        let bare = Self { pool, size };
        let (bytes, id) = match &bare.pool {
            Pool::Postgres(_) => ("BYTEA", "BYTEA"),
            Pool::MySql(_) => ("LONGBLOB", "BINARY(16)"),
            _ => ("BLOB", "BLOB"),
        };
        let (row, head, field) = bare.tables();
        for table in [
            format!("{row} (id {id} NOT NULL PRIMARY KEY, expires_at BIGINT NOT NULL, data {bytes} NOT NULL)"),
            format!("{head} (id {id} NOT NULL PRIMARY KEY, expires_at BIGINT NOT NULL, generation BIGINT NOT NULL)"),
            format!(
                "{field} (id {id} NOT NULL, name VARCHAR(64) NOT NULL, value {bytes} NOT NULL, PRIMARY KEY (id, name))"
            ),
        ] {
            on!(bare, format!("CREATE TABLE {table}"), [], execute);
        }
        bare
    }

    fn tables(&self) -> (String, String, String) {
        let size = self.size;
        (format!("bare_{size}"), format!("head_{size}"), format!("field_{size}"))
    }

    pub async fn begin(&self, key: &Key, fields: &Fields) {
        let (row, head, field) = self.tables();
        let id = &key.digest()[..];
        on!(self, format!("INSERT INTO {row} VALUES (?, ?, ?)"), [id, 1_i64, whole(fields)], execute);
        on!(self, format!("INSERT INTO {head} VALUES (?, ?, ?)"), [id, 1_i64, 0_i64], execute);
        for (name, value) in fields {
            on!(self, format!("INSERT INTO {field} VALUES (?, ?, ?)"), [id, *name, &value[..]], execute);
        }
    }

    pub async fn load(&self, key: &Key) -> usize {
        let (row, ..) = self.tables();
        on!(self, format!("SELECT expires_at, data FROM {row} WHERE id = ?"), [&key.digest()[..]], count)
    }

    /// Writes different bytes each time, because a database may skip a write that changes nothing.
    pub async fn save(&self, key: &Key, whole: &[u8], at: usize) {
        let (whole, at) = (&changed(whole, at)[..], at as i64);
        let (row, ..) = self.tables();
        let sql = format!("UPDATE {row} SET expires_at = ?, data = ? WHERE id = ?");
        on!(self, sql, [at, whole, &key.digest()[..]], execute);
    }

    pub async fn load_each(&self, key: &Key) -> usize {
        let (_, head, field) = self.tables();
        let sql =
            format!("SELECT h.expires_at, f.name, f.value FROM {head} h JOIN {field} f ON f.id = h.id WHERE h.id = ?");
        on!(self, sql, [&key.digest()[..]], count)
    }

    /// Uses one statement on PostgreSQL, where one can change two tables, and a transaction on the other databases.
    pub async fn save_each(&self, key: &Key, name: &str, value: &[u8], at: usize) {
        let (_, head, field) = self.tables();
        let (value, at) = (&changed(value, at)[..], at as i64);
        let id = key.digest();
        let guard = format!("UPDATE {head} SET expires_at = ? WHERE id = ? AND generation = ?");
        match &self.pool {
            Pool::Postgres(pool) => {
                let sql = format!(
                    "WITH h AS (UPDATE {head} SET expires_at = $1 WHERE id = $2 AND generation = $3 RETURNING id) \
                     INSERT INTO {field} SELECT h.id, $4, $5 FROM h \
                     ON CONFLICT (id, name) DO UPDATE SET value = excluded.value"
                );
                let query = sqlx::query(AssertSqlSafe(sql)).bind(at).bind(&id[..]).bind(0_i64).bind(name).bind(value);
                query.execute(pool).await.unwrap();
            }
            Pool::MySql(pool) => {
                let mut work = pool.begin().await.unwrap();
                let query = sqlx::query(AssertSqlSafe(guard)).bind(at).bind(&id[..]).bind(0_i64);
                query.execute(&mut *work).await.unwrap();
                let sql = format!("INSERT INTO {field} VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)");
                let query = sqlx::query(AssertSqlSafe(sql)).bind(&id[..]).bind(name).bind(value);
                query.execute(&mut *work).await.unwrap();
                work.commit().await.unwrap();
            }
            Pool::Sqlite(pool) => {
                let mut work = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
                let query = sqlx::query(AssertSqlSafe(guard)).bind(at).bind(&id[..]).bind(0_i64);
                query.execute(&mut *work).await.unwrap();
                let sql = format!(
                    "INSERT INTO {field} VALUES (?, ?, ?) ON CONFLICT (id, name) DO UPDATE SET value = excluded.value"
                );
                let query = sqlx::query(AssertSqlSafe(sql)).bind(&id[..]).bind(name).bind(value);
                query.execute(&mut *work).await.unwrap();
                work.commit().await.unwrap();
            }
            _ => unreachable!(),
        }
    }
}
