//! The sessions that fill the stores: each has its own signed-in user and the eight fields of [`Data`]. They are copies of what
//! the engine stores.

use std::time::Duration;

use axum::{Router, body::Body, routing::post};
use http::Request;
use session_runtime::{
    Clock, KeyRing, MemoryStore, Session, Sessions, Timestamp,
    store::{Class, Key, Position, Store, Value},
    testing::inspect,
};
use tower::ServiceExt as _;

use crate::{
    contestants::ours::Bench,
    session::{Data, Shop as _, next_theme},
};

/// The time at which the sessions were made: in 2027.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const HOUR: Duration = Duration::from_secs(3600);
pub const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many of each hundred sessions expire within the first hour, and how many within the second.
const FIRST: u64 = 1;
const SECOND: u64 = 50;

/// The time at which one session in a hundred has expired.
pub fn after_the_first() -> Timestamp {
    NOW + HOUR
}

/// The time at which another half of the sessions has expired.
pub fn after_the_second() -> Timestamp {
    NOW + 2 * HOUR
}

/// Returns the key of session `n`, as evenly spread as keys from a hash.
pub fn key(n: u64) -> Key {
    Key::from_digest((u128::from(mix(n)) << 64 | u128::from(mix(!n))).to_be_bytes())
}

/// Returns the key of the list of session `n`'s user.
pub fn list_key(n: u64) -> Key {
    Key::from_digest((u128::from(mix(!n)) << 64 | u128::from(mix(n))).to_be_bytes())
}

/// Maps each number to a different one, in pseudo-random order (SplitMix64).
pub fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The user whose sessions are listed, and the number of these sessions. Every other user has one session.
pub const LISTED: u64 = 1;
pub const SESSIONS_OF_ONE: u64 = 3;

/// Returns sessions in this store, with a clock that stands at [`NOW`] and this idle timeout.
pub fn sessions(store: impl Store, lifetime: Duration) -> Sessions<Bench> {
    let sessions = Sessions::<Bench>::builder().store(store).keys(KeyRing::generate()).clock(Clock::stopped_at(NOW));
    // Disables clean-up while something else is measured.
    sessions.idle(lifetime).absolute(MONTH).clean_every(Duration::ZERO).build().unwrap()
}

/// Begins a session with these fields.
pub async fn begin(sessions: &Sessions<Bench>, data: Data) {
    let fill = move |mut session: Session<Bench>| {
        let data = data.clone();
        async move { session.fill(data).await }
    };
    let app = Router::new().route("/", post(fill)).layer(sessions.layer());
    let response = app.oneshot(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Signs in the user whose sessions are listed.
pub async fn sign_in_the_listed(sessions: &Sessions<Bench>) {
    for _ in 0..SESSIONS_OF_ONE {
        begin(sessions, Data { user: Some(LISTED), ..Data::guest() }).await;
    }
}

/// The values that the engine stores for sessions.
pub struct Originals {
    /// One value for each time of expiry: within an hour, within the next, later.
    ends: [Value; 3],
    /// The bytes of a user's list, and the position of its session's key.
    list: (Vec<u8>, usize),
    guest: Value,
}

impl Originals {
    pub async fn make() -> Self {
        let first = stored(HOUR, Data::signed_in()).await;
        let second = stored(2 * HOUR, Data::signed_in()).await;
        let later = stored(MONTH, Data::signed_in()).await;
        let guest = stored(MONTH, Data::guest()).await;
        let list = later.iter().find(|(_, value)| value.class() == Class::List);
        let list = list.map(|(_, value)| value.to_bytes().to_vec()).unwrap();
        let digest = the_session(&later).0.digest();
        let at = list.windows(digest.len()).position(|window| window == digest).unwrap();
        let ends = [&first, &second, &later].map(|stored| the_session(stored).1);
        Self { ends, list: (list, at), guest: the_session(&guest).1 }
    }

    /// Returns session `n`, with a token of its own.
    pub fn session(&self, n: u64) -> Value {
        let [first, second, later] = &self.ends;
        let original = match n % 100 {
            part if part < FIRST => first,
            part if part < FIRST + SECOND => second,
            _ => later,
        };
        with(original, "token", &format!("{:016x}{:016x}", mix(n), mix(!n)))
    }

    /// Returns the list of session `n`'s user.
    pub fn list(&self, n: u64) -> Value {
        let (mut list, at) = self.list.clone();
        list[..8].copy_from_slice(&mix(n).to_be_bytes());
        list[at..at + 16].copy_from_slice(&key(n).digest());
        Value::from_bytes(list)
    }

    /// Returns a guest's session without fields.
    pub fn empty(&self) -> Value {
        let fields = inspect::stored(&self.guest).unwrap().fields;
        let without = |value, (name, ..): &(String, _, _)| inspect::planted(&value, name, None).unwrap();
        fields.iter().fold(self.guest.clone(), without)
    }
}

type Stored = Vec<(Key, Value)>;

/// Returns the stored values of one session.
async fn stored(lifetime: Duration, data: Data) -> Stored {
    let store = MemoryStore::new();
    begin(&sessions(store.clone(), lifetime), data).await;
    let (mut all, mut next) = (Stored::new(), Some(Position::start()));
    while let Some(from) = next {
        let batch = store.scan(&from, NOW).await.unwrap().unwrap();
        all.extend(batch.values.into_iter().map(|(key, found)| (key, found.value().clone())));
        next = batch.next;
    }
    all
}

fn the_session(stored: &Stored) -> (Key, Value) {
    let is_session = |value: &Value| matches!(value.class(), Class::Guest | Class::User);
    stored.iter().find(|(_, value)| is_session(value)).cloned().unwrap()
}

/// Returns the session with one small field changed.
pub fn changed(value: &Value) -> Value {
    with(value, "theme", &next_theme())
}

/// Returns the session with this value in a field.
pub fn with(value: &Value, name: &str, field: &impl serde::Serialize) -> Value {
    inspect::planted(value, name, Some(&rmp_serde::to_vec(field).unwrap())).unwrap()
}
