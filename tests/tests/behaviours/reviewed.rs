//! Fixed faults, which a review had found in rejected sign-ins, lost answers, dropped saves and timeouts. Each test causes the
//! error or the race that exposed one of the faults.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    response::Response,
    routing::post,
};
use http::{HeaderMap, StatusCode, header::COOKIE};
use serde_json::json;
use session_runtime::{
    Event, KeyRing, Session, SessionLimit, Sessions, SessionsBuilder, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{self, Server, Site, hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};
use tokio::sync::{Notify, mpsc};
use tower::Service;

use super::faulty::{Fault, Faulty, Gate};

type S = Session<Site>;

async fn is_in(visitor: &Visitor) -> bool {
    visitor.clone().get("/show").await.json()["user"].as_str() == Some("ada")
}

/// Allows each user one session: a second sign-in is rejected.
fn one_each(builder: SessionsBuilder<Site>) -> SessionsBuilder<Site> {
    builder.max_per_user(SessionLimit::Refuse(1))
}

/// Returns a plan: `calls` successful calls, followed by the faults in `then`.
fn after(calls: usize, then: impl IntoIterator<Item = Fault>) -> Vec<Fault> {
    std::iter::repeat_n(Fault::None, calls).chain(then).collect()
}

/// Returns another tab of the browser that sent a request with these headers.
fn other_tab(app: &Router, headers: &HeaderMap) -> Visitor {
    let (name, value) = headers[COOKIE].to_str().unwrap().split_once('=').unwrap();
    Visitor::with_cookie(app, name, value)
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `answer`, but fails the test after [`PATIENCE`].
async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.expect("the answer arrives in time")
}

over_stores! {
    // F6, S23: a rejected sign-in must be undone. If the undo fails, or `save` is dropped during the undo, the next commit
    // completes it.
    async fn a_refused_sign_in_that_cannot_be_undone_immediately_signs_no_user_in(store) {
        for guest in [false, true] {
            for dropped in [false, true] {
                let (server, faulty) = Faulty::server(&store, one_each);
                let first = server.signed_in("ada").await;
                let app = server.serving(Router::new().route("/{again}", post({
                    let faulty = faulty.clone();
                    move |mut s: S, Path(again): Path<bool>| async move {
                        s.user_mut().log_in("ada".into());
                        // The store calls: swap the session, load the list, load the listed session; then undo the sign-in.
                        if dropped {
                            let gate = Gate::new();
                            faulty.plan(after(3, [Fault::Slow(gate.clone())]));
                            tokio::select! {
                                _ = s.save() => unreachable!("the store does not answer"),
                                () = gate.wait() => {}
                            }
                        } else {
                            faulty.plan(after(3, [Fault::Down, Fault::Down]));
                            assert!(s.save().await.unwrap_err().is_unavailable());
                        }
                        if again {
                            assert!(s.save().await.unwrap_err().is_full());
                        }
                    }
                })));
                for (again, status) in [(true, StatusCode::OK), (false, StatusCode::CONFLICT)] {
                    let mut visitor = server.visitor();
                    if guest {
                        visitor.post("/name/guest").await;
                    }
                    let mut visitor = visitor.at(&app);
                    let reply = visitor.post(&format!("/{again}")).await;
                    let case = format!("guest {guest}, dropped {dropped}, again {again}");
                    assert_eq!((reply.status, reply.set_cookie()), (status, None), "{case}");
                    let seen = visitor.at(&server.app).get("/show").await.json();
                    let name = if guest { "guest" } else { "" };
                    assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (None, Some(name)), "{case}");
                    assert!(is_in(&first).await, "{case}");
                    assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1, "{case}");
                }
                server.sessions.of("ada").revoke_all().await.unwrap();
            }
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

    // B17, B39: the list is written before the session, so a session whose lifetime was extended is always listed.
    async fn a_remembered_session_is_listed_although_its_visitor_leaves_or_the_store_fails(store) {
        // The store calls: load the session, load and swap the list, swap the session.
        for call in 0..4 {
            for leaves in [false, true] {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let visitor = server.signed_in("ada").await;
                let mut remembering = visitor.clone();
                if leaves {
                    let gate = Gate::new();
                    faulty.plan(after(call, [Fault::Slow(gate.clone())]));
                    let request = tokio::spawn(async move { remembering.post("/remember").await });
                    gate.wait().await;
                    request.abort();
                    assert!(request.await.unwrap_err().is_cancelled());
                } else {
                    faulty.plan(after(call, [Fault::Down, Fault::Down]));
                    assert_eq!(remembering.post("/remember").await.status, StatusCode::SERVICE_UNAVAILABLE);
                }
                faulty.plan([]);
                server.turn(hours(13));
                let lasts = is_in(&visitor).await;
                let ada = server.sessions.of("ada");
                assert_eq!(ada.count().await.unwrap(), usize::from(lasts), "call {call}, leaves {leaves}");
                assert_eq!(ada.revoke_all().await.unwrap(), u64::from(lasts), "call {call}, leaves {leaves}");
                assert!(!is_in(&visitor).await);
            }
        }
    }

    // B17, B36, B39: one process forgets the session while another remembers it, in either order.
    async fn a_session_that_is_forgotten_and_remembered_concurrently_is_listed(store) {
        // The store calls: load the session, load the list, swap the session.
        for call in 0..3 {
            let [(here, faulty), (there, _)] = Faulty::two_servers(&store, |builder| builder);
            let mut visitor = here.signed_in("ada").await;
            visitor.post("/remember").await;
            let gate = Gate::new();
            faulty.plan(after(call, [Fault::Slow(gate.clone())]));
            let mut forgetting = visitor.clone();
            let request = tokio::spawn(async move { forgetting.post("/forget").await.status });
            gate.wait().await;
            assert_eq!(visitor.at(&there.app).post("/remember").await.status, StatusCode::OK, "call {call}");
            gate.open();
            assert_eq!(request.await.unwrap(), StatusCode::OK, "call {call}");
            here.turn(hours(13));
            let lasts = is_in(&visitor).await;
            let ada = there.sessions.of("ada");
            assert_eq!(ada.count().await.unwrap(), usize::from(lasts), "call {call}");
            assert_eq!(ada.revoke_all().await.unwrap(), u64::from(lasts), "call {call}");
            assert!(!is_in(&visitor).await, "call {call}");
        }
    }

    // B41: the first session cannot be reached; the others end nevertheless.
    async fn a_session_that_cannot_be_ended_keeps_no_other_alive(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let [one, two, three] = [server.signed_in("ada").await, server.signed_in("ada").await, server.signed_in("ada").await];
        let ada = server.sessions.of("ada");
        // The store calls: load the list, then the first session.
        faulty.plan(after(1, [Fault::Down, Fault::Down]));
        assert!(ada.revoke_all().await.unwrap_err().is_unavailable());
        assert_eq!([is_in(&one).await, is_in(&two).await, is_in(&three).await], [true, false, false]);
        assert_eq!((ada.count().await.unwrap(), ada.revoke_all().await.unwrap()), (1, 1));
        assert!(!is_in(&one).await);
    }

    // S13, S23: the session ends elsewhere while its visitor signs in, so the sign-in starts another session, which is rejected.
    async fn a_refused_sign_in_does_not_revive_an_ended_session_under_another_key(store) {
        let [(here, faulty), (there, _)] = Faulty::two_servers(&store, one_each);
        let first = here.signed_in("ada").await;
        let mut visitor = here.visitor();
        visitor.post("/name/private").await;
        faulty.swapped();
        let gate = Gate::new();
        // The load succeeds; the swap reaches the store too late.
        faulty.plan(after(1, [Fault::Late(gate.clone())]));
        let mut signing_in = visitor.clone();
        let request = tokio::spawn(async move { signing_in.post("/login/ada").await });
        gate.wait().await;
        visitor.at(&there.app).post("/destroy").await;
        gate.open();
        let reply = request.await.unwrap();
        assert_eq!(reply.status, StatusCode::CONFLICT);
        let swapped = faulty.swapped();
        assert!(swapped.iter().any(|key| *key != swapped[0]), "a second session began");
        for key in swapped {
            assert!(here.stored(&key).await.is_none(), "no session is left");
        }
        assert!(is_in(&first).await);
    }
}

over_two_stores! {
    // F6, S57: the handler's writes for the rejected user are dropped.
    async fn writes_after_a_refused_sign_in_are_not_stored(store) {
        let (server, faulty) = Faulty::server(&store, one_each);
        server.signed_in("ada").await;
        let app = server.serving(Router::new().route("/", post({
            let faulty = faulty.clone();
            move |mut s: S| async move {
                s.user_mut().log_in("ada".into());
                // The session is swapped, but the list cannot be reached.
                faulty.plan(after(1, [Fault::Down, Fault::Down]));
                assert!(s.save().await.unwrap_err().is_unavailable());
                *s.name_mut() = "of ada".into();
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/theme/dark").await;
        server.heard();
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::CONFLICT);
        assert!(!server.heard().contains(&Event::Late), "no change is left to be saved");
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["theme"]), (&json!(null), &json!(""), &json!("Dark")));
    }

    // B28, S23: only this response can carry the id that `save` stored.
    async fn a_refused_sign_in_keeps_the_cookie_of_an_earlier_save(store) {
        let server = Server::with(store, one_each);
        server.signed_in("ada").await;
        for renews in [false, true] {
            let app = server.serving(Router::new().route("/", post(move |mut s: S| async move {
                *s.name_mut() = "cart".into();
                if renews {
                    s.renew();
                }
                s.save().await.unwrap();
                s.user_mut().log_in("ada".into());
            })));
            let mut visitor = server.visitor();
            if renews {
                visitor.post("/theme/dark").await;
            }
            let mut visitor = visitor.at(&app);
            let reply = visitor.post("/").await;
            assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::CONFLICT, true), "renews {renews}");
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!(null), &json!("cart")), "renews {renews}");
        }
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

    // B21, B16: a request that only reads writes nothing but the deadline. That write is optional: the request neither waits for
    // another commit nor fails because of it.
    async fn a_read_does_not_wait_or_fail_because_of_its_deadline(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder.store_timeout(hours(1)).commit_timeout(hours(1)));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        server.turn(minutes(20));
        let gate = Gate::new();
        faulty.plan(after(1, [Fault::Late(gate.clone())]));
        let mut writing = visitor.clone();
        let request = tokio::spawn(async move { writing.post("/visit").await.status });
        gate.wait().await;
        let reply = soon(visitor.get("/show")).await;
        assert_eq!((reply.status, &reply.json()["name"]), (StatusCode::OK, &json!("first")));
        gate.open();
        assert_eq!(request.await.unwrap(), StatusCode::OK);
        server.turn(minutes(20));
        faulty.plan(after(1, [Fault::Down, Fault::Down]));
        assert_eq!(visitor.get("/show").await.status, StatusCode::OK);
        server.turn(minutes(5));
        assert_eq!(visitor.get("/show").await.json()["name"], "first", "the next read moves the deadline");
        server.turn(minutes(29));
        assert_eq!(visitor.get("/show").await.json()["name"], "first");
    }

    // B10: the handler failed and its log-out was rejected. The visitor gets the handler's own answer, which is more useful than
    // an error page about the log-out.
    async fn a_failed_handlers_answer_stays_although_its_log_out_came_too_late(store) {
        let server = Server::new(store);
        let other = server.app.clone();
        let app = server.serving(Router::new().route("/", post(move |mut s: S, headers: HeaderMap| async move {
            assert_eq!(other_tab(&other, &headers).post("/renew").await.status, StatusCode::OK);
            s.user_mut().log_out();
            (StatusCode::INTERNAL_SERVER_ERROR, "mine")
        })));
        let reply = server.signed_in("ada").await.at(&app).post("/").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "mine"));
    }
}

// B21, B36: a commit passes the stored value on to the next commit. Here the first commit's answer is late, so its value is older
// than the value that the next request has loaded.
#[tokio::test]
async fn a_commit_that_is_handed_an_older_value_loads_again() {
    let [(here, faulty), (there, _)] = Faulty::two_servers(&AnyStore::memory(), |builder| builder);
    let mut visitor = here.visitor();
    visitor.post("/name/first").await;
    let gate = Gate::new();
    faulty.plan(after(1, [Fault::Slow(gate.clone())]));
    let mut before = visitor.clone();
    let before = tokio::spawn(async move { before.post("/visit").await.status });
    gate.wait().await;
    // The commit is stored, but its answer is still on the way. Another process renews the session in the meantime.
    let mut renewed = visitor.at(&there.app);
    renewed.post("/login/ada").await;
    let mut behind = renewed.at(&here.app);
    let mut request = Box::pin(behind.post("/name/after"));
    // The request loads the session, which the memory store answers immediately, and then waits for the earlier commit.
    assert!(poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await.is_pending());
    gate.open();
    assert_eq!((before.await.unwrap(), request.await.status), (StatusCode::OK, StatusCode::OK));
    let seen = renewed.get("/show").await.json();
    assert_eq!((&seen["user"], &seen["name"], &seen["visits"]), (&json!("ada"), &json!("after"), &json!(1)));
}

/// A timeout layer like that of `tower-http`. After the timeout, its future responds with 408, but keeps the handler's future
/// until it is dropped itself. The test triggers the timeout.
#[derive(Clone)]
struct GivesUp<I>(Arc<Notify>, I);

impl<I> Service<Request> for GivesUp<I>
where
    I: Service<Request, Response = Response, Error = Infallible>,
    I::Future: Unpin + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = GivingUp<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.1.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let told = Arc::clone(&self.0);
        GivingUp { handler: self.1.call(request), over: Box::pin(async move { told.notified().await }) }
    }
}

struct GivingUp<F> {
    handler: F,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for GivingUp<F> {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(response) = Pin::new(&mut self.handler).poll(cx) {
            return Poll::Ready(response);
        }
        self.over.as_mut().poll(cx).map(|()| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            Ok(response)
        })
    }
}

// B28: after a timeout, the handler's changes are dropped, no matter when the timeout drops the handler's future.
#[tokio::test]
async fn a_timeout_that_keeps_its_handler_stores_nothing() {
    let server = Server::new(AnyStore::memory());
    let over = Arc::new(Notify::new());
    let tell = Arc::clone(&over);
    let gives_up = tower::layer::layer_fn(move |inner| GivesUp(Arc::clone(&over), inner));
    let handler = move |mut s: S| async move {
        *s.name_mut() = "half done".into();
        s.visits_mut().add(1);
        tell.notify_one();
        std::future::pending::<()>().await;
    };
    // Both layers form one service, because a router drops the inner service as soon as it has answered.
    let layers = (server.sessions.layer(), gives_up);
    let app = Router::new().route("/", post(handler)).layer(layers);
    let mut visitor = server.visitor();
    visitor.post("/name/first").await;
    server.heard();
    assert_eq!(visitor.at(&app).post("/").await.status, StatusCode::REQUEST_TIMEOUT);
    assert!(!server.heard().contains(&Event::Late));
    let seen = visitor.get("/show").await.json();
    assert_eq!((&seen["name"], &seen["visits"]), (&json!("first"), &json!(0)));
}

/// A store that rejects every swap, and fails the test if swaps still arrive after [`PATIENCE`].
struct Refuses(Instant);

impl Store for Refuses {
    async fn load(&self, _: &Key, _: Timestamp) -> Result<Option<Versioned>, StoreError> {
        Ok(None)
    }

    async fn swap(
        &self,
        _: &Key,
        _: Option<&Versioned>,
        _: Option<&Value>,
        _: Timestamp,
    ) -> Result<Swapped, StoreError> {
        assert!(self.0.elapsed() < PATIENCE, "the commit still sends swaps to the store");
        tokio::task::yield_now().await;
        Ok(Swapped::Stale(None))
    }
}

// B33: a commit ends in time, whatever the store answers.
#[tokio::test]
async fn a_commit_that_the_store_always_refuses_fails_in_time() {
    let sessions = Sessions::<Site>::builder().store(Refuses(Instant::now())).keys(KeyRing::generate());
    let sessions = sessions.clean_every(Duration::ZERO).commit_timeout(Duration::from_millis(100)).build().unwrap();
    let mut visitor = Visitor::new(&app::routes().layer(sessions.layer()));
    for path in ["/name/first", "/login/ada"] {
        let reply = visitor.post(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{path}");
    }
}
