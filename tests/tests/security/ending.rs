//! S12, S20, S22: what has ended has ended, for requests under way as well; and whoever is told so can rely on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::{Method, StatusCode};
use session_runtime::{
    Event, KeyRing, MemoryStore, Session, Sessions, Timestamp,
    store::{Applied, Change, Key, Record, Store, StoreError},
};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_stores,
};
use tokio::sync::Semaphore;

type S = Session<Site>;

/// Where a handler waits with its session loaded.
#[derive(Clone)]
struct Halt {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Halt {
    fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    async fn here(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

/// Routes that load their session, wait, and then do something to it.
fn halting(halt: &Halt) -> Router {
    let [a, b, c, d] = std::array::from_fn(|_| halt.clone());
    Router::new()
        .route(
            "/read",
            get(move |s: S| async move {
                a.here().await;
                s.name().to_owned()
            }),
        )
        .route(
            "/name/{to}",
            post(move |mut s: S, Path(to): Path<String>| async move {
                b.here().await;
                *s.name_mut() = to;
            }),
        )
        .route(
            "/save",
            post(move |mut s: S| async move {
                c.here().await;
                *s.name_mut() = "late".into();
                let error = s.save().await.unwrap_err();
                match (error.is_gone(), error.is_moved()) {
                    (true, false) => "gone",
                    (false, true) => "moved",
                    _ => "neither",
                }
            }),
        )
        .route(
            "/renew",
            post(move |mut s: S| async move {
                d.here().await;
                s.renew();
            }),
        )
}

/// A store whose records cannot be removed: that is refused, or never answered.
struct Sticky {
    inner: MemoryStore,
    answers: bool,
}

impl Store for Sticky {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.inner.load(key, now).await
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        self.inner.apply(key, change, now).await
    }

    async fn delete(&self, _: &Key) -> Result<(), StoreError> {
        match self.answers {
            true => Err(StoreError::new("it sticks")),
            false => std::future::pending().await,
        }
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }
}

#[derive(Session)]
#[session(cookie = "__Host-sticky")]
struct Note {
    text: String,
}

// S20: it has ended, whatever becomes of the record.
#[tokio::test]
async fn who_logs_out_is_logged_out_by_a_store_that_cannot_remove() {
    for answers in [true, false] {
        let inner = MemoryStore::new();
        let ended = Arc::<AtomicUsize>::default();
        let heard = ended.clone();
        let sessions = Sessions::<Note>::builder()
            .store(Sticky { inner: inner.clone(), answers })
            .keys(KeyRing::generate())
            .store_timeout(Duration::from_millis(50))
            .on_event(move |event, _| {
                heard.fetch_add(usize::from(*event == Event::Ended), Ordering::SeqCst);
            })
            .build()
            .unwrap();
        let app = Router::new()
            .route("/write", post(|mut s: Session<Note>| async move { *s.text_mut() = "kept".into() }))
            .route("/read", get(|s: Session<Note>| async move { s.text().to_owned() }))
            .route("/end", post(|mut s: Session<Note>| async move { s.destroy() }))
            .layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        visitor.post("/write").await;
        assert_eq!(visitor.get("/read").await.body, "kept");
        let mut thief = visitor.clone();
        assert_eq!(visitor.post("/end").await.status, StatusCode::OK);
        assert_eq!((ended.load(Ordering::SeqCst), inner.len()), (1, 1));
        assert_eq!(thief.get("/read").await.body, "");
        sessions.delete_expired().await.unwrap();
        assert!(inner.is_empty());
    }
}

over_stores! {
    // S12: however it ended, and whatever the slow request was about to do: a touch, a write, a save, a new id.
    async fn a_slow_request_revives_nothing(store) {
        let (server, halt) = (Server::new(store), Halt::new());
        let app = server.serving(halting(&halt));
        for end in ["/destroy", "/clear", "/logout", "revoke one", "revoke others", "revoke all", "limit"] {
            for (method, path) in [(Method::GET, "/read"), (Method::POST, "/name/late"), (Method::POST, "/save"), (Method::POST, "/renew")] {
                let case = format!("{path} after {end}");
                let visitor = server.signed_in("ada").await;
                let key = *server.controls.keys.lock().unwrap().last().unwrap();
                // Long enough for even a reader to have something to write.
                server.turn(minutes(2));
                server.heard();
                let mut slow = visitor.at(&app);
                let request = tokio::spawn(async move { (slow.send(method, path).await, slow) });
                halt.arrived.acquire().await.unwrap().forget();
                let ada = server.sessions.of("ada");
                match end {
                    "revoke one" => assert!(ada.revoke(ada.list().await.unwrap()[0].handle()).await.unwrap()),
                    "revoke all" => assert_eq!(ada.revoke_all().await.unwrap(), 1),
                    "revoke others" => {
                        let sessions = server.sessions.clone();
                        let others = server.serving(Router::new().route("/", post(move |s: S| async move {
                            sessions.of("ada").revoke_others(&s).await.unwrap().to_string()
                        })));
                        assert_eq!(server.signed_in("ada").await.at(&others).post("/").await.body, "1");
                    }
                    "limit" => {
                        let stricter = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder.max_per_user(1));
                        stricter.signed_in("ada").await;
                    }
                    path => assert!(visitor.clone().post(path).await.set_cookie().unwrap().contains("Max-Age=0")),
                }
                halt.open.add_permits(1);
                let (reply, slow) = request.await.unwrap();
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{case}");
                if path == "/save" {
                    assert_eq!(reply.body, "gone", "{case}");
                }
                assert!(server.heard().contains(&Event::Gone), "{case}");
                // Nothing is there, now or as of then, and the cookie that the slow request kept opens nothing.
                assert!(server.store.load(&key, server.clock.now()).await.unwrap().is_none(), "{case}");
                assert_eq!(slow.at(&server.app).get("/show").await.json()["is_new"], true, "{case}");
                ada.revoke_all().await.unwrap();
            }
        }
    }

    // S20: the store fails only once the log-out is to be stored. Then it is none, and is told.
    async fn a_log_out_that_could_not_be_stored_is_an_error(store) {
        let server = Server::new(store);
        let controls = Arc::clone(&server.controls);
        let app = server.serving(Router::new().route("/{how}", post(move |mut s: S, Path(how): Path<String>| async move {
            match how.as_str() {
                "logout" => s.user_mut().log_out(),
                "destroy" => s.destroy(),
                _ => s.clear(),
            }
            controls.down.store(true, Ordering::SeqCst);
        })));
        for (how, device) in [("/logout", false), ("/logout", true), ("/destroy", false), ("/clear", true)] {
            let mut visitor = server.signed_in("ada").await;
            if device {
                visitor.post("/theme/dark").await;
            }
            let cookie = visitor.cookie();
            let reply = visitor.at(&app).post(how).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{how}");
            server.controls.down.store(false, Ordering::SeqCst);
            assert_eq!(visitor.get("/show").await.json()["user"], "ada", "{how}: it did not happen, so it can be asked for again");
            assert_eq!(visitor.cookie(), cookie);
            visitor.post(how).await;
            let mut old = tests::client::Visitor::with_cookie(&server.app, "__Host-site", &cookie.unwrap());
            assert_eq!(old.get("/show").await.json()["user"].as_str(), None, "{how}");
        }
    }

    // S22: who may not come back, on whatever server, device or list: an account that was disabled.
    async fn a_disabled_account_has_no_session_left(store) {
        let server = Server::new(store);
        let other = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
        let mut devices = vec![server.signed_in("ada").await, other.signed_in("ada").await, server.signed_in("ada").await];
        devices[2].post("/remember").await;
        // One whose entry is left of a session that ended by itself, and one of somebody who became somebody else.
        server.signed_in("ada").await.post("/destroy").await;
        let mut bob = server.signed_in("ada").await;
        bob.post("/login/bob").await;
        assert_eq!(other.sessions.of("ada").revoke_all().await.unwrap(), 3);
        for device in &devices {
            for there in [&server.app, &other.app] {
                assert_eq!(device.at(there).get("/show").await.json()["user"].as_str(), None);
            }
        }
        assert_eq!(bob.get("/show").await.json()["user"], "bob");
    }
}
