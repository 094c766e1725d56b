//! Sessions in this process, up to a limit: [`MemoryStore`].

// `shard` holds the values of one shard. This file handles what concerns all shards: the exact capacity, and which value to
// evict when it is reached.

mod feeds;
mod scan;
mod shard;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    num::NonZero,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use self::{
    feeds::Feeds,
    scan::Lists,
    shard::{RANKS, Shard, Swept},
};
use super::{Class, Feed, InProcess, Key, Position, Revision, Scanned, Store, StoreError, Swapped, Value, Versioned};
use crate::{clock::Timestamp, event::Events};

/// Sessions in memory: for tests, and for a single server that may forget them when it stops.
///
/// It holds at most [`MemoryStore::CAPACITY`] sessions, or the number given to [`MemoryStore::with_capacity`]. When the store
/// is full, a new session replaces an expired or ended one. If there is none, it replaces the least recently used session of a
/// guest. If no guest has a session either, it replaces the least recently used session of a user. So in a flood of guests,
/// guests replace each other. The store reports each evicted live session as [`Event::Evicted`](crate::Event::Evicted).
///
/// Lists of the sessions of a user, or with a value of an `index` field, are never evicted, and do not count against the
/// capacity. Revocations of sessions in cookies do count, and stay until they expire. If they fill the store, a sign-out is
/// answered 503.
///
/// A clone is the same store. Memory: about 500 bytes per session, plus its fields' names and values.
///
/// ```
/// use session_runtime::{MemoryStore, Timestamp, store::{Key, Store, Swapped, Value}};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (store, key, now) = (MemoryStore::new(), Key::random()?, Timestamp::from_millis(0));
/// let swapped = store.swap(&key, None, Some(&Value::from_bytes("value")), now).await?;
/// assert!(matches!(swapped, Swapped::Done(_)));
/// assert!(store.load(&key, now).await?.is_some());
/// # Ok::<(), session_runtime::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    capacity: usize,
    /// How many slots are taken: by values in the shards (`takes_slot`), and by values about to be added. Never above
    /// `capacity`.
    taken: AtomicUsize,
    /// Counts the uses of all values. Each value records the count at its last use, so that the store finds the least recently
    /// used value of all shards. Lists of scans take their numbers from it too.
    uses: AtomicU64,
    observers: RwLock<Arc<[Events]>>,
    feeds: Feeds,
    /// The key lists of scans in progress.
    lists: Lists,
}

/// How many deadlines a clean-up checks, or how many values a scan loads, before the lock is released.
const BATCH: usize = 64;

impl MemoryStore {
    /// How many sessions [`MemoryStore::new`] holds: 100,000.
    pub const CAPACITY: usize = 100_000;

    /// Returns an empty store for [`MemoryStore::CAPACITY`] sessions.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert!(MemoryStore::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }

    /// Returns an empty store for `sessions` sessions, at least one. Memory is allocated as needed.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::with_capacity(500).capacity(), 500);
    /// ```
    #[must_use]
    pub fn with_capacity(sessions: usize) -> Self {
        // A few shards per core, so that two requests rarely need the same one.
        let shards = thread::available_parallelism().map_or(4, NonZero::get).saturating_mul(4).min(128);
        let shards = shards.next_power_of_two();
        Self(Arc::new(Inner {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            capacity: sessions.max(1),
            taken: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            observers: RwLock::new(Arc::default()),
            feeds: Feeds::default(),
            lists: Lists::default(),
        }))
    }

    /// Returns how many sessions fit.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::default().capacity(), MemoryStore::CAPACITY);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Returns how many sessions the store holds, including those that have expired or ended and were not cleaned up yet.
    /// Revocations count too.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::new().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Returns whether [`MemoryStore::len`] is 0.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert!(MemoryStore::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl InProcess for MemoryStore {
    fn load_now(&self, key: &Key) -> Option<Versioned> {
        let used = self.0.count_use();
        self.0.shard_of(key).load(key, used).map(Versioned::new)
    }

    fn swap_now(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let mut slot = None;
        loop {
            let mut shard = self.0.shard_of(key);
            let current = shard.get(key);
            let revision = current.map(|current| Revision::from(current.revision()));
            if revision.as_ref() != before.map(Versioned::revision) {
                return Ok(Swapped::Stale(current.cloned().map(Versioned::new)));
            }
            let had_slot = current.is_some_and(takes_slot);
            let Some(value) = after else {
                shard.remove(key);
                drop(shard);
                self.0.vacate(had_slot.into());
                self.0.feeds.wrote(key);
                return Ok(Swapped::removed());
            };
            let wants_slot = takes_slot(value);
            if wants_slot && !had_slot && slot.is_none() {
                slot = self.0.free_slot();
                if slot.is_none() {
                    // `make_room` locks other shards. So this shard is unlocked first, and its value is compared again after
                    // that.
                    drop(shard);
                    slot = Some(self.0.make_room(now)?);
                    continue;
                }
            }
            shard.put(key, value.clone(), self.0.count_use());
            self.0.vacate((had_slot && !wants_slot).into());
            if let Some(slot) = slot.filter(|_| wants_slot && !had_slot) {
                slot.fill();
            }
            drop(shard);
            if value.is_critical() {
                self.0.feeds.wrote(key);
            }
            return Ok(Swapped::written(value));
        }
    }
}

impl Store for MemoryStore {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        Ok(self.load_now(key))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.swap_now(key, before, after, now)
    }

    #[allow(private_interfaces, reason = "only this crate implements it")]
    fn in_process(&self) -> Option<&dyn InProcess> {
        Some(self)
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        let _registered = self.0.feeds.register(feed.clone());
        feed.connected();
        std::future::pending().await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut all = 0;
        // Cleans up one batch of each shard in turn. If the loop locked the same shard again immediately, a request that waits
        // for the shard would rarely get the lock.
        let mut left: VecDeque<_> = (0..self.0.shards.len()).collect();
        while let Some(index) = left.pop_front() {
            let swept = self.0.shard(index).sweep(now, BATCH);
            self.0.vacate_for(&swept.removed);
            all += swept.removed.len() as u64;
            if swept.done {
                self.0.shard(index).give_back();
            } else {
                left.push_back(index);
                tokio::task::yield_now().await;
            }
        }
        Ok(all)
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.list_values(from, now).await.map(Some)
    }

    fn observe(&self, events: Events) {
        let mut observers = self.0.observers.write().unwrap_or_else(PoisonError::into_inner);
        *observers = observers.iter().cloned().chain([events]).collect();
    }
}

/// Returns whether a value counts against the capacity. Lists and markers do not: there is one list for each user and each value
/// of an `index` field that has a session here, and one marker for each application and kind of session.
fn takes_slot(value: &Value) -> bool {
    !matches!(value.class(), Class::List | Class::Marker)
}

impl Inner {
    fn shard_of(&self, key: &Key) -> MutexGuard<'_, Shard> {
        // The last byte of the key selects the shard. The hash tables inside the shards use the first bytes, which must stay
        // evenly distributed within each shard.
        let [.., last] = key.digest();
        self.shard(usize::from(last) & (self.shards.len() - 1))
    }

    /// Locks a shard. A panic under this lock fails only its own request, since each step under it leaves the shard consistent.
    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn free_slot(&self) -> Option<Slot<'_>> {
        let take = |taken| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| Slot(self))
    }

    fn vacate(&self, slots: usize) {
        // If the count wrapped below zero, the store would seem full for ever.
        let leave = |taken: usize| Some(taken.saturating_sub(slots));
        let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, leave);
    }

    fn vacate_for(&self, removed: &[Value]) -> usize {
        let slots = removed.iter().filter(|value| takes_slot(value)).count();
        self.vacate(slots);
        slots
    }

    /// Evicts one value, or removes several expired ones, and returns a free slot. The caller must not hold a shard's lock.
    fn make_room(&self, now: Timestamp) -> Result<Slot<'_>, StoreError> {
        loop {
            let mut longest_away = [None; RANKS];
            for index in 0..self.shards.len() {
                let mut shard = self.shard(index);
                loop {
                    let Swept { removed, done } = shard.sweep(now, BATCH);
                    if self.vacate_for(&removed) > 0
                        && let Some(slot) = self.free_slot()
                    {
                        return Ok(slot);
                    }
                    if done {
                        break;
                    }
                }
                for (rank, longest) in longest_away.iter_mut().enumerate() {
                    let here = shard.longest_away(rank).map(|used| (used, index));
                    *longest = [*longest, here].into_iter().flatten().min();
                }
            }
            let first = longest_away.into_iter().enumerate().find_map(|(rank, longest)| Some((rank, longest?)));
            match first {
                Some((rank, (used, index))) => {
                    let evicted = self.shard(index).evict(rank, used);
                    if let Some((key, value)) = evicted {
                        // Created before the observers are called, so that a hook that panics gives the slot back.
                        let slot = Slot(self);
                        self.feeds.wrote(&key);
                        self.report(&key, &value, now);
                        return Ok(slot);
                    }
                }
                None if self.count_fixed() >= self.capacity => {
                    return Err(StoreError::new(format!(
                        "the memory store is full of revocations, which stay until their sessions expire: give it room for \
                         more than {} with `MemoryStore::with_capacity`, or choose another store for them",
                        self.capacity
                    )));
                }
                // No value can be evicted, but a slot is reserved: another thread is about to fill it.
                None => {}
            }
            // Nothing was evicted: the value was used meanwhile, or there was none. Another thread may have freed a slot since.
            if let Some(slot) = self.free_slot() {
                return Ok(slot);
            }
            thread::yield_now();
        }
    }

    /// Returns how many slots are taken by values that stay until they expire.
    fn count_fixed(&self) -> usize {
        (0..self.shards.len()).map(|index| self.shard(index).fixed().filter(|value| takes_slot(value)).count()).sum()
    }

    fn report(&self, key: &Key, evicted: &Value, now: Timestamp) {
        if evicted.expires_at().passed(now) {
            return;
        }
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for events in &*observers {
            events.evicted(key, evicted);
        }
    }
}

/// A slot that is reserved for one value. Dropping it frees the slot, and `fill` keeps it taken.
struct Slot<'a>(&'a Inner);

impl Slot<'_> {
    fn fill(self) {
        std::mem::forget(self);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.vacate(1);
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("sessions", &self.len()).field("capacity", &self.capacity()).finish()
    }
}
