//! Faults of a server: the call fails, but never returns a wrong answer. Later calls work without a restart of the process.

use std::time::{Duration, Instant};

use session_runtime::{
    SqlStore,
    store::{Store as _, Swapped},
};
use sqlx::{mysql::MySqlPoolOptions, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use tests::{
    databases::{DatabaseServer, Engine},
    servers::{PATIENCE, Proxy},
};

use crate::{
    at, in_file, on, sentence,
    values::{NOW, count, create, empty, load, read},
};

// B32, B35: after the restart, every answered write is stored.
async fn killed_and_restarted(engine: Engine) {
    let Some(server) = DatabaseServer::start(engine) else { return };
    let store = at(&server.url()).await;
    let key = create(&store, &empty()).await;
    for round in 1..=2 {
        // Uses every connection of the pool.
        let at_once = (0..20).map(|_| store.load(&key, NOW));
        for answer in futures_util::future::join_all(at_once).await {
            assert!(answer.unwrap().is_some());
        }
        count(&store, &key, "n").await;
        let found = load(&store, &key).await;
        server.kill();
        let before = Instant::now();
        let said = sentence(store.load(&key, NOW).await);
        assert!(said.contains("is it running") || said.contains("check that the database answers"), "{said}");
        let said = sentence(store.swap(&key, found.as_ref(), Some(&empty()), NOW).await);
        assert!(said.contains("cannot write a session"), "{said}");
        assert!(store.swap(&key, found.as_ref(), None, NOW).await.is_err());
        assert!(before.elapsed() < Duration::from_secs(30), "each call fails within seconds");
        server.restart();
        // The first call already gets an answer.
        assert_eq!(read(&store, &key, "n").await, Some(round));
        count(&store, &key, "others").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_while_a_server_is_down_and_work_after_its_restart_on_postgres() {
    killed_and_restarted(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_while_a_server_is_down_and_work_after_its_restart_on_mariadb() {
    killed_and_restarted(Engine::MariaDb).await;
}

// B32: the database's administrator or the network ends the connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_are_replaced_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = create(&store, &empty()).await;
    for round in 1..=5 {
        futures_util::future::join_all((0..20).map(|_| store.load(&key, NOW))).await;
        let ours = format!("query LIKE '%{table}%' AND pid <> pg_backend_pid()");
        let ended = server.ask(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"));
        assert!(ended.contains('t'), "the query ended some connections");
        count(&store, &key, "n").await;
        proxy.cut();
        count(&over_network, &key, "n").await;
        assert_eq!(read(&store, &key, "n").await, Some(round * 2));
    }
}

/// MariaDB does not show the last statement of a connection, so the test could not find its own connections on a shared
/// server. It starts a server of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_are_replaced_on_mariadb() {
    let Some(server) = DatabaseServer::start(Engine::MariaDb) else { return };
    let store = at(&server.url()).await;
    let key = create(&store, &empty()).await;
    for round in 1..=5 {
        futures_util::future::join_all((0..20).map(|_| store.load(&key, NOW))).await;
        // Waits for idle connections: the pool takes a connection back only after a ping, in the background.
        let deadline = Instant::now() + PATIENCE;
        let idle = loop {
            let idle = server.ask("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'");
            if idle.lines().count() > 0 {
                break idle;
            }
            assert!(Instant::now() < deadline, "no connection becomes idle");
        };
        for id in idle.lines() {
            server.ask(&format!("KILL CONNECTION {id}"));
        }
        count(&store, &key, "n").await;
        assert_eq!(read(&store, &key, "n").await, Some(round));
    }
}

/// B33: the network swallows everything, so no error reveals that a connection is dead. Calls that were given up do not occupy
/// the pool's connections for ever.
async fn a_silent_network(engine: Engine) {
    let Some((server, table, store)) = on(engine).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = create(&store, &empty()).await;
    futures_util::future::join_all((0..20).map(|_| over_network.load(&key, NOW))).await;
    proxy.delay(Duration::from_secs(3_600));
    let given_up = (0..20).map(|_| tokio::time::timeout(Duration::from_millis(300), over_network.load(&key, NOW)));
    for answer in futures_util::future::join_all(given_up).await {
        assert!(answer.is_err(), "{answer:?}");
    }
    proxy.delay(Duration::ZERO);
    // The old connections stay silent; each has five seconds to end.
    let deadline = Instant::now() + PATIENCE / 2;
    while over_network.load(&key, NOW).await.is_err() {
        assert!(Instant::now() < deadline, "the pool is held by calls that were given up");
    }
    count(&over_network, &key, "n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_recovers_from_a_silent_network_on_postgres() {
    a_silent_network(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_recovers_from_a_silent_network_on_mariadb() {
    a_silent_network(Engine::MariaDb).await;
}

// B34: the answer or the request is lost with the connection. The store sends the swap again, and the revision shows that the
// value is stored.
async fn answers_are_lost(engine: Engine) {
    let Some((server, table, store)) = on(engine).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = create(&store, &empty()).await;
    for _ in 0..5 {
        for swallow in [Proxy::swallow_next_answer, Proxy::swallow_next_request] {
            let (before, after) = (load(&over_network, &key).await, empty());
            swallow(&proxy);
            let swapped = over_network.swap(&key, before.as_ref(), Some(&after), NOW).await.unwrap();
            assert!(
                matches!(&swapped, Swapped::Done(_))
                    || matches!(&swapped, Swapped::Stale(Some(found)) if found.value().revision() == after.revision()),
                "{swapped:?}"
            );
            assert_eq!(load(&store, &key).await.unwrap().value().revision(), after.revision());
        }
    }
    assert_eq!(proxy.swallowed(), 10);
    // A removal also succeeds if its answer or its request is lost. The store may have sent the removal twice.
    for swallow in [Proxy::swallow_next_answer, Proxy::swallow_next_request] {
        let key = create(&store, &empty()).await;
        let found = load(&over_network, &key).await;
        swallow(&proxy);
        let swapped = over_network.swap(&key, found.as_ref(), None, NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_) | Swapped::Stale(None)), "{swapped:?}");
        assert!(load(&store, &key).await.is_none());
    }
    assert_eq!(proxy.swallowed(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_recognised_by_its_revision_on_postgres() {
    answers_are_lost(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_recognised_by_its_revision_on_mariadb() {
    answers_are_lost(Engine::MariaDb).await;
}

// B33: the server does not answer for a while. A call that was given up meanwhile may take effect when the server answers again,
// but only once.
async fn frozen(engine: Engine) {
    let Some(server) = DatabaseServer::start(engine) else { return };
    let store = at(&server.url()).await;
    let key = create(&store, &empty()).await;
    let (before, after) = (load(&store, &key).await, empty());
    server.freeze();
    let swap = || store.swap(&key, before.as_ref(), Some(&after), NOW);
    let limit = Duration::from_millis(300);
    assert!(tokio::time::timeout(limit, swap()).await.is_err());
    assert!(tokio::time::timeout(limit, store.load(&key, NOW)).await.is_err());
    server.thaw();
    // Either the first swap is stored by now, or this one.
    let swapped = swap().await.unwrap();
    let found = load(&store, &key).await.unwrap();
    assert_eq!(found.value().revision(), after.revision(), "{swapped:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_takes_effect_once_after_a_server_hung_on_postgres() {
    frozen(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_takes_effect_once_after_a_server_hung_on_mariadb() {
    frozen(Engine::MariaDb).await;
}

/// The application uses all connections of its pool, and later closes the pool.
macro_rules! a_full_pool {
    ($options:ident, $url:expr, $table:expr) => {{
        let options = $options::new().max_connections(1).acquire_timeout(Duration::from_millis(200));
        let pool = options.connect($url).await.unwrap();
        let small = SqlStore::from_pool(pool.clone()).table($table).unwrap();
        let key = create(&small, &empty()).await;
        let found = load(&small, &key).await;
        let held = pool.acquire().await.unwrap();
        let said = sentence(small.swap(&key, found.as_ref(), None, NOW).await);
        assert!(said.contains("give the pool more connections (`max_connections`)"), "{said}");
        assert!(sentence(small.load(&key, NOW).await).contains("max_connections"));
        drop(held);
        count(&small, &key, "n").await;
        pool.close().await;
        assert!(sentence(small.load(&key, NOW).await).contains("the application has closed its pool"));
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_names_a_full_or_closed_pool_on_postgres() {
    let Some((server, table, _)) = on(Engine::Postgres).await else { return };
    a_full_pool!(PgPoolOptions, &server.url(), &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_names_a_full_or_closed_pool_on_mariadb() {
    let Some((server, table, _)) = on(Engine::MariaDb).await else { return };
    a_full_pool!(MySqlPoolOptions, &server.url(), &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_names_a_full_or_closed_pool_on_sqlite() {
    let (_folder, url, _) = in_file().await;
    a_full_pool!(SqlitePoolOptions, &url, "sessions");
}

/// The database is a replica, or a primary that is set to read-only.
#[tokio::test]
async fn a_read_only_database_refuses_writes_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let key = create(&store, &empty()).await;
    let only_read = format!("{}?table={table}&options[default_transaction_read_only]=on", server.url());
    let only_read = SqlStore::open(&only_read).await.unwrap();
    let found = load(&only_read, &key).await;
    for said in [
        sentence(only_read.swap(&key, found.as_ref(), Some(&empty()), NOW).await),
        sentence(only_read.swap(&key, found.as_ref(), None, NOW).await),
        sentence(only_read.swap(&crate::key(), None, Some(&empty()), NOW).await),
        sentence(only_read.delete_expired(NOW).await),
    ] {
        assert!(said.contains("it is read-only: connect to the primary"), "{said}");
    }
    assert!(load(&store, &key).await.is_some());
}

#[tokio::test]
async fn a_read_only_database_refuses_writes_on_mariadb() {
    let Some(server) = DatabaseServer::start(Engine::MariaDb) else { return };
    // MariaDB's read-only mode does not apply to administrators.
    server.ask("CREATE USER shop; GRANT ALL ON test.* TO shop");
    let store = at(&server.url().replace("root@", "shop@")).await;
    let key = create(&store, &empty()).await;
    server.ask("SET GLOBAL read_only = 1");
    let found = load(&store, &key).await;
    for said in [
        sentence(store.swap(&key, found.as_ref(), Some(&empty()), NOW).await),
        sentence(store.swap(&key, found.as_ref(), None, NOW).await),
        sentence(store.swap(&crate::key(), None, Some(&empty()), NOW).await),
    ] {
        assert!(said.contains("it is read-only: connect to the primary"), "{said}");
    }
    server.ask("SET GLOBAL read_only = 0");
    count(&store, &key, "n").await;
    assert_eq!(read(&store, &key, "n").await, Some(1));
}

/// The user has only the right to read.
#[tokio::test]
async fn the_error_names_the_rights_that_sessions_need_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let key = create(&store, &empty()).await;
    let role = format!("reader_{table}");
    server.ask(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON \"{table}\" TO {role}"));
    let url = format!("{}?table={table}", server.url().replace("//postgres@", &format!("//{role}@")));
    let reader = SqlStore::open(&url).await.unwrap();
    let found = load(&reader, &key).await;
    let said = sentence(reader.swap(&key, found.as_ref(), Some(&empty()), NOW).await);
    assert!(said.contains("sessions need SELECT, INSERT, UPDATE and DELETE on their table"), "{said}");
}

/// The application's database serializes transactions, so a lost race is an error there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_of_serializable_transactions_loses_nothing_on_postgres_and_mariadb() {
    for engine in Engine::ALL {
        let Some((server, table, store)) = on(engine).await else { continue };
        let strict = match engine {
            Engine::Postgres => {
                let url = format!("{}?options[default_transaction_isolation]=serializable", server.url());
                SqlStore::from_pool(PgPoolOptions::new().max_connections(8).connect(&url).await.unwrap())
            }
            Engine::MariaDb => {
                let options = MySqlPoolOptions::new().max_connections(8).after_connect(|connection, _| {
                    Box::pin(async move {
                        let strict = "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";
                        sqlx::query(strict).execute(connection).await.map(|_| ())
                    })
                });
                SqlStore::from_pool(options.connect(&server.url()).await.unwrap())
            }
        };
        let strict = strict.table(&table).unwrap();
        let key = create(&store, &empty()).await;
        let all: Vec<_> = (0..8)
            .map(|_| {
                let store = strict.clone();
                tokio::spawn(async move {
                    for _ in 0..25 {
                        count(&store, &key, "n").await;
                    }
                })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(read(&store, &key, "n").await, Some(200));
    }
}
