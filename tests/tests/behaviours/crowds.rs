//! B19, B21, B22, S12, S48: many concurrent requests, in any order.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use serde_json::json;
use session_runtime::{
    SessionsBuilder,
    store::{Class, Store as _},
};
use tests::{
    app::{Server, Site, minutes},
    over_databases, over_stores,
    store::AnyStore,
};
use tokio::sync::Barrier;

/// B19, B21: races pairs of requests on one session, and checks that both changes of every pair are stored. Each round races
/// two pairs: the first pair changes different fields, the second pair changes one counter.
async fn race_pairs(server: &Server, pairs: usize) {
    let mut visitor = server.visitor();
    visitor.post("/name/start").await;
    let rounds = pairs / 2;
    for round in 0..rounds {
        let (mut a, mut b) = (visitor.clone(), visitor.clone());
        let (name, note) = (format!("/name/{round}"), format!("/note/{round}"));
        let (a, b) = tokio::join!(
            tokio::spawn(async move { (a.post(&name).await.status, a.post("/visit").await.status) }),
            tokio::spawn(async move { (b.post(&note).await.status, b.post("/visit").await.status) }),
        );
        assert_eq!((a.unwrap(), b.unwrap()), ((StatusCode::OK, StatusCode::OK), (StatusCode::OK, StatusCode::OK)));
        if round % 25 == 0 || round + 1 == rounds {
            let seen = visitor.get("/show").await.json();
            assert_eq!((&seen["name"], &seen["note"]), (&json!(round.to_string()), &json!(round.to_string())));
            assert_eq!(seen["visits"], (round + 1) * 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_racing_pairs_lose_nothing_in_memory() {
    race_pairs(&patient(&AnyStore::memory(), None), 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_racing_pairs_lose_nothing_in_files() {
    race_pairs(&patient(&AnyStore::file().await, None), 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_racing_pairs_lose_nothing_on_redis() {
    let Some(store) = AnyStore::redis().await else { return };
    race_pairs(&patient(&store, None), 10_000).await;
}

over_databases! {
    async fn ten_thousand_racing_pairs_lose_nothing(make) {
        race_pairs(&patient(&make().await?, None), 10_000).await;
    }

    async fn ten_thousand_late_writes_revive_no_session(make) {
        race_ends(&patient(&make().await?, None), 2_500).await;
    }
}

/// B22, S12: races writes against a request that ends their session. No write revives the session; a late write starts
/// another one. Each of `ends` rounds races four writes against one end.
async fn race_ends(server: &Server, ends: usize) {
    const WRITES: usize = 4;
    for round in 0..ends {
        let mut visitor = server.visitor();
        visitor.post("/name/start").await;
        let key = server.controls.keys.lock().unwrap().drain(..).next_back().unwrap();
        let mut paths = vec!["/note/late"; WRITES];
        paths.insert(round / 2 % (WRITES + 1), if round % 2 == 0 { "/destroy" } else { "/clear" });
        let requests: Vec<_> = paths
            .into_iter()
            .map(|path| {
                let mut visitor = visitor.clone();
                tokio::spawn(async move { visitor.post(path).await.status })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), StatusCode::OK, "round {round}");
        }
        assert_eq!(visitor.get("/show").await.json()["is_new"], true, "round {round}: the session was revived");
        let left = server.store.load(&key, server.clock.now()).await.unwrap();
        let class = left.map(|left| left.value().class());
        assert!(matches!(class, None | Some(Class::Tombstone)), "round {round}: a session is still stored: {class:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_thousand_late_writes_revive_no_session_in_memory() {
    race_ends(&patient(&AnyStore::memory(), None), 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_late_writes_revive_no_session_in_files() {
    race_ends(&patient(&AnyStore::file().await, None), 2_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_late_writes_revive_no_session_on_redis() {
    let Some(store) = AnyStore::redis().await else { return };
    race_ends(&patient(&store, None), 2_500).await;
}

/// Sends `updates` concurrent updates of one field, through these servers in turn; all must succeed. Returns the number of store
/// calls.
async fn update_at_once(servers: &[Server], updates: usize) -> usize {
    let mut visitor = servers[0].visitor();
    visitor.post("/cart/start").await;
    let calls =
        || servers.iter().map(|server| server.controls.calls()).map(|(loads, swaps)| loads + swaps).sum::<usize>();
    let before = calls();
    let barrier = Arc::new(Barrier::new(updates));
    let requests: Vec<_> = (0..updates)
        .map(|at| {
            let (mut visitor, barrier) = (visitor.at(&servers[at % servers.len()].app), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                visitor.post(&format!("/cart/{at}")).await.status
            })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    let calls = calls() - before;
    assert_eq!(visitor.get("/show").await.json()["cart"].as_array().unwrap().len(), updates + 1);
    calls
}

fn patient(store: &AnyStore, like: Option<&Server>) -> Server {
    // A busy machine may need longer than the default timeouts.
    let patient = |builder: SessionsBuilder<Site>| builder.commit_timeout(minutes(2)).store_timeout(minutes(1));
    match like {
        None => Server::with(store.clone(), patient),
        Some(like) => Server::made(store.clone(), like.keys.clone(), like.clock.clone(), patient),
    }
}

over_stores! {
    // B21, B55, F9: the number of store calls per update does not grow with the number of concurrent updates.
    async fn two_hundred_concurrent_updates_all_succeed(store) {
        let calls = update_at_once(&[patient(&store, None)], 200).await;
        assert!(calls <= 200 * 3, "{calls} calls of the store");
    }

    async fn concurrent_updates_from_two_processes_all_succeed(store) {
        let one = patient(&store, None);
        let other = patient(&store, Some(&one));
        let calls = update_at_once(&[one, other], 100).await;
        assert!(calls <= 100 * 16, "{calls} calls of the store");
    }

    // Sixteen writers in another process cannot delay the end of a session beyond the commit timeout.
    async fn writers_elsewhere_cannot_keep_a_session_alive(store) {
        let here = Server::with(store.clone(), |builder| builder.commit_timeout(Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 })));
        let elsewhere = Arc::new(patient(&store, Some(&here)));
        let visitor = here.signed_in("ada").await;
        let writers: Vec<_> = (0..16).map(|at| {
            let (mut visitor, note) = (visitor.at(&elsewhere.app), format!("/note/{at}"));
            tokio::spawn(async move {
                // Writes until the session has ended. The next write then starts a guest's session and sets a cookie.
                while visitor.post(&note).await.set_cookie().is_none() {
                    tokio::task::yield_now().await;
                }
            })
        }).collect();
        assert_eq!(here.sessions.of("ada").revoke_all().await.unwrap(), 1);
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(visitor.clone().get("/show").await.json()["user"].as_str(), None);
    }

    // S48
    async fn concurrent_visitors_see_only_themselves(store) {
        let server = Server::new(store);
        let visitors: Vec<_> = (0..50).map(|at| {
            let mut visitor = server.visitor();
            tokio::spawn(async move {
                visitor.post(&format!("/login/user{at}")).await;
                for round in 0..10 {
                    visitor.post(&format!("/name/{at}-{round}")).await;
                    let seen = visitor.get("/show").await.json();
                    assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (Some(&*format!("user{at}")), Some(&*format!("{at}-{round}"))));
                }
            })
        }).collect();
        for visitor in visitors {
            visitor.await.unwrap();
        }
    }
}
