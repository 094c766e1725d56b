//! B12, B38: `secret` fields, as seen by a visitor and by an attacker who can read the store. This module defines the session
//! under test, and a store that records its calls.

mod races;
mod rotation;
mod stored;

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::{Value, json};
use session_runtime::{
    Clock, Event, KeyRing, Schema, Session, Sessions, SessionsBuilder, Timestamp,
    store::{Key, ListsUsers, SharesFields, Store, StoreError, Swapped, Value as StoredValue, Versioned},
    testing::inspect::Stored,
};
use tests::{client::Visitor, store::AnyStore};

type V = Session<Vault>;

/// A session with a secret field of each policy.
#[derive(Session)]
#[session(cookie = "__Host-vault", idle = 30m, absolute = 12h)]
struct Vault {
    #[session(identity, unlisted)]
    user: Option<String>,
    #[session(secret)]
    token: Option<String>,
    #[session(expires = 5m, secret)]
    code: Option<String>,
    #[session(atomic, secret)]
    cards: Vec<String>,
    #[session(flash, secret)]
    notice: Option<String>,
    #[session(flash, secret)]
    notices: Vec<String>,
    #[session(device, secret, rename = "finger", alias = "print")]
    print: String,
    #[session(secret, with = spied)]
    spied: String,
    #[session(secret, default = 7)]
    pin: u32,
    name: String,
}

/// The same session before its fields were secret.
#[derive(Session)]
#[session(kind = "Vault", cookie = "__Host-vault")]
struct Open {
    token: Option<String>,
    spied: String,
    name: String,
}

/// Encodes a text as usual, and counts how often it is decoded.
mod spied {
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::ptr_arg, reason = "the derive passes a reference to the field's type")]
    pub(super) fn serialize<S: Serializer>(text: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        super::DECODED.set(super::DECODED.get() + 1);
        String::deserialize(deserializer)
    }
}

thread_local! {
    /// How often this test has decoded `spied`. Each test runs on its own thread.
    static DECODED: Cell<usize> = const { Cell::new(0) };
}

/// A server for sessions of one kind.
struct House {
    app: Router,
    store: AnyStore,
    clock: Clock,
    told: Arc<Told>,
    events: Arc<Mutex<Vec<Event>>>,
}

/// The swaps that a store received, and the faults that it simulates.
#[derive(Default)]
struct Told {
    /// The key and the new value of each swap; `None` if the swap removes the value.
    swaps: Mutex<Vec<(Key, Option<StoredValue>)>>,
    /// If set, the next swap is carried out, but its answer is lost.
    lose_answer: AtomicBool,
    /// If set, every swap fails because another process wrote first.
    contested: AtomicBool,
}

struct Listening {
    store: AnyStore,
    told: Arc<Told>,
}

impl Store for Listening {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.store.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&StoredValue>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.told.swaps.lock().unwrap().push((*key, after.cloned()));
        if self.told.contested.load(Ordering::SeqCst) {
            return Ok(Swapped::Stale(self.store.load(key, now).await?));
        }
        let swapped = self.store.swap(key, before, after, now).await;
        match self.told.lose_answer.swap(false, Ordering::SeqCst) {
            true => Err(StoreError::new("the connection broke before the answer came")),
            false => swapped,
        }
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.delete_expired(now).await
    }
}

impl House {
    fn new(store: AnyStore) -> Self {
        Self::of::<Vault>(&store, &KeyRing::generate(), &Clock::stopped(), routes())
    }

    fn with_keys(store: &AnyStore, keys: &KeyRing, clock: &Clock) -> Self {
        Self::of::<Vault>(store, keys, clock, routes())
    }

    fn of<S: Schema>(store: &AnyStore, keys: &KeyRing, clock: &Clock, routes: Router) -> Self
    where
        Listening: ListsUsers<S::Needs> + SharesFields<S::Needs>,
    {
        Self::with::<S>(store, keys, clock, routes, |builder| builder)
    }

    fn with<S: Schema>(
        store: &AnyStore,
        keys: &KeyRing,
        clock: &Clock,
        routes: Router,
        options: impl FnOnce(SessionsBuilder<S>) -> SessionsBuilder<S>,
    ) -> Self
    where
        Listening: ListsUsers<S::Needs> + SharesFields<S::Needs>,
    {
        let (told, events) = (Arc::<Told>::default(), Arc::<Mutex<Vec<Event>>>::default());
        let heard = Arc::clone(&events);
        let builder = Sessions::<S>::builder()
            .store(Listening { store: store.clone(), told: Arc::clone(&told) })
            .keys(keys.clone())
            .clock(clock.clone())
            .clean_every(Duration::ZERO)
            .on_event(move |report| heard.lock().unwrap().push(report.event.clone()));
        let sessions = options(builder).build().unwrap();
        let app = routes.layer(sessions.layer());
        Self { app, store: store.clone(), clock: clock.clone(), told, events }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    /// Returns the values that the store was asked to store.
    fn swaps(&self) -> Vec<StoredValue> {
        self.told.swaps.lock().unwrap().iter().filter_map(|(_, value)| value.clone()).collect()
    }

    /// Counts the swaps.
    fn writes(&self) -> usize {
        self.told.swaps.lock().unwrap().len()
    }

    /// Returns the key of the session that was written last.
    fn key(&self) -> Key {
        self.told.swaps.lock().unwrap().last().unwrap().0
    }

    async fn stored(&self, key: &Key) -> Stored {
        self.store.session(key, self.clock.now()).await.unwrap()
    }

    /// Returns a field as it is stored.
    async fn raw(&self, key: &Key, name: &str) -> Option<Vec<u8>> {
        self.stored(key).await.field(name).map(<[u8]>::to_vec)
    }

    /// Replaces a field with these bytes, as another program with access to the store might.
    async fn plant(&self, key: &Key, name: &str, value: &[u8]) {
        self.store.plant(key, name, value, self.clock.now()).await;
    }

    /// Returns the fields reported as unreadable since the last call, and checks that no change was dropped.
    fn undecodable(&self) -> Vec<&'static str> {
        let heard = std::mem::take(&mut *self.events.lock().unwrap());
        assert!(!heard.iter().any(|event| matches!(event, Event::Conflict | Event::Moved | Event::Gone)), "{heard:?}");
        let undecodable = |event| match event {
            Event::Undecodable { field } => Some(field),
            _ => None,
        };
        heard.into_iter().filter_map(undecodable).collect()
    }
}

/// Returns the key for this seed.
fn key(seed: u8) -> Vec<u8> {
    (0..32).map(|at: u8| at.wrapping_mul(151).wrapping_add(seed) ^ 0x3c).collect()
}

/// Returns a ring of the keys for these seeds. The first is the current key.
fn keys(seeds: &[u8]) -> KeyRing {
    let ring = KeyRing::from_bytes(&key(seeds[0])).unwrap();
    seeds[1..].iter().fold(ring, |ring, &seed| ring.with_previous(&key(seed)).unwrap())
}

/// Returns one route for each operation on a secret field.
fn routes() -> Router {
    type Text = Path<String>;
    Router::new()
        .route("/show", get(|session: V| async move { Json(show(&session)) }))
        .route("/token/{to}", post(|mut s: V, Path(to): Text| async move { s.token_mut().set(to) }))
        .route("/token", post(|mut s: V| async move { s.token_mut().clear() }))
        .route("/code/{to}", post(|mut s: V, Path(to): Text| async move { s.code_mut().set(to) }))
        .route(
            "/cards/{to}",
            post(|mut s: V, Path(to): Text| async move { s.cards_mut().update(|cards| cards.push(to.clone())).await }),
        )
        .route("/notice/{to}", post(|mut s: V, Path(to): Text| async move { s.notice_mut().put(to) }))
        .route("/notice", get(|mut s: V| async move { s.notice_mut().take().unwrap_or_default() }))
        .route("/notices/{to}", post(|mut s: V, Path(to): Text| async move { s.notices_mut().put(to) }))
        .route("/notices", get(|mut s: V| async move { s.notices_mut().take().join(",") }))
        .route("/print/{to}", post(|mut s: V, Path(to): Text| async move { *s.print_mut() = to }))
        .route("/spied/{to}", post(|mut s: V, Path(to): Text| async move { *s.spied_mut() = to }))
        .route("/pin/{to}", post(|mut s: V, Path(to): Path<u32>| async move { *s.pin_mut() = to }))
        .route("/name/{to}", post(|mut s: V, Path(to): Text| async move { *s.name_mut() = to }))
        .route("/login/{user}", post(|mut s: V, Path(user): Text| async move { s.user_mut().log_in(user) }))
        .route("/logout", post(|mut s: V| async move { s.user_mut().log_out() }))
        .route("/renew", post(|mut s: V| async move { s.renew() }))
}

fn show(s: &V) -> Value {
    json!({
        "token": s.token(),
        "code": s.code(),
        "code_expires": s.code_expires_at().is_some(),
        "cards": s.cards(),
        "notice": s.notice(),
        "notices": s.notices(),
        "print": s.print(),
        "spied": s.spied(),
        "pin": s.pin(),
        "name": s.name(),
    })
}

/// Returns what a session shows if it has no readable secret.
fn nothing() -> Value {
    json!({
        "token": null, "code": null, "code_expires": false, "cards": [], "notice": null, "notices": [], "print": "",
        "spied": "", "pin": 7, "name": "",
    })
}
