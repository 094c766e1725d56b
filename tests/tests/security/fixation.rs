//! S9, S13, S57: an attacker knows, or has prepared, the id with which a victim signs in. The sign-in must make that id
//! worthless.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use session_runtime::{
    Clock, KeyRing, Session, Sessions, Timestamp,
    store::{Class, Key, Store, StoreError, Swapped, Value as StoredValue, Versioned},
};
use tests::{
    app::{hours, minutes},
    client::Visitor,
    over_two_stores,
    store::AnyStore,
};

const COOKIE: &str = "__Host-bank";

#[derive(Session)]
#[session(cookie = "__Host-bank")]
struct Bank {
    #[session(identity)]
    user: Option<String>,
    #[session(rotates)]
    role: Option<String>,
    #[session(secret)]
    payee: Option<String>,
    #[session(secret, atomic)]
    codes: Vec<String>,
    note: String,
    #[session(device)]
    language: String,
}

type S = Session<Bank>;

struct Place {
    app: Router,
    clock: Clock,
    sessions: Sessions<Bank>,
}

fn place(store: impl Store, keys: KeyRing) -> Place {
    let clock = Clock::stopped();
    let sessions = Sessions::<Bank>::builder().store(store).keys(keys).clock(clock.clone()).build().unwrap();
    let app = Router::new()
        .route(
            "/prepare",
            post(|mut s: S| async move {
                s.role_mut().set("admin".into());
                s.payee_mut().set("mallory's account".into());
                s.codes_mut().update(|codes| codes.push("known to mallory".into())).await?;
                *s.note_mut() = "collected".into();
                s.save().await
            }),
        )
        .route("/login/{user}", post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().log_in(user) }))
        .route(
            "/login-and-save/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                s.user_mut().log_in(user);
                s.save().await
            }),
        )
        .route("/role/{role}", post(|mut s: S, Path(role): Path<String>| async move { s.role_mut().set(role) }))
        .route("/language", post(|mut s: S| async move { *s.language_mut() = "fr".into() }))
        .route("/note/{to}", post(|mut s: S, Path(to): Path<String>| async move { *s.note_mut() = to }))
        .route("/renew", post(|mut s: S| async move { s.renew() }))
        .route("/logout", post(|mut s: S| async move { s.user_mut().log_out() }))
        .route(
            "/show",
            get(|s: S| async move {
                Json(json!({ "user": s.user(), "role": s.role(), "payee": s.payee(), "codes": s.codes(), "note": s.note() }))
            }),
        )
        .layer(sessions.layer());
    Place { app, clock, sessions }
}

/// A store that cannot write the lists of users while its flag is set.
struct Listless {
    inner: AnyStore,
    fails: Arc<AtomicBool>,
}

impl Store for Listless {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.inner.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&StoredValue>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let is_list = after.is_some_and(|value| value.class() == Class::List);
        if is_list && self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::new("no lists today"));
        }
        self.inner.swap(key, before, after, now).await
    }
}

impl Place {
    fn with(&self, cookie: &str) -> Visitor {
        Visitor::with_cookie(&self.app, COOKIE, cookie)
    }

    /// Returns what a visitor with this cookie sees.
    async fn seen(&self, cookie: &str) -> Value {
        self.with(cookie).get("/show").await.json()
    }
}

/// Returns the cookies that an attacker can plant, each with a description and with any other cookies that the attacker keeps.
async fn planted(place: &Place, elsewhere: &Place) -> Vec<(&'static str, String, Vec<String>)> {
    let mut guest = Visitor::new(&place.app);
    guest.post("/prepare").await;

    let mut unknown = Visitor::new(&elsewhere.app);
    unknown.post("/prepare").await;

    let mut renewed = Visitor::new(&place.app);
    renewed.post("/prepare").await;
    let replaced = renewed.cookie().unwrap();
    renewed.post("/renew").await;

    let mut own = Visitor::new(&place.app);
    own.post("/login/mallory").await;
    own.post("/prepare").await;

    let mut left = Visitor::new(&place.app);
    left.post("/login/mallory").await;
    left.post("/prepare").await;
    let ended = left.cookie().unwrap();
    left.post("/logout").await;

    vec![
        ("the cookie of a guest", guest.cookie().unwrap(), vec![]),
        ("a cookie that was never issued", unknown.cookie().unwrap(), vec![]),
        ("a cookie that was replaced", replaced, vec![renewed.cookie().unwrap()]),
        ("a cookie that is signed in", own.cookie().unwrap(), vec![]),
        ("a cookie whose session has ended", ended, vec![]),
    ]
}

over_two_stores! {
    // S3, S9, S13
    async fn a_planted_id_is_worth_nothing_after_its_victim_signs_in(store) {
        let keys = KeyRing::generate();
        let place = place(store, keys.clone());
        let elsewhere = self::place(AnyStore::memory(), keys);
        for login in ["/login/victim", "/login-and-save/victim"] {
            for (what, cookie, others) in planted(&place, &elsewhere).await {
                let mut victim = place.with(&cookie);
                assert_eq!(victim.post(login).await.status, StatusCode::OK, "{what}");
                let fresh = victim.cookie().unwrap();
                assert_ne!(fresh, cookie, "{what}");
                let hers = place.seen(&fresh).await;
                assert_eq!(hers["user"], "victim", "{what}");
                for prepared in ["role", "payee"] {
                    assert_eq!(hers[prepared], json!(null), "{what}: {prepared}");
                }
                assert_eq!(hers["codes"], json!([]), "{what}");
                victim.post("/role/customer").await;
                let fresh = victim.cookie().unwrap();
                // The attacker reads, writes and signs in: immediately, within the minute in which late requests are recognised,
                // and later.
                for wait in [0, 30, 61, 1_000] {
                    place.clock.advance(Duration::from_secs(wait));
                    for known in others.iter().chain([&cookie]) {
                        let his = place.seen(known).await;
                        assert_ne!(his["user"], "victim", "{what} after {wait} s");
                        assert_ne!(his["role"], "customer", "{what} after {wait} s");
                        let mut attacker = place.with(known);
                        attacker.post("/note/hijacked").await;
                        attacker.post("/renew").await;
                        attacker.post("/login/mallory").await;
                        assert_ne!(attacker.get("/show").await.json()["role"], "customer", "{what} after {wait} s");
                    }
                    let hers = place.seen(&fresh).await;
                    assert_eq!((&hers["user"], &hers["role"], &hers["payee"]), (&json!("victim"), &json!("customer"), &json!(null)), "{what}");
                    assert_ne!(hers["note"], "hijacked", "{what} after {wait} s");
                }
                place.sessions.of("victim").revoke_all().await.unwrap();
            }
        }
    }

    // S9
    async fn each_change_of_privilege_ends_the_previous_id(store) {
        let place = place(store, KeyRing::generate());
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/language").await;
        visitor.post("/note/first").await;
        let mut known = vec![visitor.cookie().unwrap()];
        for path in ["/login/ada", "/login/ada", "/role/clerk", "/role/admin", "/renew", "/login/bob", "/login-and-save/bob", "/logout", "/login/ada"] {
            assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
            let cookie = visitor.cookie().unwrap();
            assert!(!known.contains(&cookie), "{path}");
            for (at, old) in known.iter().enumerate() {
                let seen = place.seen(old).await;
                assert_eq!((&seen["user"], &seen["role"], &seen["note"]), (&json!(null), &json!(null), &json!("")), "{path}, {at}");
            }
            known.push(cookie);
            place.clock.advance(minutes(1));
        }
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        place.clock.advance(hours(11));
        for old in &known[..known.len() - 1] {
            assert_eq!(place.seen(old).await["user"], json!(null));
        }
    }

    // S57: a user could not find and end a session that is not on the user's list. So the sign-in is undone, and the visitor's
    // earlier session is restored. Only another user's session is not restored, because the visitor has left it.
    async fn a_sign_in_that_cannot_be_listed_is_undone(store) {
        let fails = Arc::new(AtomicBool::new(false));
        let place = place(Listless { inner: store, fails: Arc::clone(&fails) }, KeyRing::generate());
        for login in ["/login/ada", "/login-and-save/ada"] {
            for before in ["no session", "a guest", "bob", "ada"] {
                let mut visitor = Visitor::new(&place.app);
                match before {
                    "no session" => {}
                    "a guest" => assert_eq!(visitor.post("/note/mine").await.status, StatusCode::OK),
                    user => {
                        visitor.post(&format!("/login/{user}")).await;
                        visitor.post("/note/mine").await;
                    }
                }
                let (cookie, seen) = (visitor.cookie(), visitor.get("/show").await.json());
                let count = place.sessions.of("ada").count().await.unwrap();
                place.clock.advance(Duration::from_secs(1));
                fails.store(true, Ordering::SeqCst);
                let reply = visitor.post(login).await;
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{before}, {login}");
                fails.store(false, Ordering::SeqCst);
                assert_eq!(place.sessions.of("ada").count().await.unwrap(), count, "{before}, {login}");
                let expected = if before == "bob" { Visitor::new(&place.app).get("/show").await.json() } else { seen };
                assert_eq!((visitor.get("/show").await.json(), visitor.cookie()), (expected, cookie), "{before}, {login}");
                assert_eq!(visitor.post(login).await.status, StatusCode::OK);
                assert_eq!(visitor.get("/show").await.json()["user"], "ada");
                place.sessions.of("ada").revoke_all().await.unwrap();
            }
        }
    }

    // S13: fields that only a newer build knows are dropped too.
    async fn nothing_of_one_user_reaches_the_next_on_the_same_browser(store) {
        #[derive(Session)]
        #[session(kind = "Bank", cookie = "__Host-bank")]
        struct Newer {
            #[session(identity)]
            user: Option<String>,
            balance: Option<u64>,
            #[session(secret)]
            account: Option<String>,
        }

        let keys = KeyRing::generate();
        let place = place(store.clone(), keys.clone());
        let newer = Sessions::<Newer>::builder().store(store).keys(keys).clock(place.clock.clone()).build().unwrap();
        let app = Router::new()
            .route("/", post(|mut s: Session<Newer>| async move {
                s.balance_mut().set(1_000);
                s.account_mut().set("hers".into());
            }))
            .route("/", get(|s: Session<Newer>| async move { Json(json!([s.user(), s.balance(), s.account()])) }))
            .layer(newer.layer());
        for leave in ["/login/bob", "/logout"] {
            let mut browser = Visitor::new(&place.app);
            browser.post("/language").await;
            browser.post("/login/ada").await;
            let mut there = browser.at(&app);
            there.post("/").await;
            assert_eq!(there.get("/").await.json(), json!(["ada", 1_000, "hers"]));
            browser.post(leave).await;
            browser.post("/login/bob").await;
            assert_eq!(browser.at(&app).get("/").await.json(), json!(["bob", null, null]), "{leave}");
        }
    }
}
