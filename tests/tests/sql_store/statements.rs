//! The number of statements for each call, as counted by the servers themselves.

use std::time::Duration;

use session_runtime::{
    SqlStore, Timestamp,
    store::{Position, Store as _, Swapped, Value, Versioned},
};
use tests::{
    databases::{DatabaseServer, Engine},
    servers::wait::until,
};

use crate::{
    at, key,
    values::{NOW, create, empty, load, value},
};

/// Returns how many of our statements a server has executed so far, including those that begin and end transactions. Those that
/// announce the end of a session, in the background, do not count.
pub(crate) fn executed(server: &DatabaseServer) -> u64 {
    match server.engine() {
        // A line is, for example, `LOG:  execute sqlx_s_1: SELECT revision, value …`, or `LOG:  statement: BEGIN`.
        Engine::Postgres => {
            let log = server.log();
            let count = |text: &str| log.matches(text).count() as u64;
            let messages = count("LOG:  statement: BEGIN; SET LOCAL synchronous_commit");
            count("LOG:  execute ") + count("LOG:  statement: BEGIN") + count("LOG:  statement: COMMIT") - messages
        }
        Engine::MariaDb => {
            let counts = "'Com_stmt_execute', 'Com_begin', 'Com_commit'";
            let status = server.ask(&format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({counts})"));
            status.lines().map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap()).sum()
        }
    }
}

/// Starts a server of the test's own that counts statements, and opens a store on it.
pub(crate) async fn counting(engine: Engine) -> Option<(DatabaseServer, SqlStore)> {
    let server = DatabaseServer::start(engine)?;
    if engine == Engine::Postgres {
        server.ask("ALTER SYSTEM SET log_statement = 'all'");
        server.ask("SELECT pg_reload_conf()");
        until("the server writes a log", || (server.ask("SHOW log_statement") == "all").then_some(()));
    }
    let store = at(&server.url()).await;
    Some((server, store))
}

async fn each_call_is_one_statement_and_a_refusal_or_clean_up_two(engine: Engine) {
    let Some((server, store)) = counting(engine).await else { return };
    let key = key();
    let mut before = executed(&server);
    let mut statements = || {
        let now = executed(&server);
        now - std::mem::replace(&mut before, now)
    };
    let swap = async |before: Option<&Versioned>, after: Option<&Value>| {
        let swapped = store.swap(&key, before, after, NOW).await.unwrap();
        matches!(swapped, Swapped::Done(_))
    };
    assert!(swap(None, Some(&empty())).await);
    assert_eq!(statements(), 1, "a new value");
    let found = load(&store, &key).await;
    assert_eq!(statements(), 1, "a load");
    assert!(swap(found.as_ref(), Some(&empty())).await);
    assert_eq!(statements(), 1, "a save");
    assert!(!swap(found.as_ref(), Some(&empty())).await);
    assert_eq!(statements(), 2, "a save that is refused");
    assert!(!swap(None, Some(&empty())).await);
    assert_eq!(statements(), 2, "a new value that is refused");
    assert!(!swap(found.as_ref(), None).await);
    assert_eq!(statements(), 2, "a removal that is refused");
    let found = load(&store, &key).await;
    statements();
    assert!(swap(found.as_ref(), None).await);
    assert_eq!(statements(), 1, "a removal");
    store.scan(&Position::start(), NOW).await.unwrap().unwrap();
    assert_eq!(statements(), 1, "a batch of a scan");
    store.delete_expired(NOW).await.unwrap();
    assert_eq!(statements(), 2, "a clean-up: the clock, and a batch");
}

#[tokio::test]
async fn each_call_is_one_statement_and_a_refusal_or_clean_up_two_on_postgres() {
    each_call_is_one_statement_and_a_refusal_or_clean_up_two(Engine::Postgres).await;
}

#[tokio::test]
async fn each_call_is_one_statement_and_a_refusal_or_clean_up_two_on_mariadb() {
    each_call_is_one_statement_and_a_refusal_or_clean_up_two(Engine::MariaDb).await;
}

/// The runtime's clock decides what has expired. Only a clean-up reads the database's clock, once each time.
#[tokio::test]
async fn only_the_clean_up_reads_the_databases_clock_on_postgres() {
    let Some((server, store)) = counting(Engine::Postgres).await else { return };
    let (soon, margin) = (Timestamp::from_millis(5_000), Duration::from_secs(3_600));
    let key = create(&store, &value(soon, b"")).await;
    let found = store.load(&key, Timestamp::from_millis(4_999)).await.unwrap();
    assert!(found.is_some(), "the value is live at the given time, though it expired in 1970");
    store.swap(&key, found.as_ref(), Some(&value(soon, b"")), NOW).await.unwrap();
    assert_eq!(store.delete_expired(soon).await.unwrap(), 0);
    assert_eq!(store.delete_expired(soon + margin).await.unwrap(), 1);
    let log = server.log();
    let ours: Vec<_> = log.lines().filter(|line| line.contains("LOG:  execute ")).map(str::to_lowercase).collect();
    assert!(ours.len() >= 7, "{ours:?}");
    let asks = |statement: &&String| {
        ["now(", "current_", "localtime", "clock_timestamp"].iter().any(|word| statement.contains(word))
    };
    let asking: Vec<_> = ours.iter().filter(asks).collect();
    assert_eq!(asking.len(), 2, "{asking:?}");
}
