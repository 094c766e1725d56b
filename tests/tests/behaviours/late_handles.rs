//! B28, B34, B45, S10, S20: a session handle that is kept after the route's handler has returned, or after the response.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, Session};
use tests::{
    app::{Server, Site},
    client::Visitor,
    log::Log,
    over_two_stores,
    store::AnyStore,
};
use tokio::sync::{Notify, mpsc};

use super::{
    faulty::{Fault, Faulty, Gate},
    shared::{is_in, soon},
};

type S = Session<Site>;

over_two_stores! {
    // B45
    async fn a_handle_that_outlives_the_response_saves_and_warns(store) {
        let server = Server::new(store);
        let (go, done) = (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Semaphore::new(0)));
        let (go_on, finished) = (go.clone(), done.clone());
        let app = server.serving(Router::new()
            .route("/dropped", post({
                let (go, done) = (go_on.clone(), finished.clone());
                |mut s: S| async move {
                    tokio::spawn(async move {
                        go.notified().await;
                        *s.name_mut() = "late".into();
                        drop(s);
                        done.add_permits(1);
                    });
                }
            }))
            .route("/saved", post({
                let (go, done) = (go_on, finished);
                |mut s: S| async move {
                    tokio::spawn(async move {
                        go.notified().await;
                        s.note_mut().set("late".into());
                        s.save().await.unwrap();
                        s.renew();
                        assert!(s.save().await.unwrap_err().to_string().contains("already left"));
                        done.add_permits(1);
                    });
                }
            })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        for path in ["/dropped", "/saved"] {
            server.heard();
            assert_eq!(visitor.at(&app).post(path).await.status, StatusCode::OK);
            go.notify_one();
            done.acquire().await.unwrap().forget();
            assert_eq!(server.heard().contains(&Event::Late), path == "/dropped", "{path}");
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while visitor.get("/read").await.body != "late" {
            assert!(std::time::Instant::now() < deadline);
        }
        assert_eq!(visitor.get("/show").await.json()["note"], "late");
    }

    // B45: a handle can also save after the response that set the cookie of a new session.
    async fn a_handle_that_outlives_the_first_response_saves_too(store) {
        let server = Server::new(store);
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let app = server.serving(Router::new().route("/", post(move |mut first: S, late: S| async move {
            *first.name_mut() = "ada".into();
            sender.send(late).ok().unwrap();
        })));
        let mut visitor = Visitor::new(&app);
        visitor.post("/").await;
        let mut late = receiver.recv().await.unwrap();
        late.visits_mut().add(1);
        late.save().await.unwrap();
        assert_eq!((late.name(), late.is_new()), ("ada", false));
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["visits"]), (&"ada".into(), &1.into()));
    }

    // S20: a sign-out that is too late to remove the cookie still ends the session in the store.
    async fn a_sign_out_after_the_response_ends_the_session(store) {
        let server = Server::new(store);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
        let app = server.serving(Router::new().route("/", get(move |s: S| async move {
            let _ = sender.lock().unwrap().take().unwrap().send(s);
        })));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        visitor.at(&app).get("/").await;
        let mut session = receiver.await.ok().unwrap();
        session.user_mut().log_out();
        session.save().await.unwrap();
        assert_eq!(visitor.get("/show").await.json()["is_new"], true);
    }

    // B45, S10: only the response can tell the visitor the new id.
    async fn a_response_waits_for_the_save_of_another_task_and_carries_its_cookie(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let (gate, handled) = (Gate::new(), Arc::new(Notify::new()));
        let (saving, done) = (gate.clone(), handled.clone());
        let app = server.serving(Router::new().route("/", post(move |mut s: S| async move {
            faulty.plan([Fault::Slow(saving.clone())]);
            tokio::spawn(async move {
                s.user_mut().log_in("ada".into());
                s.save().await.unwrap();
            });
            saving.wait().await;
            done.notify_one();
        })));
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        let mut visitor = visitor.at(&app);
        let request = tokio::spawn(async move {
            let reply = visitor.post("/").await;
            (visitor, reply)
        });
        // On a single thread, the layer has seen the handler's answer when this test continues.
        handled.notified().await;
        assert!(!request.is_finished());
        gate.open();
        let (visitor, reply) = request.await.unwrap();
        assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::OK, true));
        assert!(is_in(&visitor.at(&server.app)).await);
    }

    // B34, B45: the record may have forgotten the first save's write, so whether it was stored can no longer be determined. That
    // must not prevent later saves.
    async fn a_late_handle_recovers_after_an_outage(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let app = server.serving(Router::new().route("/", post(move |s: S| async move { sender.send(s).ok().unwrap() })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        visitor.at(&app).post("/").await;
        let mut late = receiver.recv().await.unwrap();
        late.visits_mut().add(1);
        faulty.plan([Fault::Down, Fault::Down]);
        assert!(late.save().await.unwrap_err().is_unavailable());
        for write in 0..6 {
            visitor.post(&format!("/name/{write}")).await;
        }
        assert!(late.save().await.unwrap_err().is_unavailable());
        late.visits_mut().add(10);
        late.save().await.unwrap();
        late.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap();
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["cart"]), (&json!(10), &json!(["tea"])));
    }

    // B28, B45: the response was sent already, so no later commit completes the save. Dropping the handle completes it, with a
    // warning.
    async fn a_late_save_that_is_given_up_is_completed_when_its_handle_is_dropped(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let app = server.serving(Router::new().route("/", post(move |s: S| async move { sender.send(s).ok().unwrap() })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        visitor.at(&app).post("/").await;
        let mut late = receiver.recv().await.unwrap();
        late.visits_mut().add(1);
        let gate = Gate::new();
        faulty.plan([Fault::Late(gate.clone())]);
        tokio::select! {
            _ = late.save() => unreachable!("the store does not answer"),
            () = gate.wait() => {}
        }
        server.heard();
        drop(late);
        assert!(server.heard().contains(&Event::Late));
        soon(async {
            while visitor.get("/show").await.json()["visits"] != 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

// B45: the handle is first used after the response.
#[tokio::test]
async fn a_new_session_cannot_begin_after_the_response() {
    let server = Server::new(AnyStore::memory());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
    let app = server.serving(Router::new().route(
        "/",
        get(move |s: S| async move {
            let _ = sender.lock().unwrap().take().unwrap().send(s);
            Body::empty()
        }),
    ));
    Visitor::new(&app).get("/").await;
    let mut session = receiver.await.ok().unwrap();
    *session.name_mut() = "too late".into();
    assert!(session.save().await.unwrap_err().to_string().contains("new session"));
    assert_eq!(server.controls.calls(), (0, 0));
}

// B45: the code that streams a page's body can ask for the session after the head was sent. The response cannot report that
// mistake, so the log does.
#[tokio::test]
async fn asking_for_a_session_after_the_head_has_left_is_logged() {
    let log = Log::of_this_thread();
    let server = Server::new(AnyStore::memory());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let route = async move |request: http::Request<Body>| sender.send(request.into_parts().0).unwrap();
    let app = server.serving(Router::new().route("/", get(route)));
    let ada = server.signed_in("ada").await;
    ada.at(&app).get("/").await;
    let parts = receiver.recv().await.unwrap();
    assert!(!log.take().contains("after the head"));
    let session = S::from_parts(&parts).await.unwrap();
    assert_eq!(session.user(), Some("ada"));
    assert!(log.take().contains("asked for its session after the head of the response was sent"));
}
