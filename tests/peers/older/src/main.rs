//! Serves the contestants whose stores need sqlx 0.8: `peers-older NAME STORE URL`.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

use std::{env, io};

use peers::{
    contestants::{ruts, tower_sessions},
    serve::serve,
    site::Site,
};
use sqlx::{
    PgPool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, store, url] = arguments.as_slice() else {
        return Err(io::Error::other("usage: peers-older NAME STORE URL"));
    };
    match (name.as_str(), store.as_str()) {
        ("tower-sessions", "PostgreSQL") => serve(tower_sessions_in_postgres(url)),
        ("tower-sessions", "SQLite") => serve(tower_sessions_in_sqlite(url)),
        ("ruts", "PostgreSQL") => serve(ruts_in_postgres(url)),
        _ => Err(io::Error::other(format!("this program has no `{name}` with a store on {store}"))),
    }
}

/// The pool size, which is the same for all contestants.
const CONNECTIONS: u32 = 10;

async fn pool(url: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    pool.connect(url).await.unwrap()
}

async fn tower_sessions_in_postgres(url: &str) -> Site {
    let store = PostgresStore::new(pool(url).await);
    store.migrate().await.unwrap();
    tower_sessions::site_of_0_14(store)
}

async fn tower_sessions_in_sqlite(url: &str) -> Site {
    let options: SqliteConnectOptions = url.parse().unwrap();
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let options = options.synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    let store = SqliteStore::new(pool.connect_with(options).await.unwrap());
    store.migrate().await.unwrap();
    tower_sessions::site_of_0_14(store)
}

async fn ruts_in_postgres(url: &str) -> Site {
    let builder = ::ruts::store::postgres::PostgresStoreBuilder::new(pool(url).await).create_table(true);
    ruts::site(builder.build().await.unwrap())
}
