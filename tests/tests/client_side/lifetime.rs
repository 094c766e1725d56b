//! B13–B18: when a session ends. The cookie holds the deadlines, which the visitor cannot change, and the server's clock decides
//! whether they have passed (S14, S15, S42).

use std::time::{Duration, UNIX_EPOCH};

use axum::{
    Router,
    routing::{get, post},
};
use session_runtime::{Clock, CookieStore, Event, KeyRing, Session, Sessions, Timestamp};
use tests::{
    app::{hours, minutes},
    client::Visitor,
};

use crate::site::{COOKIE, Server, over_forms, shown};

over_forms! {
    // B13, S14: a copy of the cookie stops working when the session ends, even if the browser keeps it.
    async fn inactivity_ends_a_session_and_access_extends_it(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        for _ in 0..3 {
            server.turn(minutes(29));
            assert_eq!(visitor.get("/show").await.json()["name"], "ada");
        }
        let copy = visitor.cookie().unwrap();
        server.turn(minutes(30) - Duration::from_millis(1));
        assert_eq!(shown(&server.app, &copy).await.json()["name"], "ada");
        server.turn(Duration::from_millis(1));
        let reply = shown(&server.app, &copy).await;
        assert_eq!((&reply.json()["name"], reply.set_cookie()), (&"".into(), None), "at the deadline the session has ended");
        assert_eq!(server.heard().last(), Some(&Event::Unknown));
    }

    // B3: reads move the deadline at most once per `touch`.
    async fn the_deadline_moves_at_most_once_a_minute(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        server.turn(Duration::from_secs(59));
        assert_eq!(visitor.get("/show").await.set_cookie(), None);
        server.turn(Duration::from_secs(1));
        assert!(visitor.get("/show").await.set_cookie().is_some());
        assert_eq!(visitor.get("/show").await.set_cookie(), None);
    }

    // B14, S15
    async fn the_absolute_timeout_ends_active_sessions_and_a_sign_in_restarts_it(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        for _ in 0..(12 * 3 - 1) {
            server.turn(minutes(20));
            assert_eq!(visitor.get("/show").await.json()["name"], "ada");
        }
        let mut signed_in = visitor.clone();
        signed_in.post("/login/ada").await;
        server.turn(minutes(20));
        assert_eq!(visitor.get("/show").await.json()["name"], "");
        assert_eq!(signed_in.get("/show").await.json()["name"], "ada");
    }

    // B17
    async fn a_remembered_session_lasts_30_days_and_a_visit_does_not_extend_it(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let set = visitor.post("/remember").await.set_cookie().unwrap();
        assert!(set.ends_with(&format!("; Max-Age={}", 30 * 86_400)), "{set}");
        server.turn(hours(29 * 24));
        visitor.post("/name/still").await;
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        server.turn(hours(24));
        assert_eq!(visitor.get("/show").await.json()["user"].as_str(), None);
    }

    // B18: lifetimes under a second, and deadlines after 2106.
    async fn lifetimes_can_be_milliseconds_or_centuries(store) {
        let clock = Clock::stopped_at(Timestamp::from_millis(5_000_000_000_001));
        let lived = |idle: Duration| {
            let options = move |builder: session_runtime::SessionsBuilder<_>| builder.idle(idle).absolute(idle).touch(Duration::ZERO);
            Server::made(store.clone(), KeyRing::generate(), clock.clone(), options)
        };
        let short = lived(Duration::from_millis(3));
        let mut visitor = short.visitor();
        visitor.post("/name/ada").await;
        short.turn(Duration::from_millis(2));
        assert_eq!(visitor.get("/show").await.json()["name"], "ada");
        short.turn(Duration::from_millis(1));
        assert_eq!(visitor.get("/show").await.json()["name"], "");
        let long = lived(Duration::MAX);
        let mut visitor = long.visitor();
        visitor.post("/name/ada").await;
        // With a revocation list, a session ends after 400 days without a visit, whatever its lifetime.
        let never = if format!("{store:?}").contains("revocations: true") { 399 } else { 365 * 500 };
        long.turn(hours(24 * never));
        assert_eq!(visitor.get("/show").await.json()["name"], "ada");
    }
}

// S21, S42: the cutoff signs every user out without a change of keys.
#[tokio::test]
async fn cookies_from_before_a_cutoff_can_be_refused() {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let server = Server::made(CookieStore::encrypted(), keys.clone(), clock.clone(), |builder| builder);
    let mut early = server.visitor();
    early.post("/name/ada").await;
    clock.advance(minutes(1));
    let moment = UNIX_EPOCH + Duration::from_millis(clock.now().as_millis());
    let mut late = server.visitor();
    late.post("/name/bob").await;
    let store = CookieStore::encrypted().issued_after(moment);
    let strict = Server::made(store, keys, clock, |builder| builder);
    assert_eq!(early.at(&strict.app).get("/show").await.json()["name"], "");
    assert_eq!(late.at(&strict.app).get("/show").await.json()["name"], "bob");
    let _: Visitor = Visitor::with_cookie(&strict.app, COOKIE, "");
}

#[derive(Session)]
#[session(cookie = "__Host-counter", idle = 30m, absolute = 12h)]
struct Counter {
    #[session(identity, unlisted, expires = 5m)]
    user: Option<String>,
    theme: String,
}

over_forms! {
    // B15, S18, S42: the cookie holds the user twice, and both copies expire with the field.
    async fn a_sign_in_in_a_cookie_expires_with_its_field(store) {
        let clock = Clock::stopped();
        let sessions = Sessions::<Counter>::builder().store(store).keys(KeyRing::generate()).clock(clock.clone());
        let sign_in = |mut session: Session<Counter>| async move { session.user_mut().log_in("ada".to_owned()) };
        let dark = |mut session: Session<Counter>| async move { *session.theme_mut() = "dark".to_owned() };
        let show = |session: Session<Counter>| async move {
            format!("{:?} {} {:?}", session.user(), session.theme(), session.user_expires_at().map(Timestamp::from))
        };
        let routes = Router::new().route("/in", post(sign_in)).route("/dark", post(dark)).route("/show", get(show));
        let app = routes.layer(sessions.build().unwrap().layer());
        let mut visitor = Visitor::new(&app);
        let end = clock.now() + minutes(5);
        visitor.post("/in").await;
        clock.advance(minutes(4));
        visitor.post("/dark").await;
        assert_eq!(visitor.get("/show").await.body, format!("Some(\"ada\") dark {:?}", Some(end)));
        clock.advance(minutes(1));
        assert_eq!(visitor.get("/show").await.body, "None dark None");
        visitor.post("/dark").await;
        assert_eq!(visitor.get("/show").await.body, "None dark None");
    }
}
