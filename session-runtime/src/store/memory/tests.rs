//! Tests of the internals: panics under a lock, and the size of the bookkeeping. `tests/memory_store.rs` tests how the store
//! behaves when it is full.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashSet,
    panic,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use super::*;
use crate::{
    key::Scope,
    store::{Position, Store},
    value::{EndReason, Tombstone},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// Returns a tombstone, which may be evicted, with this deadline.
fn value(expires_at: Timestamp) -> Value {
    let tombstone = Tombstone { nonce: crate::id::Nonce(1), reason: EndReason::Ended };
    Value::tombstone(Scope::new("shop", "Shop"), tombstone, expires_at)
}

/// Returns a value of this class.
fn of_class(class: u8, expires_at: Timestamp) -> Value {
    let mut bytes = value(expires_at).rewritten().to_bytes().to_vec();
    bytes[8] = 0x10 | class;
    Value::from_bytes(bytes)
}

fn key() -> Key {
    Key::random().unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn the_store_works_after_a_panic_under_a_lock() {
    let store = MemoryStore::with_capacity(10);
    for index in 0..store.0.shards.len() {
        let broken = store.clone();
        let panicked = thread::spawn(move || {
            let _shard = broken.0.shard(index);
            let _observers = broken.0.observers.write();
            panic::resume_unwind(Box::new("under the lock"));
        });
        assert!(panicked.join().is_err());
        assert!(store.0.shards[index].is_poisoned());
    }
    wait(async {
        store.observe(Events::default());
        for _ in 0..30 {
            let key = put_one(&store).await;
            assert!(store.load(&key, NOW).await.unwrap().is_some());
        }
        assert_eq!((store.len(), store.delete_expired(NOW).await.unwrap()), (10, 0));
    });
}

// Values that are removed before their deadline must not each leave a deadline behind.
#[test]
fn deadlines_do_not_outgrow_the_values() {
    let mut shard = Shard::default();
    let far = NOW + Duration::from_secs(3_600);
    let keep: Vec<_> = (0..10).map(|_| key()).collect();
    for key in &keep {
        shard.put(key, value(far), 0);
    }
    for round in 0..10_000 {
        let key = key();
        shard.put(&key, value(far), round);
        assert!(shard.remove(&key).is_some());
        // A value whose deadline moves back and forth must not leave deadlines behind either.
        shard.put(&keep[0], value(far + Duration::from_secs(round)), round);
        shard.put(&keep[0], value(far), round);
        assert!(shard.deadlines() <= 2 * 12 + 64, "{} deadlines for 10 values", shard.deadlines());
    }
    let swept = shard.sweep(far + Duration::from_secs(20_000), usize::MAX);
    assert_eq!((swept.removed.len(), swept.done, shard.deadlines()), (10, true, 0));
}

#[test]
fn a_value_that_never_expires_has_no_deadline() {
    let (mut shard, key) = (Shard::default(), key());
    shard.put(&key, value(Timestamp::NEVER), 0);
    assert_eq!(shard.deadlines(), 0);
    shard.put(&key, value(NOW), 1);
    assert_eq!(shard.deadlines(), 1);
    // The value was extended: the deadline that comes up is corrected.
    shard.put(&key, value(NOW + Duration::from_secs(1)), 2);
    assert_eq!((shard.sweep(NOW, 10).removed.len(), shard.deadlines()), (0, 1));
    shard.put(&key, value(Timestamp::NEVER), 3);
    assert_eq!((shard.sweep(NOW + Duration::from_secs(9), 10).removed.len(), shard.deadlines()), (0, 0));
    assert!(shard.get(&key).is_some());
}

#[test]
fn a_value_that_changes_its_class_is_held_once() {
    let (mut shard, key) = (Shard::default(), key());
    // The value changes between classes that may be evicted (0, 1 and 4) and others.
    for class in [0, 1, 4, 2, 0, 3, 1, 2, 4, 0, 5, 4, 1, 99, 0].into_iter().cycle().take(45) {
        let value = of_class(class, NOW);
        shard.put(&key, value.clone(), 0);
        assert_eq!(shard.get(&key).map(Value::revision), Some(value.revision()));
        assert_eq!(shard.load(&key, 1).map(|value| value.revision()), Some(value.revision()));
        assert_eq!(shard.keys().len(), 1);
    }
    assert_eq!((shard.sweep(NOW, 100).removed.len(), shard.keys().len()), (1, 0));
}

#[test]
fn memory_is_given_back() {
    let mut shard = Shard::default();
    for used in 0..10_000 {
        shard.put(&key(), of_class(used as u8 % 6, NOW), used);
    }
    let full = shard.room();
    assert_eq!(shard.sweep(NOW, usize::MAX).removed.len(), 10_000);
    shard.give_back();
    assert!(shard.room() < full / 30, "{} of {full}", shard.room());
}

// A revision of another store must not be taken for "the key holds nothing".
#[test]
fn a_revision_that_is_a_text_is_stale() {
    wait(async {
        let (store, key) = (MemoryStore::new(), key());
        let foreign = Versioned::with_revision(value(NOW), "9b2c");
        for held in [None, Some(value(Timestamp::NEVER))] {
            if let Some(held) = &held {
                store.swap(&key, None, Some(held), NOW).await.unwrap();
            }
            let swapped = store.swap(&key, Some(&foreign), Some(&value(NOW)), NOW).await.unwrap();
            let Swapped::Stale(found) = swapped else { panic!("{swapped:?}") };
            assert_eq!(found.map(|found| found.value().revision()), held.map(|held| held.revision()));
        }
    });
}

#[test]
fn a_clean_up_takes_a_batch_of_each_shard_in_turn() {
    let store = MemoryStore::new();
    let end = NOW + Duration::from_secs(1);
    for _ in 0..store.0.shards.len() * 4 * BATCH {
        let key = key();
        store.0.shard_of(&key).put(&key, value(end), 0);
    }
    let held = || -> Vec<_> { (0..store.0.shards.len()).map(|index| store.0.shard(index).keys().len()).collect() };
    let before = held();
    let mut cleaning = pin!(store.delete_expired(end));
    for _ in &before {
        assert!(cleaning.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(held(), before.iter().map(|values| values - BATCH).collect::<Vec<_>>());
    wait(cleaning).unwrap();
    assert!(held().iter().all(|values| *values == 0));
}

async fn store_of(values: usize) -> MemoryStore {
    let store = MemoryStore::new();
    for _ in 0..values {
        put_one(&store).await;
    }
    store
}

async fn put_one(store: &MemoryStore) -> Key {
    let key = key();
    let swapped = store.swap(&key, None, Some(&value(Timestamp::NEVER)), NOW).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(_)));
    key
}

/// Continues a scan to its end.
async fn rest(store: &MemoryStore, mut next: Option<Position>, seen: &mut HashSet<[u8; 16]>) {
    while let Some(from) = next {
        let batch = store.scan(&from, NOW).await.unwrap().unwrap();
        seen.extend(batch.values.iter().map(|(key, _)| key.digest()));
        next = batch.next;
    }
}

#[test]
fn a_scan_finds_the_values_that_were_there_when_it_began() {
    wait(async {
        let store = store_of(5000).await;
        let first = store.scan(&Position::start(), NOW).await.unwrap().unwrap();
        let mut later = Vec::new();
        for _ in 0..100 {
            later.push(put_one(&store).await);
        }
        let mut seen = HashSet::new();
        rest(&store, Some(Position::start()), &mut seen).await;
        assert_eq!(seen.len(), 5100);
        assert!(later.iter().all(|key| seen.contains(&key.digest())));
        let mut seen: HashSet<_> = first.values.iter().map(|(key, _)| key.digest()).collect();
        rest(&store, first.next, &mut seen).await;
        assert!(seen.len() >= 5000);
        assert_eq!(store.0.lists.count(), 0, "a scan that has ended keeps no list");
    });
}

#[test]
fn concurrent_scans_find_everything_and_keep_at_most_four_lists() {
    wait(async {
        let store = store_of(5000).await;
        let mut scans: Vec<_> = (0..10).map(|_| (Some(Position::start()), HashSet::new())).collect();
        while scans.iter().any(|(next, _)| next.is_some()) {
            for (next, seen) in &mut scans {
                let Some(from) = next.take() else { continue };
                let batch = store.scan(&from, NOW).await.unwrap().unwrap();
                seen.extend(batch.values.iter().map(|(key, _)| key.digest()));
                *next = batch.next;
                assert!(store.0.lists.count() <= 4);
            }
        }
        assert!(scans.iter().all(|(_, seen)| seen.len() == 5000));
    });
}
