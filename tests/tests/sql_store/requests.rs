//! The number of statements for each request.

use session_runtime::{KeyRing, Sessions};
use tests::{
    app::{Site, routes},
    client::Visitor,
    databases::Engine,
};

use crate::statements::{counting, executed};

/// A request that loads its session executes one statement; a request that changes it executes one more.
async fn a_request_executes_only_the_statements_that_it_needs(engine: Engine) {
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
    assert_eq!(statements(), 0, "a stranger's request that does not use the session");
    visitor.post("/name/ada").await;
    assert_eq!(statements(), 1, "a write that creates the session");
    visitor.get("/untouched").await;
    assert_eq!(statements(), 0, "a visitor's request that does not use the session");
    assert_eq!(visitor.get("/read").await.body, "ada");
    assert_eq!(statements(), 1, "a request that reads the session");
    visitor.post("/name/bob").await;
    assert_eq!(statements(), 2, "a request that writes to the session: one load and one swap");
}

#[tokio::test]
async fn a_request_executes_only_the_statements_that_it_needs_on_postgres() {
    a_request_executes_only_the_statements_that_it_needs(Engine::Postgres).await;
}

#[tokio::test]
async fn a_request_executes_only_the_statements_that_it_needs_on_mariadb() {
    a_request_executes_only_the_statements_that_it_needs(Engine::MariaDb).await;
}
