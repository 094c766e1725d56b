//! S23: the number of sessions that a user may have.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use session_runtime::{Clock, Event, KeyRing, SessionEnd, SessionLimit};
use tests::{
    app::{Server, minutes},
    client::{Reply, Visitor},
    log::Log,
    over_databases, over_stores, over_two_stores,
    store::AnyStore,
};
use tokio::{sync::Barrier, time::Instant};

use super::{
    counted::Counted,
    faulty::{Fault, Faulty, Gate},
    shared::is_in,
};

/// Signs in as one user from fifty browsers concurrently.
async fn crowd(server: &Server) -> Vec<(Visitor, Reply)> {
    let barrier = Arc::new(Barrier::new(50));
    let mut requests = Vec::new();
    for number in 0..50 {
        let (mut visitor, barrier) = (server.visitor(), Arc::clone(&barrier));
        requests.push(tokio::spawn(async move {
            // Every second browser already has a guest's session.
            if number % 2 == 0 {
                visitor.post("/name/guest").await;
            }
            barrier.wait().await;
            let reply = visitor.post("/login/ada").await;
            (visitor, reply)
        }));
    }
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    answers
}

/// Checks that fifty concurrent sign-ins leave three sessions, the same three that are listed.
async fn fifty_leave_three(store: AnyStore, limit: SessionLimit) {
    let server = Server::with(store, |builder| builder.max_per_user(limit));
    for _ in 0..5 {
        let mut live = 0;
        for (visitor, reply) in crowd(&server).await {
            let stands = is_in(&visitor).await;
            live += usize::from(stands);
            assert!(!stands || reply.status == StatusCode::OK, "{}", reply.status);
            assert!(
                limit == SessionLimit::EndOldest(3) || stands == (reply.status == StatusCode::OK),
                "{}",
                reply.status
            );
        }
        assert_eq!((live, server.sessions.of("ada").count().await.unwrap()), (3, 3));
        server.sessions.of("ada").revoke_all().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_of_fifty_concurrent_sign_ins_stay_in_memory() {
    fifty_leave_three(AnyStore::memory(), SessionLimit::EndOldest(3)).await;
    fifty_leave_three(AnyStore::memory(), SessionLimit::Refuse(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_of_fifty_concurrent_sign_ins_stay_in_files() {
    fifty_leave_three(AnyStore::file().await, SessionLimit::EndOldest(3)).await;
    fifty_leave_three(AnyStore::file().await, SessionLimit::Refuse(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_of_fifty_concurrent_sign_ins_stay_on_redis() {
    for limit in [SessionLimit::EndOldest(3), SessionLimit::Refuse(3)] {
        let Some(store) = AnyStore::redis().await else { return };
        fifty_leave_three(store, limit).await;
    }
}

over_databases! {
    async fn three_of_fifty_concurrent_sign_ins_stay(make) {
        for limit in [SessionLimit::EndOldest(3), SessionLimit::Refuse(3)] {
            fifty_leave_three(make().await?, limit).await;
        }
    }
}

over_stores! {
    async fn a_sign_in_beyond_the_limit_ends_the_oldest_session(store) {
        let server = Server::with(store, |builder| builder.max_per_user(2));
        let (mut first, second) = (server.signed_in("ada").await, server.signed_in("ada").await);
        let bob = server.signed_in("bob").await;
        // A repeated sign-in makes its session the newest.
        first.post("/login/ada").await;
        server.heard();
        let third = server.signed_in("ada").await;
        assert!(server.heard().contains(&Event::Ended { why: SessionEnd::Displaced }));
        assert_eq!((is_in(&first).await, is_in(&second).await, is_in(&third).await), (true, false, true));
        assert_eq!(bob.clone().get("/show").await.json()["user"], "bob");
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2);
    }

    async fn a_sign_in_beyond_the_limit_is_refused(store) {
        let server = Server::with(store, |builder| builder.max_per_user(SessionLimit::Refuse(2)));
        let (mut first, second) = (server.signed_in("ada").await, server.signed_in("ada").await);
        let mut third = server.visitor();
        third.post("/cart/tea").await;
        let before = third.cookie();
        server.heard();
        let reply = third.post("/login/ada").await;
        assert_eq!((reply.status, reply.set_cookie(), server.heard()), (StatusCode::CONFLICT, None, vec![Event::SignInRefused]));
        assert!(reply.body.contains("as many devices as allowed"), "{}", reply.body);
        assert_eq!(third.cookie(), before);
        assert_eq!(third.get("/show").await.json()["cart"][0], "tea", "the guest's session continues");
        // A rejected sign-in leaves no session behind. A browser that is already signed in may sign in again.
        assert_eq!(server.visitor().post("/login/ada").await.status, StatusCode::CONFLICT);
        assert_eq!(first.post("/login/ada").await.status, StatusCode::OK);
        // When a session ends, another browser can sign in immediately.
        second.clone().post("/logout").await;
        assert_eq!(third.post("/login/ada").await.status, StatusCode::OK);
        assert!(is_in(&third).await && is_in(&first).await);
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2);
    }

    // A limit that rejects sign-ins ends no session, not even after it was lowered.
    async fn a_lower_limit_that_refuses_sign_ins_ends_no_session(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let limited = |most| Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder.max_per_user(SessionLimit::Refuse(most)));
        let (before, after) = (limited(3), limited(1));
        let (first, second, third) = (before.signed_in("ada").await, before.signed_in("ada").await, before.signed_in("ada").await);
        let mut first = first.at(&after.app);
        assert_eq!(first.post("/login/ada").await.status, StatusCode::OK);
        assert_eq!(after.visitor().post("/login/ada").await.status, StatusCode::CONFLICT);
        assert!(is_in(&first).await && is_in(&second).await && is_in(&third).await);
    }

    // B41: a browser sends its sign-in twice, and the first request is interrupted while it is being rejected. However the first
    // request ends, the second succeeds and is listed.
    async fn an_interrupted_refusal_hides_no_session(store) {
        for fails in 0..4 {
            let (server, faulty) = Faulty::server(&store, |builder| builder.max_per_user(SessionLimit::Refuse(1)));
            let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
            let other = server.signed_in("ada").await;
            let mut visitor = server.visitor();
            visitor.post("/name/guest").await;
            // The store calls: load and store the session, load the list, load the other session.
            let gate = Gate::new();
            faulty.plan(vec![Fault::None; 3].into_iter().chain([Fault::Slow(gate.clone())]));
            let mut again = visitor.clone();
            let refused = tokio::spawn(async move { again.post("/login/ada").await.status });
            gate.wait().await;
            other.at(&elsewhere.app).post("/logout").await;
            // The refused sign-in is not undone yet, so the guest's cookie opens no session. The second sign-in starts another.
            let mut second = visitor.at(&elsewhere.app);
            assert_eq!(second.post("/login/ada").await.status, StatusCode::OK);
            faulty.plan(vec![Fault::None; fails].into_iter().chain(vec![Fault::Down; 8]));
            gate.open();
            assert!(refused.await.unwrap() != StatusCode::OK, "{fails}");
            faulty.plan([]);
            let second = second.at(&server.app);
            assert!(is_in(&second).await, "{fails}");
            assert_eq!(server.sessions.of("ada").revoke_all().await.unwrap(), 1, "{fails}");
            assert!(!is_in(&second).await, "{fails}");
        }
    }

    async fn expired_sessions_do_not_count(store) {
        for limit in [SessionLimit::EndOldest(2), SessionLimit::Refuse(2)] {
            let server = Server::with(store.clone(), |builder| builder.max_per_user(limit));
            server.signed_in("ada").await;
            server.turn(minutes(20));
            let stays = server.signed_in("ada").await;
            server.turn(minutes(10));
            let new = server.signed_in("ada").await;
            assert!(is_in(&stays).await && is_in(&new).await, "{limit:?}");
            server.sessions.of("ada").revoke_all().await.unwrap();
        }
    }

    // F7, B56, S58: compares the keys that the tenth sign-in loads and swaps with the mean of forty later ones. If no limit is
    // set, the oldest sessions end when a user has more than a hundred.
    async fn the_store_calls_of_a_sign_in_do_not_grow_with_earlier_sign_ins(store) {
        let server = Server::new(store);
        let calls = || { let (loads, swaps) = server.controls.calls(); loads + swaps };
        let mut first = server.signed_in("ada").await;
        for _ in 1..9 {
            server.signed_in("ada").await;
        }
        let before = calls();
        server.signed_in("ada").await;
        let tenth = calls() - before;
        for _ in 10..260 {
            server.signed_in("ada").await;
        }
        let before = calls();
        for _ in 0..40 {
            server.signed_in("ada").await;
        }
        assert!((calls() - before) / 40 <= tenth + 10, "{} instead of {tenth}", (calls() - before) / 40);
        let count = server.sessions.of("ada").count().await.unwrap();
        assert!((80..=100).contains(&count), "{count}");
        assert_eq!(first.get("/show").await.json()["user"].as_str(), None);
        assert_eq!(server.sessions.of("ada").revoke_all().await.unwrap(), count as u64);
    }
}

over_two_stores! {
    // F7, B56, S58: compares the store calls of single sign-ins. Without a limit of its own, an application allows a user a
    // hundred sessions. A sign-in beyond that ends 21 of them, and the next twenty sign-ins end none.
    async fn the_thousandth_sign_in_takes_as_many_store_calls_as_the_tenth(store) {
        let (server, counted) = Counted::server(&store, |builder| builder);
        let mut calls = Vec::new();
        for _ in 0..1_020 {
            server.signed_in("ada").await;
            calls.push(counted.calls().len());
        }
        let of = |sign_ins: std::ops::Range<usize>| {
            let mut calls = calls[sign_ins].to_vec();
            calls.sort_unstable();
            (calls[calls.len() / 2], calls[calls.len() - 1])
        };
        let (tenth, most_of_early) = of(0..20);
        assert_eq!((tenth, most_of_early), (3, 3), "one swap of the session, a load and a swap of the list");
        let (first, thousandth) = (of(100..160), of(960..1_020));
        assert_eq!((first.0, thousandth.0), (tenth, tenth), "the median does not grow");
        // The largest number: loads a hundred sessions in two batches, loads and swaps each of 21, loads and swaps the list.
        assert_eq!((first.1, thousandth.1), (tenth + 2 + 2 * 21 + 2, tenth + 2 + 2 * 21 + 2), "nor does the maximum");
        assert!((80..=100).contains(&server.sessions.of("ada").count().await.unwrap()));
    }

    // B25: the request ends the only session that the limit allows, and then signs in.
    async fn a_session_that_replaces_another_is_within_the_limit(store) {
        use axum::routing::post;
        let server = Server::with(store, |builder| builder.max_per_user(SessionLimit::Refuse(1)));
        let app = server.serving(axum::Router::new().route("/", post(|mut s: session_runtime::Session<tests::app::Site>| async move {
            s.destroy();
            s.user_mut().log_in("ada".into());
        })));
        let before = server.signed_in("ada").await;
        let mut visitor = before.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::OK);
        assert!(is_in(&visitor.at(&server.app)).await && !is_in(&before).await);
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1);
    }

    async fn save_reports_a_refused_sign_in(store) {
        use axum::routing::post;
        let server = Server::with(store, |builder| builder.max_per_user(SessionLimit::Refuse(1)));
        let app = server.serving(axum::Router::new().route("/", post(|mut s: session_runtime::Session<tests::app::Site>| async move {
            s.user_mut().log_in("ada".into());
            let error = s.save().await.unwrap_err();
            assert!(error.is_full() && !error.is_conflict(), "{error}");
            s.user().is_none().to_string()
        })));
        server.signed_in("ada").await;
        assert_eq!(Visitor::new(&app).post("/").await.body, "true");
    }
}

// F7: the limit that applies by default ends sessions although no one asked for that, so the log says so.
#[tokio::test]
async fn a_session_that_the_default_limit_ends_is_logged_at_info() {
    let log = Log::of_this_thread();
    let server = Server::new(AnyStore::memory());
    for _ in 0..100 {
        server.signed_in("ada").await;
    }
    assert!(!log.take().contains("Displaced"), "a hundred sessions are allowed");
    server.heard();
    server.signed_in("ada").await;
    let ended = server.heard().iter().filter(|event| **event == Event::Ended { why: SessionEnd::Displaced }).count();
    let lines = log.take();
    let logged = lines.lines().filter(|line| line.contains("event=Ended { why: Displaced }"));
    assert!(logged.clone().all(|line| line.contains("INFO") && line.contains("Site")), "{lines}");
    assert_eq!((ended, logged.count()), (21, 21), "{lines}");
}

// B33: a sign-in that ends several sessions has one deadline for all its store calls. If it fails, it has as much time again to
// be undone.
#[tokio::test(start_paused = true)]
async fn a_sign_in_over_the_limit_is_answered_in_time_on_a_slow_store() {
    const LIMIT: Duration = Duration::from_secs(1);
    for (delay, status, within) in [
        (50, StatusCode::OK, LIMIT),
        // The deadline passes while the oldest sessions are being ended.
        (150, StatusCode::SERVICE_UNAVAILABLE, LIMIT * 2),
        // It passes while the user's sessions are loaded.
        (400, StatusCode::SERVICE_UNAVAILABLE, LIMIT * 2),
    ] {
        let (server, counted) = Counted::server(&AnyStore::memory(), |builder| builder.commit_timeout(LIMIT));
        for _ in 0..100 {
            server.signed_in("ada").await;
        }
        counted.delay(Duration::from_millis(delay));
        let (mut visitor, start) = (server.visitor(), Instant::now());
        let reply = visitor.post("/login/ada").await;
        let took = start.elapsed();
        assert_eq!((reply.status, reply.set_cookie().is_some()), (status, status == StatusCode::OK), "{delay}");
        assert!(took <= within + Duration::from_millis(50), "{delay}: {took:?}");
        counted.delay(Duration::ZERO);
        assert!(is_in(&server.signed_in("ada").await).await, "{delay}");
        assert!(server.sessions.of("ada").count().await.unwrap() <= 100, "{delay}");
    }
}

#[test]
fn a_limit_of_zero_is_refused_at_start() {
    let error = session_runtime::Sessions::<tests::app::Site>::builder()
        .store(session_runtime::MemoryStore::new())
        .keys(session_runtime::KeyRing::generate())
        .max_per_user(0)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("at least 1"), "{error}");
}
