//! An application that keeps its sessions in the pool that it works with: its transactions are its own.

use session_runtime::{
    SqlStore,
    store::{Store, UserIndex},
};
use sqlx::{Connection as _, Executor as _, Row as _};
use tests::{
    databases::{Engine, table},
    records::{NOW, load, set, update, user, write},
};

use crate::{filled, key, on};

/// In a pool of this kind: what the application has pending stays pending while sessions are written, and is gone if it
/// thinks better of it.
macro_rules! pending_work_stays_pending {
    ($pool:expr) => {{
        let (pool, orders) = ($pool, table());
        let store = SqlStore::from_pool(pool.clone()).table(&table()).unwrap();
        store.migrate().await.unwrap();
        pool.execute(sqlx::AssertSqlSafe(format!("CREATE TABLE {orders} (n INTEGER)"))).await.unwrap();
        let key = key();
        write(&store, &key, &filled()).await;
        let mut connection = pool.acquire().await.unwrap();
        let mut work = connection.begin().await.unwrap();
        work.execute(sqlx::AssertSqlSafe(format!("INSERT INTO {orders} VALUES (1)"))).await.unwrap();
        write(&store, &key, &set(update(), "a", [1])).await;
        store.enter(&user(), &key, NOW).await.unwrap();
        store.delete_expired(NOW).await.unwrap();
        let count = async || {
            let query = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {orders}")));
            query.fetch_one(&pool).await.unwrap().get::<i64, _>(0)
        };
        assert_eq!(count().await, 0, "a session's commit has committed it");
        work.rollback().await.unwrap();
        drop(connection);
        assert_eq!(count().await, 0);
        let record = load(&store, &key).await.unwrap();
        assert!(record.fields.get("a").is_some(), "what the session wrote went with what the application did");
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

/// Only one can write to a file. A session waits until the application is done, and neither is in the other's transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_waits_for_the_applications_transaction_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    pool.execute("PRAGMA journal_mode = WAL").await.unwrap();
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    pool.execute("CREATE TABLE orders (n INTEGER)").await.unwrap();
    let key = key();
    write(&store, &key, &filled()).await;
    let mut work = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    work.execute("INSERT INTO orders VALUES (1)").await.unwrap();
    let (session, id) = (store.clone(), key);
    let waiting = tokio::spawn(async move { session.apply(&id, &set(update(), "a", [1]), NOW).await });
    assert!(load(&store, &key).await.unwrap().fields.get("a").is_none(), "reading goes on meanwhile");
    work.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(load(&store, &key).await.unwrap().fields.get("a").is_some());
    let orders = sqlx::query("SELECT COUNT(*) FROM orders").fetch_one(&pool).await.unwrap();
    assert_eq!(orders.get::<i64, _>(0), 0);
}
