//! F4, S15, S61, B41, B61: an impersonation ends when the sessions of either user are revoked, when the right to act as others is
//! taken away, and at its time limit.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, ImpersonationEnd};
use tests::{
    app::{Server, hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

use super::{acting, app, heard, user};
use crate::faulty::{Fault, Faulty, Gate};

over_stores! {
    // F4
    async fn the_customers_revocation_ends_an_impersonation(store) {
        let server = Server::new(store);
        let app = app(&server);
        for by_handle in [false, true] {
            let (root, _) = acting(&app, 30).await;
            let own = server.signed_in("ada").await;
            heard(&server);
            let of = server.sessions.of("ada");
            if by_handle {
                let handle = of.impersonations().await.unwrap()[0].handle();
                assert!(of.revoke(handle).await.unwrap());
                assert_eq!(user(&own).await.as_deref(), Some("ada"));
            } else {
                assert_eq!(of.revoke_all().await.unwrap(), 2);
                assert_eq!(user(&own).await, None);
            }
            assert_eq!(heard(&server), [Some(ImpersonationEnd::Revoked)]);
            let seen = root.clone().get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "root's own session continues");
            assert_eq!(of.impersonations().await.unwrap().len(), 0);
            assert_eq!(of.revoke_all().await.unwrap(), u64::from(by_handle));
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4
    async fn the_administrators_revocation_ends_the_whole_session(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (root, _) = acting(&app, 30).await;
        heard(&server);
        assert_eq!(server.sessions.of("root").revoke_all().await.unwrap(), 1);
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Revoked)]);
        assert_eq!(user(&root).await, None);
        let of = server.sessions.of("ada");
        assert_eq!((of.impersonations().await.unwrap().len(), of.revoke_all().await.unwrap()), (0, 0));
    }

    // S61: the right to act as others is taken away. The administrator stays signed in.
    async fn the_right_to_act_as_others_can_be_taken_away_alone(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (root, _) = acting(&app, 30).await;
        let other = server.signed_in("root").await;
        heard(&server);
        let (of, customer) = (server.sessions.of("root"), server.sessions.of("ada"));
        assert_eq!(customer.end_impersonations().await.unwrap(), 0, "the customer acts as no one");
        let acts_as: Vec<_> = of.list().await.unwrap().iter().map(|device| device.acts_as()).collect();
        assert_eq!(acts_as, [Some("ada".to_owned()), None]);
        assert_eq!(customer.impersonations().await.unwrap()[0].acts_as(), None);
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        assert_eq!(of.end_impersonations().await.unwrap(), 1);
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Withdrawn)]);
        let seen = root.clone().get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")));
        assert_eq!(user(&other).await.as_deref(), Some("root"));
        assert_eq!((of.list().await.unwrap().len(), of.list().await.unwrap()[0].acts_as()), (2, None));
        assert_eq!((customer.impersonations().await.unwrap().len(), of.end_impersonations().await.unwrap()), (0, 0));
    }

    // F4, B41: the customer ends all sessions while an impersonation begins. The impersonation either ends too, or
    // counts as started after the `revoke_all`. The store calls: load and swap the session, load and swap the list.
    async fn an_impersonation_that_races_revoke_all_is_ended_or_counts_as_later(store) {
        for call in 0..4 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
            let app = app(&server);
            let mut root = Visitor::new(&app);
            root.post("/login/root").await;
            let gate = Gate::new();
            faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
            let acting = tokio::spawn(async move {
                let reply = root.post("/as/ada/5").await;
                (root, reply.status)
            });
            gate.wait().await;
            elsewhere.sessions.of("ada").revoke_all().await.unwrap();
            gate.open();
            let (root, status) = acting.await.unwrap();
            assert_eq!(status, StatusCode::OK);
            let later = call < 3;
            assert_eq!(user(&root).await.as_deref(), Some(if later { "ada" } else { "root" }), "call {call}");
            assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), usize::from(later));
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4: the administrator stops the impersonation while the customer ends all sessions. Whichever comes first, the
    // administrator's own session continues, and no request is rejected.
    async fn stopping_an_impersonation_during_revoke_all_is_not_refused(store) {
        for call in 0..2 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
            let app = app(&server);
            let (mut root, _) = acting(&app, 30).await;
            let gate = Gate::new();
            faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
            let stopping = tokio::spawn(async move {
                let reply = root.post("/stop").await;
                (root, reply.status)
            });
            gate.wait().await;
            let ended = elsewhere.sessions.of("ada").revoke_all().await.unwrap();
            gate.open();
            let (mut root, status) = stopping.await.unwrap();
            assert_eq!((status, ended), (StatusCode::OK, u64::from(call == 0)), "call {call}");
            let seen = root.get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "call {call}");
            let events = [server.heard(), elsewhere.heard()].concat();
            let ends = events.iter().filter(|event| matches!(event, Event::ImpersonationEnded { .. }));
            assert_eq!(ends.count(), 1, "call {call}");
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4: the administrator's sessions are ended while an impersonation begins or stops. Neither the session nor an impersonation
    // remains.
    async fn an_end_of_the_administrators_sessions_leaves_no_impersonation(store) {
        for (path, calls) in [("/as/ada/5", 4), ("/stop", 2)] {
            for call in 0..calls {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
                let app = app(&server);
                let mut root = Visitor::new(&app);
                root.post("/login/root").await;
                if path == "/stop" {
                    root.post("/as/ada/5").await;
                }
                let gate = Gate::new();
                faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
                let request = tokio::spawn(async move {
                    root.post(path).await;
                    root
                });
                gate.wait().await;
                assert_eq!(elsewhere.sessions.of("root").revoke_all().await.unwrap(), 1);
                gate.open();
                let root = request.await.unwrap();
                assert_eq!(user(&root).await, None, "{path}, call {call}");
                assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
            }
        }
    }
}

over_two_stores! {
    // F4: an impersonation ends at its time limit, with or without a request.
    async fn an_impersonation_ends_when_its_time_is_up(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, _) = acting(&app, 20).await;
        let ends_at = SystemTime::from(server.clock.now()) + minutes(20);
        let listed = server.sessions.of("ada").impersonations().await.unwrap();
        assert_eq!(listed[0].impersonation_ends_at(), Some(ends_at));
        heard(&server);
        server.turn(minutes(20) - Duration::from_millis(1));
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        let mut tab = root.clone();
        server.turn(Duration::from_millis(1));
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("root"), &json!("Root"), &json!(["tea"])));
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Expired)]);
        assert_eq!(tab.post("/name/Root2").await.status, StatusCode::OK, "the same id opens root's session");
        assert_eq!(root.get("/show").await.json()["name"], "Root2");
        assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
        assert_eq!(heard(&server), []);
    }

    // F4: a request that began as the customer cannot write to the administrator's session.
    async fn a_request_that_outlasts_an_impersonation_is_refused(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = app(&server);
        let (root, _) = acting(&app, 20).await;
        let gate = Gate::new();
        faulty.plan([Fault::Slow(gate.clone())]);
        let mut tab = root.clone();
        let late = tokio::spawn(async move { tab.post("/name/hers").await });
        gate.wait().await;
        server.turn(minutes(20));
        gate.open();
        assert_eq!(late.await.unwrap().status, StatusCode::CONFLICT);
        assert_eq!(root.clone().get("/show").await.json()["name"], "Root");
    }

    // F4, S15: an impersonation ends with the administrator's session, and does not extend it.
    async fn an_impersonation_ends_with_the_session_of_the_administrator(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        for _ in 0..23 {
            server.turn(minutes(29));
            root.get("/show").await;
        }
        root.post("/as/ada/600").await;
        root.post("/remember").await;
        server.turn(minutes(29));
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        server.turn(minutes(29));
        assert_eq!(user(&root).await, None, "12 hours after the sign-in, the administrator's session has ended too");
    }
}

// F4: administrators start and stop impersonations while the customer's sessions are revoked again and again. Each
// administrator's own session continues unchanged, and no impersonation remains.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_impersonations_and_revocations_leave_each_session_to_its_owner() {
    let server = Server::with(AnyStore::memory(), |builder| builder);
    let app = app(&server);
    let mut administrators = Vec::new();
    for _ in 0..8 {
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        root.post("/name/Root").await;
        administrators.push(root);
    }
    let acting = administrators.into_iter().map(|mut root| {
        tokio::spawn(async move {
            for _ in 0..10 {
                root.post("/as/ada/5").await;
                root.post("/write-as/ada").await;
                let reply = root.post("/stop").await;
                assert_eq!(reply.status, StatusCode::OK);
                let seen = root.get("/show").await.json();
                assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")));
            }
        })
    });
    let acting: Vec<_> = acting.collect();
    for _ in 0..50 {
        server.sessions.of("ada").revoke_all().await.unwrap();
        tokio::task::yield_now().await;
    }
    for task in acting {
        task.await.unwrap();
    }
    assert_eq!(server.sessions.of("root").count().await.unwrap(), 8);
    assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
    server.turn(hours(1));
}

// S61, B61: an impersonation begins again while `revoke_all` is still ending the customer's other sessions.
#[tokio::test]
async fn an_impersonation_that_begins_again_during_a_revocation_is_listed() {
    let (server, faulty) = Faulty::server(&AnyStore::memory(), |builder| builder);
    let app = app(&server);
    let (mut root, _) = acting(&app, 30).await;
    server.turn(minutes(1));
    Visitor::new(&app).post("/login/ada").await;
    let gate = Gate::new();
    // The store calls: load the list, load and swap the first session, load the second.
    faulty.plan([Fault::None, Fault::None, Fault::None, Fault::Late(gate.clone())]);
    let ada = server.sessions.clone();
    let revoking = tokio::spawn(async move { ada.of("ada").revoke_all().await.unwrap() });
    gate.wait().await;
    server.turn(minutes(1));
    assert_eq!(root.get("/show").await.json()["user"], "root", "the impersonation has ended");
    assert_eq!(root.post("/as/ada/5").await.status, StatusCode::OK);
    gate.open();
    assert_eq!(revoking.await.unwrap(), 2);
    assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 1);
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(root.get("/show").await.json()["user"], "root");
}
