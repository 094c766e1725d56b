//! One shard of the memory store: its values in order of use, grouped by the rank in which they are evicted, and their
//! deadlines.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
};

use hashlink::LinkedHashMap;

use super::{Class, Key, Timestamp, Value};
use crate::key::ByKey;

#[derive(Default)]
pub(super) struct Shard {
    /// Values that are evicted when the store is full: tombstones first, then guests, then users.
    evictable: [ByUse; RANKS],
    /// Values that stay until they expire: lists, revocations, markers, and values of unknown classes.
    fixed: HashMap<Key, Value, ByKey>,
    /// The deadlines, earliest first. Each value that can expire has an entry no later than its own deadline. A request that
    /// extends a value leaves its entry as it is; the entry is corrected when its time has come. Entries of removed values are
    /// dropped when their time has come, or when there are more than twice as many entries as values.
    deadlines: BinaryHeap<Reverse<(Timestamp, Key)>>,
}

/// How many kinds of values may be evicted.
pub(super) const RANKS: usize = 3;

/// Returns the rank of a value: the lowest is evicted first when the store is full. `None`: the value stays.
const fn rank(class: Class) -> Option<usize> {
    match class {
        Class::Tombstone => Some(0),
        Class::Guest => Some(1),
        Class::User => Some(2),
        _ => None,
    }
}

/// Values in order of use, the least recently used first.
type ByUse = LinkedHashMap<Key, HeldValue, ByKey>;

struct HeldValue {
    value: Value,
    /// The store's count of uses at the last use.
    used: u64,
}

/// The result of [`Shard::sweep`].
pub(super) struct Swept {
    pub(super) removed: Vec<Value>,
    /// Whether no expired value is left.
    pub(super) done: bool,
}

impl Shard {
    /// Returns the value, expired or not, without counting this as a use.
    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        let evictable = self.evictable.iter().rev().find_map(|values| values.get(key).map(|held| &held.value));
        evictable.or_else(|| self.fixed.get(key))
    }

    /// Returns the value, expired or not. Counts as a use.
    pub(super) fn load(&mut self, key: &Key, used: u64) -> Option<Value> {
        for values in self.evictable.iter_mut().rev() {
            if let Some(held) = values.to_back(key) {
                held.used = used;
                return Some(held.value.clone());
            }
        }
        self.fixed.get(key).cloned()
    }

    /// Stores `value`, new or in place of the previous one. Counts as a use.
    pub(super) fn put(&mut self, key: &Key, value: Value, used: u64) {
        let (key, deadline, rank) = (*key, value.expires_at(), rank(value.class()));
        let mut before = match rank {
            Some(rank) => self.evictable[rank].insert(key, HeldValue { value, used }).map(|held| held.value),
            None => self.fixed.insert(key, value),
        };
        if before.is_none() {
            let others = (0..RANKS).filter(|other| Some(*other) != rank);
            before = others.filter_map(|other| self.evictable[other].remove(&key)).next().map(|held| held.value);
            if before.is_none() && rank.is_some() {
                before = self.fixed.remove(&key);
            }
        }
        if before.is_none_or(|before| deadline < before.expires_at()) {
            self.expect(deadline, key);
        }
    }

    /// Removes the value and returns it.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Value> {
        let evictable = self.evictable.iter_mut().rev().find_map(|values| values.remove(key).map(|held| held.value));
        evictable.or_else(|| self.fixed.remove(key))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.evictable.iter().flat_map(|values| values.keys()).chain(self.fixed.keys()).copied().collect()
    }

    /// Checks up to `limit` deadlines that have passed, and removes the values that have expired.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> Swept {
        let mut removed = Vec::new();
        for _ in 0..limit {
            let Some(next) = self.deadlines.peek_mut().filter(|next| next.0.0.passed(now)) else {
                return Swept { removed, done: true };
            };
            let key = PeekMut::pop(next).0.1;
            match self.get(&key).map(Value::expires_at) {
                Some(deadline) if deadline.passed(now) => removed.extend(self.remove(&key)),
                Some(later) => self.expect(later, key),
                None => {}
            }
        }
        Swept { removed, done: false }
    }

    /// Returns when the least recently used value of this rank was last used.
    pub(super) fn longest_away(&self, rank: usize) -> Option<u64> {
        self.evictable[rank].front().map(|(_, held)| held.used)
    }

    /// Removes the least recently used value of this rank, if that is still the one last used at `used`.
    pub(super) fn evict(&mut self, rank: usize, used: u64) -> Option<(Key, Value)> {
        let values = &mut self.evictable[rank];
        let still = values.front().is_some_and(|(_, held)| held.used == used);
        still.then(|| values.pop_front())?.map(|(key, held)| (key, held.value))
    }

    /// Frees memory after many values were removed.
    pub(super) fn give_back(&mut self) {
        for values in &mut self.evictable {
            if values.capacity() > 4 * values.len() + 64 {
                values.shrink_to_fit();
            }
        }
        if self.fixed.capacity() > 4 * self.fixed.len() + 64 {
            self.fixed.shrink_to_fit();
        }
        if self.deadlines.capacity() > 4 * self.deadlines.len() + 64 {
            self.deadlines.shrink_to_fit();
        }
    }

    /// Returns the values that stay until they expire.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &Value> {
        self.fixed.values()
    }

    fn len(&self) -> usize {
        self.evictable.iter().map(LinkedHashMap::len).sum::<usize>() + self.fixed.len()
    }

    fn expect(&mut self, deadline: Timestamp, key: Key) {
        if deadline == Timestamp::NEVER {
            return;
        }
        self.deadlines.push(Reverse((deadline, key)));
        if self.deadlines.len() > 2 * self.len() + 64 {
            let evictable = self.evictable.iter().flatten().map(|(key, held)| (key, &held.value));
            self.deadlines = evictable
                .chain(&self.fixed)
                .map(|(key, value)| Reverse((value.expires_at(), *key)))
                .filter(|Reverse((deadline, _))| *deadline != Timestamp::NEVER)
                .collect();
        }
    }
}

#[cfg(test)]
impl Shard {
    pub(super) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// Returns how many values and deadlines there is room for.
    pub(super) fn room(&self) -> usize {
        self.evictable.iter().map(LinkedHashMap::capacity).sum::<usize>()
            + self.fixed.capacity()
            + self.deadlines.capacity()
    }
}
