//! The memory store when it is full: who leaves, in which order, and who is told.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

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
    store::{Applied, Change, Key, Sign, Store},
};
use tests::records::{NOW, add, create, create_until, load, read, set, update, write};
use tokio::join;

/// Everything that a store reports.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<Event>>>);

impl Reports {
    fn of(store: &MemoryStore) -> Self {
        let reports = Self::default();
        let heard = reports.0.clone();
        store.observe(Events::new(move |event, _| heard.lock().unwrap().push(event.clone())));
        reports
    }

    /// How many guests and how many users were evicted since this was last asked.
    fn evicted(&self) -> (usize, usize) {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let count = |signed_in| events.iter().filter(|event| **event == Event::Evicted { signed_in }).count();
        assert_eq!(count(false) + count(true), events.len(), "{events:?}");
        (count(false), count(true))
    }
}

fn signed_in(mut change: Change) -> Change {
    change.sign = Some(Sign::In { user: b"\xa3ada".as_slice().into(), at: NOW });
    change
}

async fn new(store: &MemoryStore, create: Change) -> Key {
    let key = Key::random().unwrap();
    write(store, &key, &create).await;
    key
}

async fn several(store: &MemoryStore, number: usize, create: impl Fn() -> Change) -> Vec<Key> {
    let mut keys = Vec::new();
    for _ in 0..number {
        keys.push(new(store, create()).await);
    }
    keys
}

/// Which of `keys` are still there, without using them.
async fn alive(store: &MemoryStore, keys: &[Key]) -> Vec<bool> {
    let mut alive = Vec::new();
    for key in keys {
        // A change of another generation is refused, which is no use of the session.
        alive.push(store.apply(key, &Change::update(u64::MAX), NOW).await.unwrap() == Applied::Moved);
    }
    alive
}

// B5, S5: a stranger can make as many sessions as there is memory for, and more.
#[tokio::test]
async fn a_flood_of_guests_logs_nobody_out() {
    let store = MemoryStore::with_capacity(400);
    let reports = Reports::of(&store);
    let users = several(&store, 200, || signed_in(create())).await;
    // They have been away for longer than any of the guests, and never come back meanwhile.
    several(&store, 50 * 400, create).await;
    assert_eq!(alive(&store, &users).await, [true; 200]);
    assert_eq!(reports.evicted(), (50 * 400 - 200, 0));
    assert_eq!(store.len(), 400);
}

#[tokio::test]
async fn the_expired_leave_first_then_guests_then_users() {
    let store = MemoryStore::with_capacity(40);
    let reports = Reports::of(&store);
    let soon = NOW + Duration::from_secs(60);
    // In mixed order, the expiring ones both first and last used, by silence and at last, guests and users.
    let mut expiring = several(&store, 5, || create_until(soon)).await;
    let users = several(&store, 10, || signed_in(create())).await;
    let guests = several(&store, 10, create).await;
    expiring.extend(several(&store, 10, || signed_in(create_until(soon))).await);
    let filler = several(&store, 5, || signed_in(create())).await;
    assert_eq!((store.len(), reports.evicted()), (40, (0, 0)));

    let later = async |change: Change| store.apply(&Key::random().unwrap(), &change, soon).await.unwrap();
    for taken in 1..=15 {
        assert_eq!(later(signed_in(create())).await, Applied::Applied { renewed: false });
        // They go without a report: nobody misses them.
        assert_eq!((store.len() <= 40, reports.evicted()), (true, (0, 0)), "for the session number {taken}");
    }
    assert!(alive(&store, &expiring).await.iter().all(|alive| !alive));
    for gone in 1..=10 {
        later(signed_in(create())).await;
        let expected: Vec<_> = (0..10).map(|guest| guest >= gone).collect();
        assert_eq!(alive(&store, &guests).await, expected, "the guests away longest go first");
        assert_eq!((store.len(), reports.evicted()), (40, (1, 0)));
    }
    for gone in 1..=10 {
        later(signed_in(create())).await;
        let expected: Vec<_> = (0..10).map(|user| user >= gone).collect();
        assert_eq!(alive(&store, &users).await, expected, "the users away longest go first");
        assert_eq!((store.len(), reports.evicted()), (40, (0, 1)));
    }
    assert_eq!(alive(&store, &filler).await, [true; 5]);
}

#[tokio::test]
async fn reading_and_writing_count_as_use() {
    for kind in [create as fn() -> Change, || signed_in(create())] {
        let store = MemoryStore::with_capacity(8);
        let keys = several(&store, 8, kind).await;
        assert!(load(&store, &keys[0]).await.is_some());
        write(&store, &keys[1], &update()).await;
        // Not what is refused.
        assert_eq!(store.apply(&keys[2], &Change::update(9), NOW).await.unwrap(), Applied::Moved);
        several(&store, 3, kind).await;
        let expected = [true, true, false, false, false, true, true, true];
        assert_eq!(alive(&store, &keys).await, expected);
    }
}

/// Wherever the one guest is, it leaves before any of the users.
#[tokio::test]
async fn the_capacity_is_one_for_all_shards() {
    for _ in 0..100 {
        let store = MemoryStore::with_capacity(20);
        let reports = Reports::of(&store);
        let users = several(&store, 10, || signed_in(create())).await;
        let guest = new(&store, create()).await;
        let more = several(&store, 9, || signed_in(create())).await;
        assert_eq!((store.len(), reports.evicted()), (20, (0, 0)), "as many as there are places, however spread");
        new(&store, signed_in(create())).await;
        assert_eq!(alive(&store, &[guest]).await, [false]);
        assert!(alive(&store, &users).await.into_iter().chain(alive(&store, &more).await).all(|alive| alive));
        assert_eq!((store.len(), reports.evicted()), (20, (1, 0)));
    }
}

/// The one that expired leaves before anybody live, wherever it is.
#[tokio::test]
async fn the_expired_are_found_wherever_they_are() {
    for moved_on in [false, true] {
        for _ in 0..100 {
            let store = MemoryStore::with_capacity(20);
            let reports = Reports::of(&store);
            let at = |second: u64| NOW + Duration::from_secs(second);
            let mut guests = several(&store, 19, || create_until(at(30))).await;
            let expired = new(&store, create_until(at(30))).await;
            // All but one move on: their old deadlines must not be taken for theirs.
            for guest in &guests {
                let mut change = update();
                if moved_on {
                    change.touch = Some(at(90));
                } else {
                    change.restart = Some(session_runtime::store::Lifetime {
                        idle_until: at(90),
                        ends_at: at(80),
                        remembered: true,
                    });
                }
                write(&store, guest, &change).await;
            }
            let newest = Key::random().unwrap();
            store.apply(&newest, &create(), at(30)).await.unwrap();
            guests.push(newest);
            assert_eq!(alive(&store, &guests).await, [true; 20]);
            assert_eq!(alive(&store, &[expired]).await, [false]);
            assert_eq!((store.len(), reports.evicted()), (20, (0, 0)));
            // A deadline that is brought forward is heeded too.
            let mut sooner = update();
            sooner.restart =
                Some(session_runtime::store::Lifetime { idle_until: at(40), ends_at: at(90), remembered: false });
            assert_eq!(store.apply(&guests[7], &sooner, at(31)).await.unwrap(), Applied::Applied { renewed: false });
            store.apply(&Key::random().unwrap(), &create(), at(40)).await.unwrap();
            assert_eq!((alive(&store, &guests[7..8]).await, reports.evicted()), (vec![false], (0, 0)));
        }
    }
}

#[tokio::test]
async fn who_signs_in_is_kept_and_who_signs_out_is_a_guest_again() {
    let store = MemoryStore::with_capacity(4);
    let (ada, bob) = (new(&store, create()).await, new(&store, signed_in(create())).await);
    write(&store, &ada, &signed_in(update())).await;
    write(&store, &bob, &Change { sign: Some(Sign::Out), ..update() }).await;
    several(&store, 4, create).await;
    assert_eq!(alive(&store, &[ada, bob]).await, [true, false]);
    assert_eq!(store.len(), 4);
}

#[tokio::test]
async fn only_what_is_stored_takes_a_place() {
    let store = MemoryStore::with_capacity(3);
    let reports = Reports::of(&store);
    let keys = several(&store, 3, create).await;
    // Refused creates, changes of those that are there or are not, loads: S5.
    for key in &keys {
        assert_eq!(store.apply(key, &create(), NOW).await.unwrap(), Applied::Conflict);
        write(&store, key, &set(update(), "a", "1")).await;
    }
    for _ in 0..100 {
        let stranger = Key::random().unwrap();
        assert_eq!(load(&store, &stranger).await, None);
        assert_eq!(store.apply(&stranger, &update(), NOW).await.unwrap(), Applied::Gone);
        let mut refused = create();
        refused.expect.push(session_runtime::store::Expect { name: "a".into(), value: Some(vec![1]) });
        assert_eq!(store.apply(&stranger, &refused, NOW).await.unwrap(), Applied::Conflict);
        store.delete(&stranger).await.unwrap();
    }
    assert_eq!((store.len(), reports.evicted()), (3, (0, 0)));
    store.delete(&keys[1]).await.unwrap();
    assert_eq!(store.len(), 2);
    new(&store, create()).await;
    assert_eq!((alive(&store, &keys).await, reports.evicted()), (vec![true, false, true], (0, 0)));
}

#[tokio::test]
async fn every_owner_is_told_and_a_clone_is_the_same_store() {
    let store = MemoryStore::with_capacity(1);
    let (first, second) = (Reports::of(&store), Reports::of(&store.clone()));
    let guest = new(&store, create()).await;
    new(&store.clone(), signed_in(create())).await;
    new(&store, create()).await;
    assert_eq!((first.evicted(), second.evicted()), ((1, 1), (1, 1)));
    assert_eq!((alive(&store, &[guest]).await, store.clone().len()), (vec![false], 1));
    // Even a store for nobody holds one.
    let least = MemoryStore::with_capacity(0);
    let only = new(&least, create()).await;
    assert_eq!((alive(&least, &[only]).await, least.capacity()), (vec![true], 1));
}

/// A hook that panics takes its own request down, and nothing else.
#[tokio::test]
async fn a_hook_that_panics_does_not_take_the_store_down() {
    let store = MemoryStore::with_capacity(2);
    store.observe(Events::new(|_, _| std::panic::resume_unwind(Box::new("a hook"))));
    let user = new(&store, signed_in(create())).await;
    new(&store, create()).await;
    for round in 0..20 {
        let store = store.clone();
        let request = tokio::spawn(async move { new(&store, create()).await });
        // Every other one finds the place that the one before could not fill any more.
        assert_eq!(request.await.is_err(), round % 2 == 0);
    }
    assert_eq!(alive(&store, &[user]).await, [true]);
    assert_eq!(store.len(), 2);
}

/// A hook may look into the store that calls it.
#[tokio::test]
async fn a_hook_may_use_the_store() {
    let store = MemoryStore::with_capacity(3);
    let users = several(&store, 2, || signed_in(create())).await;
    let (asked, user, found) = (store.clone(), users[0], Arc::new(AtomicUsize::new(0)));
    let finds = found.clone();
    store.observe(Events::new(move |_, _| {
        let mut loading = std::pin::pin!(asked.load(&user, NOW));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if let std::task::Poll::Ready(Ok(Some(_))) = loading.as_mut().poll(&mut context) {
            finds.fetch_add(1, Ordering::Relaxed);
        }
    }));
    several(&store, 50, create).await;
    assert_eq!(found.load(Ordering::Relaxed), 49);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_from_all_sides_never_exceeds_the_capacity() {
    let store = MemoryStore::with_capacity(100);
    let reports = Reports::of(&store);
    let users = several(&store, 50, || signed_in(create())).await;
    let most = Arc::new(AtomicUsize::new(0));
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let (store, most) = (store.clone(), most.clone());
            tokio::spawn(async move {
                for round in 0..1_000 {
                    let key = new(&store, create()).await;
                    most.fetch_max(store.len(), Ordering::Relaxed);
                    if round % 3 == 0 {
                        store.delete(&key).await.unwrap();
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
    assert_eq!(alive(&store, &users).await, [true; 50]);
    assert_eq!(reports.evicted().1, 0);
    // No place was lost or counted twice on the way.
    several(&store, 200, create).await;
    assert_eq!(store.len(), 100);
    assert_eq!(store.delete_expired(Timestamp::NEVER).await.unwrap(), 0, "what never ends does not expire");
    for user in users {
        store.delete(&user).await.unwrap();
    }
    assert_eq!(store.len(), 50);
}

/// One place, wanted by many: nobody waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_single_place_goes_from_hand_to_hand() {
    let store = MemoryStore::with_capacity(1);
    let reports = Reports::of(&store);
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { several(&store, 1_000, || signed_in(create())).await })
        })
        .collect();
    let finished = async {
        for flood in floods {
            flood.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), finished).await.expect("nobody waits for ever");
    assert_eq!((store.len(), reports.evicted()), (1, (0, 3_999)));
}

// B19: ten thousand pairs of writes at the same time to different fields of one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_pairs_lose_nothing() {
    let store = MemoryStore::new();
    let key = new(&store, create()).await;
    let pairs = 10_000_u32;
    for round in 1..=pairs {
        let [first, second] = ["a", "b"].map(|field| {
            let (store, change) = (store.clone(), add(set(update(), field, round.to_be_bytes()), "sum", 1));
            tokio::spawn(async move { write(&store, &key, &change).await })
        });
        let (first, second) = join!(first, second);
        assert!(first.is_ok() && second.is_ok());
        let record = load(&store, &key).await.unwrap();
        for field in ["a", "b"] {
            assert_eq!(record.fields.get(field).unwrap().value, round.to_be_bytes(), "of `{field}`");
        }
    }
    assert_eq!(rmp_serde::from_slice::<u32>(&read(&store, &key, "sum").await.unwrap()).unwrap(), 2 * pairs);
}

/// DESIGN section 6: at most 750 bytes a session of eight small fields, all overhead included; here also that of the
/// allocator.
#[test]
fn a_session_of_eight_small_fields_takes_at_most_750_bytes() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_store_child")).args(["weigh-memory", "50000"]).output().unwrap();
    let bytes: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    println!("{bytes} bytes a session");
    assert!((300..=750).contains(&bytes), "{bytes} bytes a session");
}
