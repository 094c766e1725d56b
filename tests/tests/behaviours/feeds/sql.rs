//! B62: the feed on PostgreSQL, when its connection is closed, behind a pooler, and when it is refused. The other databases have
//! no feed.

use tests::{
    databases::{self, DatabaseServer, Engine},
    log::Log,
    poolers::{PgBouncer, SQLX},
    store::AnyStore,
};

use super::{hears, logged, polls, rarely_and_often, watched};
use crate::watch::{OFTEN, Two};

const NO_FEED: &str = "the database has no feed of ended sessions";

/// Starts a server for one test only.
fn server() -> Option<&'static DatabaseServer> {
    Some(Box::leak(Box::new(DatabaseServer::start(Engine::Postgres)?)))
}

const LISTENING: &str = "FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";

// B62
#[tokio::test]
async fn a_feed_that_the_database_closes_comes_back_on_postgres() {
    let Some(server) = server() else { return };
    let [rarely, often] = rarely_and_often(&AnyStore::on_database(server, &server.url()).await);
    hears(&rarely).await;
    let (_one, _other) = (watched(&rarely, "ada").await, watched(&rarely, "ada").await);
    assert_eq!(server.ask(&format!("SELECT count(*) {LISTENING}")), "1", "all streams share one connection");
    for _ in 0..2 {
        server.ask(&format!("SELECT pg_terminate_backend(pid) {LISTENING}"));
        polls(&often).await;
        hears(&rarely).await;
    }
    server.restart();
    polls(&often).await;
    hears(&rarely).await;
}

// B62: in transaction mode, PgBouncer accepts LISTEN but delivers no messages.
#[tokio::test]
async fn behind_pgbouncer_streams_poll_and_the_log_says_so_once_on_postgres() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::start(server, SQLX) else { return };
    let log = Log::of_this_thread();
    let url = format!("{}?statement-cache-capacity=0", pooler.url());
    let two = Two::new(AnyStore::on_database(server, &url).await, OFTEN);
    for _ in 0..3 {
        polls(&two).await;
    }
    assert_eq!(logged(&log, NO_FEED).await, 1);
    polls(&two).await;
    assert!(!log.take().contains(NO_FEED));
}

// B62: some databases that speak PostgreSQL's protocol have no `pg_notify`. A user without the right to call it simulates such
// a database.
#[tokio::test]
async fn a_database_that_refuses_to_announce_still_ends_sessions_on_postgres() {
    let Some(server) = server() else { return };
    server.ask("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC");
    server.ask("CREATE ROLE quiet LOGIN");
    server.ask("GRANT CREATE, USAGE ON SCHEMA public TO quiet");
    let log = Log::of_this_thread();
    let url = server.url().replace("postgres@", "quiet@");
    let two = Two::new(AnyStore::on_database(server, &url).await, OFTEN);
    for _ in 0..3 {
        polls(&two).await;
    }
    let mut said = log.take();
    while !said.contains(NO_FEED) {
        tokio::time::sleep(OFTEN).await; // polls
        said += &log.take();
    }
    for sentence in [NO_FEED, "the database does not announce ended sessions"] {
        assert_eq!(said.matches(sentence).count(), 1, "{said}");
    }
}

// B62
#[tokio::test]
async fn databases_without_a_feed_poll_and_the_log_says_so_once() {
    let mariadb = AnyStore::mariadb().await;
    for store in [AnyStore::sqlite().await, AnyStore::file().await].into_iter().chain(mariadb) {
        let log = Log::of_this_thread();
        let two = Two::new(store, OFTEN);
        for _ in 0..3 {
            polls(&two).await;
        }
        assert_eq!(logged(&log, "the session store does not announce ended sessions").await, 1);
    }
}
