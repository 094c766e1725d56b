//! An application can use one pool for its own work and its sessions. Sessions never join the application's transactions.

use session_runtime::{SqlStore, store::Store as _};
use sqlx::{Connection as _, Executor as _, Row as _, mysql::MySqlPoolOptions};
use tests::databases::{Engine, table};

use crate::{
    on,
    values::{NOW, count, create, edit, empty, load, read},
};

/// Checks, in a pool of this kind, that writes of sessions neither commit the application's pending work nor are undone with it.
macro_rules! pending_work_stays_pending {
    ($pool:expr) => {{
        let (pool, orders) = ($pool, table());
        let store = SqlStore::from_pool(pool.clone()).table(&table()).unwrap();
        store.migrate().await.unwrap();
        pool.execute(sqlx::AssertSqlSafe(format!("CREATE TABLE {orders} (n INTEGER)"))).await.unwrap();
        let key = create(&store, &empty()).await;
        let mut connection = pool.acquire().await.unwrap();
        let mut work = connection.begin().await.unwrap();
        work.execute(sqlx::AssertSqlSafe(format!("INSERT INTO {orders} VALUES (1)"))).await.unwrap();
        count(&store, &key, "n").await;
        store.delete_expired(NOW).await.unwrap();
        let orders = async || {
            let query = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {orders}")));
            query.fetch_one(&pool).await.unwrap().get::<i64, _>(0)
        };
        assert_eq!(orders().await, 0, "a session's commit does not commit the application's work");
        work.rollback().await.unwrap();
        drop(connection);
        assert_eq!(orders().await, 0);
        let written = read(&store, &key, "n").await;
        assert_eq!(written, Some(1), "the rollback does not undo the session's write");
    }};
}

#[tokio::test]
async fn pending_work_stays_pending_on_postgres() {
    let Some((server, ..)) = on(Engine::Postgres).await else { return };
    pending_work_stays_pending!(sqlx::PgPool::connect(&server.url()).await.unwrap());
}

#[tokio::test]
async fn pending_work_stays_pending_on_mariadb() {
    let Some((server, ..)) = on(Engine::MariaDb).await else { return };
    pending_work_stays_pending!(sqlx::MySqlPool::connect(&server.url()).await.unwrap());
}

/// SQLite allows one writer at a time. A session's write waits until the application's transaction ends, and does not become part
/// of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_waits_for_the_applications_transaction_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    pool.execute("PRAGMA journal_mode = WAL").await.unwrap();
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    pool.execute("CREATE TABLE orders (n INTEGER)").await.unwrap();
    let key = create(&store, &empty()).await;
    let mut work = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    work.execute("INSERT INTO orders VALUES (1)").await.unwrap();
    let session = store.clone();
    let waiting = tokio::spawn(async move { count(&session, &key, "n").await });
    assert_eq!(read(&store, &key, "n").await, None, "a read does not wait");
    work.rollback().await.unwrap();
    waiting.await.unwrap();
    assert_eq!(read(&store, &key, "n").await, Some(1));
    let orders = sqlx::query("SELECT COUNT(*) FROM orders").fetch_one(&pool).await.unwrap();
    assert_eq!(orders.get::<i64, _>(0), 0);
}

// F27: autocommit can be off on a whole server, or in one pool as in this test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_autocommit_commits_sessions_on_mariadb() {
    let Some((server, table, other)) = on(Engine::MariaDb).await else { return };
    let options = MySqlPoolOptions::new().max_connections(2).after_connect(|connection, _| {
        Box::pin(async move { connection.execute("SET autocommit = 0").await.map(drop) })
    });
    let pool = options.connect(&server.url()).await.unwrap();
    let store = SqlStore::from_pool(pool.clone()).table(&table).unwrap();
    let key = create(&store, &empty()).await;
    assert!(load(&other, &key).await.is_some());
    for round in 1..=10 {
        // Each store sees the other's writes, and neither waits for the other's locks.
        count(&store, &key, "n").await;
        assert_eq!(read(&other, &key, "n").await, Some(round * 2 - 1));
        count(&other, &key, "n").await;
        assert_eq!(read(&store, &key, "n").await, Some(round * 2));
    }
    // A rejected write leaves no lock behind.
    assert!(store.swap(&key, None, Some(&empty()), NOW).await.is_ok());
    edit(&other, &key, |counters| counters.clear()).await.unwrap();
    let found = load(&store, &key).await;
    store.swap(&key, found.as_ref(), None, NOW).await.unwrap();
    assert!(load(&other, &key).await.is_none());
}
