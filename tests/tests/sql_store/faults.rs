//! What befalls a server: each is an error of the call, never a wrong answer, and passes without a restart of ours.

use std::time::{Duration, Instant};

use session_runtime::{
    SqlStore,
    store::{Applied, Store, UserIndex},
};
use sqlx::{mysql::MySqlPoolOptions, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use tests::{
    databases::{DatabaseServer, Engine},
    records::{NOW, add, ending, load, read, set, update, user, write},
    servers::{PATIENCE, Proxy},
};

use crate::{at, filled, in_file, key, on, sentence};

// B32, B35: everything that was answered is there again.
async fn killed_and_restarted(engine: Engine) {
    let Some(server) = DatabaseServer::start(engine) else { return };
    let store = at(&server.url()).await;
    let key = key();
    write(&store, &key, &filled()).await;
    for round in 1..=2 {
        // Every connection of the pool is in use once.
        let at_once = (0..20).map(|_| store.load(&key, NOW));
        for answer in futures_util::future::join_all(at_once).await {
            assert!(answer.unwrap().is_some());
        }
        write(&store, &key, &add(update(), "n", 1)).await;
        server.kill();
        let before = Instant::now();
        let said = sentence(store.load(&key, NOW).await);
        assert!(said.contains("is it running") || said.contains("see whether the database answers"), "{said}");
        assert!(sentence(store.apply(&key, &update(), NOW).await).contains("cannot change a session"));
        assert!(store.delete(&key).await.is_err());
        assert!(store.enter(&user(), &key, NOW).await.is_err());
        assert!(before.elapsed() < Duration::from_secs(30), "each call fails within seconds");
        server.restart();
        // And the first call is answered.
        assert_eq!(read(&store, &key, "n").await, Some(vec![round]));
        write(&store, &key, &set(update(), "theme", [round])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_on_postgres() {
    killed_and_restarted(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_on_mariadb() {
    killed_and_restarted(Engine::MariaDb).await;
}

// B32: by whoever runs the database, or by the network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_are_replaced_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = key();
    write(&store, &key, &filled()).await;
    for round in 1..=5 {
        futures_util::future::join_all((0..20).map(|_| store.load(&key, NOW))).await;
        let ours = format!("query LIKE '%{table}%' AND pid <> pg_backend_pid()");
        let ended = server.ask(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"));
        assert!(ended.contains('t'), "there were some");
        write(&store, &key, &add(update(), "n", 1)).await;
        proxy.cut();
        write(&over_network, &key, &add(update(), "n", 1)).await;
        assert_eq!(read(&store, &key, "n").await, Some(vec![round * 2]));
    }
}

/// MariaDB does not tell what a connection asked last, so the server is the test's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_are_replaced_on_mariadb() {
    let Some(server) = DatabaseServer::start(Engine::MariaDb) else { return };
    let store = at(&server.url()).await;
    let key = key();
    write(&store, &key, &filled()).await;
    for round in 1..=5 {
        futures_util::future::join_all((0..20).map(|_| store.load(&key, NOW))).await;
        // A connection is given back once it has been asked whether it is well, which nobody waits for.
        let deadline = Instant::now() + PATIENCE;
        let idle = loop {
            let idle = server.ask("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'");
            if idle.lines().count() > 0 {
                break idle;
            }
            assert!(Instant::now() < deadline, "there is none");
        };
        for id in idle.lines() {
            server.ask(&format!("KILL CONNECTION {id}"));
        }
        write(&store, &key, &add(update(), "n", 1)).await;
        assert_eq!(read(&store, &key, "n").await, Some(vec![round]));
    }
}

/// B33: a network that swallows everything, so that nobody ever hears that a connection is of no more use. The calls that
/// were given up take none of the pool along for good.
async fn a_silent_network(engine: Engine) {
    let Some((server, table, store)) = on(engine).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = key();
    write(&store, &key, &filled()).await;
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
    write(&over_network, &key, &add(update(), "n", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_on_postgres() {
    a_silent_network(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_on_mariadb() {
    a_silent_network(Engine::MariaDb).await;
}

// B34: the answer is lost with the connection, so the change is made out to be in, and counts once.
async fn answers_are_lost(engine: Engine) {
    let Some((server, table, store)) = on(engine).await else { return };
    let proxy = Proxy::start(server.addr());
    let over_network = at(&format!("{}?table={table}", server.url_at(proxy.addr().port()))).await;
    let key = key();
    write(&store, &key, &filled()).await;
    for _ in 0..5 {
        load(&over_network, &key).await;
        proxy.swallow_next_answer();
        write(&over_network, &key, &add(update(), "n", 1)).await;
        load(&over_network, &key).await;
        proxy.swallow_next_request();
        write(&over_network, &key, &add(update(), "n", 1)).await;
    }
    assert_eq!(proxy.swallowed(), 10);
    assert_eq!(read(&store, &key, "n").await, Some(vec![10]));
    // An end too, and nothing is left that would know it.
    for swallow in [Proxy::swallow_next_answer, Proxy::swallow_next_request] {
        let key = crate::key();
        write(&store, &key, &filled()).await;
        load(&over_network, &key).await;
        swallow(&proxy);
        assert_eq!(over_network.end(&key, &ending(0), NOW).await.unwrap(), Applied::Applied { renewed: false }.into());
        assert!(load(&store, &key).await.is_none());
        assert_eq!(over_network.end(&key, &ending(0), NOW).await.unwrap(), Applied::Gone.into());
    }
    assert_eq!(proxy.swallowed(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_counts_once_on_postgres() {
    answers_are_lost(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_counts_once_on_mariadb() {
    answers_are_lost(Engine::MariaDb).await;
}

// B33: nothing is answered for a while. What was asked meanwhile may be done afterwards, once.
async fn frozen(engine: Engine) {
    let Some(server) = DatabaseServer::start(engine) else { return };
    let store = at(&server.url()).await;
    let key = key();
    write(&store, &key, &filled()).await;
    server.freeze();
    let change = add(update(), "n", 1);
    let limit = Duration::from_millis(300);
    assert!(tokio::time::timeout(limit, store.apply(&key, &change, NOW)).await.is_err());
    assert!(tokio::time::timeout(limit, store.load(&key, NOW)).await.is_err());
    server.thaw();
    write(&store, &key, &change).await;
    assert_eq!(read(&store, &key, "n").await, Some(vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_on_postgres() {
    frozen(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_on_mariadb() {
    frozen(Engine::MariaDb).await;
}

/// The application has all connections of its pool in use, and later closes it.
macro_rules! a_full_pool {
    ($options:ident, $url:expr, $table:expr) => {{
        let options = $options::new().max_connections(1).acquire_timeout(Duration::from_millis(200));
        let pool = options.connect($url).await.unwrap();
        let small = SqlStore::from_pool(pool.clone()).table($table).unwrap();
        let key = key();
        write(&small, &key, &filled()).await;
        let held = pool.acquire().await.unwrap();
        let said = sentence(small.apply(&key, &set(update(), "a", [1]), NOW).await);
        assert!(said.contains("let the pool be larger (`max_connections`)"), "{said}");
        assert!(sentence(small.load(&key, NOW).await).contains("max_connections"));
        drop(held);
        write(&small, &key, &set(update(), "a", [1])).await;
        pool.close().await;
        assert!(sentence(small.load(&key, NOW).await).contains("the application has closed its pool"));
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_on_postgres() {
    let Some((server, table, _)) = on(Engine::Postgres).await else { return };
    a_full_pool!(PgPoolOptions, &server.url(), &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_on_mariadb() {
    let Some((server, table, _)) = on(Engine::MariaDb).await else { return };
    a_full_pool!(MySqlPoolOptions, &server.url(), &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_on_sqlite() {
    let (_folder, url, _) = in_file().await;
    a_full_pool!(SqlitePoolOptions, &url, "sessions");
}

/// A replica, or a primary that was told to.
#[tokio::test]
async fn a_database_that_only_reads_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let key = key();
    write(&store, &key, &filled()).await;
    let only_read = format!("{}?table={table}&options[default_transaction_read_only]=on", server.url());
    let only_read = SqlStore::open(&only_read).await.unwrap();
    assert!(load(&only_read, &key).await.is_some());
    for said in [
        sentence(only_read.apply(&key, &set(update(), "a", [1]), NOW).await),
        sentence(only_read.delete(&key).await),
        sentence(only_read.enter(&user(), &key, NOW).await),
        sentence(only_read.delete_expired(NOW).await),
    ] {
        assert!(said.contains("it is read-only: connect to the primary"), "{said}");
    }
    assert!(load(&store, &key).await.is_some());
}

#[tokio::test]
async fn a_database_that_only_reads_on_mariadb() {
    let Some(server) = DatabaseServer::start(Engine::MariaDb) else { return };
    // It binds none that administer the server.
    server.ask("CREATE USER shop; GRANT ALL ON test.* TO shop");
    let store = at(&server.url().replace("root@", "shop@")).await;
    let key = key();
    write(&store, &key, &filled()).await;
    server.ask("SET GLOBAL read_only = 1");
    assert!(load(&store, &key).await.is_some());
    for said in [
        sentence(store.apply(&key, &set(update(), "a", [1]), NOW).await),
        sentence(store.delete(&key).await),
        sentence(store.enter(&user(), &key, NOW).await),
    ] {
        assert!(said.contains("it is read-only: connect to the primary"), "{said}");
    }
    server.ask("SET GLOBAL read_only = 0");
    write(&store, &key, &set(update(), "a", [1])).await;
    assert_eq!(read(&store, &key, "a").await, Some(vec![1]));
}

/// A user who may read only, and one whose table is not there.
#[tokio::test]
async fn a_user_who_may_not_write_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let key = key();
    write(&store, &key, &filled()).await;
    let role = format!("reader_{table}");
    server.ask(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON \"{table}\" TO {role}"));
    let url = format!("{}?table={table}", server.url().replace("//postgres@", &format!("//{role}@")));
    let reader = SqlStore::open(&url).await.unwrap();
    assert!(load(&reader, &key).await.is_some());
    let said = sentence(reader.apply(&key, &set(update(), "a", [1]), NOW).await);
    assert!(said.contains("sessions need SELECT, INSERT, UPDATE and DELETE on both tables"), "{said}");
}

/// An application whose database has transactions see nothing of each other: there a lost race is an error.
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
        let key = key();
        write(&store, &key, &filled()).await;
        let all: Vec<_> = (0..8)
            .map(|_| {
                let store = strict.clone();
                tokio::spawn(async move {
                    for _ in 0..25 {
                        let answer = store.apply(&key, &add(update(), "n", 1), NOW).await.unwrap();
                        assert_eq!(answer, Applied::Applied { renewed: false });
                    }
                })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(read(&store, &key, "n").await, Some(vec![0xcc, 200]));
    }
}
