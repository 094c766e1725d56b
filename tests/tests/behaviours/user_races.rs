//! B41, S22: sign-ins while the user's sessions are being ended. Each sign-in that succeeds is listed. It is either ended too, or
//! counts as later than the call that ended the sessions.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use session_runtime::{Clock, Event, KeyRing, Session, SessionHandle, SessionLimit};
use tests::{
    app::{Server, Site},
    client::{Reply, Visitor},
    over_databases, over_stores,
    store::AnyStore,
};
use tokio::sync::Barrier;

use super::{
    faulty::{Fault, Faulty, Gate, after},
    shared::is_in,
};

/// Returns the server of another process on the same store.
fn elsewhere(server: &Server) -> Server {
    Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder)
}

/// Signs in, and runs `meanwhile` while the sign-in waits for the answer to its store call number `call`. The first call is 0.
async fn sign_in(
    faulty: &Faulty,
    visitor: &Visitor,
    call: usize,
    meanwhile: impl Future<Output = ()>,
) -> (Visitor, Reply) {
    let gate = Gate::new();
    faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
    let mut visitor = visitor.clone();
    let request = tokio::spawn(async move {
        let reply = visitor.post("/login/ada").await;
        (visitor, reply)
    });
    gate.wait().await;
    meanwhile.await;
    gate.open();
    request.await.unwrap()
}

/// Returns the handles of ada's sessions.
async fn listed(server: &Server) -> Vec<SessionHandle> {
    let list = server.sessions.of("ada").list().await.unwrap();
    list.iter().map(|session| session.handle()).collect()
}

over_stores! {
    // The store calls of a sign-in: load the session if it is a guest's, store it, load and swap its user's list. A sign-in that
    // enters the list after another process has read it counts as later than that process's `revoke_all`.
    async fn a_sign_in_that_races_revoke_all_is_ended_or_counts_as_later(store) {
        for guest in [false, true] {
            let last = 2 + usize::from(guest);
            for call in 0..=last {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let elsewhere = elsewhere(&server);
                let before = server.signed_in("ada").await;
                let mut visitor = server.visitor();
                if guest {
                    visitor.post("/name/guest").await;
                }
                let all = async { assert!(elsewhere.sessions.of("ada").revoke_all().await.unwrap() >= 1) };
                let (visitor, reply) = sign_in(&faulty, &visitor, call, all).await;
                assert!(!is_in(&before).await);
                let later = call < last;
                assert_eq!(is_in(&visitor).await, later, "guest {guest}, call {call}");
                assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::OK, true), "guest {guest}, call {call}");
                assert_eq!(server.sessions.of("ada").count().await.unwrap(), usize::from(later));
                server.sessions.of("ada").revoke_all().await.unwrap();
            }
        }
    }

    // A sign-in that is listed after `revoke_all` has read the list counts as later.
    async fn a_sign_in_after_revoke_all_has_read_the_list_stays_and_is_listed(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let gate = Gate::new();
        // The answer to the load of the list waits, while a visitor signs in, is stored and is listed.
        faulty.plan([Fault::Slow(gate.clone())]);
        let sessions = server.sessions.clone();
        let ending = tokio::spawn(async move { sessions.of("ada").revoke_all().await.unwrap() });
        gate.wait().await;
        let later = server.signed_in("ada").await;
        gate.open();
        assert_eq!(ending.await.unwrap(), 0);
        assert!(is_in(&later).await && server.sessions.of("ada").count().await.unwrap() == 1);
    }

    // S23: the oldest session ends only after the sign-in is listed. The store calls: store the session, load the list, load the
    // listed session, swap the list.
    async fn a_failed_sign_in_ends_no_session(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder.max_per_user(1));
        let first = server.signed_in("ada").await;
        for call in 0..4 {
            faulty.plan(vec![Fault::None; call].into_iter().chain(vec![Fault::Down; 2]));
            let mut second = server.visitor();
            let reply = second.post("/login/ada").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "call {call}");
            faulty.plan([]);
            assert!(is_in(&first).await && !is_in(&second).await, "call {call}");
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1, "call {call}");
        }
    }

    // F6, S57: a sign-in that is answered with 503 is undone, and the guest's session continues.
    async fn a_sign_in_that_cannot_be_listed_is_undone(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder.max_per_user(1));
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        for _ in 0..4 {
            faulty.plan(vec![Fault::None; 2].into_iter().chain(vec![Fault::Down; 2]));
            let reply = visitor.post("/login/ada").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
            faulty.plan([]);
            let seen = visitor.get("/show").await.json();
            assert_eq!((seen["user"].as_str(), &seen["name"]), (None, &"guest".into()));
        }
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 0);
        assert_eq!(visitor.post("/login/ada").await.status, StatusCode::OK);
        assert!(is_in(&visitor).await);
    }

    // F6: a sign-in that `save` could not list is undone if the handler then fails.
    async fn a_handler_that_fails_after_an_unlisted_sign_in_signs_no_user_in(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faulty = faulty.clone();
            move |mut s: Session<Site>| async move {
                s.user_mut().log_in("ada".into());
                faulty.plan([Fault::None, Fault::Down, Fault::Down]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                StatusCode::INTERNAL_SERVER_ERROR
            }
        })));
        let mut visitor = Visitor::new(&app);
        let reply = visitor.post("/").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::INTERNAL_SERVER_ERROR, None));
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 0);
    }

    // B41: after an interruption, the next `revoke_all` finds the remaining sessions.
    async fn an_interrupted_revoke_all_hides_no_session(store) {
        // The store calls: load the list; load and swap each session; load and swap the list.
        for fails in 0..7 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = elsewhere(&server);
            let visitors = [server.signed_in("ada").await, server.signed_in("ada").await];
            faulty.plan(vec![Fault::None; fails].into_iter().chain(vec![Fault::Down; 8]));
            let ended = server.sessions.of("ada").revoke_all().await.is_ok();
            faulty.plan([]);
            assert_eq!(ended, fails > 6, "{fails}");
            let mut live = 0;
            for visitor in &visitors {
                live += u64::from(is_in(visitor).await);
            }
            assert_eq!(elsewhere.sessions.of("ada").count().await.unwrap() as u64, live, "{fails}");
            assert_eq!(elsewhere.sessions.of("ada").revoke_all().await.unwrap(), live, "{fails}");
            assert!(!is_in(&visitors[0]).await && !is_in(&visitors[1]).await, "{fails}");
        }
    }

    // B41, S22: a store call of `revoke_all` fails, times out or loses its answer, while a guest's sign-in waits after one of its
    // own calls. A session that `revoke_all` reports as ended opens nothing. If `revoke_all` succeeds, neither does any session
    // that was listed when it began. Every session that opens is listed, so that the next `revoke_all` ends it.
    async fn revoke_all_with_a_fault_during_a_sign_in_revives_and_hides_no_session(store) {
        let (keys, clock, never) = (KeyRing::generate(), Clock::stopped(), Gate::new());
        let (signing, ending) = (Faulty::new(&store), Faulty::new(&store));
        let [under_here, under_there] = [signing.clone(), ending.clone()];
        let here = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder.store(under_here));
        let there = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| {
            builder.store(under_there).store_timeout(Duration::from_millis(100))
        });
        let elsewhere = Server::made(store, keys, clock, |builder| builder);
        let faults = [
            ("fails twice", vec![Fault::Down, Fault::Down]),
            ("loses its answer", vec![Fault::Lost]),
            ("loses its answer twice", vec![Fault::Lost, Fault::Lost]),
            ("times out before it reaches the store", vec![Fault::Late(never.clone())]),
            ("times out after it has reached the store", vec![Fault::Slow(never)]),
        ];
        // The store calls of `revoke_all`: load the list; load and swap each of two or three sessions; load and swap the list.
        let calls = (0..10).flat_map(|call| (0..4).map(move |halt| (call, halt)));
        for ((what, faults), (call, halt)) in faults.iter().flat_map(|fault| calls.clone().map(move |calls| (fault, calls))) {
            let case = format!("call {call} of `revoke_all` {what}, after call {halt} of the sign-in");
            let before = [here.signed_in("ada").await, here.signed_in("ada").await];
            let mut guest = here.visitor();
            guest.post("/name/guest").await;
            there.reports();
            let (mut first, mut succeeded) = (Vec::new(), false);
            let revoking = async {
                first = listed(&elsewhere).await;
                ending.plan(after(call, faults.clone()));
                succeeded = there.sessions.of("ada").revoke_all().await.is_ok();
                ending.plan([]);
            };
            let (third, reply) = sign_in(&signing, &guest, halt, revoking).await;
            assert_eq!(reply.status, StatusCode::OK, "{case}");
            let last = listed(&elsewhere).await;
            assert!(first.len() >= 2 && !(succeeded && first.iter().any(|handle| last.contains(handle))), "{case}");

            let mut ended = there.reports();
            ended.retain(|report| matches!(report.event, Event::Ended { .. }));
            let visitors = [&before[0], &before[1], &third];
            let mut live = 0;
            for (number, visitor) in visitors.into_iter().enumerate() {
                let seen = visitor.clone().get("/show").await.json();
                if seen["user"] == "ada" {
                    live += 1;
                    assert!(!succeeded || number == 2, "{case}: a session that was listed opens");
                    let name = seen["fingerprint"].as_str();
                    assert!(ended.iter().all(|report| report.session.as_deref() != name), "{case}: an ended session opens");
                }
            }
            assert_eq!(last.len(), live, "{case}: each session that opens is listed");
            assert_eq!(elsewhere.sessions.of("ada").revoke_all().await.unwrap(), live as u64, "{case}");
            for visitor in visitors {
                assert!(!is_in(visitor).await, "{case}");
            }
        }
    }

    // S13: the first sign-in is not stored yet when the second user signs in.
    async fn a_second_user_in_a_request_inherits_nothing_from_the_first(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/", post({
            let faulty = faulty.clone();
            move |mut s: Session<Site>| async move {
                s.user_mut().log_in("ada".into());
                *s.name_mut() = "ada's".into();
                faulty.plan([Fault::Down, Fault::Down]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                s.user_mut().log_in("bob".into());
                assert_eq!(s.name(), "");
            }
        })));
        for guest in [false, true] {
            let mut visitor = server.visitor();
            if guest {
                visitor.post("/theme/dark").await;
            }
            let mut visitor = visitor.at(&app);
            assert_eq!(visitor.post("/").await.status, StatusCode::OK);
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (Some("bob"), Some("")), "guest {guest}");
        }
    }

    // B34: the sign-in is stored, but `save` could not list it. Its changes count once.
    async fn a_sign_in_that_could_not_be_confirmed_counts_once(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/{then}", post({
            let faulty = faulty.clone();
            move |mut s: Session<Site>, Path(then): Path<String>| async move {
                s.user_mut().log_in("ada".into());
                s.visits_mut().add(1);
                faulty.plan([Fault::None, Fault::Down, Fault::Down]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                assert_eq!(s.visits(), 2, "the visit is stored");
                match then.as_str() {
                    "again" => s.save().await.unwrap(),
                    "fail" => return StatusCode::INTERNAL_SERVER_ERROR,
                    _ => {}
                }
                assert_eq!(s.visits(), 2);
                StatusCode::OK
            }
        })));
        for (then, status) in [("go-on", 200), ("again", 200), ("fail", 500)] {
            let mut visitor = server.visitor();
            visitor.post("/visit").await;
            let mut visitor = visitor.at(&app);
            assert_eq!(visitor.post(&format!("/{then}")).await.status.as_u16(), status);
            let seen = visitor.at(&server.app).get("/show").await.json();
            // The sign-in of a failed handler is undone.
            let (visits, user) = if then == "fail" { (1, None) } else { (2, Some("ada")) };
            assert_eq!((&seen["visits"], seen["user"].as_str()), (&visits.into(), user), "{then}");
        }
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2);
    }
}

/// Races sign-ins, sign-outs and `revoke_all` in many rounds. After each round, every session that is signed in must be listed.
async fn every_signed_in_session_is_listed(store: AnyStore, limit: Option<SessionLimit>, rounds: usize) {
    let server = Arc::new(Server::with(store, |builder| match limit {
        Some(limit) => builder.max_per_user(limit),
        None => builder,
    }));
    for round in 0..rounds {
        let guests: Vec<Visitor> = {
            let mut guests = Vec::new();
            for number in 0..8 {
                let mut visitor = server.visitor();
                if number % 2 == 0 {
                    visitor.post("/name/guest").await;
                }
                if number % 4 == 0 {
                    visitor.post("/login/ada").await;
                }
                guests.push(visitor);
            }
            guests
        };
        let barrier = Arc::new(Barrier::new(10));
        let mut racers = Vec::new();
        for (number, mut visitor) in guests.into_iter().enumerate() {
            let barrier = Arc::clone(&barrier);
            racers.push(tokio::spawn(async move {
                barrier.wait().await;
                match (number + round) % 8 {
                    0 => visitor.post("/logout").await,
                    1 => visitor.post("/login/bob").await,
                    _ => visitor.post("/login/ada").await,
                };
                visitor
            }));
        }
        let enders = [0, 1].map(|_| {
            let (server, barrier) = (Arc::clone(&server), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                server.sessions.of("ada").revoke_all().await.unwrap();
            })
        });
        let mut live = 0;
        let mut visitors = Vec::new();
        for racer in racers {
            visitors.push(racer.await.unwrap());
        }
        for ender in enders {
            ender.await.unwrap();
        }
        for visitor in &visitors {
            live += usize::from(is_in(visitor).await);
        }
        let ada = server.sessions.of("ada");
        assert_eq!(ada.count().await.unwrap(), live, "round {round}, {limit:?}");
        assert!(limit.is_none() || live <= 2, "round {round}: {live}");
        assert_eq!(ada.revoke_all().await.unwrap(), live as u64);
        for visitor in &visitors {
            assert!(!is_in(visitor).await, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_signed_in_session_is_listed_in_memory() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        every_signed_in_session_is_listed(AnyStore::memory(), limit, 300).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_signed_in_session_is_listed_in_files() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        every_signed_in_session_is_listed(AnyStore::file().await, limit, 40).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_signed_in_session_is_listed_on_redis() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        let Some(store) = AnyStore::redis().await else { return };
        every_signed_in_session_is_listed(store, limit, 40).await;
    }
}

over_databases! {
    async fn every_signed_in_session_is_listed_after_races(make) {
        for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
            every_signed_in_session_is_listed(make().await?, limit, 40).await;
        }
    }
}
