//! S14–S19: a session ends on time, by the server's clock only.

use std::time::Duration;

use axum::{Router, routing::get};
use session_runtime::{Clock, KeyRing, Session, Sessions, Timestamp, store::Store as _, testing::inspect};
use tests::{
    app::{Server, hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

const MILLISECOND: Duration = Duration::from_millis(1);

#[derive(Session)]
#[session(cookie = "__Host-bare")]
struct Bare {
    #[session(identity)]
    user: Option<String>,
}

/// Returns whether the visitor is still signed in.
async fn is_in(visitor: &mut Visitor) -> bool {
    visitor.get("/show").await.json()["user"] == "ada"
}

over_stores! {
    // S14
    async fn an_idle_session_has_ended_although_its_value_is_still_stored(store) {
        let server = Server::with(store, |builder| builder.clean_every(Duration::ZERO));
        let mut visitor = server.signed_in("ada").await;
        let key = server.key().await;
        let began = server.clock.now();
        server.turn(minutes(30) - MILLISECOND);
        assert!(server.store.load(&key, server.clock.now()).await.unwrap().is_some());
        server.turn(MILLISECOND);
        // A deadline counts as passed at its exact time, for the session and in lists.
        let reply = visitor.get("/show").await;
        assert_eq!((reply.json()["is_new"].as_bool(), reply.set_cookie()), (Some(true), None));
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 0);
        assert!(server.store.load(&key, began).await.unwrap().is_some(), "the value is still stored");
        visitor.post("/name/late").await;
        assert!(!is_in(&mut visitor).await);
    }

    // S14, S15: a request every minute keeps a session alive until the absolute deadline, and no longer.
    async fn activity_extends_a_session_only_to_the_absolute_deadline(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let key = server.key().await;
        let ends = server.clock.now() + hours(12);
        for minute in 1..12 * 60 {
            server.turn(minutes(1));
            let seen = visitor.get("/show").await.json();
            assert_eq!(seen["user"], "ada", "minute {minute}");
            assert!(seen["expires_at"].as_u64().unwrap() <= ends.as_millis(), "minute {minute}");
            let held = server.store.load(&key, server.clock.now()).await.unwrap().unwrap();
            assert_eq!(inspect::stored(held.value()).unwrap().ends_at, ends, "minute {minute}");
            assert!(held.value().expires_at() <= ends, "minute {minute}");
        }
        for (path, wait) in [("/remember", Duration::ZERO), ("/forget", minutes(1) - MILLISECOND)] {
            visitor.post(path).await;
            server.turn(wait);
            assert!(is_in(&mut visitor).await, "{path}");
        }
        server.turn(MILLISECOND);
        assert!(!is_in(&mut visitor).await, "a `remember` that is withdrawn again does not extend the session");
    }

    // S19: the longest lifetimes do not overflow, and the cookie's `Max-Age` stays within 400 days.
    async fn the_longest_lifetimes_saturate(store) {
        let far = Clock::stopped_at(Timestamp::from_millis(u64::MAX - 10_000));
        let server = Server::made(store, KeyRing::generate(), far, |builder| {
            builder.idle(Duration::MAX).absolute(Duration::MAX).remember(Duration::MAX).rotate_every(Duration::MAX).persistent(true)
        });
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/code/1").await;
        for path in ["/remember", "/renew", "/forget", "/login/ada"] {
            let set = visitor.post(path).await.set_cookie().unwrap();
            let max_age: u64 = set.split("Max-Age=").nth(1).unwrap().parse().unwrap();
            assert!((1..=400 * 24 * 3600).contains(&max_age), "{path}: {set}");
            assert!(is_in(&mut visitor).await, "{path}");
        }
    }

    // S19: a clock that jumps ahead ends sessions only until it is set right. A clock that is set back, and then set right,
    // extends no session.
    async fn a_clock_that_jumps_extends_no_session(store) {
        let server = Server::with(store, |builder| builder.clean_every(Duration::ZERO));
        let mut visitor = server.signed_in("ada").await;
        let began = server.clock.now();
        server.clock.set(began + hours(24 * 365 * 200));
        assert!(!is_in(&mut visitor).await);
        server.clock.set(Timestamp::from_millis(0));
        visitor.post("/name/ada").await;
        server.clock.set(began + (minutes(30) - MILLISECOND));
        assert!(is_in(&mut visitor).await);
        server.clock.set(began + hours(12));
        assert!(!is_in(&mut visitor).await);
    }
}

over_two_stores! {
    // S16: lifetimes for the three levels of assurance of NIST SP 800-63B: those of the guide for levels 1 and 3, and the
    // stricter defaults for level 2.
    async fn sessions_end_at_the_timeouts_of_each_level_of_assurance(store) {
        for (level, idle, absolute) in [(1, hours(30 * 24), hours(30 * 24)), (2, minutes(30), hours(12)), (3, minutes(15), hours(12))] {
            let server = Server::with(store.clone(), |builder| builder.idle(idle).absolute(absolute));
            let mut quiet = server.signed_in("ada").await;
            server.turn(idle - MILLISECOND);
            assert!(is_in(&mut quiet).await, "level {level}");
            let mut quiet = server.signed_in("ada").await;
            server.turn(idle);
            assert!(!is_in(&mut quiet).await, "level {level}");

            let mut busy = server.signed_in("ada").await;
            let ends = server.clock.now() + absolute;
            while server.clock.now() + idle / 2 < ends {
                server.turn(idle / 2);
                assert!(is_in(&mut busy).await, "level {level}");
            }
            server.clock.set(ends);
            assert!(!is_in(&mut busy).await, "level {level}");
        }
    }
}

// S14, S15, S16: the defaults of a struct without settings.
#[tokio::test]
async fn the_defaults_are_half_an_hour_and_half_a_day() {
    let clock = Clock::stopped();
    let builder = Sessions::<Bare>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    let sessions = builder.clock(clock.clone()).build().unwrap();
    let app = Router::new()
        .route(
            "/in",
            get(|mut s: Session<Bare>| async move {
                s.user_mut().log_in("ada".into());
                s.save().await.unwrap();
                s.expires_at().duration_since(s.created_at()).unwrap().as_secs().to_string()
            }),
        )
        .route("/show", get(|s: Session<Bare>| async move { axum::Json(serde_json::json!({ "user": s.user() })) }))
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    assert_eq!(visitor.get("/in").await.body, (30 * 60).to_string());
    for _ in 0..12 * 60 / 20 - 1 {
        clock.advance(minutes(20));
        assert!(is_in(&mut visitor).await);
    }
    clock.advance(minutes(20));
    assert!(!is_in(&mut visitor).await);
    assert_eq!(AnyStore::memory().delete_expired(clock.now()).await.unwrap(), 0);
}

// S19
#[test]
fn a_lifetime_of_zero_is_refused_at_start() {
    let builder = || Sessions::<Bare>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    for (result, named) in [
        (builder().idle(Duration::ZERO).build(), "`idle`"),
        (builder().idle(Duration::from_nanos(1)).build(), "`idle`"),
        (builder().absolute(Duration::ZERO).build(), "`absolute`"),
        (builder().remember(Duration::ZERO).build(), "`remember`"),
        (builder().rotate_every(Duration::ZERO).build(), "`rotate_every`"),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_setup() && error.to_string().contains(named), "{error}");
    }
}
