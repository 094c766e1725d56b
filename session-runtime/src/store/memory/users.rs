//! Whose sessions are whose, in memory: the entries of each user, and when those go whose session never came.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque, binary_heap::PeekMut, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    super::{ENTRY_GRACE, Entered, Leaving, Room, User, UserIndex},
    Inner, Key, MemoryStore, Record, Selector, StoreError, Timestamp,
};

impl UserIndex for MemoryStore {
    async fn enter(&self, user: &User, key: &Key, room: Room, now: Timestamp) -> Result<Entered, StoreError> {
        let Some(selector) = self.0.selector(key).await else {
            return Err(StoreError::new("a key made from a digest names no session in memory that could be entered"));
        };
        let (users, user) = (&self.0.users, user.as_bytes());
        // Two for each that comes, so that they never pile up.
        self.0.settle(users.index(user), now, 2);
        if !users.has_room(user, selector, room) {
            self.0.drop_dead(user, now);
        }
        Ok(users.enter(user, selector, room, now))
    }

    async fn entries(&self, user: &User) -> Result<Vec<Key>, StoreError> {
        Ok(self.0.users.entries(user.as_bytes()).iter().map(|entry| entry.selector.key()).collect())
    }

    async fn leave(&self, user: &User, which: Leaving<'_>) -> Result<Vec<Key>, StoreError> {
        let left = self.0.users.take(user.as_bytes(), |selector| match which {
            Leaving::All => true,
            Leaving::AllBut(key) => selector.key() != *key,
            Leaving::One(key) => selector.key() == *key,
        });
        Ok(left.into_iter().map(Selector::key).collect())
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

    /// Takes out all entries of `user` that stand for no session.
    fn drop_dead(&self, user: &[u8], now: Timestamp) {
        for entry in self.users.entries(user) {
            self.drop_if_dead(user, entry, now);
        }
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

    fn take(&self, user: &[u8], which: impl Fn(Selector) -> bool) -> Vec<Selector> {
        self.shard_of(user).take(user, |entry| which(entry.selector))
    }

    fn entries(&self, user: &[u8]) -> Vec<Entry> {
        self.shard_of(user).users.get(user).map_or_else(Vec::new, |entries| entries.iter().copied().collect())
    }

    /// Whether it can be entered as it is, with nobody leaving.
    fn has_room(&self, user: &[u8], selector: Selector, room: Room) -> bool {
        self.shard_of(user).surplus(user, selector, room) == 0
    }

    fn enter(&self, user: &[u8], selector: Selector, room: Room, now: Timestamp) -> Entered {
        let mut shard = self.shard_of(user);
        let mut surplus = shard.surplus(user, selector, room);
        if surplus > 0 && matches!(room, Room::AtMost(_)) {
            return Entered::Full;
        }
        self.used.store(true, Ordering::Relaxed);
        shard.put(user, Entry { selector, at: now });
        if surplus == 0 {
            return Entered::Entered { left: Vec::new() };
        }
        let left = shard.take(user, |entry| {
            let leaves = surplus > 0 && entry.selector != selector;
            surplus -= usize::from(leaves);
            leaves
        });
        Entered::Entered { left: left.into_iter().map(Selector::key).collect() }
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
    /// How many entries are in the way of this one.
    fn surplus(&self, user: &[u8], selector: Selector, room: Room) -> usize {
        let Some(entries) = self.users.get(user) else { return 0 };
        let is_there = entries.iter().any(|entry| entry.selector == selector);
        room.surplus(entries.len() - usize::from(is_there), is_there)
    }

    /// Puts `entry` at the end.
    fn put(&mut self, user: &[u8], entry: Entry) {
        self.remove(user, |there| there.selector == entry.selector);
        let user = self.users.get_key_value(user).map_or_else(|| user.into(), |(user, _)| user.clone());
        self.arrivals.push(Reverse((entry.at, user.clone(), entry.selector.0)));
        // Most users have one session.
        self.users.entry(user).or_insert_with(|| VecDeque::with_capacity(1)).push_back(entry);
    }

    /// Takes out the oldest such entry.
    fn remove(&mut self, user: &[u8], which: impl Fn(&Entry) -> bool) {
        let Some(entries) = self.users.get_mut(user) else { return };
        if let Some(place) = entries.iter().position(which) {
            entries.remove(place);
            self.tidy(user);
        }
    }

    /// Takes out all such entries.
    fn take(&mut self, user: &[u8], mut which: impl FnMut(&Entry) -> bool) -> Vec<Selector> {
        let Some(entries) = self.users.get_mut(user) else { return Vec::new() };
        let mut taken = Vec::new();
        entries.retain(|entry| {
            let goes = which(entry);
            taken.extend(goes.then_some(entry.selector));
            !goes
        });
        self.tidy(user);
        taken
    }

    /// Returns memory after some of the user's entries left.
    fn tidy(&mut self, user: &[u8]) {
        match self.users.get_mut(user) {
            Some(entries) if entries.is_empty() => drop(self.users.remove(user)),
            Some(entries) if entries.capacity() > 4 * entries.len() + 16 => entries.shrink_to_fit(),
            _ => {}
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
