//! B33: a store that accepts calls and never answers them. A commit that waits for another commit is answered like that commit.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use axum::{Router, response::IntoResponse, routing::post};
use http::StatusCode;
use session_runtime::Session;
use tests::{
    app::{Server, Site},
    over_two_stores,
};
use tokio::sync::Semaphore;

type S = Session<Site>;

over_two_stores! {
    // B33: commits wait in a queue behind one that the store does not answer. None has lost a race, so none is answered 409.
    async fn commits_that_wait_for_a_frozen_store_are_answered_with_503(store) {
        let limit = Duration::from_millis(400);
        let server = Server::with(store, |builder| builder.store_timeout(limit).commit_timeout(limit));
        let (arrived, opened) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let gate = (Arc::clone(&arrived), Arc::clone(&opened));
        let pass = move || {
            let (arrived, opened) = gate.clone();
            async move {
                arrived.add_permits(1);
                opened.acquire().await.unwrap().forget();
            }
        };
        let (set, update, out) = (pass.clone(), pass.clone(), pass);
        let app = server.serving(
            Router::new()
                .route("/set", post(|mut s: S| async move {
                    set().await;
                    s.name_mut().set("late".into());
                }))
                .route("/update", post(|mut s: S| async move {
                    update().await;
                    s.cart_mut().update(|cart| cart.push("late".into())).await.into_response()
                }))
                .route("/out", post(|mut s: S| async move {
                    out().await;
                    s.user_mut().log_out();
                })),
        );
        let mut visitor = server.signed_in("ada").await;
        let mut requests = Vec::new();
        for path in ["/set", "/update", "/out", "/set", "/update", "/set"] {
            let mut tab = visitor.at(&app);
            requests.push(tokio::spawn(async move { tab.post(path).await.status }));
        }
        arrived.acquire_many(6).await.unwrap().forget();
        server.controls.stuck.store(true, SeqCst);
        // Each commit begins a little later than the one before, as real visitors' commits do.
        for _ in 0..6 {
            opened.add_permits(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let revoked = server.sessions.of("ada").revoke_all().await;
        assert!(revoked.unwrap_err().is_unavailable());
        for request in requests {
            assert_eq!(request.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
        }
        server.controls.stuck.store(false, SeqCst);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"]), (&"ada".into(), &"".into()));
    }
}
