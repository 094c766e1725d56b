//! Whole requests: how often they call the server, and how much memory a session takes on it.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::get};
use session_runtime::{KeyRing, RedisStore, Session, Sessions};
use tests::{
    app::{Site, routes},
    client::Visitor,
    eight::{Eight, fill},
    servers::{Kind, Options, Proxy, RedisServer},
};

use crate::{failover::pair, server};

/// A request that loads its session makes one call; a request that changes it makes one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_makes_only_the_calls_that_it_needs() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let proxy = Proxy::start(server.addr());
        let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
        let sessions = Sessions::<Site>::builder().store(store).keys(KeyRing::generate()).clean_every(Duration::ZERO);
        let app = routes().layer(sessions.build().unwrap().layer());
        let mut visitor = Visitor::new(&app);
        // The first request may also read and write the application's marker.
        visitor.post("/name/eve").await;
        let mut visitor = Visitor::new(&app);
        let mut before = proxy.round_trips();
        let mut trips = || {
            let now = proxy.round_trips();
            now - std::mem::replace(&mut before, now)
        };
        visitor.get("/untouched").await;
        assert_eq!(trips(), 0, "a stranger's request that does not use the session");
        visitor.post("/name/ada").await;
        assert_eq!(trips(), 1, "a write that creates the session");
        visitor.get("/untouched").await;
        assert_eq!(trips(), 0, "a visitor's request that does not use the session");
        assert_eq!(visitor.get("/read").await.body, "ada");
        assert_eq!(trips(), 1, "a request that reads the session");
        visitor.post("/name/bob").await;
        assert_eq!(trips(), 2, "a request that writes to the session: one load and one swap");
    }
}

async fn begin(mut s: Session<Eight>) {
    s.user_mut().log_in(1_000_000);
    fill(&mut s).await;
}

async fn again(mut s: Session<Eight>) {
    let next = s.score() + 1;
    s.score_mut().set(next);
}

/// The limit holds even after many changes and a renewal.
#[tokio::test]
async fn eight_fields_take_at_most_320_bytes() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let sessions = Sessions::<Eight>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
        let app = Router::new()
            .route("/begin", get(begin))
            .route("/again", get(again))
            .route("/renew", get(async |mut s: Session<Eight>| s.renew()))
            .layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        for path in ["/begin", "/again", "/renew"].into_iter().chain(["/again"; 12]) {
            assert_eq!(visitor.get(path).await.status, StatusCode::OK);
        }
        let keys: Vec<String> = server.ask(&["KEYS", "session:*"]).unwrap();
        let taken = keys.iter().map(|key| server.ask::<u64>(&["MEMORY", "USAGE", key]).unwrap());
        // The session is the largest key; the others are its user's list and the application's marker.
        let largest = taken.max().unwrap();
        println!("{kind:?}: {largest} bytes");
        assert!(largest <= 320, "{kind:?}: {largest} bytes");
    }
}

/// Ending or renewing a session waits for replicas; other writes do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_renewals_and_ends_wait_for_replicas_and_other_writes_do_not() {
    for kind in Kind::ALL {
        let Some((alone, _store)) = server(kind).await else { continue };
        let Some((primary, _replica)) = pair(kind).await else { continue };
        for (url, timeout, expected) in [
            (alone.url(), Duration::from_millis(50), StatusCode::SERVICE_UNAVAILABLE),
            (primary.url(), Duration::from_secs(2), StatusCode::OK),
        ] {
            let store = RedisStore::open(&url).await.unwrap().wait_for(1, timeout);
            let sessions = Sessions::<Site>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
            let app = routes().layer(sessions.layer());
            for path in ["/login/ada", "/renew", "/destroy"] {
                let mut visitor = Visitor::new(&app);
                assert_eq!(visitor.post("/name/ada").await.status, StatusCode::OK);
                assert_eq!(visitor.post("/name/eve").await.status, StatusCode::OK);
                assert_eq!(visitor.post(path).await.status, expected, "{kind:?}, {path}");
            }
        }
    }
}
