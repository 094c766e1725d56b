//! What only a store in this process promises: an entry goes with its session, at once, and nothing else is kept.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::store::{Applied, Change, Digest, Sign, Store};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn user(name: u8) -> User {
    User::new([name])
}

fn create(user: &User, end: Timestamp) -> Change {
    let mut change = Change::create(Digest::from([1; 16]), NOW, end, Timestamp::NEVER);
    change.sign = Some(Sign::In { user: user.as_bytes().into(), at: NOW });
    change
}

async fn sign_in(store: &MemoryStore, user: &User, end: Timestamp) -> Key {
    let key = Key::random().unwrap();
    store.enter(user, &key, NOW).await.unwrap();
    store.apply(&key, &create(user, end), NOW).await.unwrap();
    key
}

/// How many users and entries there are, and how many wait to be looked after.
fn held(store: &MemoryStore) -> (usize, usize, usize) {
    let shards = || store.0.users.shards.iter().map(|shard| shard.lock().unwrap());
    let entries = shards().map(|shard| shard.users.values().map(VecDeque::len).sum::<usize>()).sum();
    (shards().map(|shard| shard.users.len()).sum(), entries, shards().map(|shard| shard.arrivals.len()).sum())
}

// B41, B40
#[tokio::test]
async fn an_entry_goes_with_its_session_at_once() {
    let store = MemoryStore::with_capacity(4);
    let ada = user(1);
    let (deleted, expired) = (sign_in(&store, &ada, Timestamp::NEVER).await, sign_in(&store, &ada, NOW + SECOND).await);
    let (out, other) = (sign_in(&store, &ada, Timestamp::NEVER).await, sign_in(&store, &ada, Timestamp::NEVER).await);
    assert_eq!(listed(store.entries(&ada).await.unwrap()), [deleted, expired, out, other]);
    store.delete(&deleted).await.unwrap();
    assert_eq!(listed(store.entries(&ada).await.unwrap()), [expired, out, other]);
    let mut change = Change::update(0);
    change.sign = Some(Sign::In { user: user(2).as_bytes().into(), at: NOW });
    store.apply(&other, &change, NOW).await.unwrap();
    assert_eq!(listed(store.entries(&ada).await.unwrap()), [expired, out]);
    store.delete_expired(NOW + SECOND).await.unwrap();
    assert_eq!(listed(store.entries(&ada).await.unwrap()), [out]);
    let mut change = Change::update(0);
    change.sign = Some(Sign::Out);
    store.apply(&out, &change, NOW).await.unwrap();
    assert_eq!(held(&store).1, 0);
}

// B41, S23
#[tokio::test]
async fn who_is_evicted_leaves_the_list() {
    let store = MemoryStore::with_capacity(3);
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(sign_in(&store, &user(1), Timestamp::NEVER).await);
        let from = keys.len().saturating_sub(3);
        assert_eq!(listed(store.entries(&user(1)).await.unwrap()), keys[from..]);
    }
    // An expired one makes room, and leaves too.
    let expired = sign_in(&store, &user(2), NOW + SECOND).await;
    assert_eq!(listed(store.entries(&user(2)).await.unwrap()), [expired]);
    store.apply(&Key::random().unwrap(), &create(&user(3), Timestamp::NEVER), NOW + SECOND).await.unwrap();
    assert!(store.entries(&user(2)).await.unwrap().is_empty());
    assert_eq!(listed(store.entries(&user(1)).await.unwrap()), keys[3..]);
}

/// Also of a user nobody cleans up after.
#[tokio::test]
async fn arrivals_that_never_came_make_way_for_others() {
    let store = MemoryStore::new();
    for round in 0..1_000 {
        store.enter(&user(1), &Key::random().unwrap(), NOW + SECOND * round).await.unwrap();
        let (_, entries, arrivals) = held(&store);
        assert!(entries <= 61 && arrivals <= 61, "after {round} sign-ins: {entries} entries, {arrivals} arrivals");
    }
}

// B41: whatever happens, the list has the live sessions of its user, and in the end nothing is left.
#[tokio::test]
async fn a_long_history_leaves_nothing() {
    let store = MemoryStore::with_capacity(40);
    let mut seed = 1_u64;
    let mut chance = |below: u64| {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (seed >> 33) % below
    };
    let mut keys: Vec<Key> = Vec::new();
    let mut now = NOW;
    for step in 0..6_000 {
        now = now + Duration::from_millis(chance(3_000));
        let whose = user(chance(5) as u8);
        let key = match chance(3) {
            0 if !keys.is_empty() => keys[chance(keys.len() as u64) as usize],
            _ => Key::random().unwrap(),
        };
        match chance(10) {
            0 => store.delete(&key).await.unwrap(),
            1 => drop(store.delete_expired(now).await.unwrap()),
            2 => {
                let mut change = Change::update(0);
                change.sign = Some(Sign::Out);
                store.apply(&key, &change, now).await.unwrap();
            }
            3 => {
                store.delete(&key).await.unwrap();
                store.leave(&whose, &[key]).await.unwrap();
            }
            _ => {
                store.enter(&whose, &key, now).await.unwrap();
                let mut change = create(&whose, now + SECOND * chance(600) as u32);
                if store.load(&key, now).await.unwrap().is_some() {
                    change.target = Change::update(0).target;
                }
                // Some never come.
                if chance(4) > 0 {
                    store.apply(&key, &change, now).await.unwrap();
                }
                keys.push(key);
            }
        }
        for key in &keys {
            let Some(record) = store.load(key, now).await.unwrap() else { continue };
            let Some(user) = &record.user else { continue };
            let entries = listed(store.entries(&User::new(user.clone())).await.unwrap());
            assert!(entries.contains(key), "a live session is missing after step {step}");
        }
        if keys.len() > 60 {
            keys.drain(..20);
        }
        let (users, entries, arrivals) = held(&store);
        assert!(users <= 5 && entries <= store.len() + arrivals, "after step {step}");
    }
    store.delete_expired(Timestamp::from_millis(u64::MAX - 1)).await.unwrap();
    assert_eq!((store.len(), held(&store)), (0, (0, 0, 0)));
    assert!(store.0.users.shards.iter().all(|shard| shard.lock().unwrap().arrivals.capacity() <= 64));
}

/// Whatever takes two locks takes them in one order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_ever() {
    let store = MemoryStore::with_capacity(20);
    let tasks = (0..8_u8).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..2_000_u64 {
                let (whose, now) = (user((round % 3) as u8), NOW + SECOND * round as u32);
                let key = Key::random().unwrap();
                store.enter(&whose, &key, now).await.unwrap();
                let answer = store.apply(&key, &create(&whose, now + SECOND * 30), now).await.unwrap();
                assert!(matches!(answer, Applied::Applied { .. }));
                match (u64::from(task) + round) % 8 {
                    0 => drop(store.delete_expired(now).await.unwrap()),
                    1 => store.delete(&key).await.unwrap(),
                    2 => store.leave(&whose, &listed(store.entries(&whose).await.unwrap())).await.unwrap(),
                    3 => drop(store.load(&Key::from_digest(key.digest()), now).await.unwrap()),
                    _ => drop(listed(store.entries(&whose).await.unwrap())),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("no deadlock").unwrap();
    }
}

fn listed(entries: Vec<UserEntry>) -> Vec<Key> {
    entries.into_iter().map(|entry| entry.key).collect()
}
