//! Stores that announce critical writes.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time::sleep};

use super::stores::{Stores, answered, done, ensure, fail, random_key};
use crate::store::{Feed, Key, Store, StoreError, Value, Versioned};

/// How long a message may take, even on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// How long to wait before looking again at what was heard.
const SHORTLY: Duration = Duration::from_millis(5);

/// Collects the keys that the second handle's feed announces while the first handle writes.
struct Ear {
    heard: Arc<Mutex<HashSet<Key>>>,
    listening: JoinHandle<Result<(), StoreError>>,
}

impl Ear {
    fn of<S: Store>(stores: &Arc<Stores<S>>) -> Self {
        let heard = Arc::<Mutex<HashSet<Key>>>::default();
        let (hear, stores) = (Arc::clone(&heard), Arc::clone(stores));
        let feed = Feed::new(move |key| {
            hear.lock().unwrap_or_else(PoisonError::into_inner).insert(*key);
        });
        let listening = tokio::spawn(async move {
            let [_, second] = stores.handles();
            second.listen(feed).await
        });
        Self { heard, listening }
    }

    /// Waits until a message about the key arrives, but no longer than this. Returns `None` if the store has no feed.
    async fn hears(&mut self, key: &Key, limit: Duration) -> Option<bool> {
        let until = Instant::now() + limit;
        loop {
            if self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(key) {
                return Some(true);
            }
            if self.listening.is_finished() {
                match (&mut self.listening).await.map_err(tokio::task::JoinError::try_into_panic) {
                    Ok(answer) => answered(answer),
                    Err(Ok(panic)) => std::panic::resume_unwind(panic),
                    Err(Err(cancelled)) => fail(cancelled.to_string()),
                }
                return None;
            }
            if Instant::now() >= until {
                return Some(false);
            }
            sleep(SHORTLY).await;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Writes through the first handle.
async fn write<S: Store>(
    stores: &Stores<S>,
    key: &Key,
    before: Option<&Versioned>,
    after: Option<&Value>,
) -> Option<Versioned> {
    let [first, _] = stores.handles();
    let revision =
        done(answered(first.swap(key, before, after, stores.now).await), "a swap of the current value is done");
    after.map(|after| Versioned::with_revision(after.clone(), revision))
}

pub(super) async fn critical_writes_are_announced<S: Store>(stores: Arc<Stores<S>>) {
    let mut ear = Ear::of(&stores);
    let critical = |content: &[u8]| stores.value(content).critical();
    // Messages are lost until the store listens, so this writes until one arrives.
    let until = Instant::now() + SOON;
    loop {
        let key = random_key();
        write(&stores, &key, None, Some(&critical(b"first"))).await;
        match ear.hears(&key, SOON / 20).await {
            None => return,
            Some(true) => break,
            Some(false) => ensure!(
                Instant::now() < until,
                "`listen` must pass on the critical writes of other handles, or return `Ok` at once if the store has no feed: \
                 it did neither within {SOON:?}"
            ),
        }
    }
    let rule = "`listen` must pass on every critical write of other handles, and every removal";
    for kind in ["creates a value", "replaces a value", "removes a value"] {
        let (key, new) = (random_key(), critical(b"new"));
        if kind == "creates a value" {
            write(&stores, &key, None, Some(&new)).await;
        } else {
            let held = write(&stores, &key, None, Some(&stores.value(b"old"))).await;
            write(&stores, &key, held.as_ref(), (kind == "replaces a value").then_some(&new)).await;
        }
        match ear.hears(&key, SOON).await {
            Some(heard) => ensure!(heard, "{rule}: it passed on none that {kind} within {SOON:?}"),
            None => fail("`listen` must return `Ok` only if the store has no feed: it passed on a message before"),
        }
    }
}
