//! Whose sessions are whose, in memory: the entries of each user, and when those go whose session never came.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque, binary_heap::PeekMut, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    super::{ENTRY_GRACE, User, UserEntry, UserIndex},
    Inner, Key, MemoryStore, Record, Selector, StoreError, Timestamp,
};

impl UserIndex for MemoryStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let Some(selector) = self.0.selector(key).await else {
            return Err(StoreError::new("a key made from a digest names no session in memory that could be entered"));
        };
        let (users, user) = (&self.0.users, user.as_bytes());
        // Two for each that comes, so that they never pile up.
        self.0.settle(users.index(user), now, 2);
        users.enter(user, selector, now);
        Ok(())
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        Ok(self.0.users.entries(user.as_bytes()))
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        // Those that were listed here come with their selector, and are found without a hash.
        let known: HashSet<_> = keys.iter().filter_map(Key::selector).collect();
        let digests: HashSet<_> = keys.iter().filter(|key| key.selector().is_none()).map(Key::digest).collect();
        self.0.users.shard_of(user.as_bytes()).remove(user.as_bytes(), |Entry { selector, .. }| {
            known.contains(selector) || (!digests.is_empty() && digests.contains(&selector.key().digest()))
        });
        Ok(())
    }
}

impl Inner {
    /// Looks after the arrivals whose time is over, in all shards.
    pub(super) async fn settle_all(&self, now: Timestamp) {
        for index in 0..self.users.shards.len() {
            while !self.settle(index, now, super::BATCH) {
                tokio::task::yield_now().await;
            }
            self.users.shard(index).give_back();
        }
    }

    /// The same for the first `limit` in one shard; whether there are no more.
    fn settle(&self, index: usize, now: Timestamp, limit: usize) -> bool {
        for _ in 0..limit {
            let Some((user, entry)) = self.users.shard(index).next_arrived(now) else { return true };
            self.drop_if_dead(&user, entry, now);
        }
        false
    }

    fn drop_if_dead(&self, user: &[u8], entry: Entry, now: Timestamp) {
        // While the shard is locked the session does not come.
        let shard = self.shard_of(entry.selector);
        let dead = match shard.get(entry.selector) {
            Some(record) if !record.is_live(now) => true,
            Some(Record { user: Some(its), .. }) if **its == *user => false,
            _ => (entry.at + ENTRY_GRACE).passed(now),
        };
        if dead {
            self.users.shard_of(user).remove(user, |there| *there == entry);
        }
    }
}

/// The entries of all users. Each that is here has its session, or was entered less than [`ENTRY_GRACE`] ago, or waits
/// among the arrivals to be looked after.
pub(super) struct Users {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Whether anybody was ever entered: who has no use for lists does not pay for them.
    used: AtomicBool,
}

#[derive(Default)]
struct Shard {
    /// Oldest first. Whose last entry left is not in here.
    users: HashMap<Arc<[u8]>, VecDeque<Entry>>,
    /// What was entered, the earliest first: once its time is over, it has its session, which takes it along when it
    /// goes, or it never had one.
    arrivals: BinaryHeap<Reverse<Arrival>>,
}

/// When, whose, and which session.
type Arrival = (Timestamp, Arc<[u8]>, [u8; 16]);

#[derive(Clone, Copy, PartialEq)]
struct Entry {
    selector: Selector,
    at: Timestamp,
}

impl Users {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            used: AtomicBool::new(false),
        }
    }

    /// Takes out one entry, if it is there.
    pub(super) fn remove(&self, user: &[u8], selector: Selector) {
        // The caller holds the lock of a session that was stored after it was entered, if it was.
        if self.used.load(Ordering::Relaxed) {
            self.shard_of(user).remove(user, |entry| entry.selector == selector);
        }
    }

    fn entries(&self, user: &[u8]) -> Vec<UserEntry> {
        let shard = self.shard_of(user);
        let entries = shard.users.get(user).into_iter().flatten();
        entries.map(|entry| UserEntry { key: entry.selector.key(), at: entry.at }).collect()
    }

    fn enter(&self, user: &[u8], selector: Selector, now: Timestamp) {
        let mut shard = self.shard_of(user);
        self.used.store(true, Ordering::Relaxed);
        shard.put(user, Entry { selector, at: now });
    }

    fn index(&self, user: &[u8]) -> usize {
        self.hasher.hash_one(user) as usize & (self.shards.len() - 1)
    }

    fn shard_of(&self, user: &[u8]) -> MutexGuard<'_, Shard> {
        self.shard(self.index(user))
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Puts `entry` at the end.
    fn put(&mut self, user: &[u8], entry: Entry) {
        let (user, mut entries) = self.users.remove_entry(user).unwrap_or_else(|| {
            // Most users have one session.
            (user.into(), VecDeque::with_capacity(1))
        });
        entries.retain(|there| there.selector != entry.selector);
        entries.push_back(entry);
        self.arrivals.push(Reverse((entry.at, user.clone(), entry.selector.0)));
        self.users.insert(user, entries);
    }

    /// Takes out all such entries.
    fn remove(&mut self, user: &[u8], which: impl Fn(&Entry) -> bool) {
        let Some(entries) = self.users.get_mut(user) else { return };
        entries.retain(|entry| !which(entry));
        if entries.is_empty() {
            self.users.remove(user);
        } else if entries.capacity() > 4 * entries.len() + 16 {
            entries.shrink_to_fit();
        }
    }

    /// Returns memory after many users left.
    fn give_back(&mut self) {
        if self.users.capacity() > 4 * self.users.len() + 64 {
            self.users.shrink_to_fit();
        }
        if self.arrivals.capacity() > 4 * self.arrivals.len() + 64 {
            self.arrivals.shrink_to_fit();
        }
    }

    /// The next entry whose time as an arrival is over, which may be gone.
    fn next_arrived(&mut self, now: Timestamp) -> Option<(Arc<[u8]>, Entry)> {
        let next = self.arrivals.peek_mut().filter(|next| (next.0.0 + ENTRY_GRACE).passed(now))?;
        let Reverse((at, user, selector)) = PeekMut::pop(next);
        Some((user, Entry { selector: Selector(selector), at }))
    }
}

#[cfg(test)]
mod tests;
