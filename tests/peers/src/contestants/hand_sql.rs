//! A row for each session, with a column for each field. Each operation is one statement, by primary key.

use std::time::SystemTime;

use serde::Serialize;
use sqlx::{PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};

use super::hand_stored::{Field, Floor, LIFETIME};
use crate::session::{Data, Line, Theme};

/// The size of every contestant's pool. No connection is tested before use.
const CONNECTIONS: u32 = 10;

pub async fn postgres(url: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    pool.connect(url).await.unwrap()
}

pub async fn sqlite(url: &str) -> SqlitePool {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    let options: SqliteConnectOptions = url.parse().unwrap();
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let options = options.synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    pool.connect_with(options).await.unwrap()
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

/// Returns the time of expiry, in seconds.
fn until() -> i64 {
    let until = SystemTime::now() + LIFETIME;
    until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
}

fn theme(number: i16) -> Theme {
    [Theme::Light, Theme::Dark, Theme::Dim][number as usize]
}

const INSERT: &str = "INSERT INTO hand VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

type Columns = (Option<i64>, String, Vec<u8>, Vec<u8>, String, i16, i64, String);

/// Implements [`Floor`] for a database, given the type of its pool and its column type for bytes.
macro_rules! floor {
    ($name:ident, $pool:ty, $bytes:literal) => {
        pub struct $name($pool);

        impl $name {
            pub async fn open(pool: $pool) -> Self {
                let table = concat!(
                    "CREATE TABLE IF NOT EXISTS hand (id ",
                    $bytes,
                    " PRIMARY KEY, expires_at BIGINT NOT NULL, ",
                    "user_id BIGINT, name TEXT NOT NULL, roles ",
                    $bytes,
                    " NOT NULL, cart ",
                    $bytes,
                    " NOT NULL, ",
                    "token TEXT NOT NULL, theme SMALLINT NOT NULL, visits BIGINT NOT NULL, locale TEXT NOT NULL)"
                );
                sqlx::query(table).execute(&pool).await.unwrap();
                Self(pool)
            }
        }

        impl Floor for $name {
            async fn load(&self, id: u128) -> Option<Data> {
                let sql = "SELECT user_id, name, roles, cart, token, theme, visits, locale FROM hand \
                           WHERE id = $1 AND expires_at > $2";
                let query =
                    sqlx::query_as(sql).bind(id.to_be_bytes().to_vec()).bind(until() - LIFETIME.as_secs() as i64);
                let row: Option<Columns> = query.fetch_optional(&self.0).await.unwrap();
                row.map(|(user, name, roles, cart, token, number, visits, locale)| Data {
                    user: user.map(|user| user as u64),
                    name,
                    roles: rmp_serde::from_slice(&roles).unwrap(),
                    cart: rmp_serde::from_slice::<Vec<Line>>(&cart).unwrap(),
                    token,
                    theme: theme(number),
                    visits: visits as u64,
                    locale,
                })
            }

            async fn insert(&self, id: u128, data: Data) {
                let query = sqlx::query(INSERT)
                    .bind(id.to_be_bytes().to_vec())
                    .bind(until())
                    .bind(data.user.map(|user| user as i64))
                    .bind(data.name)
                    .bind(encoded(&data.roles))
                    .bind(encoded(&data.cart))
                    .bind(data.token)
                    .bind(data.theme as i16)
                    .bind(data.visits as i64)
                    .bind(data.locale);
                query.execute(&self.0).await.unwrap();
            }

            async fn start(&self, id: u128, locale: &'static str) {
                self.insert(id, Data { locale: locale.into(), ..Data::none() }).await;
            }

            async fn write(&self, id: u128, field: Field) {
                let id = id.to_be_bytes().to_vec();
                let query = match field {
                    Field::Theme(theme) => sqlx::query("UPDATE hand SET expires_at = $1, theme = $2 WHERE id = $3")
                        .bind(until())
                        .bind(theme as i16),
                    Field::Locale(locale) => sqlx::query("UPDATE hand SET expires_at = $1, locale = $2 WHERE id = $3")
                        .bind(until())
                        .bind(locale),
                    Field::Visits(visits) => sqlx::query("UPDATE hand SET expires_at = $1, visits = $2 WHERE id = $3")
                        .bind(until())
                        .bind(visits as i64),
                };
                query.bind(id).execute(&self.0).await.unwrap();
            }

            async fn sign_in(&self, from: u128, to: u128, user: u64) {
                let query = sqlx::query("UPDATE hand SET id = $1, user_id = $2 WHERE id = $3");
                let query = query.bind(to.to_be_bytes().to_vec()).bind(user as i64).bind(from.to_be_bytes().to_vec());
                query.execute(&self.0).await.unwrap();
            }

            async fn remove(&self, id: u128) {
                let query = sqlx::query("DELETE FROM hand WHERE id = $1").bind(id.to_be_bytes().to_vec());
                query.execute(&self.0).await.unwrap();
            }
        }
    };
}

floor!(PostgresRow, PgPool, "BYTEA");
floor!(SqliteRow, SqlitePool, "BLOB");
