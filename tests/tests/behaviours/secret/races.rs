//! B21, B34, S45: concurrent changes of secret fields work like those of other fields, although each encryption of a value gives
//! different bytes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::json;
use session_runtime::{Clock, KeyRing, store::Value};
use tests::{
    client::{Reply, Visitor},
    over_stores,
    store::AnyStore,
};
use tokio::sync::Barrier;

use super::{House, V, Vault, keys, routes};

/// Returns a server. On its `/late` routes, a request loads its session and then waits twice at the gate: until the test has
/// noticed the request, and until the test lets it continue.
fn gated(store: &AnyStore, keys: &KeyRing, gate: &Arc<Barrier>) -> House {
    let [a, b, c, d] = std::array::from_fn(|_| Arc::clone(gate));
    let late = Router::new()
        .route(
            "/late/show",
            get(|s: V| async move {
                pass(&a).await;
                s.token().unwrap_or_default().to_owned()
            }),
        )
        .route(
            "/late/name/{to}",
            post(|mut s: V, Path(to): Path<String>| async move {
                pass(&b).await;
                *s.name_mut() = to
            }),
        )
        .route(
            "/late/notice",
            post(|mut s: V| async move {
                pass(&c).await;
                s.notice_mut().take().unwrap_or_default()
            }),
        )
        .route(
            "/late/notices",
            post(|mut s: V| async move {
                pass(&d).await;
                s.notices_mut().take().join(",")
            }),
        );
    House::of::<Vault>(store, keys, &Clock::stopped(), routes().merge(late))
}

async fn pass(gate: &Barrier) {
    gate.wait().await;
    gate.wait().await;
}

/// Sends a request, runs `meanwhile` while the handler waits at the gate, and then lets the handler finish.
async fn late(
    visitor: &Visitor,
    method: http::Method,
    path: &'static str,
    gate: &Barrier,
    meanwhile: impl Future<Output = ()>,
) -> Reply {
    let mut visitor = visitor.clone();
    let request = tokio::spawn(async move { visitor.send(method, path).await });
    gate.wait().await;
    meanwhile.await;
    gate.wait().await;
    request.await.unwrap()
}

over_stores! {
    // B21
    async fn no_update_of_a_secret_is_lost(store) {
        const REQUESTS: usize = 8;
        let loaded = Arc::new(Barrier::new(REQUESTS));
        let app = Router::new().route("/late/{card}", post(|mut s: V, Path(card): Path<String>| async move {
            loaded.wait().await;
            s.cards_mut().update(|cards| cards.push(card.clone())).await
        }));
        let house = House::of::<Vault>(&store, &KeyRing::generate(), &Clock::stopped(), routes().merge(app));
        let mut visitor = house.visitor();
        visitor.post("/cards/first").await;
        let requests = (0..REQUESTS).map(|card| {
            let mut visitor = visitor.clone();
            tokio::spawn(async move { visitor.post(&format!("/late/{card}")).await.status })
        });
        for request in requests.collect::<Vec<_>>() {
            assert_eq!(request.await.unwrap(), 200);
        }
        let seen = visitor.get("/show").await.json();
        let mut cards: Vec<_> = seen["cards"].as_array().unwrap().iter().map(|card| card.as_str().unwrap()).collect();
        cards.sort_unstable();
        assert_eq!(cards, ["0", "1", "2", "3", "4", "5", "6", "7", "first"]);
        assert_eq!(house.undecodable(), Vec::<&str>::new());
    }

    // B21: a flash is gone once a request has taken it. A flash that another request adds meanwhile stays.
    async fn a_taken_secret_flash_does_not_reappear_and_a_new_one_stays(store) {
        let gate = Arc::new(Barrier::new(2));
        let house = gated(&store, &KeyRing::generate(), &gate);
        let mut visitor = house.visitor();
        let mut other = { visitor.post("/notice/one").await; visitor.clone() };
        // Another request takes the flash meanwhile.
        let reply = late(&visitor, http::Method::POST, "/late/notice", &gate, async {
            assert_eq!(other.get("/notice").await.body, "one");
        }).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "one"), "the request had loaded the flash before");
        assert_eq!(visitor.get("/notice").await.body, "");
        // Another request adds a flash meanwhile.
        visitor.post("/notice/one").await;
        late(&visitor, http::Method::POST, "/late/notice", &gate, async { other.post("/notice/two").await; }).await;
        assert_eq!(visitor.get("/notice").await.body, "two");
        visitor.post("/notices/one").await;
        let reply = late(&visitor, http::Method::POST, "/late/notices", &gate, async { other.post("/notices/two").await; }).await;
        assert_eq!(reply.body, "one");
        assert_eq!(visitor.get("/notices").await.body, "two");
        assert_eq!(house.undecodable(), Vec::<&str>::new());
    }

    // B34: if the answer to a swap is lost, the engine sends the same bytes again. Encrypting the value again would give
    // different bytes.
    async fn a_lost_answer_counts_once(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        visitor.post("/cards/a").await;
        for path in ["/cards/b", "/token/velvet", "/notices/n", "/notices/n"] {
            house.told.lose_answer.store(true, Ordering::SeqCst);
            let before = house.writes();
            assert_eq!(visitor.post(path).await.status, 200, "{path}");
            let swaps: Vec<_> = house.swaps().split_off(before).iter().map(Value::to_bytes).collect();
            assert!(swaps.len() == 2 && swaps[0] == swaps[1], "{path}: {swaps:?}");
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["cards"], &seen["token"], &seen["notices"]), (&json!(["a", "b"]), &json!("velvet"), &json!(["n", "n"])));
    }

    // S45: a request that loads a secret under an older key reseals it, which means that the request encrypts it again with the
    // current key. If another request changes the field meanwhile, that change stays, and no request fails.
    async fn resealing_gives_way_to_changes(store) {
        for (method, path) in [(http::Method::GET, "/late/show"), (http::Method::POST, "/late/name/late")] {
            for (meanwhile, token) in [("/token/newer", json!("newer")), ("/token", json!(null)), ("/name/x", json!("velvet"))] {
                let gate = Arc::new(Barrier::new(2));
                let (old, house) = (gated(&store, &keys(&[1]), &gate), gated(&store, &keys(&[2, 1]), &gate));
                let mut visitor = old.visitor();
                visitor.post("/token/velvet").await;
                let visitor = visitor.at(&house.app);
                let mut other = visitor.clone();
                let reply = late(&visitor, method.clone(), path, &gate, async {
                    assert_eq!(other.post(meanwhile).await.status, 200);
                }).await;
                assert_eq!(reply.status, 200, "{path}, {meanwhile}");
                let seen = visitor.clone().get("/show").await.json();
                assert_eq!(seen["token"], token, "{path}, {meanwhile}");
                assert!(path != "/late/name/late" || seen["name"] == "late", "{path}, {meanwhile}");
                assert_eq!(house.undecodable(), Vec::<&str>::new());
            }
        }
    }

    // S45: other writers are always faster, so a request that only reads cannot reseal the secret. It succeeds nevertheless.
    async fn no_read_fails_because_it_cannot_reseal(store) {
        let clock = Clock::stopped();
        let old = House::with_keys(&store, &keys(&[1]), &clock);
        let mut visitor = old.visitor();
        visitor.post("/token/velvet").await;
        let house = House::with::<Vault>(&store, &keys(&[2, 1]), &clock, routes(), |builder| {
            builder.commit_timeout(Duration::from_millis(300))
        });
        house.told.contested.store(true, Ordering::SeqCst);
        let mut visitor = visitor.at(&house.app);
        clock.advance(Duration::from_secs(60));
        let reply = visitor.get("/show").await;
        assert_eq!((reply.status.as_u16(), &reply.json()["token"]), (200, &json!("velvet")));
        assert_eq!(house.writes(), 1, "resealing is tried once");
        assert_eq!(reply.set_cookie(), None, "the cookie is signed again with the next write");
        assert_eq!(house.undecodable(), Vec::<&str>::new());
        // Unlike resealing, a change is retried until the commit timeout, and fails if it is not stored by then.
        let status = visitor.post("/name/ada").await.status.as_u16();
        assert!(house.writes() > 2 && matches!(status, 409 | 503), "{status}");
        house.events.lock().unwrap().clear();
        house.told.contested.store(false, Ordering::SeqCst);
        let writes = house.writes();
        for is_signed_again in [true, false] {
            let reply = visitor.get("/show").await;
            assert_eq!((reply.json()["token"].as_str(), reply.set_cookie().is_some()), (Some("velvet"), is_signed_again));
            assert_eq!(house.writes(), writes + 1, "the next request reseals the token, and later requests need not");
        }
        assert_eq!(house.undecodable(), Vec::<&str>::new());
    }
}
