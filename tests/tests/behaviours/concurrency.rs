//! B19–B23, B28, B36: two concurrent requests. Handlers wait at gates, so that each test controls the order.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, Session, Timestamp};
use tests::{
    app::{Server, Site, hours, minutes},
    client::{Reply, Visitor},
    over_stores, over_two_stores,
};
use tokio::sync::Semaphore;

type S = Session<Site>;

/// A gate at which a request waits with its session loaded, until the test lets it go on.
#[derive(Clone)]
struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Called by the handler: waits until the test opens the gate.
    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Called by the test: returns once a handler waits.
    async fn wait(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.open.add_permits(1);
    }
}

/// Sends a request, runs `meanwhile` while the handler waits at the gate, and then lets the handler finish.
async fn late(
    visitor: &Visitor,
    method: http::Method,
    path: &str,
    gate: &Gate,
    meanwhile: impl Future<Output = ()>,
) -> (Visitor, Reply) {
    let mut visitor = visitor.clone();
    let path = path.to_owned();
    let request = tokio::spawn(async move {
        let reply = visitor.send(method, &path).await;
        (visitor, reply)
    });
    gate.wait().await;
    meanwhile.await;
    gate.open();
    request.await.unwrap()
}

/// Returns routes whose handlers load the session, wait at the gate, and continue.
fn gated(server: &Server, gate: &Gate) -> Router {
    let [a, b, c, d, e, f, g, h, i] = std::array::from_fn(|_| gate.clone());
    server.serving(
        Router::new()
            .route(
                "/read",
                get(move |s: S| async move {
                    a.pass().await;
                    s.name().to_owned()
                })
                .post(move |s: S| async move {
                    h.pass().await;
                    s.name().to_owned()
                }),
            )
            .route(
                "/fail",
                post(move |mut s: S| async move {
                    i.pass().await;
                    *s.name_mut() = "dropped".into();
                    (StatusCode::INTERNAL_SERVER_ERROR, "sorry")
                }),
            )
            .route(
                "/name/{to}",
                post(move |mut s: S, Path(to): Path<String>| async move {
                    b.pass().await;
                    *s.name_mut() = to
                })
                .get(move |mut s: S, Path(to): Path<String>| async move {
                    c.pass().await;
                    *s.name_mut() = to;
                    "a page"
                }),
            )
            .route(
                "/save/{to}",
                post(move |mut s: S, Path(to): Path<String>| async move {
                    d.pass().await;
                    *s.name_mut() = to;
                    match s.save().await {
                        Ok(()) => "saved",
                        Err(error) if error.is_gone() => "gone",
                        Err(error) if error.is_moved() => "moved",
                        Err(_) => "another error",
                    }
                }),
            )
            .route(
                "/take",
                get(move |mut s: S| async move {
                    e.pass().await;
                    s.notice_mut().take().unwrap_or_default()
                }),
            )
            .route(
                "/take-all",
                get(move |mut s: S| async move {
                    f.pass().await;
                    s.notices_mut().take().join(",")
                }),
            )
            .route(
                "/update",
                post(move |mut s: S| async move {
                    g.pass().await;
                    match s.cart_mut().update(|cart| cart.push("late".into())).await {
                        Ok(()) => "updated",
                        Err(error) if error.is_gone() => "gone",
                        Err(error) if error.is_moved() => "moved",
                        Err(_) => "another error",
                    }
                }),
            ),
    )
}

async fn renew_by_timer(server: &Server, visitor: &Visitor) -> Visitor {
    server.turn(minutes(16));
    let mut renewed = visitor.at(&server.app);
    assert!(renewed.get("/read").await.set_cookie().is_some(), "the id is old enough to be renewed");
    renewed
}

over_stores! {
    // B19
    async fn changes_of_different_fields_both_stay(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        late(&visitor.at(&app), http::Method::POST, "/name/late", &gate, async {
            visitor.clone().post("/note/meanwhile").await;
        }).await;
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"]), (&json!("late"), &json!("meanwhile")));
    }

    // B20
    async fn a_slow_reader_does_not_undo_a_concurrent_write(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        server.turn(minutes(10)); // the reader must now refresh the deadline
        let (_, reply) = late(&visitor.at(&app), http::Method::GET, "/read", &gate, async {
            visitor.clone().post("/name/second").await;
        }).await;
        assert_eq!(reply.body, "first");
        assert_eq!(visitor.get("/read").await.body, "second");
    }

    // B21
    async fn a_flash_is_gone_after_the_response_that_took_it(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/notice/hi").await;
        // Another request takes the flash while a slow request, which has loaded it already, changes another field.
        late(&visitor.at(&app), http::Method::POST, "/name/late", &gate, async {
            assert_eq!(visitor.clone().get("/notice").await.body, "hi");
        }).await;
        assert_eq!(visitor.get("/notice").await.body, "");
    }

    // B21: a notice that another request added meanwhile stays.
    async fn taking_a_flash_keeps_one_that_was_added_meanwhile(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/notice/old").await;
        let (_, reply) = late(&visitor.at(&app), http::Method::GET, "/take", &gate, async {
            visitor.clone().post("/notice/new").await;
        }).await;
        assert_eq!(reply.body, "old");
        assert_eq!(visitor.get("/notice").await.body, "new");

        for item in ["a", "b"] {
            visitor.post(&format!("/notices/{item}")).await;
        }
        let (_, reply) = late(&visitor.at(&app), http::Method::GET, "/take-all", &gate, async {
            visitor.clone().post("/notices/c").await;
        }).await;
        assert_eq!(reply.body, "a,b");
        assert_eq!(visitor.get("/notices").await.body, "c");
        assert_eq!(visitor.get("/notices").await.body, "");
    }

    // B21
    async fn an_update_runs_again_on_the_value_that_another_request_stored(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/cart/first").await;
        let (_, reply) = late(&visitor.at(&app), http::Method::POST, "/update", &gate, async {
            visitor.clone().post("/cart/meanwhile").await;
        }).await;
        assert_eq!(reply.body, "updated");
        assert_eq!(visitor.get("/show").await.json()["cart"], json!(["first", "meanwhile", "late"]));
    }

    // B22, S12: however the session ended, a late write does not revive it.
    async fn a_write_after_the_end_is_dropped(store) {
        let (server, gate) = (Server::with(store, |builder| builder), Gate::new());
        let app = gated(&server, &gate);
        for end in ["/logout", "/destroy", "expiry"] {
            for (method, path, body) in [
                (http::Method::POST, "/name/late", ""), (http::Method::GET, "/name/late", "a page"), (http::Method::GET, "/read", ""),
                (http::Method::POST, "/save/late", "gone"), (http::Method::POST, "/update", "gone"), (http::Method::GET, "/take", "hi"),
            ] {
                let mut visitor = server.signed_in("ada").await;
                visitor.post("/notice/hi").await;
                server.turn(minutes(2)); // even a request that only reads must now refresh the deadline
                server.heard();
                let (_, reply) = late(&visitor.at(&app), method.clone(), path, &gate, async {
                    match end {
                        "expiry" => server.turn(minutes(31)),
                        path => drop(visitor.clone().post(path).await),
                    }
                }).await;
                let case = format!("{method} {path} after {end}");
                assert_eq!((reply.status, reply.body.as_str(), reply.set_cookie()), (StatusCode::OK, body, None), "{case}");
                assert!(server.heard().contains(&Event::Gone), "{case}");
                assert_eq!(visitor.get("/show").await.json()["is_new"], true, "{case}");
            }
        }
    }

    // B23, S12: a change of privilege causes writes of requests in progress to be rejected.
    async fn a_write_across_a_privilege_renewal_is_rejected_and_reported(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        for privilege in ["/login/ada", "/login/bob", "/renew", "/logout"] {
            for (method, path, status, body) in [
                (http::Method::POST, "/name/late", StatusCode::CONFLICT, None), (http::Method::GET, "/name/late", StatusCode::OK, Some("a page")),
                (http::Method::POST, "/save/late", StatusCode::OK, Some("moved")), (http::Method::POST, "/update", StatusCode::OK, Some("moved")),
            ] {
                let mut visitor = server.visitor();
                visitor.post("/name/first").await;
                visitor.post("/theme/dark").await;
                if privilege != "/login/ada" {
                    visitor.post("/login/ada").await;
                }
                server.heard();
                let mut winner = visitor.clone();
                let (loser, reply) = late(&visitor.at(&app), method.clone(), path, &gate, async {
                    winner.post(privilege).await;
                }).await;
                let case = format!("{method} {path} across {privilege}");
                assert_eq!((reply.status, reply.set_cookie()), (status, None), "{case}");
                assert!(body.is_none_or(|body| reply.body == body), "{case}: {}", reply.body);
                assert!(server.heard().contains(&Event::Moved), "{case}");
                assert_ne!(winner.get("/read").await.body, "late", "{case}");
                assert_eq!(loser.cookie(), visitor.cookie(), "{case}");
            }
        }
    }

    // B20, B23: `/read` changes nothing, and the change of `/fail` is dropped because its handler fails. Neither has a change to
    // store, so neither is rejected, although both must refresh the deadline.
    async fn a_request_with_no_change_to_store_is_not_refused(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        for (path, status, body) in [("/read", StatusCode::OK, "first"), ("/fail", StatusCode::INTERNAL_SERVER_ERROR, "sorry")] {
            let mut visitor = server.visitor();
            visitor.post("/name/first").await;
            server.turn(minutes(10));
            let (_, reply) = late(&visitor.at(&app), http::Method::POST, path, &gate, async {
                visitor.clone().post("/login/ada").await;
            }).await;
            assert_eq!((reply.status, reply.body.as_str(), reply.set_cookie()), (status, body, None));
        }
    }

    // B23, S11: a renewal by the timer does not cause the changes of other requests to be rejected.
    async fn a_write_across_a_timer_renewal_is_applied(store) {
        let (server, gate) = (Server::with(store, |builder| builder.rotate_every(minutes(15))), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        let mut renewed = None;
        server.turn(minutes(16));
        let (mut loser, reply) = late(&visitor.at(&app), http::Method::POST, "/name/late", &gate, async {
            let mut winner = visitor.clone();
            assert!(winner.post("/note/winner").await.set_cookie().is_some());
            renewed = Some(winner);
        }).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "the slower response sets no cookie");
        let mut winner = renewed.unwrap();
        let seen = winner.get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"]), (&json!("late"), &json!("winner")));
        // The previous verifier is valid for a minute after the new one was first presented.
        assert_eq!(loser.at(&server.app).get("/read").await.body, "late");
        server.turn(minutes(1));
        assert_eq!(loser.get("/untouched").await.status, StatusCode::NOT_FOUND);
        assert_eq!(loser.at(&server.app).get("/read").await.body, "");
        assert_eq!(winner.get("/read").await.body, "late");
    }

    // B3, S11: the response to the request that loses the race sets no cookie, even if the request moved the deadline of a
    // persistent cookie.
    async fn the_loser_of_a_timer_renewal_does_not_bring_the_old_id_back(store) {
        let (server, gate) = (Server::with(store, |builder| builder.rotate_every(minutes(15)).persistent(true)), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        server.turn(minutes(16));
        let (_, reply) = late(&visitor.at(&app), http::Method::POST, "/name/late", &gate, async {
            assert!(visitor.clone().post("/note/winner").await.set_cookie().is_some());
        }).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None));
    }

    // S11: a write under the previous id is retried, because the timer has renewed the session meanwhile. The retry does not
    // count as a use of the new id.
    async fn a_retry_across_a_timer_renewal_does_not_end_the_previous_id(store) {
        let (server, gate) = (Server::with(store, |builder| builder.rotate_every(minutes(15))), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/notices/first").await;
        let (_, reply) = late(&visitor.at(&app), http::Method::GET, "/take-all", &gate, async {
            server.turn(minutes(16));
            let lost = visitor.clone().post("/notices/second").await;
            assert!(lost.set_cookie().is_some());
        }).await;
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("first", None));
        server.turn(minutes(2));
        assert_eq!(visitor.get("/notices").await.body, "second", "the new id was not presented, so the old one is valid");
    }

    // B36: two servers on one store.
    async fn servers_on_one_store_see_each_others_writes_immediately(store) {
        let one = Server::new(store.clone());
        let two = Server::made(store, one.keys.clone(), one.clock.clone(), |builder| builder);
        let mut here = one.visitor();
        here.post("/name/ada").await;
        let mut there = here.at(&two.app);
        assert_eq!(there.get("/read").await.body, "ada");
        there.post("/name/bob").await;
        assert_eq!(here.get("/read").await.body, "bob");
        there.post("/renew").await;
        assert_eq!(here.get("/read").await.body, "");
        let mut back = there.at(&one.app);
        assert_eq!(back.get("/read").await.body, "bob");
        back.post("/destroy").await;
        assert_eq!(there.get("/read").await.body, "");
    }
}

over_two_stores! {
    // F14, S11: the record remembers only one previous id, so the timer waits until no request with that id can be in progress.
    async fn the_timer_waits_while_requests_with_the_previous_id_are_in_progress(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(1)).end_on_replay(true));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        server.turn(minutes(1));
        let mut late = visitor.clone();
        assert!(visitor.post("/note/renewed").await.set_cookie().is_some());
        server.turn(minutes(1) - Duration::from_secs(1));
        assert_eq!(visitor.get("/read").await.body, "ada", "the new id is presented");
        for _ in 0..59 {
            server.turn(Duration::from_secs(1));
            assert_eq!(visitor.post("/note/busy").await.set_cookie(), None);
            assert_eq!(late.get("/read").await.body, "ada");
        }
        server.turn(Duration::from_secs(1));
        assert!(visitor.post("/note/renewed").await.set_cookie().is_some());
        assert_eq!(visitor.get("/read").await.body, "ada");
    }

    // F14, S11, S19: the clock is set back after the new id was presented. If it goes back by a minute or more, the replaced id
    // is not accepted any more: otherwise it would stay valid until the clock catches up. The session stays valid under its
    // new id.
    async fn a_clock_that_is_set_back_does_not_keep_a_replaced_id_valid(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(15)).end_on_replay(true));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        server.turn(minutes(16));
        let replaced = visitor.clone();
        assert!(visitor.post("/note/renewed").await.set_cookie().is_some());
        visitor.post("/note/presented").await;
        let presented = server.clock.now().as_millis();
        for (back, seen) in [(minutes(1), ""), (hours(1), ""), (Duration::from_secs(59), "ada")] {
            server.clock.set(Timestamp::from_millis(presented - back.as_millis() as u64));
            assert_eq!(replaced.clone().get("/read").await.body, seen, "{back:?}");
            assert_eq!(visitor.get("/read").await.body, "ada", "{back:?}");
        }
    }

    // S11: the response with the new cookie was lost, and the client keeps sending the old one.
    async fn a_timer_renewal_is_repeated_after_a_lost_answer(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(15)));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let lost = renew_by_timer(&server, &visitor).await;
        server.turn(minutes(10));
        assert_eq!(visitor.get("/read").await.body, "ada", "the old id is valid until the new one is presented");
        server.turn(minutes(10));
        let again = renew_by_timer(&server, &visitor).await;
        assert_ne!(again.cookie(), lost.cookie());
        assert_eq!(again.at(&server.app).get("/read").await.body, "ada");
    }

    // B7, B23: for a minute after a sign-in, the response to a request with an earlier id sets no cookie. Earlier ids include one
    // that the timer had already replaced in a response that was lost, and one from before several renewals in a row.
    async fn a_response_to_a_recently_replaced_id_does_not_overwrite_the_sign_in_cookie(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(15)));
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        renew_by_timer(&server, &visitor).await;
        let mut parallel = visitor.clone();
        for path in ["/login/ada", "/renew"] {
            assert!(visitor.post(path).await.set_cookie().is_some());
            server.heard();
            let reply = parallel.post("/name/late").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{path}");
            assert_eq!(parallel.get("/show").await.json()["is_new"], true);
            assert!(server.heard().contains(&Event::Replayed { recently: true }), "{path}");
        }
        server.turn(minutes(1));
        assert!(parallel.post("/name/new").await.set_cookie().is_some());
        assert!(server.heard().contains(&Event::Replayed { recently: false }));
        assert_eq!(visitor.get("/read").await.body, "guest");
    }

    // B28
    async fn a_client_that_goes_away_leaves_nothing_half_written(store) {
        let (server, gate) = (Server::new(store), Gate::new());
        let app = gated(&server, &gate);
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        let applies = server.controls.calls().1;
        let mut leaving = visitor.at(&app);
        let request = tokio::spawn(async move { leaving.post("/name/late").await });
        gate.wait().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        assert_eq!(server.controls.calls().1, applies);
        assert_eq!(visitor.get("/read").await.body, "first");
    }
}
