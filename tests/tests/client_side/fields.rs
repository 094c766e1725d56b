//! B15, B21, B30: the behaviour of each kind of field.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    routing::{get, post},
};
use session_runtime::{
    Clock, CookieStore, Event, KeyRing, Schema, Session, Sessions, SessionsBuilder,
    store::{ListsUsers, SharesFields},
};
use tests::app::minutes;

use crate::site::{Server, over_forms};

over_forms! {
    // B15, S18
    async fn a_field_expires_without_its_session(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        visitor.post("/code/123").await;
        server.turn(minutes(4));
        assert_eq!(visitor.get("/show").await.json()["code"], "123");
        server.turn(minutes(1));
        let shown = visitor.get("/show").await.json();
        assert_eq!((shown["code"].as_str(), &shown["name"]), (None, &"ada".into()));
        visitor.post("/code/456").await;
        assert_eq!(visitor.get("/show").await.json()["code"], "456");
    }

    // B21: a flash is shown once. Only concurrent requests may each show it.
    async fn a_flash_is_taken_once(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        for path in ["/notice/hello", "/notices/a", "/notices/b"] {
            visitor.post(path).await;
        }
        assert_eq!(visitor.get("/notice").await.body, "hello");
        assert_eq!(visitor.get("/notice").await.body, "");
        assert_eq!(visitor.get("/notices").await.body, "a,b");
        assert_eq!(visitor.get("/notices").await.body, "");
    }

    // B30: a field that does not decode gets its default. All other fields survive, including those that only the newer build
    // knows.
    async fn builds_with_different_fields_coexist(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let today = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder);
        let newer = newer::routes().layer(made::<newer::Prefs>(&store, &keys, &clock).build().unwrap().layer());
        let mut visitor = today.visitor();
        visitor.post("/name/ada").await;
        visitor.post("/note/hello").await;
        let mut visitor = visitor.at(&newer);
        visitor.post("/size").await;
        assert_eq!(visitor.get("/read").await.body, "hello, 40, 12");
        let mut visitor = visitor.at(&today.app);
        visitor.post("/name/bob").await;
        assert_eq!(visitor.get("/show").await.json()["lucky"], 7);
        let mut visitor = visitor.at(&newer);
        assert_eq!(visitor.get("/read").await.body, "hello, 40, 12", "the older build keeps the field that it does not know");
    }
}

fn made<S: Schema>(store: &CookieStore, keys: &KeyRing, clock: &Clock) -> SessionsBuilder<S>
where
    CookieStore: ListsUsers<S::Needs> + SharesFields<S::Needs>,
{
    Sessions::<S>::builder().store(store.clone()).keys(keys.clone()).clock(clock.clone())
}

/// A later build of the same application.
mod newer {
    use super::*;

    #[derive(Session)]
    #[session(cookie = "__Host-prefs")]
    pub(super) struct Prefs {
        /// A `String` in the older build.
        name: Vec<u32>,
        #[session(alias = "note")]
        greeting: String,
        #[session(default = 12)]
        size: u32,
        width: Option<u8>,
    }

    pub(super) fn routes() -> Router {
        let size = |mut session: Session<Prefs>| async move { session.width_mut().set(40) };
        let read = |session: Session<Prefs>| async move {
            assert!(session.name().is_empty());
            format!("{}, {}, {}", session.greeting(), session.width().unwrap_or_default(), session.size())
        };
        Router::new().route("/size", post(size)).route("/read", get(read))
    }
}

// B30
#[tokio::test]
async fn an_undecodable_field_is_an_event() {
    let store = CookieStore::encrypted();
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let heard = Arc::<Mutex<Vec<Event>>>::default();
    let events = Arc::clone(&heard);
    let newer = made::<newer::Prefs>(&store, &keys, &clock)
        .on_event(move |report| events.lock().unwrap().push(report.event.clone()))
        .build()
        .unwrap();
    let newer = newer::routes().layer(newer.layer());
    let server = Server::made(store, keys, clock, |builder| builder);
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    assert_eq!(visitor.at(&newer).get("/read").await.body, ", 0, 12");
    assert_eq!(*heard.lock().unwrap(), [Event::Undecodable { field: "name" }]);
}
