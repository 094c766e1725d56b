//! The number of statements for each request.

use session_runtime::{KeyRing, Sessions};
use tests::{
    app::{Site, routes},
    client::Visitor,
    databases::Engine,
};

use crate::statements::{counting, executed};

/// A request that loads its session executes one statement; a request that changes it executes one more.
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
