//! B41, S22: sign-ins while the user's sessions are ended. Each that stands is listed; each is ended, or later.

use std::sync::Arc;

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use session_runtime::{Session, SessionLimit};
use tests::{
    app::{Server, Site},
    client::{Reply, Visitor},
    over_databases, over_stores,
    store::AnyStore,
};
use tokio::sync::Barrier;

use super::faulty::{Fault, Faulty, Gate};

async fn is_in(visitor: &Visitor) -> bool {
    visitor.clone().get("/show").await.json()["user"].as_str() == Some("ada")
}

/// Signs in; while the answer to the call with this number is awaited, does `meanwhile`.
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

over_stores! {
    // The calls of a sign-in: enter, apply, entries; before them load, for who was here before.
    async fn a_sign_in_during_the_end_of_all_is_ended_or_later(store) {
        for guest in [false, true] {
            for call in 0..3 + usize::from(guest) {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let before = server.signed_in("ada").await;
                let mut visitor = server.visitor();
                if guest {
                    visitor.post("/name/guest").await;
                }
                let all = async { assert!(server.sessions.of("ada").revoke_all().await.unwrap() >= 1) };
                let (visitor, reply) = sign_in(&faulty, &visitor, call, all).await;
                assert!(!is_in(&before).await);
                // Before it was entered, and after it had looked, nobody saw anything of the other.
                let (later, looked) = (guest && call == 0, call == 2 + usize::from(guest));
                assert_eq!(is_in(&visitor).await, later, "guest {guest}, call {call}");
                let status = if later || looked { StatusCode::OK } else { StatusCode::CONFLICT };
                let gone = guest && call == 1; // its record is no one's: the sign-in goes on, and then finds itself unlisted
                assert!(reply.status == status || gone, "guest {guest}, call {call}: {}", reply.status);
                assert_eq!(reply.set_cookie().is_some(), later || looked, "guest {guest}, call {call}");
                assert_eq!(server.sessions.of("ada").count().await.unwrap(), usize::from(later));
                server.sessions.of("ada").revoke_all().await.unwrap();
            }
        }
    }

    // What is ended after its sign-in looked is ended all the same, and what was a guest's goes with it.
    async fn a_second_end_finds_what_the_first_missed(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let gate = Gate::new();
        // `entries` of the end of all, which waits while somebody signs in, applied and listed.
        faulty.plan([Fault::Slow(gate.clone())]);
        let sessions = server.sessions.clone();
        let ending = tokio::spawn(async move { sessions.of("ada").revoke_all().await.unwrap() });
        gate.wait().await;
        let later = server.signed_in("ada").await;
        gate.open();
        assert_eq!(ending.await.unwrap(), 0);
        assert!(is_in(&later).await && server.sessions.of("ada").count().await.unwrap() == 1);
    }

    // S23: the oldest is ended only once the sign-in succeeded.
    async fn a_sign_in_that_fails_ends_nobody(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder.max_per_user(1));
        let first = server.signed_in("ada").await;
        for call in 0..2 {
            faulty.plan(vec![Fault::None; call].into_iter().chain(vec![Fault::Down; 2]));
            let mut second = server.visitor();
            assert_eq!(second.post("/login/ada").await.status, StatusCode::SERVICE_UNAVAILABLE, "call {call}");
            assert!(is_in(&first).await && !is_in(&second).await);
        }
    }

    // A sign-in whose entry could not be confirmed goes out all the same: its id is the only one that opens the session.
    async fn an_unconfirmed_sign_in_keeps_its_id(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        faulty.plan(vec![Fault::None; 3].into_iter().chain(vec![Fault::Down; 2]));
        let reply = visitor.post("/login/ada").await;
        assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::SERVICE_UNAVAILABLE, true));
        assert!(is_in(&visitor).await && server.sessions.of("ada").count().await.unwrap() == 1);
    }
    // B41: where somebody who ends all is cut short, the next finds what was left, and so where a sign-in is.
    async fn an_interrupted_end_of_all_hides_nobody(store) {
        // After the list and the guest's record: whatever is asked next.
        for fails in 0..4 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let mut visitor = server.visitor();
            visitor.post("/name/guest").await;
            let (entered, looked) = (Gate::new(), Gate::new());
            faulty.plan([Fault::None, Fault::Slow(entered.clone()), Fault::None, Fault::Slow(looked.clone())]);
            let signing_in = tokio::spawn(async move {
                let reply = visitor.post("/login/ada").await;
                (visitor, reply)
            });
            entered.wait().await;
            let sessions = server.sessions.clone();
            let ending = tokio::spawn(async move { sessions.of("ada").revoke_all().await });
            looked.wait().await;
            entered.open();
            let (visitor, reply) = signing_in.await.unwrap();
            assert!(reply.status == StatusCode::OK && is_in(&visitor).await);
            faulty.plan(vec![Fault::None; fails].into_iter().chain(vec![Fault::Down; 8]));
            looked.open();
            let ended = ending.await.unwrap().is_ok();
            faulty.plan([]);
            assert_eq!(ended, !is_in(&visitor).await, "{fails}");
            assert_eq!(server.sessions.of("ada").revoke_all().await.unwrap(), u64::from(!ended), "{fails}");
            assert!(!is_in(&visitor).await, "{fails}");
        }
    }

    // B41: that of a sign-in which cannot look whether it stands, also in a handler that then fails.
    async fn an_unconfirmed_sign_in_that_was_called_off_is_listed(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/fail", post(|mut s: Session<Site>| async move {
            s.user_mut().log_in("ada".into());
            assert!(s.save().await.unwrap_err().is_unavailable());
            StatusCode::INTERNAL_SERVER_ERROR
        })));
        let calm = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
        for (app, path, stands) in [(&server.app, "/login/ada", true), (&app, "/fail", false)] {
            let gate = Gate::new();
            faulty.plan([Fault::Slow(gate.clone()), Fault::None, Fault::Down, Fault::Down]);
            let mut visitor = Visitor::new(app);
            let request = tokio::spawn(async move {
                visitor.post(path).await;
                visitor
            });
            gate.wait().await;
            assert_eq!(calm.sessions.of("ada").revoke_all().await.unwrap(), 0);
            gate.open();
            let visitor = request.await.unwrap().at(&server.app);
            assert_eq!(is_in(&visitor).await, stands, "{path}");
            assert_eq!(calm.sessions.of("ada").revoke_all().await.unwrap(), u64::from(stands), "{path}");
            assert!(!is_in(&visitor).await, "{path}");
        }
    }

    // S13: who comes next in the same request is another, though the first sign-in waits for the store.
    async fn a_user_after_one_that_could_not_be_stored_is_another(store) {
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

    // B34: what is in counts once, though whether the sign-in stands could not be told at first.
    async fn a_sign_in_that_could_not_be_confirmed_counts_once(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = server.serving(Router::new().route("/{then}", post({
            let faulty = faulty.clone();
            move |mut s: Session<Site>, Path(then): Path<String>| async move {
                s.user_mut().log_in("ada".into());
                s.visits_mut().add(1);
                faulty.plan([Fault::None, Fault::None, Fault::Down, Fault::Down]);
                assert!(s.save().await.unwrap_err().is_unavailable());
                assert_eq!(s.visits(), 2, "it is in");
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
            assert_eq!((&seen["visits"], seen["user"].as_str()), (&2.into(), Some("ada")), "{then}");
        }
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 3);
    }
}

/// Sign-ins, sign-outs and ends of all at the same time, over and over: whoever is signed in afterwards is listed.
async fn whoever_is_in_is_listed(store: AnyStore, limit: Option<SessionLimit>, rounds: usize) {
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
        assert_eq!(ada.count().await.unwrap(), live, "round {round}");
        assert!(limit.is_none() || live <= 2, "round {round}: {live}");
        assert_eq!(ada.revoke_all().await.unwrap(), live as u64);
        for visitor in &visitors {
            assert!(!is_in(visitor).await, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_in_is_listed_in_memory() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        whoever_is_in_is_listed(AnyStore::memory(), limit, 300).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_in_is_listed_in_files() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        whoever_is_in_is_listed(AnyStore::file().await, limit, 40).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_in_is_listed_on_redis() {
    for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
        let Some(store) = AnyStore::redis().await else { return };
        whoever_is_in_is_listed(store, limit, 40).await;
    }
}

over_databases! {
    async fn whoever_is_in_is_listed_there(make) {
        for limit in [None, Some(SessionLimit::EndOldest(2)), Some(SessionLimit::Refuse(2))] {
            whoever_is_in_is_listed(make().await?, limit, 40).await;
        }
    }
}
