//! F4, F6, S46, S57, B61: which impersonations are refused or undone, and which changes during one are refused.

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use serde_json::json;
use session_runtime::{KeyRing, Session, Sessions};
use tests::{
    app::{Server, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

use super::{acting, app, heard, user};
use crate::faulty::{Fault, Faulty};

over_stores! {
    // F4, F6, S57: the customer could not end an impersonation that is not on the customer's list, so it is undone. The store
    // calls: load and swap the session, load and swap the list.
    async fn an_impersonation_that_cannot_be_listed_is_undone(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = app(&server);
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        root.post("/name/Root").await;
        heard(&server);
        for call in 0..4 {
            faulty.plan(vec![Fault::None; call].into_iter().chain(vec![Fault::Down; 2]));
            let reply = root.post("/as/ada/5").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "call {call}");
            faulty.plan([]);
            let seen = root.get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "call {call}");
            assert_eq!((server.sessions.of("ada").impersonations().await.unwrap().len(), heard(&server)), (0, vec![]));
            assert_eq!(server.sessions.of("root").count().await.unwrap(), 1);
        }
    }
}

over_two_stores! {
    // F4
    async fn an_impersonation_by_a_guest_or_within_another_or_of_oneself_is_refused(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/as/ada/5").await.status, StatusCode::CONFLICT, "a guest cannot impersonate");
        let (mut root, _) = acting(&app, 30).await;
        assert_eq!(root.post("/as/bob/5").await.status, StatusCode::CONFLICT, "only one impersonation at a time");
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        root.post("/stop").await;
        assert_eq!(root.post("/as/root/5").await.status, StatusCode::CONFLICT, "no user can impersonate themselves");
        assert_eq!(user(&root).await.as_deref(), Some("root"));
    }
}

#[derive(Session)]
#[session(cookie = "__Host-large")]
struct Large {
    #[session(identity)]
    user: Option<String>,
    note: String,
    #[session(device)]
    draft: String,
}

// S46: both users share the device fields, so a larger device field also makes the session that is set aside larger.
#[tokio::test]
async fn the_session_that_is_set_aside_does_not_grow_beyond_its_limit() {
    type L = Session<Large>;
    let sessions = Sessions::<Large>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    let sessions = sessions.max_bytes(1_000).build().unwrap();
    let routes = Router::new()
        .route(
            "/in",
            post(|mut s: L| async move {
                s.user_mut().log_in("root".into());
                s.note_mut().set("n".repeat(900));
            }),
        )
        .route("/as", post(|mut s: L| async move { s.user_mut().impersonate("ada".into(), minutes(5)).unwrap() }))
        .route(
            "/draft/{length}",
            post(|mut s: L, Path(length): Path<usize>| async move {
                s.draft_mut().set("d".repeat(length));
            }),
        )
        .route("/stop", post(|mut s: L| async move { assert!(s.user_mut().stop_impersonating()) }))
        .route("/note", post(|mut s: L| async move { s.note_mut().push('!') }));
    let mut root = Visitor::new(&routes.layer(sessions.layer()));
    for (path, status) in [
        ("/in", StatusCode::OK),
        ("/as", StatusCode::OK),
        ("/draft/900", StatusCode::PAYLOAD_TOO_LARGE),
        ("/draft/50", StatusCode::OK),
        ("/stop", StatusCode::OK),
        ("/note", StatusCode::OK),
    ] {
        assert_eq!(root.post(path).await.status, status, "{path}");
    }
}
