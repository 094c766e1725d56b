//! S50: events report everything that a response does not show, and reveal no secret.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use axum::{
    Json, Router,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{
    Event, KeyRing, MemoryStore, Session, SessionEnd, SessionLimit, Sessions, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
    testing::inspect,
};
use tests::{
    app::{Server, Site, minutes, routes},
    client::Visitor,
    store::AnyStore,
};

type S = Session<Site>;

#[derive(Session)]
#[session(cookie = "__Host-small")]
struct Small {
    #[session(flash)]
    notices: Vec<String>,
    #[session(secret)]
    code: Option<String>,
    text: String,
}

#[derive(Session)]
#[session(cookie = "__Host-desk")]
struct Desk {
    #[session(identity)]
    user: Option<String>,
    #[session(rotates)]
    role: Option<String>,
    #[session(device)]
    theme: String,
    name: String,
}

/// A store that creates sessions, but rejects every later swap, as if another writer had been faster.
struct Contended(MemoryStore);

impl Store for Contended {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.0.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        match before {
            None => self.0.swap(key, before, after, now).await,
            Some(_) => Ok(Swapped::Stale(self.0.load(key, now).await?)),
        }
    }
}

/// Returns the names of all kinds of event, from the crate's source.
fn kinds() -> BTreeSet<String> {
    let source = include_str!("../../../session-runtime/src/event/kinds.rs");
    let (_, variants) = source.split_once("pub enum Event {\n").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let name = |line: &str| {
        let name = line.strip_prefix("    ")?;
        name.starts_with(|first: char| first.is_ascii_uppercase()).then(|| kind(name))
    };
    variants.lines().filter_map(name).collect()
}

fn kind(event: &str) -> String {
    event.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Returns the events that visitors, attackers and faults cause on an ordinary server, and the tokens that were in use.
async fn ordinary() -> (Vec<Event>, Vec<String>) {
    let server = Server::with(AnyStore::memory(), |builder| builder.max_per_user(SessionLimit::Refuse(2)));
    let (mut tokens, mut heard) = (Vec::new(), Vec::new());
    let mut expect = |event: Event| {
        let now = server.heard();
        assert!(now.contains(&event), "{event:?} is not among {now:?}");
        heard.extend(now);
    };
    let mut ada = server.signed_in("ada").await;
    expect(Event::SignedIn { again: false, authenticated_at: Some(server.clock.now().into()) });
    let old = ada.clone();
    ada.post("/renew").await;
    expect(Event::Renewed);
    tokens.extend([old.cookie(), ada.cookie()]);
    old.clone().get("/show").await;
    expect(Event::Replayed { recently: true });
    server.turn(minutes(1));
    old.clone().get("/show").await;
    expect(Event::Replayed { recently: false });

    server.signed_in("ada").await;
    server.signed_in_or_not("ada").await;
    expect(Event::SignInRefused);
    ada.post("/fail/login").await;
    expect(Event::DroppedOnFailure);
    // The route writes a field before it signs in another user.
    ada.post("/fail/login").await;
    expect(Event::Discarded { field: "name" });

    let token = ada.cookie().unwrap();
    Visitor::with_cookie(&server.app, "__Host-site", &token[1..]).get("/show").await;
    expect(Event::Refused);
    let twice = format!("{token}; __Host-site={token}");
    Visitor::with_cookie(&server.app, "__Host-site", &twice).get("/show").await;
    expect(Event::DuplicateCookie);

    // Another tab writes between the load and the commit.
    let tab = Arc::new(tokio::sync::Mutex::new(ada.clone()));
    let [first, second] = [Arc::clone(&tab), Arc::clone(&tab)];
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let app = server.serving(
        Router::new()
            .route(
                "/moved",
                post(move |mut s: S| async move {
                    first.lock().await.post("/renew").await;
                    *s.name_mut() = "late".into();
                }),
            )
            .route(
                "/gone",
                post(move |mut s: S| async move {
                    second.lock().await.post("/destroy").await;
                    *s.name_mut() = "late".into();
                }),
            )
            .route("/late", get(move |s: S| async move { sender.send(s).ok().unwrap() })),
    );
    assert_eq!(ada.at(&app).post("/moved").await.status, StatusCode::CONFLICT);
    expect(Event::Moved);
    ada = tab.lock().await.clone();
    ada.at(&app).get("/late").await;
    let mut session = receiver.recv().await.unwrap();
    *session.name_mut() = "late".into();
    drop(session);
    expect(Event::Late);
    tokens.push(ada.cookie());
    assert_eq!(ada.at(&app).post("/gone").await.status, StatusCode::OK);
    expect(Event::Gone);
    ada.get("/show").await;
    expect(Event::Unknown);

    let mut bob = server.signed_in("bob").await;
    tokens.push(bob.cookie());
    assert_eq!(server.sessions.of("bob").revoke_all().await.unwrap(), 1);
    expect(Event::Ended { why: SessionEnd::Revoked });
    bob = server.signed_in("bob").await;
    let app = server.serving(
        Router::new()
            .route(
                "/as/eve",
                post(
                    |mut s: S| async move { s.user_mut().impersonate("eve".into(), Duration::from_secs(600)).unwrap() },
                ),
            )
            .route("/self", post(|mut s: S| async move { assert!(s.user_mut().stop_impersonating()) }))
            .route("/again", post(|mut s: S| async move { assert!(s.user_mut().reauthenticate("bob")) })),
    );
    let mut bob = bob.at(&app);
    for (path, wanted) in
        [("/as/eve", "ImpersonationStarted"), ("/self", "ImpersonationEnded"), ("/again", "Reauthenticated")]
    {
        assert_eq!(bob.post(path).await.status, StatusCode::OK);
        let now = server.heard();
        assert!(now.iter().any(|event| kind(&format!("{event:?}")) == wanted), "{wanted} is not among {now:?}");
        heard.extend(now);
    }
    bob.at(&server.app).post("/logout").await;
    let now = server.heard();
    assert_eq!(now, [Event::SignedOut, Event::Ended { why: SessionEnd::LoggedOut }]);
    heard.extend(now);
    let mut idle = server.signed_in("bob").await;
    server.turn(minutes(31));
    server.heard();
    idle.get("/show").await;
    assert_eq!(server.heard(), [Event::Expired { idle: true }]);
    heard.push(Event::Expired { idle: true });
    (heard, tokens.into_iter().flatten().collect())
}

/// Returns the events of a store that is busy, full or damaged.
async fn unusual() -> Vec<Event> {
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let heard = Arc::clone(&events);
    let sessions = Sessions::<Small>::builder()
        .store(Contended(MemoryStore::new()))
        .keys(KeyRing::generate())
        .commit_timeout(Duration::from_millis(50))
        .on_event(move |report| heard.lock().unwrap().push(report.event.clone()))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/put", post(|mut s: Session<Small>| async move { s.notices_mut().put("secret notice".into()) }))
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    visitor.post("/put").await;
    assert_eq!(visitor.post("/put").await.status, StatusCode::CONFLICT);
    assert!(events.lock().unwrap().contains(&Event::Conflict));

    // Damages a plain and a secret field in the store.
    let damage = Damaged::default();
    let sessions = Sessions::<Small>::builder()
        .store(damage.clone())
        .keys(KeyRing::generate())
        .on_event({
            let heard = Arc::clone(&events);
            move |report| heard.lock().unwrap().push(report.event.clone())
        })
        .build()
        .unwrap();
    let app = Router::new()
        .route("/text", post(|mut s: Session<Small>| async move { *s.text_mut() = "secret text".into() }))
        .route("/show", get(|s: Session<Small>| async move { format!("{}{:?}", s.text(), s.code()) }))
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    visitor.post("/text").await;
    damage.0.1.store(true, Ordering::SeqCst);
    assert_eq!(visitor.get("/show").await.body, "None");
    for field in ["text", "code"] {
        assert!(events.lock().unwrap().contains(&Event::Undecodable { field }), "{field}");
    }
    std::mem::take(&mut *events.lock().unwrap())
}

/// A memory store that returns damaged fields while its flag is set.
#[derive(Clone, Default)]
struct Damaged(Arc<(MemoryStore, std::sync::atomic::AtomicBool)>);

impl Store for Damaged {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        let loaded = self.0.0.load(key, now).await?;
        let Some(held) = loaded.as_ref().filter(|_| self.0.1.load(Ordering::SeqCst)) else { return Ok(loaded) };
        let damaged = ["text", "code"]
            .iter()
            .try_fold(held.value().clone(), |value, field| inspect::planted(&value, field, Some(b"\xc1 secret bytes")));
        Ok(damaged.map(Versioned::new))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.0.0.swap(key, before, after, now).await
    }
}

/// Returns the events of a store that is too small for its visitors.
async fn crowded() -> Vec<Event> {
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let heard = Arc::clone(&events);
    let sessions = Sessions::<Site>::builder()
        .store(MemoryStore::with_capacity(2))
        .keys(KeyRing::generate())
        .on_event(move |report| heard.lock().unwrap().push(report.event.clone()))
        .build()
        .unwrap();
    let app = routes().layer(sessions.layer());
    for path in ["/name/x", "/name/x", "/name/x", "/login/ada", "/login/bob", "/login/eve"] {
        assert_eq!(Visitor::new(&app).post(path).await.status, StatusCode::OK);
    }
    let heard = std::mem::take(&mut *events.lock().unwrap());
    for signed_in in [false, true] {
        assert!(heard.contains(&Event::Evicted { signed_in }), "{heard:?}");
    }
    heard
}

// S50
#[tokio::test]
async fn every_kind_of_event_is_reported_and_reveals_no_secret() {
    let (mut heard, tokens) = ordinary().await;
    heard.extend(unusual().await);
    heard.extend(crowded().await);
    let mut told: BTreeSet<_> = heard.iter().map(|event| kind(&format!("{event:?}"))).collect();
    // Only a stream that is not read reports this: see the tests of `EventStream`.
    assert!(told.insert("Missed".to_owned()));
    assert_eq!(told, kinds());
    let shown = format!("{heard:?}");
    for secret in ["ada", "bob", "eve", "secret", "late"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    for token in &tokens {
        assert_eq!(token.len(), 92);
        assert!((8..80).all(|at| !shown.contains(&token[at..at + 12])), "{shown}");
    }
}

// S50, S7: an event names its session by the fingerprint, which the application's own logs can show too. The fingerprint opens no
// session.
#[tokio::test]
async fn events_name_their_session_by_its_fingerprint() {
    let server = Server::new(AnyStore::memory());
    let mut ada = server.visitor();
    ada.post("/name/x").await;
    let name = ada.get("/show").await.json()["fingerprint"].as_str().unwrap().to_owned();
    let stolen = ada.clone();
    ada.post("/login/ada").await;
    let signed_in_at = server.clock.now();
    stolen.clone().post("/name/late").await;
    server.turn(minutes(2));
    stolen.clone().get("/show").await;
    server.sessions.of("ada").revoke_all().await.unwrap();
    ada.get("/show").await;
    Visitor::with_cookie(&server.app, "__Host-site", "forged").get("/show").await;
    let told: Vec<_> = server.reports().into_iter().map(|report| (report.event, report.session)).collect();
    let signed_in = Event::SignedIn { again: false, authenticated_at: Some(signed_in_at.into()) };
    let expected = [
        (Event::Created, Some(&name)),
        (Event::Renewed, Some(&name)),
        (signed_in, Some(&name)),
        (Event::Replayed { recently: true }, Some(&name)),
        (Event::Moved, Some(&name)),
        (Event::Replayed { recently: false }, Some(&name)),
        (Event::Ended { why: SessionEnd::Revoked }, Some(&name)),
        (Event::Unknown, Some(&name)),
        (Event::Refused, None),
    ];
    assert_eq!(told, expected.map(|(event, session)| (event, session.cloned())));
    let mut thief = Visitor::with_cookie(&server.app, "__Host-site", &name);
    assert_eq!(thief.get("/show").await.json()["user"].as_str(), None);
}

// F31
#[tokio::test]
async fn a_field_that_is_cleared_before_a_sign_in_is_not_reported_as_discarded() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(
        Router::new().route("/half", post(|mut s: S| async move { *s.name_mut() = "ada".into() })).route(
            "/in",
            post(|mut s: S| async move {
                s.name_mut().clear();
                s.user_mut().log_in("ada".into());
            }),
        ),
    );
    let mut ada = Visitor::new(&app);
    ada.post("/half").await;
    ada.post("/in").await;
    let heard = server.heard();
    assert!(heard.contains(&Event::Renewed), "{heard:?}");
    assert!(!heard.contains(&Event::Discarded { field: "name" }), "{heard:?}");
}

// F20: the engine reports each change that it discards. Each route writes three fields before it signs in, signs out or ends the
// session; a field that outlives this is stored.
#[tokio::test]
async fn each_change_that_a_sign_in_a_sign_out_or_an_end_discards_is_reported() {
    type D = Session<Desk>;
    fn write(session: &mut D) {
        session.role_mut().set("clerk".into());
        session.theme_mut().set("dark".into());
        session.name_mut().set("half done".into());
    }
    let heard = Arc::<Mutex<Vec<Event>>>::default();
    let events = Arc::clone(&heard);
    let builder = Sessions::<Desk>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
    let builder = builder.on_event(move |report| events.lock().unwrap().push(report.event.clone()));
    let sessions = builder.build().unwrap();
    let app = Router::new()
        .route("/ada", post(|mut s: D| async move { s.user_mut().log_in("ada".into()) }))
        .route(
            "/in",
            post(|mut s: D| async move {
                write(&mut s);
                s.user_mut().log_in("bob".into());
            }),
        )
        .route(
            "/out",
            post(|mut s: D| async move {
                write(&mut s);
                s.user_mut().log_out();
            }),
        )
        .route(
            "/destroy",
            post(|mut s: D| async move {
                write(&mut s);
                s.destroy();
            }),
        )
        .route("/show", get(|s: D| async move { Json(json!([s.user(), s.role(), s.theme(), s.name()])) }))
        .layer(sessions.layer());
    for (before, path, discarded, shown) in [
        // A guest's role must not become the user's.
        (None, "/in", vec!["role"], (Some("bob"), None, "dark", "half done")),
        (Some("/ada"), "/in", vec!["name", "role"], (Some("bob"), None, "dark", "")),
        (Some("/ada"), "/out", vec!["name", "role"], (None, None, "dark", "")),
        (Some("/ada"), "/destroy", vec!["name", "role", "theme"], (None, None, "", "")),
        // Nobody is signed in, so the log-out does nothing.
        (None, "/out", vec![], (None, Some("clerk"), "dark", "half done")),
        (None, "/destroy", vec!["name", "role", "theme"], (None, None, "", "")),
    ] {
        let mut visitor = Visitor::new(&app);
        if let Some(before) = before {
            visitor.post(before).await;
        }
        heard.lock().unwrap().clear();
        assert_eq!(visitor.post(path).await.status, StatusCode::OK);
        let mut fields: Vec<_> = heard
            .lock()
            .unwrap()
            .iter()
            .filter_map(|event| match event {
                Event::Discarded { field } => Some(*field),
                _ => None,
            })
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, discarded, "{before:?} {path}");
        let seen = visitor.get("/show").await.json();
        assert_eq!(seen, json!(shown), "{before:?} {path}");
    }
}
