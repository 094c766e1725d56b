//! The store behind PgBouncer in transaction mode, where each statement may reach another server connection.

use std::time::Duration;

use session_runtime::{
    SqlStore, Timestamp,
    store::{Position, Store as _},
};
use sqlx::{Row as _, postgres::PgPoolOptions};
use tests::{
    databases::{self, Engine, table},
    poolers::{PgBouncer, SQLX},
};

use crate::{
    at, key, sentence,
    values::{NOW, count, create, empty, load, put, read, value},
};

// F23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_works_behind_pgbouncer_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::start(server, SQLX) else { return };
    let url = format!("{}?table={}&statement-cache-capacity=0", pooler.url(), table());
    let (store, other) = (at(&url).await, at(&url).await);
    let shared = create(&store, &empty()).await;
    let mut all = Vec::new();
    for task in 0..8 {
        let store = if task % 2 == 0 { store.clone() } else { other.clone() };
        all.push(tokio::spawn(async move {
            let own = create(&store, &empty()).await;
            for number in 1..=50 {
                count(&store, &own, "n").await;
                count(&store, &shared, "n").await;
                assert_eq!(read(&store, &own, "n").await, Some(number));
            }
            let found = load(&store, &own).await.unwrap();
            store.swap(&own, Some(&found), None, NOW).await.unwrap();
            assert!(load(&store, &own).await.is_none());
        }));
    }
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(read(&store, &shared, "n").await, Some(400));
    create(&store, &value(NOW, b"")).await;
    assert_eq!(store.scan(&Position::start(), Timestamp::from_millis(0)).await.unwrap().unwrap().values.len(), 2);
    assert_eq!(store.delete_expired(NOW + Duration::from_secs(3_600)).await.unwrap(), 1);
}

/// The application's own pool works too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_a_statement_cache_works_behind_pgbouncer_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::start(server, SQLX) else { return };
    let options: sqlx::postgres::PgConnectOptions = pooler.url().parse().unwrap();
    let pool = PgPoolOptions::new().connect_with(options.statement_cache_capacity(0)).await.unwrap();
    let store = SqlStore::from_pool(pool).table(&table()).unwrap();
    store.migrate().await.unwrap();
    let key = create(&store, &empty()).await;
    let counting = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                count(&store, &key, "n").await;
            }
        })
    });
    for one in counting.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(read(&store, &key, "n").await, Some(160));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_behind_pgbouncer_names_the_missing_option_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::start(server, SQLX) else { return };
    let table = table();
    at(&format!("{}?table={table}", server.url())).await;
    let store = SqlStore::open(&format!("{}?table={table}", pooler.url())).await.unwrap();
    let (nothing, mut refused) = (key(), Vec::new());
    for _ in 0..20 {
        let answers = futures_util::future::join_all((0..8).map(|_| store.load(&nothing, NOW))).await;
        refused.extend(answers.into_iter().filter(Result::is_err));
    }
    let said = sentence(refused.pop().expect("prepared statements do not work here"));
    assert!(said.contains("a pooler such as PgBouncer") && said.contains("?statement-cache-capacity=0"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_names_the_setting_that_pgbouncer_needs_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::start(server, "") else { return };
    let said = SqlStore::open(&pooler.url()).await.unwrap_err().to_string();
    assert!(said.contains("ignore_startup_parameters = extra_float_digits"), "{said}");
}

// F23: the number of prepared statements on the server does not grow with the number of calls, with or without the option.
#[tokio::test]
async fn prepared_statements_do_not_pile_up_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    for (query, most) in [("", 12), ("?statement-cache-capacity=0", 1)] {
        let url = format!("{}{query}", server.url());
        let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        let store = SqlStore::from_pool(pool.clone()).table(&table()).unwrap();
        store.migrate().await.unwrap();
        for _ in 0..30 {
            let key = key();
            put(&store, &key, &empty()).await;
            count(&store, &key, "n").await;
        }
        let prepared = sqlx::query("SELECT count(*) FROM pg_prepared_statements").fetch_one(&pool).await.unwrap();
        let prepared: i64 = prepared.get(0);
        assert!(prepared <= most, "{prepared} statements, with `{query}`");
    }
}
