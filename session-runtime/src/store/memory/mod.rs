//! Sessions in this process: bounded, sharded, gone with the process. What one shard holds is in `shard`, and whose the
//! sessions are in `users`; here is what takes all of them: the exact capacity, and who leaves when it is reached.

mod scan;
mod shard;
#[cfg(test)]
mod tests;
mod users;

use std::{
    collections::VecDeque,
    fmt,
    num::NonZero,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use self::{
    scan::Lists,
    shard::{Shard, Swept},
    users::Users,
};
use super::{Applied, Change, Ended, Key, Record, Store, StoreError, Verdict};
use crate::{
    clock::Timestamp,
    event::{Event, Events},
    id::Selector,
};

/// Sessions in memory: for tests, and for a single server that may forget them when it stops.
///
/// It holds at most [`MemoryStore::CAPACITY`] sessions, or as many as [`MemoryStore::with_capacity`] was told. When it
/// is full, a new session takes the place of an expired one; if there is none, of the guest who has been away longest;
/// and only if everybody is signed in, of the user who has been away longest. So a flood of guests logs nobody out.
/// Each live session that leaves so is reported as [`Event::Evicted`].
///
/// A clone is the same store. Memory: about 500 bytes a session plus its fields' names and values.
///
/// ```
/// use session_runtime::{MemoryStore, Timestamp, store::{Change, Digest, Key, Store}};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (store, key, now) = (MemoryStore::new(), Key::random()?, Timestamp::from_millis(0));
/// let create = Change::create(Digest::from([1; 16]), now, Timestamp::NEVER, Timestamp::NEVER);
/// store.apply(&key, &create, now).await?;
/// assert!(store.load(&key, now).await?.is_some());
/// # Ok::<(), session_runtime::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    /// Locked after a shard, never before one.
    users: Users,
    capacity: usize,
    /// How many sessions the shards hold, and how many are about to be put into one. Never above `capacity`.
    taken: AtomicUsize,
    /// Counts uses, so that the shards' orders of use can be compared.
    uses: AtomicU64,
    observers: RwLock<Arc<[Events]>>,
    /// Of scans under way.
    lists: Lists,
}

/// How many deadlines are looked at under one lock.
const BATCH: usize = 64;

impl MemoryStore {
    /// How many sessions [`MemoryStore::new`] holds: 100,000.
    pub const CAPACITY: usize = 100_000;

    /// An empty store for [`MemoryStore::CAPACITY`] sessions.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert!(MemoryStore::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }

    /// An empty store for `sessions` sessions, at least one. Room is taken as it is needed.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::with_capacity(500).capacity(), 500);
    /// ```
    #[must_use]
    pub fn with_capacity(sessions: usize) -> Self {
        // A few shards for each core, so that two requests rarely want the same one.
        let shards = thread::available_parallelism().map_or(4, NonZero::get).saturating_mul(4).min(128);
        let shards = shards.next_power_of_two();
        Self(Arc::new(Inner {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            users: Users::new(shards),
            capacity: sessions.max(1),
            taken: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            observers: RwLock::new(Arc::default()),
            lists: Lists::default(),
        }))
    }

    /// How many sessions fit.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::default().capacity(), MemoryStore::CAPACITY);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// How many sessions are held, those included that have expired and were not cleaned up yet.
    ///
    /// ```
    /// # use session_runtime::MemoryStore;
    /// assert_eq!(MemoryStore::new().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Whether no session is held.
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

impl Store for MemoryStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let known = key.selector();
        let Some(selector) = (if known.is_some() { known } else { self.0.find(key).await }) else { return Ok(None) };
        let used = self.0.count_use();
        Ok(self.0.shard_of(selector).load(selector, now, used))
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let known = key.selector();
        let Some(selector) = (if known.is_some() { known } else { self.0.find(key).await }) else {
            return match change.judge(None, now) {
                Verdict { write: None, answer } => Ok(answer),
                _ => Err(StoreError::new(
                    "a key made from a digest cannot name a new session in memory; create it under a key of its own",
                )),
            };
        };
        let mut slot = None;
        loop {
            let mut shard = self.0.shard_of(selector);
            let current = shard.get(selector);
            let verdict = change.judge(current, now);
            let Some(record) = verdict.write else { return Ok(verdict.answer) };
            if current.is_none() && slot.is_none() {
                slot = self.0.free_slot();
                if slot.is_none() {
                    // Making room looks into other shards, so this one is let go and judged anew.
                    drop(shard);
                    slot = Some(self.0.make_room(now));
                    continue;
                }
            }
            let left =
                current.and_then(|before| before.user.as_ref()).filter(|user| record.user.as_ref() != Some(user));
            let left = left.cloned();
            shard.put(selector, record, self.0.count_use());
            if let Some(user) = left {
                self.0.users.remove(&user, selector);
            }
            if let Some(slot) = slot {
                slot.fill();
            }
            return Ok(verdict.answer);
        }
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        let Some(selector) = self.0.selector(key).await else { return Ok(change.judge(None, now).answer.into()) };
        let mut shard = self.0.shard_of(selector);
        if let Err(answer) = change.admit(shard.get(selector), now) {
            return Ok(answer.into());
        }
        self.0.remove(&mut shard, selector);
        Ok(Applied::Applied { renewed: false }.into())
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        if let Some(selector) = self.0.selector(key).await {
            self.0.remove(&mut self.0.shard_of(selector), selector);
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut all = 0;
        // A batch of each in turn: whoever waits for a shard would rarely get it from somebody who takes it again at once.
        let mut left: VecDeque<_> = (0..self.0.shards.len()).collect();
        while let Some(index) = left.pop_front() {
            let swept = self.0.sweep(&mut self.0.shard(index), now);
            self.0.vacate(swept.removed.len());
            all += swept.removed.len() as u64;
            if swept.done {
                self.0.shard(index).give_back();
            } else {
                left.push_back(index);
                tokio::task::yield_now().await;
            }
        }
        self.0.settle_all(now).await;
        Ok(all)
    }

    fn observe(&self, events: Events) {
        let mut observers = self.0.observers.write().unwrap_or_else(PoisonError::into_inner);
        *observers = observers.iter().cloned().chain([events]).collect();
    }
}

impl Inner {
    fn remove(&self, shard: &mut Shard, selector: Selector) {
        if let Some(record) = shard.remove(selector) {
            self.left(&[(selector, record)]);
            self.vacate(1);
        }
    }

    async fn selector(&self, key: &Key) -> Option<Selector> {
        let known = key.selector();
        if known.is_some() { known } else { self.find(key).await }
    }

    /// Looks through all sessions for the one with the digest of this key. Sessions are not kept by it, since every
    /// request would pay for the hash; and who comes with a digest, such as an operator's tool, comes rarely.
    fn find<'a>(&'a self, key: &Key) -> Pin<Box<dyn Future<Output = Option<Selector>> + Send + 'a>> {
        let digest = key.digest();
        Box::pin(async move {
            for index in 0..self.shards.len() {
                let selectors = self.shard(index).selectors();
                if let Some(found) = selectors.into_iter().find(|selector| selector.key().digest() == digest) {
                    return Some(found);
                }
                tokio::task::yield_now().await;
            }
            None
        })
    }

    fn shard_of(&self, selector: Selector) -> MutexGuard<'_, Shard> {
        // The shards' own tables go by the first bytes, so these are still evenly spread there.
        self.shard(usize::from(selector.0[15]) & (self.shards.len() - 1))
    }

    /// A panic elsewhere under this lock takes only its own request down: each step under it leaves the shard whole.
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

    fn sweep(&self, shard: &mut Shard, now: Timestamp) -> Swept {
        let swept = shard.sweep(now, BATCH);
        self.left(&swept.removed);
        swept
    }

    /// Takes out the entries of sessions that left. To be called while their shard is still locked, so that none of
    /// them is back before.
    fn left(&self, sessions: &[(Selector, Arc<Record>)]) {
        for (selector, record) in sessions {
            if let Some(user) = &record.user {
                self.users.remove(user, *selector);
            }
        }
    }

    fn vacate(&self, slots: usize) {
        // Below zero would read as full for ever.
        let leave = |taken: usize| Some(taken.saturating_sub(slots));
        let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, leave);
    }

    /// Lets one session go, or several expired ones, and returns its place. No shard may be locked by the caller.
    fn make_room(&self, now: Timestamp) -> Slot<'_> {
        loop {
            let mut longest_away = [None; 2];
            for index in 0..self.shards.len() {
                let mut shard = self.shard(index);
                let swept = loop {
                    let swept = self.sweep(&mut shard, now);
                    if !swept.removed.is_empty() || swept.done {
                        break swept;
                    }
                };
                if !swept.removed.is_empty() {
                    self.vacate(swept.removed.len() - 1);
                    return Slot(self);
                }
                for (signed_in, longest) in [false, true].into_iter().zip(&mut longest_away) {
                    let here = shard.longest_away(signed_in).map(|used| (used, index, signed_in));
                    *longest = [*longest, here].into_iter().flatten().min();
                }
            }
            let [guest, user] = longest_away;
            if let Some((used, index, signed_in)) = guest.or(user)
                && let Some(evicted) = self.evict(index, signed_in, used)
            {
                // Before anybody is told: a hook that panics must not lose the place.
                let slot = Slot(self);
                let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
                for events in &*observers {
                    events.emit(&Event::Evicted { signed_in }, Some(&evicted));
                }
                return slot;
            }
            // It was used meanwhile; or every place is about to be filled by another thread.
            if let Some(slot) = self.free_slot() {
                return slot;
            }
            thread::yield_now();
        }
    }

    /// Which one that was, if it was still there, and the one who has been away longest.
    fn evict(&self, index: usize, signed_in: bool, used: u64) -> Option<Key> {
        let mut shard = self.shard(index);
        let evicted = shard.evict(signed_in, used);
        self.left(evicted.as_slice());
        evicted.map(|(selector, _)| selector.key())
    }
}

/// A place for one session, given back unless filled.
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
