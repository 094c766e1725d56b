//! The clean-up removes expired rows in small batches, and no others, even if a clock is wrong. The last test is about damaged
//! rows.

use std::time::Duration;

use session_runtime::{
    SqlStore, Timestamp,
    store::{Store as _, Swapped},
};
use sqlx::{Executor as _, mysql::MySqlPoolOptions};
use tests::databases::Engine;

use crate::{
    everywhere, in_file,
    log::Log,
    on,
    values::{NOW, count, create, empty, load, read, value},
};

const SOON: Duration = Duration::from_secs(60);
/// How long a row stays after it has expired.
const MARGIN: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expired_rows_are_removed_in_batches_and_live_ones_stay_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let later = NOW + SOON * 3 + MARGIN;
        let mut live = Vec::new();
        for number in 0..1_200 {
            let end = if number % 10 == 0 { later + SOON } else { NOW + SOON };
            let key = create(&store, &value(end, b"{}")).await;
            if number % 10 == 0 {
                live.push(key);
            }
        }
        // Runs two clean-ups concurrently, and requests at the same time.
        let (one, other) = (store.clone(), store.clone());
        let cleaning = [one, other].map(|store| tokio::spawn(async move { store.delete_expired(later).await }));
        for key in &live[..60] {
            count(&store, key, "n").await;
        }
        let mut removed = 0;
        for cleaner in cleaning {
            removed += cleaner.await.unwrap().unwrap();
        }
        assert_eq!(removed, 1_080);
        assert_eq!(store.delete_expired(later).await.unwrap(), 0);
        for key in &live {
            assert!(load(&store, key).await.is_some());
        }
        // An edit removes a row's deadline. So only the 60 live rows that were not edited expire.
        assert_eq!(store.delete_expired(later + SOON + MARGIN).await.unwrap(), 60);
        assert_eq!(read(&store, &live[0], "n").await, Some(1));
        drop(folder);
    }
}

// F27
#[tokio::test]
async fn a_row_stays_for_an_hour_after_it_has_expired_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let (key, for_ever) = (create(&store, &value(NOW, b"")).await, create(&store, &empty()).await);
        let just_before = Timestamp::from_millis((NOW + MARGIN).as_millis() - 1);
        for early in [Timestamp::from_millis(0), NOW, just_before] {
            assert_eq!(store.delete_expired(early).await.unwrap(), 0);
        }
        assert!(load(&store, &key).await.is_some());
        assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 1);
        assert!(load(&store, &key).await.is_none());
        assert_eq!(store.delete_expired(Timestamp::NEVER).await.unwrap(), 0);
        assert!(load(&store, &for_ever).await.is_some());
        drop(folder);
    }
}

/// A row that another transaction has locked delays neither the other rows nor requests, and is removed later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_is_skipped_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    for _ in 0..600 {
        create(&store, &value(NOW, b"")).await;
    }
    let (locked, live) = (create(&store, &value(NOW, b"")).await, create(&store, &empty()).await);
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let mut work = pool.begin().await.unwrap();
    let sql = format!("SELECT id FROM {table} WHERE id = '\\x{}' FOR UPDATE", locked.hex());
    work.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 600);
    count(&store, &live, "n").await;
    work.rollback().await.unwrap();
    assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 1);
}

/// Two clean-ups run while requests replace expired values. They never remove a new value.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_that_is_replaced_meanwhile_stays_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let mut keys = Vec::new();
        for _ in 0..200 {
            keys.push(create(&store, &value(NOW, b"{}")).await);
        }
        let (one, other) = (store.clone(), store.clone());
        let cleaning = [one, other].map(|store| tokio::spawn(async move { store.delete_expired(NOW + MARGIN).await }));
        let (mut replaced, mut removed) = (0, 0);
        for key in &keys {
            let Some(before) = load(&store, key).await else { continue };
            if let Swapped::Done(_) = store.swap(key, Some(&before), Some(&empty()), NOW).await.unwrap() {
                replaced += 1;
                assert!(load(&store, key).await.is_some(), "clean-up removed a live value");
            }
        }
        for cleaner in cleaning {
            removed += cleaner.await.unwrap().unwrap();
        }
        assert_eq!(removed + replaced, 200);
        assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 0);
        drop(folder);
    }
}

/// Returns how many of three clean-ups by this store warn of the clock. Checks that none of them removes a row.
async fn warnings(store: &SqlStore, table: &str) -> usize {
    let log = Log::start();
    for _ in 0..3 {
        assert_eq!(store.delete_expired(NOW + MARGIN * 9).await.unwrap(), 0);
    }
    log.count("this machine's clock is far ahead of the database's", table)
}

// F27: the clock of a machine may be hours ahead of the database's. This test sets the database's clock years back instead.
#[tokio::test]
async fn a_process_whose_clock_is_far_ahead_removes_nothing_and_logs_it_once_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let key = create(&store, &value(NOW, b"")).await;
    server.ask(&format!(
        "CREATE SCHEMA clock_{table}; CREATE FUNCTION clock_{table}.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$SELECT timestamptz '2001-01-01'$$"
    ));
    let path = format!("options[search_path]=clock_{table},pg_catalog,public");
    let behind = SqlStore::open(&format!("{}?table={table}&{path}", server.url())).await.unwrap();
    assert_eq!(warnings(&behind, &table).await, 1);
    assert!(load(&store, &key).await.is_some());
    assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 1, "other processes remove it");
}

#[tokio::test]
async fn a_process_whose_clock_is_far_ahead_removes_nothing_and_logs_it_once_on_mariadb() {
    let Some((server, table, store)) = on(Engine::MariaDb).await else { return };
    let key = create(&store, &value(NOW, b"")).await;
    let options = MySqlPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move { connection.execute("SET timestamp = 1000000000").await.map(drop) })
    });
    let behind = SqlStore::from_pool(options.connect(&server.url()).await.unwrap()).table(&table).unwrap();
    assert_eq!(warnings(&behind, &table).await, 1);
    assert!(load(&store, &key).await.is_some());
    assert_eq!(store.delete_expired(NOW + MARGIN).await.unwrap(), 1, "other processes remove it");
}

/// A machine whose clock is behind removes rows late, which does no harm.
#[tokio::test]
async fn a_process_whose_clock_is_behind_cleans_up_on_mariadb() {
    let Some((server, table, store)) = on(Engine::MariaDb).await else { return };
    create(&store, &value(NOW, b"")).await;
    let options = MySqlPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move { connection.execute("SET timestamp = 2100000000").await.map(drop) })
    });
    let ahead = SqlStore::from_pool(options.connect(&server.url()).await.unwrap()).table(&table).unwrap();
    assert_eq!(ahead.delete_expired(NOW + MARGIN).await.unwrap(), 1);
}

// B29: only the engine interprets values, so the store returns a damaged value too. The engine can then replace or remove it.
#[tokio::test]
async fn a_damaged_row_can_be_loaded_and_replaced_on_sqlite() {
    let (_folder, url, store) = in_file().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for damage in ["value = x'00'", "value = x''", "value = substr(value, 1, 12)", "revision = 7"] {
        let (key, healthy) = (create(&store, &empty()).await, create(&store, &empty()).await);
        let sql = format!("UPDATE sessions SET {damage} WHERE id = x'{}'", key.hex());
        pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        let found = load(&store, &key).await.unwrap();
        let swapped = store.swap(&key, Some(&found), Some(&empty()), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{damage}");
        let found = load(&store, &key).await.unwrap();
        let swapped = store.swap(&key, Some(&found), None, NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{damage}");
        assert!(load(&store, &healthy).await.is_some());
    }
}
