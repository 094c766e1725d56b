//! A memory store that is full: which values it evicts, in which order, and what it reports.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use session_runtime::{
    Event, Events, MemoryStore, Timestamp,
    store::{Class, Key, Store, Swapped, Value, Versioned},
    testing::conformance::value,
};
use tests::{app::Server, records::NOW, store::AnyStore};

/// Every event that a store reports.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<Event>>>);

impl Reports {
    fn of(store: &MemoryStore) -> Self {
        let reports = Self::default();
        let heard = reports.0.clone();
        store.observe(Events::new(move |report| heard.lock().unwrap().push(report.event.clone())));
        reports
    }

    /// Returns the numbers of guests and of users that were evicted since the last call.
    fn evicted(&self) -> (usize, usize) {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let count = |signed_in| events.iter().filter(|event| **event == Event::Evicted { signed_in }).count();
        assert_eq!(count(false) + count(true), events.len(), "{events:?}");
        (count(false), count(true))
    }
}

/// Returns a value that never expires.
fn of(class: Class) -> Value {
    value(class, Timestamp::NEVER, b"content")
}

fn guest() -> Value {
    of(Class::Guest)
}

fn user() -> Value {
    of(Class::User)
}

/// Returns the time `second` seconds after [`NOW`].
fn at(second: u64) -> Timestamp {
    NOW + Duration::from_secs(second)
}

async fn new_at(store: &MemoryStore, value: Value, now: Timestamp) -> Key {
    let key = Key::random().unwrap();
    let swapped = store.swap(&key, None, Some(&value), now).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
    key
}

async fn new(store: &MemoryStore, value: Value) -> Key {
    new_at(store, value, NOW).await
}

async fn several(store: &MemoryStore, number: usize, value: impl Fn() -> Value) -> Vec<Key> {
    let mut keys = Vec::new();
    for _ in 0..number {
        keys.push(new(store, value()).await);
    }
    keys
}

/// Returns the key's value by a swap that is rejected. A rejected swap does not count as a use of the value.
async fn held(store: &MemoryStore, key: &Key) -> Option<Versioned> {
    let nothing = Versioned::with_revision(Value::from_bytes(""), "not a revision");
    match store.swap(key, Some(&nothing), None, NOW).await.unwrap() {
        Swapped::Stale(held) => held,
        Swapped::Done(_) => panic!("no key holds this revision"),
    }
}

/// Returns which of `keys` still exist, without using them.
async fn alive(store: &MemoryStore, keys: &[Key]) -> Vec<bool> {
    let mut alive = Vec::new();
    for key in keys {
        alive.push(held(store, key).await.is_some());
    }
    alive
}

/// Replaces the key's value.
async fn replace(store: &MemoryStore, key: &Key, after: Option<Value>) {
    let before = held(store, key).await;
    let swapped = store.swap(key, before.as_ref(), after.as_ref(), NOW).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
}

// B5, S5, F7: a stranger can create more sessions than fit in memory.
#[tokio::test]
async fn a_flood_of_guests_signs_no_user_out() {
    let store = MemoryStore::with_capacity(400);
    let reports = Reports::of(&store);
    let users = several(&store, 200, user).await;
    let lists = several(&store, 200, || of(Class::List)).await;
    // The users' sessions are not used again, so each is less recently used than any guest's.
    several(&store, 50 * 400, guest).await;
    assert_eq!(alive(&store, &users).await, [true; 200]);
    assert_eq!(alive(&store, &lists).await, [true; 200]);
    assert_eq!(reports.evicted(), (50 * 400 - 200, 0));
    assert_eq!(store.len(), 400);
}

/// Fills a store of 500 sessions with users, and with guests who were here after them. Then one account signs in many times.
/// Returns how many of the users are no longer signed in.
async fn pushed_out(guests: usize, sign_ins: usize) -> usize {
    let store = MemoryStore::with_capacity(500);
    let server = Server::new(AnyStore::Memory(store.clone()));
    let mut others = Vec::new();
    for number in 0..500 - guests {
        others.push(server.signed_in(&format!("user-{number}")).await);
    }
    for _ in 0..guests {
        server.visitor().post("/name/guest").await;
    }
    assert_eq!(store.len(), 500);
    let reports = Reports::of(&store);
    for _ in 0..sign_ins {
        server.signed_in("eve").await;
    }
    let (_, evicted) = reports.evicted();
    let mut gone = 0;
    for (number, other) in others.iter_mut().enumerate() {
        let user = format!("user-{number}");
        gone += usize::from(other.get("/show").await.json()["user"].as_str() != Some(user.as_str()));
    }
    assert_eq!(evicted, gone, "no session of the account itself is evicted");
    gone
}

// F7: by default, an account has at most a hundred sessions, and for a moment one more. The sessions that it has ended are
// evicted before those of others.
#[tokio::test]
async fn one_account_pushes_no_more_sessions_out_of_a_full_store_than_it_may_have() {
    assert_eq!(pushed_out(110, 10_000).await, 0, "guests are evicted first");
    let gone = pushed_out(0, 1_000).await;
    assert!((1..=101).contains(&gone), "{gone}");
}

#[tokio::test]
async fn expired_values_are_evicted_first_then_tombstones_then_guests_then_users() {
    let store = MemoryStore::with_capacity(50);
    let reports = Reports::of(&store);
    // The order is mixed: some of the expiring sessions are the least recently used, and others are not.
    let mut expiring = several(&store, 5, || value(Class::Guest, at(60), b"")).await;
    let users = several(&store, 10, user).await;
    let guests = several(&store, 10, guest).await;
    expiring.extend(several(&store, 10, || value(Class::User, at(60), b"")).await);
    let filler = several(&store, 5, user).await;
    let tombstones = several(&store, 10, || of(Class::Tombstone)).await;
    assert_eq!((store.len(), reports.evicted()), (50, (0, 0)));

    for taken in 1..=15 {
        new_at(&store, user(), at(60)).await;
        // Expired sessions are removed without a report, because no visitor misses them.
        assert_eq!((store.len() <= 50, reports.evicted()), (true, (0, 0)), "for the session number {taken}");
    }
    assert!(alive(&store, &expiring).await.iter().all(|alive| !alive));
    for (leaving, evicted) in [(&tombstones, (0, 0)), (&guests, (1, 0)), (&users, (0, 1))] {
        for gone in 1..=10 {
            new_at(&store, user(), at(60)).await;
            let expected: Vec<_> = (0..10).map(|index| index >= gone).collect();
            assert_eq!(alive(&store, leaving).await, expected, "the least recently used are evicted first");
            assert_eq!((store.len(), reports.evicted()), (50, evicted));
        }
    }
    assert_eq!(alive(&store, &filler).await, [true; 5]);
}

// F7, F8, S58
#[tokio::test]
async fn lists_and_revocations_are_never_evicted() {
    let store = MemoryStore::with_capacity(200);
    let reports = Reports::of(&store);
    let lists = several(&store, 500, || of(Class::List)).await;
    let marker = new(&store, of(Class::Marker)).await;
    assert_eq!(store.len(), 0, "lists do not count");
    let revocations = several(&store, 199, || of(Class::Revocation)).await;
    for value in [guest, user, || of(Class::Tombstone), guest] {
        several(&store, 1_000, value).await;
    }
    assert_eq!(alive(&store, &revocations).await, [true; 199]);
    assert_eq!(alive(&store, &lists).await, [true; 500]);
    assert_eq!((alive(&store, &[marker]).await, store.len()), (vec![true], 200));
    assert_eq!(reports.evicted(), (1_000 + 999, 1_000));
    assert_eq!(store.delete_expired(at(1_000_000)).await.unwrap(), 0);
}

// F8, S58: a full store rejects new values instead of evicting a revocation. Without the revocation, a revoked cookie would open
// its session again.
#[tokio::test]
async fn a_store_full_of_revocations_rejects_new_values() {
    let store = MemoryStore::with_capacity(20);
    let mut revocations = several(&store, 20, || value(Class::Revocation, at(60), b"")).await;
    for refused in [Class::Revocation, Class::User, Class::Guest, Class::Tombstone] {
        let error = store.swap(&Key::random().unwrap(), None, Some(&of(refused)), NOW).await.unwrap_err().to_string();
        assert!(error.contains("full of revocations") && error.contains("20"), "{error}");
    }
    assert_eq!((alive(&store, &revocations).await, store.len()), (vec![true; 20], 20));
    // A write that needs no additional space succeeds.
    new(&store, of(Class::List)).await;
    replace(&store, &revocations[0], Some(value(Class::Revocation, at(90), b"longer"))).await;
    replace(&store, &revocations[1], None).await;
    let session = new(&store, guest()).await;
    // A new revocation evicts a session.
    revocations.push(new(&store, of(Class::Revocation)).await);
    assert_eq!(alive(&store, &[session]).await, [false]);
    assert!(store.swap(&Key::random().unwrap(), None, Some(&guest()), NOW).await.is_err());
    // Expired values free space.
    let late = new_at(&store, of(Class::Revocation), at(60)).await;
    assert_eq!(alive(&store, &[late, revocations[0]]).await, [true, true]);
    store.delete_expired(at(60)).await.unwrap();
    assert_eq!(store.len(), 3);
}

#[tokio::test]
async fn reading_and_writing_count_as_use() {
    for kind in [guest, user] {
        let store = MemoryStore::with_capacity(8);
        let keys = several(&store, 8, kind).await;
        assert!(store.load(&keys[0], NOW).await.unwrap().is_some());
        replace(&store, &keys[1], Some(kind())).await;
        // A rejected swap does not count as a use.
        assert!(matches!(store.swap(&keys[2], None, Some(&kind()), NOW).await.unwrap(), Swapped::Stale(Some(_))));
        several(&store, 3, kind).await;
        assert_eq!(alive(&store, &keys).await, [true, true, false, false, false, true, true, true]);
    }
}

/// The only guest is evicted before any user, whichever shard the guest is in.
#[tokio::test]
async fn all_shards_share_one_capacity() {
    for _ in 0..100 {
        let store = MemoryStore::with_capacity(20);
        let reports = Reports::of(&store);
        let mut users = several(&store, 10, user).await;
        let guest = new(&store, guest()).await;
        users.extend(several(&store, 9, user).await);
        assert_eq!(
            (store.len(), reports.evicted()),
            (20, (0, 0)),
            "the store holds as many sessions as its capacity, in whichever shards they are"
        );
        new(&store, user()).await;
        assert_eq!((alive(&store, &[guest]).await, alive(&store, &users).await), (vec![false], vec![true; 19]));
        assert_eq!((store.len(), reports.evicted()), (20, (1, 0)));
    }
}

/// The expired session is evicted before any live session, whichever shard the expired one is in.
#[tokio::test]
async fn expired_values_are_evicted_first_in_any_shard() {
    for _ in 0..100 {
        let store = MemoryStore::with_capacity(20);
        let reports = Reports::of(&store);
        let mut guests = several(&store, 19, || value(Class::Guest, at(30), b"")).await;
        let expired = new(&store, value(Class::Guest, at(30), b"")).await;
        // All sessions but one get new deadlines, and the store must not use the old ones.
        for guest in &guests {
            replace(&store, guest, Some(value(Class::Guest, at(80), b""))).await;
        }
        guests.push(new_at(&store, guest(), at(30)).await);
        assert_eq!((alive(&store, &guests).await, alive(&store, &[expired]).await), (vec![true; 20], vec![false]));
        // An earlier deadline is respected too.
        replace(&store, &guests[7], Some(value(Class::User, at(40), b""))).await;
        new_at(&store, guest(), at(40)).await;
        assert_eq!((alive(&store, &guests[7..8]).await, reports.evicted()), (vec![false], (0, 0)));
    }
}

#[tokio::test]
async fn a_session_ranks_as_a_user_after_sign_in_and_as_a_guest_after_sign_out() {
    let store = MemoryStore::with_capacity(4);
    let (ada, bob) = (new(&store, guest()).await, new(&store, user()).await);
    replace(&store, &ada, Some(user())).await;
    replace(&store, &bob, Some(guest())).await;
    several(&store, 4, guest).await;
    assert_eq!((alive(&store, &[ada, bob]).await, store.len()), (vec![true, false], 4));
}

#[tokio::test]
async fn only_a_value_that_is_stored_takes_space() {
    let store = MemoryStore::with_capacity(3);
    let reports = Reports::of(&store);
    let keys = several(&store, 3, guest).await;
    // S5: rejected swaps, writes to existing sessions, and loads of missing ones take no space.
    let stale = Versioned::new(guest());
    for key in &keys {
        assert!(matches!(store.swap(key, None, Some(&guest()), NOW).await.unwrap(), Swapped::Stale(Some(_))));
        replace(&store, key, Some(guest())).await;
    }
    for _ in 0..100 {
        let stranger = Key::random().unwrap();
        assert!(store.load(&stranger, NOW).await.unwrap().is_none());
        assert!(matches!(
            store.swap(&stranger, Some(&stale), Some(&guest()), NOW).await.unwrap(),
            Swapped::Stale(None)
        ));
    }
    assert_eq!((store.len(), reports.evicted()), (3, (0, 0)));
    // A value that changes its class frees its space, or takes some.
    replace(&store, &keys[0], Some(of(Class::List))).await;
    assert_eq!(store.len(), 2);
    replace(&store, &keys[0], Some(guest())).await;
    replace(&store, &keys[1], None).await;
    assert_eq!(store.len(), 2);
    new(&store, guest()).await;
    assert_eq!((alive(&store, &keys).await, reports.evicted()), (vec![true, false, true], (0, 0)));
}

#[tokio::test]
async fn all_observers_see_evictions_and_a_clone_is_the_same_store() {
    let store = MemoryStore::with_capacity(1);
    let (first, second) = (Reports::of(&store), Reports::of(&store.clone()));
    let key = new(&store, guest()).await;
    new(&store.clone(), user()).await;
    new(&store, guest()).await;
    assert_eq!((first.evicted(), second.evicted()), ((1, 1), (1, 1)));
    assert_eq!((alive(&store, &[key]).await, store.clone().len()), (vec![false], 1));
    // Even a store with a capacity of zero holds one session.
    let least = MemoryStore::with_capacity(0);
    let only = new(&least, guest()).await;
    assert_eq!((alive(&least, &[only]).await, least.capacity()), (vec![true], 1));
}

/// A hook that panics ends the request that called it, and does no other harm.
#[tokio::test]
async fn a_hook_that_panics_does_not_take_the_store_down() {
    let store = MemoryStore::with_capacity(2);
    store.observe(Events::new(|_| std::panic::resume_unwind(Box::new("a hook"))));
    let key = new(&store, user()).await;
    new(&store, guest()).await;
    for round in 0..20 {
        let store = store.clone();
        let request = tokio::spawn(async move { new(&store, guest()).await });
        // A request whose hook panics has evicted a session and stores none. The next request uses that space, so it calls no
        // hook. So every other request panics.
        assert_eq!(request.await.is_err(), round % 2 == 0);
    }
    assert_eq!((alive(&store, &[key]).await, store.len()), (vec![true], 2));
}

#[tokio::test]
async fn a_hook_may_use_the_store_that_calls_it() {
    let store = MemoryStore::with_capacity(3);
    let users = several(&store, 2, user).await;
    let (asked, user, found) = (store.clone(), users[0], Arc::new(AtomicUsize::new(0)));
    let finds = found.clone();
    store.observe(Events::new(move |_| {
        let mut loading = std::pin::pin!(asked.load(&user, NOW));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if let std::task::Poll::Ready(Ok(Some(_))) = loading.as_mut().poll(&mut context) {
            finds.fetch_add(1, Ordering::Relaxed);
        }
    }));
    several(&store, 50, guest).await;
    assert_eq!(found.load(Ordering::Relaxed), 49);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_from_all_sides_never_exceeds_the_capacity() {
    let store = MemoryStore::with_capacity(100);
    let reports = Reports::of(&store);
    let users = several(&store, 50, user).await;
    let most = Arc::new(AtomicUsize::new(0));
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let (store, most) = (store.clone(), most.clone());
            tokio::spawn(async move {
                for round in 0..1_000 {
                    let key = new(&store, guest()).await;
                    most.fetch_max(store.len(), Ordering::Relaxed);
                    if round % 3 == 0 {
                        let held = held(&store, &key).await;
                        let _ = store.swap(&key, held.as_ref(), None, NOW).await.unwrap();
                    }
                    if round % 100 == 0 {
                        store.delete_expired(NOW).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for flood in floods {
        flood.await.unwrap();
    }
    assert!(most.load(Ordering::Relaxed) <= 100);
    assert_eq!((alive(&store, &users).await, reports.evicted().1), (vec![true; 50], 0));
    // The store did not lose or double-count any space along the way.
    several(&store, 200, guest).await;
    assert_eq!(store.len(), 100);
    let forever = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(store.delete_expired(forever).await.unwrap(), 0, "a value that never expires stays");
    for user in users {
        replace(&store, &user, None).await;
    }
    assert_eq!(store.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_compete_for_a_single_place_all_finish() {
    let store = MemoryStore::with_capacity(1);
    let reports = Reports::of(&store);
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { several(&store, 1_000, user).await })
        })
        .collect();
    let finished = async {
        for flood in floods {
            flood.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), finished).await.expect("every request ends within a minute");
    assert_eq!((store.len(), reports.evicted()), (1, (0, 3_999)));
}

/// The limits include all overhead: the allocator's, and a list for each user.
#[test]
fn a_session_of_eight_small_fields_takes_at_most_750_bytes_for_a_guest_and_1150_for_a_user() {
    if !cfg!(target_os = "linux") {
        return;
    }
    for (kind, most) in [("guests", 750), ("users", 1_150)] {
        let output = Command::new(env!("CARGO_BIN_EXE_memory_child")).args([kind, "10000"]).output().unwrap();
        let bytes: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
        println!("{bytes} bytes a session of {kind}");
        assert!((300..=most).contains(&bytes), "{bytes} bytes a session of {kind}");
    }
}
