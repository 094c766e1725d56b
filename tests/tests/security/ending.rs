//! S12, S20, S22: ending a session also stops requests that have already loaded it. A caller that is told that a session has
//! ended can rely on that.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::{Method, StatusCode};
use session_runtime::{
    Event, Session,
    store::{Class, Store as _},
};
use tests::{
    app::{Server, Site, hours, minutes},
    over_stores, over_two_stores,
};
use tokio::sync::Semaphore;

type S = Session<Site>;

/// A point at which a handler waits with its session loaded.
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

/// Returns routes whose handlers load the session, wait, and then change it.
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

over_stores! {
    // S20: the tombstone, which stays for a minute, identifies late requests and contains none of the visitor's data.
    async fn an_ended_session_leaves_a_tombstone_for_a_minute(store) {
        let server = Server::with(store, |builder| builder.clean_every(Duration::ZERO));
        for end in ["/destroy", "/clear", "/logout", "revoked"] {
            let mut visitor = server.signed_in("lovelace").await;
            visitor.post("/note/velvet").await;
            let (key, mut thief) = (server.key().await, visitor.clone());
            match end {
                "revoked" => assert_eq!(server.sessions.of("lovelace").revoke_all().await.unwrap(), 1),
                path => assert!(visitor.post(path).await.set_cookie().unwrap().contains("Max-Age=0")),
            }
            let held = server.store.load(&key, server.clock.now()).await.unwrap().unwrap();
            let bytes = held.value().to_bytes();
            assert_eq!(held.value().class(), Class::Tombstone, "{end}");
            for word in [&b"lovelace"[..], b"velvet"] {
                assert!(!bytes.windows(word.len()).any(|window| window == word), "{end}");
            }
            assert!(held.value().expires_at() <= server.clock.now() + minutes(1), "{end}");
            assert_eq!(thief.get("/show").await.json()["is_new"], true, "{end}");
            server.turn(minutes(1));
            assert_eq!(thief.get("/show").await.json()["is_new"], true, "{end}");
            // Databases remove a row an hour after it has expired.
            server.turn(hours(1));
            server.sessions.delete_expired().await.unwrap();
            if !server.store.expires_by_itself() {
                assert!(server.store.load(&key, server.clock.now()).await.unwrap().is_none(), "{end}");
            }
        }
    }

    // S12: this holds however the session ended, and whether the slow request refreshes the deadline, writes, saves or renews the
    // id.
    async fn a_slow_request_does_not_revive_an_ended_session(store) {
        let (server, halt) = (Server::new(store), Halt::new());
        let app = server.serving(halting(&halt));
        for end in ["/destroy", "/clear", "/logout", "revoke one", "revoke others", "revoke all", "limit"] {
            for (method, path) in [(Method::GET, "/read"), (Method::POST, "/name/late"), (Method::POST, "/save"), (Method::POST, "/renew")] {
                let case = format!("{path} after {end}");
                let visitor = server.signed_in("ada").await;
                let key = server.key().await;
                // After two minutes, even a request that only reads must refresh the idle deadline.
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
                // The session is not stored, and the slow request's cookie opens no session.
                assert!(server.stored(&key).await.is_none(), "{case}");
                assert_eq!(slow.at(&server.app).get("/show").await.json()["is_new"], true, "{case}");
                ada.revoke_all().await.unwrap();
            }
        }
    }

    // S22: an account that was disabled has no session left, on any server or device.
    async fn a_disabled_account_has_no_session_left(store) {
        let server = Server::new(store);
        let other = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
        let mut devices = vec![server.signed_in("ada").await, other.signed_in("ada").await, server.signed_in("ada").await];
        devices[2].post("/remember").await;
        // One session has ended with `destroy`, which leaves its entry in the list. In another, the visitor has signed in as a
        // different user.
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

over_two_stores! {
    // S20: the store fails only when the log-out is written. The session has not ended then, and the response says so.
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
            assert_eq!(visitor.get("/show").await.json()["user"], "ada", "{how}: the session did not end, so the visitor can try again");
            assert_eq!(visitor.cookie(), cookie);
            visitor.post(how).await;
            let mut old = tests::client::Visitor::with_cookie(&server.app, "__Host-site", &cookie.unwrap());
            assert_eq!(old.get("/show").await.json()["user"].as_str(), None, "{how}");
        }
    }
}
