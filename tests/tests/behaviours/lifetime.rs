//! B13–B18, B21: when a session ends, when a field expires, and when a deadline is written.

use std::time::Duration;

use axum::{Router, routing::post};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Clock, KeyRing, Session, Sessions, Timestamp, store::Store as _};
use tests::{
    app::{Server, Site, hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

use super::{
    faulty::{Fault, Faulty, Gate, after},
    shared::soon,
};

// B13: the time that is left is measured by the sessions' clock, which a test can stop.
#[tokio::test]
async fn a_handler_can_show_the_time_that_is_left() {
    let server = Server::new(tests::store::AnyStore::memory());
    let left = |session: Session<Site>| async move { session.expires_in().as_secs().to_string() };
    let app = server.serving(Router::new().route("/left", axum::routing::get(left)));
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    let mut visitor = visitor.at(&app);
    assert_eq!(visitor.get("/left").await.body, "1800");
    server.turn(minutes(10));
    assert_eq!(visitor.get("/left").await.body, "1200");
    assert_eq!(visitor.get("/left").await.body, "1800", "the request before moved the deadline");
}

over_stores! {
    // B13, S14
    async fn inactivity_ends_a_session_and_access_extends_it(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        for _ in 0..3 {
            server.turn(minutes(29));
            assert_eq!(visitor.get("/read").await.body, "ada");
        }
        server.turn(minutes(30) - Duration::from_millis(1));
        assert_eq!(visitor.get("/read").await.body, "ada");
        server.turn(minutes(30));
        assert_eq!(visitor.get("/read").await.body, "", "the session has expired at its deadline, not only after it");
    }

    // B14, S15
    async fn the_absolute_timeout_ends_a_session_despite_activity(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        for _ in 0..(12 * 60 / 20 - 1) {
            server.turn(minutes(20));
            assert_eq!(visitor.get("/read").await.body, "ada");
        }
        server.turn(minutes(20));
        assert_eq!(visitor.get("/read").await.body, "");
    }

    // B16
    async fn an_expired_session_is_not_served_and_clean_up_removes_only_expired_ones(store) {
        let server = Server::new(store);
        let (mut early, mut late) = (server.visitor(), server.visitor());
        early.post("/name/early").await;
        server.turn(minutes(20));
        late.post("/name/late").await;
        server.turn(minutes(10));
        assert_eq!(early.get("/read").await.body, "");
        // SQL and file stores remove a session an hour after its deadline, because the clocks of servers may differ.
        for _ in 0..4 {
            assert_eq!(late.get("/read").await.body, "late");
            server.turn(minutes(20));
        }
        let left = u64::from(!server.store.expires_by_itself());
        assert_eq!(server.sessions.delete_expired().await.unwrap(), left);
        assert_eq!(server.sessions.delete_expired().await.unwrap(), 0);
        assert_eq!(late.get("/read").await.body, "late");
    }

    // B17
    async fn remember_extends_only_its_own_session(store) {
        let server = Server::new(store);
        let (mut kept, mut other) = (server.visitor(), server.visitor());
        kept.post("/name/kept").await;
        other.post("/name/other").await;
        let set = kept.post("/remember").await.set_cookie().unwrap();
        assert!(set.contains(&format!("; Max-Age={}", 30 * 24 * 3600)), "{set}");
        server.turn(hours(24 * 20));
        assert_eq!(kept.get("/read").await.body, "kept");
        assert_eq!(other.get("/read").await.body, "");
        assert_eq!(kept.post("/name/again").await.set_cookie(), None, "later writes do not send the cookie again");
        server.turn(hours(24 * 9));
        assert_eq!(kept.get("/read").await.body, "again");
        server.turn(hours(24));
        assert_eq!(kept.get("/read").await.body, "");
    }

    // B17
    async fn remember_can_be_withdrawn_and_does_not_extend_the_absolute_timeout(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        visitor.post("/remember").await;
        let set = visitor.post("/forget").await.set_cookie().unwrap();
        assert!(!set.contains("Max-Age"), "{set}");
        server.turn(minutes(31));
        assert_eq!(visitor.get("/read").await.body, "");

        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        visitor.post("/remember").await;
        server.turn(hours(13));
        visitor.post("/forget").await;
        assert_eq!(visitor.get("/read").await.body, "", "the absolute timeout counts from the start of the session");
    }

    // B18, S19
    async fn lifetimes_of_any_length_work(store) {
        for (idle, year) in [(Duration::from_millis(1), 2026u64), (minutes(30), 2040), (minutes(30), 2107), (Duration::MAX, 2026)] {
            let clock = Clock::stopped_at(Timestamp::from_millis((year - 1970) * 31_556_952_000));
            let absolute = if idle == Duration::MAX { Duration::MAX } else { hours(12) };
            let server = Server::made(store.clone(), KeyRing::generate(), clock, |builder| {
                builder.idle(idle).absolute(absolute).touch(Duration::ZERO).persistent(true)
            });
            let mut visitor = server.visitor();
            let set = visitor.post("/name/ada").await.set_cookie().unwrap();
            let max_age: u64 = set.split("Max-Age=").nth(1).unwrap().parse().unwrap();
            assert!((1..=400 * 24 * 3600).contains(&max_age), "{set}");
            assert_eq!(visitor.get("/read").await.body, "ada", "{idle:?} in {year}");
            server.turn(idle.min(hours(24 * 365 * 1000)));
            assert_eq!(visitor.get("/read").await.body == "ada", idle == Duration::MAX, "{idle:?} in {year}");
        }
    }

    // S19: setting a clock back, and forward again, ends no session.
    async fn a_clock_that_is_set_back_ends_no_session(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let now = server.clock.now();
        server.clock.set(Timestamp::from_millis(now.as_millis() - 3_600_000));
        assert_eq!(visitor.post("/name/bob").await.status, 200);
        server.clock.set(now);
        assert_eq!(visitor.get("/read").await.body, "bob");
    }
}

over_two_stores! {
    // B14
    async fn a_sign_in_restarts_the_absolute_timeout(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        for _ in 0..35 {
            server.turn(minutes(20));
            visitor.get("/read").await;
        }
        visitor.post("/login/ada").await;
        for _ in 0..35 {
            server.turn(minutes(20));
            assert_eq!(visitor.get("/read").await.body, "ada");
        }
        server.turn(minutes(20));
        assert_eq!(visitor.get("/read").await.body, "");
    }

    // B15, S18
    async fn a_field_expires_without_the_rest_of_its_session(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        visitor.post("/code/123").await;
        let deadline = server.clock.now() + minutes(5);
        assert_eq!(visitor.get("/show").await.json()["code_expires_at"], deadline.as_millis());
        server.turn(minutes(5) - Duration::from_millis(1));
        assert_eq!(visitor.get("/show").await.json()["code"], "123");
        server.turn(Duration::from_millis(1));
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["code"].as_str(), seen["code_expires_at"].as_u64(), seen["name"].as_str()), (None, None, Some("ada")));
        visitor.post("/code/456").await;
        server.turn(minutes(4));
        assert_eq!(visitor.get("/show").await.json()["code"], "456");
        // Setting the field again, even to the same value, restarts its deadline (B27).
        visitor.post("/code/456").await;
        server.turn(minutes(4));
        assert_eq!(visitor.get("/show").await.json()["code"], "456");
    }

    // B15
    async fn a_field_expires_no_later_than_its_session(store) {
        let server = Server::with(store, |builder| builder.idle(minutes(2)));
        let mut visitor = server.visitor();
        visitor.post("/code/123").await;
        let seen = visitor.get("/show").await.json();
        assert_eq!(seen["code_expires_at"], seen["expires_at"]);
    }

    // B17
    async fn remember_after_a_sign_in_keeps_the_user_signed_in(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/remember").await;
        server.turn(hours(24 * 29));
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }

    // B11, B17: `remember` still takes effect after `save` has stored the new session.
    async fn remember_after_a_save_in_the_same_request_makes_the_cookie_last(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: Session<Site>| async move {
            *s.name_mut() = "ada".into();
            s.save().await.unwrap();
            s.remember(true);
        })));
        let set = Visitor::new(&app).post("/").await.set_cookie().unwrap();
        assert!(set.contains(&format!("; Max-Age={}", 30 * 24 * 3600)), "{set}");
    }

    // B13
    async fn reads_refresh_the_deadline_only_when_it_is_stale(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let (_, swaps) = server.controls.calls();
        server.turn(minutes(1) - Duration::from_millis(1));
        visitor.get("/read").await;
        assert_eq!(server.controls.calls().1, swaps, "the deadline is not stale enough to be written again");
        server.turn(Duration::from_millis(1));
        visitor.get("/read").await;
        assert_eq!(server.controls.calls().1, swaps + 1);
        visitor.get("/read").await;
        assert_eq!(server.controls.calls().1, swaps + 1);
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
}

// B18
#[test]
fn impossible_settings_are_refused_at_start() {
    #[derive(Session)]
    struct Shop {
        #[allow(dead_code)]
        name: String,
    }

    let builder = || Sessions::<Shop>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    for (result, named) in [
        (builder().idle(Duration::ZERO).build(), "`idle`"),
        (builder().absolute(Duration::ZERO).build(), "`absolute`"),
        (builder().remember(Duration::ZERO).build(), "`remember`"),
        (builder().idle(hours(13)).build(), "`absolute`"),
        (builder().touch(minutes(30)).build(), "`touch`"),
        (Sessions::<Shop>::builder().keys(KeyRing::generate()).build(), ".store("),
        (Sessions::<Shop>::builder().store(session_runtime::MemoryStore::new()).build(), ".keys("),
        (builder().secure(false).build(), "__Host-"),
        (builder().path("/x").build(), "__Host-"),
        (builder().cookie("a b").build(), "a b"),
    ] {
        let error = result.err().unwrap_or_else(|| panic!("{named}"));
        assert!(error.is_setup() && error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn the_clean_up_task_removes_expired_sessions_and_ends_with_its_owner() {
    let server =
        Server::with(tests::store::AnyStore::memory(), |builder| builder.clean_every(Duration::from_millis(1)));
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    let key = server.controls.keys.lock().unwrap()[0];
    let now = server.clock.now();
    server.turn(hours(1));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    // A store may answer `None` for an expired value that it still holds. So the test loads with the time before the session
    // expired: `None` then means that the session was removed.
    while server.store.load(&key, now).await.unwrap().is_some() {
        assert!(std::time::Instant::now() < deadline, "the expired session is still there");
        tokio::task::yield_now().await;
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks() > 0);
    drop((server, visitor));
    while tasks() > 0 {
        assert!(std::time::Instant::now() < deadline, "the clean-up task is still alive");
        tokio::task::yield_now().await;
    }
}

// The clean-up task also ends when the application calls `stop_cleaning`, so that it can close the store's connections.
#[tokio::test]
async fn the_clean_up_task_ends_when_told_to() {
    let server =
        Server::with(tests::store::AnyStore::memory(), |builder| builder.clean_every(Duration::from_millis(1)));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 1);
    server.sessions.stop_cleaning();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while tasks() > 0 {
        assert!(std::time::Instant::now() < deadline, "the clean-up task is still alive");
        tokio::task::yield_now().await;
    }
    // The application can still remove expired sessions itself.
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    server.turn(hours(1));
    assert_eq!(server.sessions.delete_expired().await.unwrap(), 1);
}

// F27: a program may build its sessions before its runtime.
#[test]
fn sessions_built_outside_of_a_runtime_are_cleaned_from_the_first_request_on() {
    for is_stopped in [false, true] {
        let server = Server::with(tests::store::AnyStore::memory(), |builder| builder.clean_every(hours(1)));
        if is_stopped {
            server.sessions.stop_cleaning();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
            for _ in 0..3 {
                server.visitor().get("/untouched").await;
                assert_eq!(tasks(), usize::from(!is_stopped));
            }
        });
    }
}

// S11
#[tokio::test]
async fn the_id_is_renewed_as_often_as_the_attribute_says() {
    #[derive(Session)]
    #[session(cookie = "__Host-timed", rotate_every = 15m)]
    struct Timed {
        #[session(counter)]
        visits: u64,
    }

    let clock = Clock::stopped();
    let store = session_runtime::MemoryStore::new();
    let sessions =
        Sessions::<Timed>::builder().store(store).keys(KeyRing::generate()).clock(clock.clone()).build().unwrap();
    let app = axum::Router::new()
        .route(
            "/",
            axum::routing::get(|mut session: Session<Timed>| async move {
                session.visits_mut().add(1);
                session.visits().to_string()
            }),
        )
        .layer(sessions.layer());
    let mut visitor = tests::client::Visitor::new(&app);
    visitor.get("/").await;
    clock.advance(minutes(15) - Duration::from_millis(1));
    assert_eq!(visitor.get("/").await.set_cookie(), None);
    clock.advance(Duration::from_millis(1));
    let reply = visitor.get("/").await;
    assert!(reply.set_cookie().is_some());
    assert_eq!(visitor.get("/").await.body, "4");
}
