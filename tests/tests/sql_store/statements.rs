//! How many statements each call takes, as the servers themselves count them.

use session_runtime::{
    KeyRing, Sessions, SqlStore, Timestamp,
    store::{Change, Digest, Renew, Store},
};
use tests::{
    app::{Site, routes},
    client::Visitor,
    databases::{DatabaseServer, Engine},
    records::{NOW, add, create_until, load, set, sign_in, update, user, write},
    servers::wait::until,
};

use crate::{at, filled, key};

/// How many statements of ours a server has executed so far.
fn executed(server: &DatabaseServer) -> u64 {
    match server.engine() {
        // Each line as `LOG:  execute sqlx_s_1: SELECT record …`.
        Engine::Postgres => server.log().matches("LOG:  execute ").count() as u64,
        Engine::MariaDb => {
            let status = server.ask("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
            status.split_whitespace().last().unwrap().parse().unwrap()
        }
    }
}

/// A server of the test's own which counts, and a store on it.
async fn counting(engine: Engine) -> Option<(DatabaseServer, SqlStore)> {
    let server = DatabaseServer::start(engine)?;
    if engine == Engine::Postgres {
        server.ask("ALTER SYSTEM SET log_statement = 'all'");
        server.ask("SELECT pg_reload_conf()");
        until("the server writes a log", || (server.ask("SHOW log_statement") == "all").then_some(()));
    }
    let store = at(&server.url()).await;
    Some((server, store))
}

async fn each_call_is_one_statement(engine: Engine) {
    let Some((server, store)) = counting(engine).await else { return };
    let key = key();
    let mut before = executed(&server);
    let mut statements = || {
        let now = executed(&server);
        now - std::mem::replace(&mut before, now)
    };
    write(&store, &key, &filled()).await;
    assert_eq!(statements(), 1, "a new session");
    load(&store, &key).await.unwrap();
    assert_eq!(statements(), 1, "a load");
    write(&store, &key, &set(update(), "a", [1])).await;
    assert_eq!(statements(), 1, "a change");
    write(&store, &key, &add(set(update(), "b", [1]), "n", 1)).await;
    assert_eq!(statements(), 1, "another, with a counter");
    let renew = Change { renew: Some(Renew::Privilege { to: Digest::from([2; 16]) }), ..update() };
    write(&store, &key, &sign_in(renew, &user(), NOW)).await;
    assert_eq!(statements(), 1, "a sign-in");
    store.delete(&key).await.unwrap();
    assert_eq!(statements(), if engine == Engine::Postgres { 1 } else { 2 }, "an end");
    // Of what was not loaded here.
    write(&store, &key, &filled()).await;
    let other = at(&server.url()).await;
    statements();
    write(&other, &key, &set(update(), "a", [1])).await;
    assert_eq!(statements(), 2, "a change of what is looked up first");
    write(&store, &key, &set(update(), "b", [1])).await;
    assert_eq!(statements(), 3, "a change that another was faster than");
}

#[tokio::test]
async fn each_call_is_one_statement_on_postgres() {
    each_call_is_one_statement(Engine::Postgres).await;
}

#[tokio::test]
async fn each_call_is_one_statement_on_mariadb() {
    each_call_is_one_statement(Engine::MariaDb).await;
}

/// Through the whole: a request that loads its session asks once, one that changes it once more.
async fn a_request_asks_no_more_than_it_must(engine: Engine) {
    let Some((server, store)) = counting(engine).await else { return };
    let sessions =
        Sessions::<Site>::builder().store(store).keys(KeyRing::generate()).clean_every(std::time::Duration::ZERO);
    let app = routes().layer(sessions.build().unwrap().layer());
    let mut visitor = Visitor::new(&app);
    let mut before = executed(&server);
    let mut statements = || {
        let now = executed(&server);
        now - std::mem::replace(&mut before, now)
    };
    visitor.get("/untouched").await;
    assert_eq!(statements(), 0, "untouched, by a stranger");
    visitor.post("/name/ada").await;
    assert_eq!(statements(), 1, "new");
    visitor.get("/untouched").await;
    assert_eq!(statements(), 0, "untouched");
    assert_eq!(visitor.get("/read").await.body, "ada");
    assert_eq!(statements(), 1, "read");
    visitor.post("/name/bob").await;
    assert_eq!(statements(), 2, "write: its load, and its save");
}

#[tokio::test]
async fn a_request_asks_no_more_than_it_must_on_postgres() {
    a_request_asks_no_more_than_it_must(Engine::Postgres).await;
}

#[tokio::test]
async fn a_request_asks_no_more_than_it_must_on_mariadb() {
    a_request_asks_no_more_than_it_must(Engine::MariaDb).await;
}

/// A database whose clock is years off: no statement asks it for the time.
#[tokio::test]
async fn no_statement_asks_for_the_time_on_postgres() {
    let Some((server, store)) = counting(Engine::Postgres).await else { return };
    let key = key();
    let soon = Timestamp::from_millis(5_000);
    write_as_of(&store, &key, &create_until(soon)).await;
    assert!(store.load(&key, Timestamp::from_millis(4_999)).await.unwrap().is_some(), "though it is 1970");
    assert_eq!(store.delete_expired(Timestamp::from_millis(4_999)).await.unwrap(), 0);
    assert_eq!(store.delete_expired(soon).await.unwrap(), 1);
    let log = server.log();
    let ours = log.lines().filter(|line| line.contains("execute sqlx"));
    for statement in ours.map(str::to_lowercase) {
        let asks = ["now(", "current_", "localtime", "clock_timestamp"].iter().any(|word| statement.contains(word));
        assert!(!asks, "{statement}");
    }
}

async fn write_as_of(store: &SqlStore, key: &session_runtime::store::Key, change: &Change) {
    store.apply(key, change, Timestamp::from_millis(0)).await.unwrap();
}
