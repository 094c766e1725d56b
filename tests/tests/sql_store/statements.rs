//! How many statements each call takes, as the servers themselves count them.

use session_runtime::{
    KeyRing, Sessions, SqlStore, Timestamp,
    store::{Change, Digest, Renew, Sign, Store},
};
use tests::{
    app::{Site, routes},
    client::Visitor,
    databases::{DatabaseServer, Engine},
    records::{NOW, add, create_until, ending, load, set, sign_in, update, user, write},
    servers::wait::until,
};

use crate::{at, filled, key};

/// How many statements of ours a server has executed so far, and what begins and ends transactions.
fn executed(server: &DatabaseServer) -> u64 {
    match server.engine() {
        // Each line as `LOG:  execute sqlx_s_1: SELECT record …`, or `LOG:  statement: BEGIN`.
        Engine::Postgres => {
            let log = server.log();
            let count = |text: &str| log.matches(text).count() as u64;
            count("LOG:  execute ") + count("LOG:  statement: BEGIN") + count("LOG:  statement: COMMIT")
        }
        Engine::MariaDb => {
            let counts = "'Com_stmt_execute', 'Com_begin', 'Com_commit'";
            let status = server.ask(&format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({counts})"));
            status.lines().map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap()).sum()
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
    let mut out = Change::update(1);
    out.sign = Some(Sign::Out);
    write(&store, &key, &out).await;
    assert_eq!(statements(), 2, "a sign-out, and what becomes of the entry");
    store.delete(&key).await.unwrap();
    assert_eq!(statements(), if engine == Engine::Postgres { 1 } else { 2 }, "a removal");
    for (begin, of_a_user) in [(filled(), false), (sign_in(filled(), &user(), NOW), true)] {
        write(&store, &key, &begin).await;
        statements();
        assert!(!store.end(&key, &ending(0), NOW).await.unwrap().remains);
        let at_once = engine == Engine::Postgres || !of_a_user;
        assert_eq!(statements(), if at_once { 1 } else { 2 }, "an end, of a user's: {of_a_user}");
    }
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
    let ours: Vec<_> = log.lines().filter(|line| line.contains("LOG:  execute ")).map(str::to_lowercase).collect();
    assert!(ours.len() >= 4, "{ours:?}");
    for statement in ours {
        let asks = ["now(", "current_", "localtime", "clock_timestamp"].iter().any(|word| statement.contains(word));
        assert!(!asks, "{statement}");
    }
}

async fn write_as_of(store: &SqlStore, key: &session_runtime::store::Key, change: &Change) {
    store.apply(key, change, Timestamp::from_millis(0)).await.unwrap();
}
