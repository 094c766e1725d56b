//! B34, S10, S12: a store call that got no answer is sent again, byte for byte, and counts once. A request from before a sign-in
//! does not undo the sign-in.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Path, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use session_runtime::{KeyRing, Session, Sessions};
use tests::{
    app::{Server, Site},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

use super::{
    faulty::{Fault, Faulty, Gate, after},
    shared::{is_in, other_tab},
};

type S = Session<Site>;

#[derive(Session)]
#[session(cookie = "__Host-other")]
struct Other {
    word: String,
}

over_stores! {
    // B34: the handler continues although neither attempt was answered.
    async fn a_save_that_was_never_answered_counts_once(store) {
        let (server, faults) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faults = faults.clone();
            move |mut s: S| async move {
                s.visits_mut().add(1);
                faults.plan([Fault::Lost, Fault::Lost]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                assert_eq!(s.visits(), 2, "a change whose write was not confirmed is kept");
                s.visits_mut().add(10);
                s.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap();
                assert_eq!(s.cart(), ["tea"]);
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/visit").await;
        assert_eq!(visitor.at(&app).post("/").await.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["cart"]), (&json!(12), &json!(["tea"])));
    }

    // B34, S10
    async fn the_visitor_keeps_a_sign_in_whose_answers_were_lost(store) {
        let (server, faults) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faults = faults.clone();
            move |mut s: S| async move {
                s.user_mut().log_in("ada".into());
                faults.plan([Fault::Lost, Fault::Lost]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                s.note_mut().set("after".into());
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/visit").await;
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["note"]), (&json!("ada"), &json!("after")));
    }

    // B34: the session's end is stored, but both answers are lost.
    async fn an_unanswered_end_ends_the_session(store) {
        let (server, faults) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faults = faults.clone();
            move |mut s: S| async move {
                s.destroy();
                faults.plan([Fault::Lost, Fault::Lost]);
                assert!(s.save().await.unwrap_err().is_unavailable());
            }
        })));
        let visitor = server.signed_in("ada").await;
        let mut leaving = visitor.at(&app);
        let reply = leaving.post("/").await;
        assert!(reply.set_cookie().unwrap().contains("Max-Age=0"));
        assert_eq!(visitor.at(&server.app).get("/show").await.json()["is_new"], true);
    }

    // S12: a request from before a sign-in can neither end nor replace the session that the sign-in began.
    async fn an_end_from_before_a_sign_in_is_refused(store) {
        let server = Server::new(store);
        for writes in [false, true] {
            let mut visitor = server.visitor();
            visitor.post("/name/x").await;
            let winner = Arc::new(Mutex::new(visitor.clone()));
            let app = server.serving(Router::new().route("/", post({
                let winner = winner.clone();
                move |mut s: S| async move {
                    let mut signing_in = winner.lock().unwrap().clone();
                    signing_in.post("/login/ada").await;
                    *winner.lock().unwrap() = signing_in;
                    s.destroy();
                    if writes {
                        *s.name_mut() = "after".into();
                    }
                }
            })));
            let reply = visitor.at(&app).post("/").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None));
            let mut winner = winner.lock().unwrap().clone();
            assert_eq!(winner.get("/show").await.json()["user"], "ada");
        }
    }

    // B34, S12: the answer to a swap is lost, and the repeated swap is refused because the first is stored. A third swap confirms
    // the first, because a store that waits for its replicas may not have replicated the first swap yet.
    async fn ends_and_renewals_are_confirmed_after_a_lost_answer(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        for path in ["/renew", "/logout", "/destroy", "/login/bob"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/name/x").await;
            faulty.swapped();
            faulty.plan(after(1, [Fault::Lost]));
            assert_eq!(visitor.post(path).await.status, StatusCode::OK);
            let swapped = faulty.swapped();
            assert_eq!(swapped.iter().filter(|key| **key == swapped[0]).count(), 3, "{path}");
        }
        server.signed_in("eve").await;
        faulty.swapped();
        // The store calls: load the list, then the session.
        faulty.plan(after(2, [Fault::Lost]));
        assert_eq!(server.sessions.of("eve").revoke_all().await.unwrap(), 1);
        let swapped = faulty.swapped();
        assert_eq!(swapped.iter().filter(|key| **key == swapped[0]).count(), 3);
    }

    // B34: a record remembers its last four writes. After four later writes, it may have forgotten the write that was not
    // answered. The outcome of that write is then unknown, and the response is a 503.
    async fn a_save_that_is_dropped_while_it_is_stored_counts_once(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let others = server.app.clone();
        let app = server.serving(Router::new().route("/{writes}", post({
            let faulty = faulty.clone();
            move |mut s: S, Path(writes): Path<usize>, headers: HeaderMap| async move {
                s.visits_mut().add(1);
                let gate = Gate::new();
                faulty.plan([Fault::Slow(gate.clone())]);
                tokio::select! {
                    _ = s.save() => unreachable!("the store does not answer yet"),
                    () = gate.wait() => {}
                }
                let mut other = other_tab(&others, &headers);
                for write in 0..writes {
                    other.post(&format!("/name/{write}")).await;
                }
                s.save().await
            }
        })));
        for (writes, status) in [(0, 200), (3, 200), (4, 503), (6, 503)] {
            let mut visitor = server.visitor();
            visitor.post("/name/first").await;
            assert_eq!(visitor.at(&app).post(&format!("/{writes}")).await.status.as_u16(), status, "{writes}");
            assert_eq!(visitor.get("/show").await.json()["visits"], 1, "{writes}");
        }
    }

    // B34, S10: the store may have applied a renewal although its answers were lost. The commit therefore repeats the write with
    // the same random id, even if the handler has failed.
    async fn the_visitor_gets_the_id_of_a_renewal_whose_answers_were_lost(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/{status}", post({
            let faulty = faulty.clone();
            move |mut s: S, Path(status): Path<u16>| async move {
                s.renew();
                if status == 408 {
                    let gate = Gate::new();
                    faulty.plan([Fault::Slow(gate.clone())]);
                    tokio::select! {
                        _ = s.save() => unreachable!("the store does not answer yet"),
                        () = gate.wait() => {}
                    }
                } else {
                    faulty.plan([Fault::Lost, Fault::Lost]);
                    assert!(s.save().await.unwrap_err().is_unavailable());
                }
                StatusCode::from_u16(status).unwrap()
            }
        })));
        for status in [200, 408, 503] {
            let mut visitor = server.signed_in("ada").await.at(&app);
            let reply = visitor.post(&format!("/{status}")).await;
            assert_eq!((reply.status.as_u16(), reply.set_cookie().is_some()), (status, true));
            assert!(is_in(&visitor.at(&server.app)).await, "{status}");
        }
    }
}

over_two_stores! {
    // B28: a handler that stops waiting for `save` does not withdraw its changes.
    async fn a_save_that_is_given_up_on_loses_nothing(store) {
        let (server, faults) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faults = faults.clone();
            move |mut s: S| async move {
                *s.name_mut() = "kept".into();
                let gate = Gate::new();
                faults.plan([Fault::SlowlyDown(gate.clone())]);
                tokio::select! {
                    _ = s.save() => unreachable!("the store does not answer"),
                    () = gate.wait() => {}
                }
                s.note_mut().set("note".into());
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        assert_eq!(visitor.at(&app).post("/").await.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"]), (&json!("kept"), &json!("note")));
    }

    // B17
    async fn remember_may_come_before_the_sign_in(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move {
            s.remember(true);
            s.user_mut().log_in("ada".into());
        })));
        let set = Visitor::new(&app).post("/").await.set_cookie().unwrap();
        assert!(set.contains("Max-Age="), "{set}");
    }

    // B10, S10: when the outer session layer replaces the response with an error page, the page still carries the inner session's
    // cookie.
    async fn an_error_page_of_the_outer_layer_keeps_the_cookie_of_the_inner_session(store) {
        let server = Server::new(store);
        let broken = Faulty::new(&AnyStore::memory());
        let others = Sessions::<Other>::builder().store(broken.clone()).keys(KeyRing::generate());
        let others = others.clean_every(Duration::ZERO).build().unwrap();
        let app = server.serving(Router::new().route("/", post(|mut s: S, mut o: Session<Other>| async move {
            s.user_mut().log_in("ada".into());
            *o.word_mut() = "x".into();
        }))).layer(others.layer());
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        broken.plan([Fault::Down, Fault::Down]);
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(visitor.at(&server.app).get("/show").await.json()["user"], "ada");
    }
}
