//! B29, B32, B34, S10, S47: a store that fails never corrupts sessions, ids or sign-ins.

use std::{sync::atomic::Ordering, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{
    Event, Session, SessionEnd, SessionRejection,
    store::{Class, Store as _, Swapped},
};
use tests::{
    app::{Server, Site},
    client::Visitor,
    over_stores, over_two_stores,
};

use crate::faulty::{Fault, Faulty, Gate};

type S = Session<Site>;

over_stores! {
    // S22, B48: the sign-in of a failed handler is dropped, and the user's list does not show it. No cookie may open the session
    // of that sign-in, although the store may have stored it.
    async fn no_cookie_opens_the_sign_in_of_a_failed_handler_whose_answer_was_lost(store) {
        for steps in ["renew", "log-out"] {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let app = server.serving(Router::new().route("/in", post(move |mut s: S| {
                let faulty = faulty.clone();
                async move {
                    match steps {
                        "renew" => s.renew(),
                        _ => s.user_mut().log_out(),
                    }
                    s.user_mut().log_in("bob".into());
                    faulty.plan([Fault::Lost, Fault::Lost]);
                    s.save().await.unwrap_err();
                    StatusCode::SERVICE_UNAVAILABLE
                }
            })));
            let mut ada = server.signed_in("ada").await.at(&app);
            assert_eq!(ada.post("/in").await.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_ne!(ada.at(&server.app).get("/show").await.json()["user"], "bob", "{steps}");
            assert!(server.sessions.of("bob").list().await.unwrap().is_empty(), "{steps}");
        }
    }

    // S47
    async fn a_sign_out_that_is_applied_after_its_503_holds(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder.store_timeout(Duration::from_secs(1)));
        let mut ada = server.signed_in("ada").await;
        ada.post("/theme/dark").await;
        let gate = Gate::new();
        faulty.plan([Fault::None, Fault::AfterAll(gate.clone())]);
        assert_eq!(ada.clone().post("/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
        gate.wait().await;
        gate.open();
        gate.wait().await;
        assert_eq!(ada.get("/show").await.json()["user"], serde_json::Value::Null);
        assert!(server.sessions.of("ada").list().await.unwrap().is_empty());
    }

    // S47: the answer to the end of a session is lost, and a store that evicts values loses the tombstone before the end is sent
    // again. The absent session counts as ended by this request.
    async fn an_end_whose_tombstone_was_lost_before_its_second_try_counts_as_done(store) {
        for path in ["/destroy", "/clear", "/logout"] {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let ada = server.signed_in("ada").await;
            let (session, now) = (faulty.swapped()[0], server.clock.now());
            server.heard();
            let gate = Gate::new();
            // The store calls: load the session, swap it, swap it again.
            faulty.plan([Fault::None, Fault::Lost, Fault::Late(gate.clone())]);
            let mut leaving = ada.clone();
            let request = tokio::spawn(async move { (leaving.post(path).await, leaving) });
            gate.wait().await;
            let tombstone = store.load(&session, now).await.unwrap().unwrap();
            assert_eq!(tombstone.value().class(), Class::Tombstone, "{path}");
            assert!(matches!(store.swap(&session, Some(&tombstone), None, now).await, Ok(Swapped::Done(_))), "{path}");
            gate.open();
            let (reply, leaving) = request.await.unwrap();
            assert_eq!((reply.status, leaving.cookie()), (StatusCode::OK, None), "{path}: {}", reply.body);
            let heard = server.heard();
            assert!(heard.contains(&Event::Ended { why: SessionEnd::LoggedOut }), "{path}: {heard:?}");
            assert_eq!(ada.clone().get("/show").await.json()["is_new"], true, "{path}");
            assert!(server.sessions.of("ada").list().await.unwrap().is_empty(), "{path}");
        }
    }

    // B34
    async fn a_commit_whose_answer_was_lost_counts_once(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        for path in ["/visit", "/visit", "/cart/tea", "/login/ada", "/renew", "/notices/hi"] {
            server.controls.lose_answer.store(true, Ordering::SeqCst);
            assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["user"]), (&2.into(), &"ada".into()));
        assert_eq!((seen["cart"].as_array().unwrap().len(), seen["notices"].as_array().unwrap().len()), (1, 1));
    }

    // S10: whichever store call fails, exactly one of the old id and the new id opens the session. There are three exceptions,
    // all answered with 503, in which neither id needs to open it:
    // - A change was stored, but the answers to both attempts were lost.
    // - The request ended its session before it stored another one.
    // - A sign-in was stored but could not be listed, and is therefore undone if possible. This restores a guest's session, but
    //   the session of another user has ended.
    async fn a_failed_call_leaves_one_valid_id_and_none_only_with_a_503(store) {
        for (calls, fault, times) in (0..9).flat_map(|calls| {
            let times = [1, 2, 100];
            let down = times.map(|times| (calls, Fault::Down, times));
            down.into_iter().chain([(calls, Fault::Lost, 1), (calls, Fault::Lost, 2)])
        }) {
            for path in ["/first", "/log-in", "/log-out", "/renew", "/switch", "/restart"] {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let app = server.serving(Router::new()
                    .route("/first", post(|mut s: S| async move { s.user_mut().log_in("ada".into()) }))
                    .route("/log-in", post(|mut s: S| async move { s.user_mut().log_in("bob".into()) }))
                    .route("/log-out", post(|mut s: S| async move { s.user_mut().log_out() }))
                    .route("/renew", post(|mut s: S| async move { s.renew() }))
                    .route("/switch", post(|mut s: S| async move {
                        s.user_mut().log_out();
                        s.user_mut().log_in("bob".into());
                    }))
                    .route("/restart", post(|mut s: S| async move {
                        s.destroy();
                        *s.name_mut() = "x".into();
                    })));
                let mut before = match path {
                    "/first" => server.visitor(),
                    _ => server.signed_in("ada").await,
                };
                before.post("/theme/dark").await;
                let mut after = before.at(&app);
                faulty.plan(vec![Fault::None; calls].into_iter().chain(vec![fault.clone(); times]));
                let reply = after.post(path).await;
                faulty.plan([]);
                let old = before.get("/show").await.json()["is_new"] == false;
                let new = after.cookie() != before.cookie() && after.at(&server.app).get("/show").await.json()["is_new"] == false;
                let signs_in = ["/first", "/log-in", "/switch"].contains(&path);
                // `/restart` ends the old session before it stores the new one. After a failure in between, neither id is valid.
                let may_be_neither =
                    matches!(fault, Fault::Lost) && times == 2 || path == "/restart" || signs_in && (times == 100 || path != "/first");
                let said = reply.status == StatusCode::SERVICE_UNAVAILABLE && may_be_neither;
                assert!(old != new || said && !old, "{path}, call {calls}, {times} times: old {old}, new {new}, {}", reply.status);
            }
        }
    }

    // B38, S2: nothing in the store can be used as a token, or contains the start or the end of one.
    async fn a_record_shows_no_part_of_the_token(store) {
        let server = Server::new(store);
        let visitor = server.signed_in("ada").await;
        let token = visitor.cookie().unwrap();
        // The keys are those of the session and of its user's list.
        let keys = server.controls.keys.lock().unwrap().clone();
        let mut shown = String::new();
        for key in &keys {
            let value = server.store.load(key, server.clock.now()).await.unwrap().unwrap();
            let names = [key.hex(), key.base64url()].concat();
            shown += &format!("{value:?} {key:?} {names} {}", String::from_utf8_lossy(&value.value().to_bytes()));
        }
        assert!(!shown.contains(&token[..16]) && !shown.contains(&token[token.len() - 16..]));
        for planted in keys.iter().flat_map(|key| [key.hex(), key.base64url()]) {
            let Ok(value) = http::HeaderValue::try_from(format!("__Host-site={planted}")) else { continue };
            let request = http::Request::get("/show").header(http::header::COOKIE, value).body(axum::body::Body::empty()).unwrap();
            assert_eq!(tests::client::send(&server.app, request).await.json()["user"].as_str(), None);
        }
    }
}

over_two_stores! {
    // B32, S47
    async fn an_outage_neither_logs_out_nor_logs_in(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        for (method, path) in [(http::Method::GET, "/show"), (http::Method::POST, "/name/x"), (http::Method::POST, "/logout")] {
            let reply = visitor.send(method, path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
            assert!(reply.body.contains("try again"), "{}", reply.body);
        }
        // A request without a cookie needs the store only to write.
        assert_eq!(server.visitor().get("/show").await.status, StatusCode::OK);
        let reply = server.visitor().post("/login/bob").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
        assert_eq!(visitor.get("/untouched").await.status, StatusCode::OK);
        server.controls.down.store(false, Ordering::SeqCst);
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }

    // B33
    async fn a_store_that_does_not_answer_counts_as_down(store) {
        let server = Server::new(store.clone());
        let visitor = server.signed_in("ada").await;
        let stuck = Server::made(store, server.keys.clone(), server.clock.clone(), |builder| builder.store_timeout(std::time::Duration::from_millis(20)));
        stuck.controls.stuck.store(true, Ordering::SeqCst);
        assert_eq!(visitor.at(&stuck.app).get("/show").await.status, StatusCode::SERVICE_UNAVAILABLE);
        let reply = stuck.visitor().post("/name/x").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
        // The same sessions work once the store answers.
        assert_eq!(visitor.at(&server.app).get("/show").await.json()["user"], "ada");
    }

    // B2, S35: the handler's substitute page still depends on the cookie, because a request without a cookie gets the real page.
    async fn a_page_for_a_session_that_cannot_be_loaded_varies_by_cookie(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", get(|session: Result<S, SessionRejection>| async move {
            session.map_or_else(|_| "come back".to_owned(), |session| session.name().to_owned())
        })));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        let reply = visitor.at(&app).get("/").await;
        assert_eq!((reply.status, reply.body.as_str(), reply.vary()), (StatusCode::OK, "come back", Some("Cookie")));
    }

    // S10, S47: after `save` has stored a session under a new id, the response carries that id, whatever happens later.
    async fn an_error_response_carries_the_id_that_save_stored(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new()
            .route("/down", post(move |mut s: S| async move {
                s.user_mut().log_in("ada".into());
                s.save().await.unwrap();
                *s.name_mut() = "dropped".into();
                faulty.plan([Fault::Down, Fault::Down]);
            })));
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/down").await.status, StatusCode::SERVICE_UNAVAILABLE);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"]), (&"ada".into(), &"guest".into()));
    }

    // B28, B45: the client leaves during the commit and never gets the cookie, so the request can start no session after that.
    async fn no_session_begins_after_a_client_leaves_during_the_commit(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let app = server.serving(Router::new().route("/", post(move |mut s: S, late: S| async move {
            *s.name_mut() = "x".into();
            sender.send(late).ok().unwrap();
        })));
        let gate = Gate::new();
        faulty.plan([Fault::Slow(gate.clone())]);
        let mut visitor = Visitor::new(&app);
        let request = tokio::spawn(async move { visitor.post("/").await });
        gate.wait().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        let mut late = receiver.recv().await.unwrap();
        *late.name_mut() = "nobody's".into();
        assert!(late.save().await.unwrap_err().to_string().contains("new session"));
    }

    // B45: changes that a handle makes while another handle's `save` fails are applied after the changes of that other handle.
    async fn changes_during_a_failing_save_are_kept(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post(move |mut a: S, mut b: S| async move {
            let gate = Gate::new();
            faulty.plan([Fault::SlowlyDown(gate.clone()), Fault::Down]);
            *a.name_mut() = "before".into();
            let saving = tokio::spawn(async move { a.save().await.unwrap_err().is_unavailable() });
            gate.wait().await;
            b.destroy();
            b.note_mut().set("after".into());
            drop(b);
            gate.open();
            assert!(saving.await.unwrap());
        })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"]), (&"".into(), &"after".into()));
    }
}
