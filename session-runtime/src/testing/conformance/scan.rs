//! Stores that can list their values.

use std::{collections::HashMap, sync::Arc};

use super::stores::{Stores, answered, ensure, fail, is_same, race, shown};
use crate::store::{Key, Position, Scanned, Store, Versioned};

/// Returns whether the store can list its values. Each check returns at once if it cannot.
async fn is_possible<S: Store>(stores: &Stores<S>) -> bool {
    !matches!(stores.either().scan(&Position::start(), stores.now).await, Ok(None))
}

async fn batch<S: Store>(stores: &Stores<S>, from: &Position) -> Scanned {
    match answered(stores.either().scan(from, stores.now).await) {
        Some(batch) => batch,
        None => fail("a store that lists its values must do so from every position, and this one answered `None`"),
    }
}

/// Returns everything that a scan finds. Fails if the scan does not end.
async fn all<S: Store>(stores: &Stores<S>) -> HashMap<Key, Versioned> {
    let (mut found, mut next) = (HashMap::new(), Some(Position::start()));
    for _ in 0..20_000 {
        let Some(from) = next else { return found };
        let batch = batch(stores, &from).await;
        let number = batch.values.len();
        ensure!(number <= 2_000, "a batch should have a few hundred values, and one had {number}");
        found.extend(batch.values);
        next = batch.next;
    }
    fail("a scan must come to an end, and this one did not within 20,000 batches");
}

pub(super) async fn every_value_is_found_as_it_is<S: Store>(stores: Arc<Stores<S>>) {
    if !is_possible(&stores).await {
        return;
    }
    let mut written = Vec::new();
    for number in 0..500_u32 {
        let value = stores.value(number.to_be_bytes().repeat(number as usize % 50));
        written.push((stores.created(&value).await.0, value));
    }
    let found = all(&stores).await;
    for (key, value) in &written {
        let scanned = found.get(key).map(Versioned::value);
        // A store that is full may have evicted the value.
        if scanned.is_none() && stores.load(key).await.is_none() {
            continue;
        }
        let rule = "a scan must find every value that is there, as it is";
        ensure!(is_same(scanned, Some(value)), "{rule}: {}, and found {}", shown(Some(value)), shown(scanned));
    }
    for (key, scanned) in &found {
        let loaded = stores.load(key).await;
        let (loaded, value) = (loaded.as_ref().map(Versioned::value), Some(scanned.value()));
        let rule = "a scan must find only what a load of the same key answers";
        ensure!(is_same(loaded, value), "{rule}: it found {}, and a load answers {}", shown(value), shown(loaded));
    }
    for (key, value) in written.iter().filter(|(key, _)| found.contains_key(key)).take(3) {
        let rule = "a swap against what a scan found must be done";
        let held = stores.replaced(key, found.get(key), &value.rewritten(), rule).await;
        stores.remove(key, &held).await;
        ensure!(!all(&stores).await.contains_key(key), "a scan must not find a value that was removed");
    }
}

pub(super) async fn a_value_that_stays_is_found_while_others_come_and_go<S: Store>(stores: Arc<Stores<S>>) {
    if !is_possible(&stores).await {
        return;
    }
    let mut stay = Vec::new();
    for number in 0..100 {
        stay.push(stores.created(&stores.value([number])).await.0);
    }
    race(4, |racer| {
        let (stores, stay) = (Arc::clone(&stores), stay.clone());
        async move {
            for round in 0..10 {
                if racer == 0 {
                    let found = all(&stores).await;
                    let mut missed = 0;
                    for key in stay.iter().filter(|key| !found.contains_key(key)) {
                        missed += usize::from(stores.load(key).await.is_some());
                    }
                    ensure!(
                        missed == 0,
                        "a scan must find every value that is there all the time, and missed {missed}"
                    );
                    continue;
                }
                let (key, held) = stores.created(&stores.value([round])).await;
                stores.remove(&key, &held).await;
            }
        }
    })
    .await;
}

pub(super) async fn a_position_of_another_store_is_an_error<S: Store>(stores: Arc<Stores<S>>) {
    if !is_possible(&stores).await {
        return;
    }
    let nowhere = Position::new(*b"\xff not a position of any store");
    let scanned = stores.either().scan(&nowhere, stores.now).await;
    ensure!(scanned.is_err(), "a scan from a position that this store did not make must be an error");
}
