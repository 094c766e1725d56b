//! Many concurrent writers, and swaps that their callers give up.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use super::{
    stores::{Stores, answered, done, ensure, fail, is_same, race, random_key, shown},
    value,
};
use crate::store::{Class, Key, Store, Swapped, Value, Versioned};

const RACERS: usize = 8;

// B23, S10
pub(super) async fn one_swap_of_many_wins<S: Store>(stores: Arc<Stores<S>>) {
    for round in 0..60 {
        // The rounds alternate: only creations, then replacements and removals, then only removals.
        let (key, before) = match round % 3 {
            0 => (random_key(), None),
            _ => {
                let (key, before) = stores.created(&stores.value(b"before")).await;
                (key, Some(before))
            }
        };
        let is_removal = |racer| round % 3 == 2 || round % 3 == 1 && racer < 2;
        let values: Vec<_> = (0..RACERS).map(|racer| (!is_removal(racer)).then(|| stores.value(b"after"))).collect();
        let answers = race(RACERS, |racer| {
            let (stores, before, after) = (Arc::clone(&stores), before.clone(), values.get(racer).cloned().flatten());
            async move { stores.swap(&key, before.as_ref(), after.as_ref()).await }
        })
        .await;
        let is_done = |answer: &&Swapped| matches!(answer, Swapped::Done(_));
        let winners = answers.iter().filter(is_done).count();
        ensure!(winners == 1, "of {RACERS} swaps against one revision exactly one must be done, and {winners} were");
        let winner = answers.iter().zip(&values).find(|(answer, _)| is_done(answer));
        let winner = winner.and_then(|(_, value)| value.as_ref());
        for answer in &answers {
            if let Swapped::Stale(found) = answer {
                let found = found.as_ref().map(Versioned::value);
                // After a conflict, a store may answer with a value that it loaded before the winner had written.
                let is_early = is_same(found, before.as_ref().map(Versioned::value));
                let rule = "a swap that lost a race must answer what the winner wrote";
                ensure!(is_early || is_same(found, winner), "{rule}: {}, and answered {}", shown(winner), shown(found));
            }
        }
        stores.assert_holds(&key, winner, "after a race the key must hold what the winner wrote").await;
    }
}

// B19, B20
pub(super) async fn no_update_is_lost<S: Store>(stores: Arc<Stores<S>>) {
    const TIMES: u64 = 25;
    let count = |value: &Value| {
        let bytes = value.to_bytes();
        bytes.last_chunk().map_or(0, |count| u64::from_be_bytes(*count))
    };
    let (key, created) = stores.created(&stores.value([0; 8])).await;
    race(RACERS, |_| {
        let (stores, mut before) = (Arc::clone(&stores), created.clone());
        async move {
            let (mut counted, mut refused) = (0, 0);
            while counted < TIMES {
                let after = stores.value((count(before.value()) + 1).to_be_bytes());
                match stores.swap(&key, Some(&before), Some(&after)).await {
                    Swapped::Done(revision) => {
                        before = Versioned::with_revision(after, revision);
                        counted += 1;
                    }
                    Swapped::Stale(newer) => {
                        before = newer.unwrap_or_else(|| fail("a value that other writers replace must not vanish"));
                        refused += 1;
                    }
                }
                ensure!(refused < 10_000, "a swap must be refused only if another one was done");
            }
        }
    })
    .await;
    let sum = stores.load(&key).await.map_or(0, |loaded| count(loaded.value()));
    let all = RACERS as u64 * TIMES;
    ensure!(sum == all, "of {all} increments by compare-and-swap, each must be counted once, and {sum} are");
}

// B22, S12
pub(super) async fn a_removed_value_is_not_brought_back<S: Store>(stores: Arc<Stores<S>>) {
    for _ in 0..50 {
        let (key, created) = stores.created(&stores.value(b"before")).await;
        race(4, |racer| {
            let (stores, mut before) = (Arc::clone(&stores), created.clone());
            async move {
                for round in 0..100 {
                    let after = (racer > 0).then(|| stores.value([round]));
                    match (stores.swap(&key, Some(&before), after.as_ref()).await, after) {
                        (Swapped::Done(revision), Some(after)) if round < 5 => {
                            before = Versioned::with_revision(after, revision);
                        }
                        (Swapped::Stale(Some(newer)), _) => before = newer,
                        _ => return,
                    }
                }
            }
        })
        .await;
        let rule = "a value that was removed while others swapped it must not come back";
        stores.assert_holds(&key, None, rule).await;
    }
}

// B35
pub(super) async fn a_reader_never_sees_half_a_value<S: Store>(stores: Arc<Stores<S>>) {
    // The values are larger than a disk block and a network packet.
    let filled = |number: u8| vec![number; 20_000 + usize::from(number) * 100];
    let (key, created) = stores.created(&stores.value(filled(0))).await;
    race(4, |racer| {
        let (stores, mut before) = (Arc::clone(&stores), created.clone());
        async move {
            for round in 0..40 {
                if racer > 1 {
                    let bytes = stores.load(&key).await.map(|loaded| loaded.value().to_bytes()).unwrap_or_default();
                    let (content, number) = (
                        bytes.get(Value::HEADER_BYTES..).unwrap_or_default(),
                        bytes.last().copied().unwrap_or_default(),
                    );
                    ensure!(content == filled(number), "a load must answer a whole value, and answers parts of two");
                    continue;
                }
                let after = stores.value(filled(round * 2 + racer as u8));
                match stores.swap(&key, Some(&before), Some(&after)).await {
                    Swapped::Done(revision) => before = Versioned::with_revision(after, revision),
                    Swapped::Stale(Some(newer)) => before = newer,
                    Swapped::Stale(None) => fail("a value that other writers replace must not vanish"),
                }
            }
        }
    })
    .await;
}

// B28
pub(super) async fn a_swap_given_up_is_whole_or_nothing<S: Store>(stores: Arc<Stores<S>>) {
    let mut written = Vec::new();
    for round in 0..40 {
        let old = stores.value(vec![1; 3_000]);
        let (key, before) = stores.created(&old).await;
        let new = (round % 3 > 0).then(|| stores.value(vec![2; 5_000]));
        {
            let mut swap = pin!(stores.either().swap(&key, Some(&before), new.as_ref(), stores.now));
            let mut left = round % 4 + 1;
            std::future::poll_fn(|context| {
                left -= 1;
                if swap.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        // The swap may still take effect. The next write does not wait until it has.
        let (mut current, next) = (stores.load(&key).await, stores.value(b"next"));
        for _ in 0..100 {
            let found = current.as_ref().map(Versioned::value);
            ensure!(
                is_same(found, Some(&old)) || is_same(found, new.as_ref()),
                "a swap whose caller gave it up must write all or nothing, and the key holds {}",
                shown(found)
            );
            match stores.swap(&key, current.as_ref(), Some(&next)).await {
                Swapped::Done(_) => break,
                Swapped::Stale(found) => current = found,
            }
        }
        written.push((key, next));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let rule = "a swap whose caller gave it up may come late, but must not undo what was written since";
    for (key, next) in &written {
        stores.assert_holds(key, Some(next), rule).await;
    }
}

pub(super) async fn cleaning_up_removes_nothing_that_is_extended<S: Store>(stores: Arc<Stores<S>>) {
    const WRITERS: usize = 4;
    let rule = "a clean-up must compare when it removes: a value may be extended after the clean-up looked at it";
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let extended = race(WRITERS + 2, |racer| {
        let (stores, writing) = (Arc::clone(&stores), Arc::clone(&writing));
        async move {
            if racer >= WRITERS {
                while writing.load(Ordering::SeqCst) > 0 {
                    answered(stores.either().delete_expired(stores.after(31)).await);
                    tokio::task::yield_now().await;
                }
                return None;
            }
            let long = value(Class::User, stores.after(90), b"extended");
            let (key, mut held) = stores.created(&long).await;
            for round in 0..100 {
                // The clean-up may remove this value.
                let short = value(Class::User, stores.after(30), b"expires");
                let revision = done(insist(&stores, &key, Some(&held), &short).await, rule);
                let short = Versioned::with_revision(short, revision);
                for _ in 0..round % 4 {
                    tokio::task::yield_now().await;
                }
                // The clean-up must not remove this value.
                let long = value(Class::User, stores.after(90), b"extended");
                let swapped = match insist(&stores, &key, Some(&short), &long).await {
                    Swapped::Stale(None) => insist(&stores, &key, None, &long).await,
                    swapped => swapped,
                };
                held = Versioned::with_revision(long, done(swapped, rule));
                stores.assert_holds(&key, Some(held.value()), rule).await;
            }
            writing.fetch_sub(1, Ordering::SeqCst);
            Some((key, held))
        }
    })
    .await;
    for (key, held) in extended.into_iter().flatten() {
        stores.assert_holds(&key, Some(held.value()), rule).await;
    }
}

/// Swaps, and retries as long as the answer is `Stale` with the expected value: a store may give this answer after a
/// conflict.
async fn insist<S: Store>(stores: &Stores<S>, key: &Key, before: Option<&Versioned>, after: &Value) -> Swapped {
    for _ in 0..1_000 {
        match stores.swap(key, before, Some(after)).await {
            Swapped::Stale(found) if is_same(found.as_ref().map(Versioned::value), before.map(Versioned::value)) => {}
            swapped => return swapped,
        }
        tokio::task::yield_now().await;
    }
    fail("a swap against what the key holds must be done in the end, and this one was refused 1,000 times")
}
