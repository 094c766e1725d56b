//! One shard of the memory store: its sessions in order of use, guests apart from users, and their deadlines.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use hashlink::{LinkedHashMap, linked_hash_map::RawEntryMut};

use super::{Record, Selector, Timestamp};

#[derive(Default)]
pub(super) struct Shard {
    guests: ByUse,
    users: ByUse,
    /// The earliest first. Each session that can expire is in here with a deadline no later than its own: when a
    /// deadline moves on, which every request may do, its place here is corrected once it comes up. Those of sessions
    /// that are gone are dropped then too, or when they outnumber the living.
    deadlines: BinaryHeap<Reverse<(Timestamp, [u8; 16])>>,
}

/// Sessions, those that were used longest ago first.
type ByUse = LinkedHashMap<Selector, Held, BuildHasherDefault<RandomAlready>>;

struct Held {
    record: Arc<Record>,
    /// The store's count of uses at the last one.
    used: u64,
}

pub(super) struct Swept {
    pub(super) removed: Vec<(Selector, Arc<Record>)>,
    /// Whether no expired session is left.
    pub(super) done: bool,
}

impl Shard {
    /// The record, expired or not, without counting as a use.
    pub(super) fn get(&self, selector: Selector) -> Option<&Record> {
        self.guests.get(&selector).or_else(|| self.users.get(&selector)).map(|held| &*held.record)
    }

    /// The live record. This is a use.
    pub(super) fn load(&mut self, selector: Selector, now: Timestamp, used: u64) -> Option<Arc<Record>> {
        [&mut self.users, &mut self.guests].into_iter().find_map(|sessions| {
            match sessions.raw_entry_mut().from_key(&selector) {
                RawEntryMut::Occupied(mut entry) if entry.get().record.is_live(now) => {
                    entry.to_back();
                    let held = entry.into_mut();
                    held.used = used;
                    Some(held.record.clone())
                }
                _ => None,
            }
        })
    }

    /// Holds `record`, new or in place of the one before. This is a use.
    pub(super) fn put(&mut self, selector: Selector, record: Arc<Record>, used: u64) {
        let deadline = record.expires_at();
        let (own, other) = match record.user {
            None => (&mut self.guests, &mut self.users),
            Some(_) => (&mut self.users, &mut self.guests),
        };
        let before = own.insert(selector, Held { record, used }).or_else(|| other.remove(&selector));
        if before.is_none_or(|before| deadline < before.record.expires_at()) {
            self.expect(deadline, selector);
        }
    }

    /// What was there.
    pub(super) fn remove(&mut self, selector: Selector) -> Option<Arc<Record>> {
        self.guests.remove(&selector).or_else(|| self.users.remove(&selector)).map(|held| held.record)
    }

    /// The record, expired or not, without counting as a use.
    pub(super) fn shared(&self, selector: Selector) -> Option<Arc<Record>> {
        self.guests.get(&selector).or_else(|| self.users.get(&selector)).map(|held| held.record.clone())
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        self.guests.keys().chain(self.users.keys()).copied().collect()
    }

    /// Removes expired sessions, by the first `limit` deadlines that have passed.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> Swept {
        let mut removed = Vec::new();
        for _ in 0..limit {
            let Some(next) = self.deadlines.peek_mut().filter(|next| next.0.0.passed(now)) else {
                return Swept { removed, done: true };
            };
            let selector = Selector(PeekMut::pop(next).0.1);
            match self.get(selector).map(Record::expires_at) {
                Some(deadline) if deadline.passed(now) => {
                    removed.extend(self.remove(selector).map(|record| (selector, record)));
                }
                Some(later) => self.expect(later, selector),
                None => {}
            }
        }
        Swept { removed, done: false }
    }

    /// When the guest, or user, who has been away longest was last here.
    pub(super) fn longest_away(&self, signed_in: bool) -> Option<u64> {
        if signed_in { &self.users } else { &self.guests }.front().map(|(_, held)| held.used)
    }

    /// Removes the guest, or user, who has been away longest, if that is still the one last here at `used`.
    pub(super) fn evict(&mut self, signed_in: bool, used: u64) -> Option<(Selector, Arc<Record>)> {
        let sessions = if signed_in { &mut self.users } else { &mut self.guests };
        let still = sessions.front().is_some_and(|(_, held)| held.used == used);
        still.then(|| sessions.pop_front())?.map(|(selector, held)| (selector, held.record))
    }

    /// Returns memory after many have left.
    pub(super) fn give_back(&mut self) {
        for sessions in [&mut self.guests, &mut self.users] {
            if sessions.capacity() > 4 * sessions.len() + 64 {
                sessions.shrink_to_fit();
            }
        }
        if self.deadlines.capacity() > 4 * self.deadlines.len() + 64 {
            self.deadlines.shrink_to_fit();
        }
    }

    fn expect(&mut self, deadline: Timestamp, selector: Selector) {
        if deadline == Timestamp::NEVER {
            return;
        }
        self.deadlines.push(Reverse((deadline, selector.0)));
        if self.deadlines.len() > 2 * (self.guests.len() + self.users.len()) + 64 {
            let sessions = self.guests.iter().chain(&self.users);
            self.deadlines = sessions
                .map(|(selector, held)| Reverse((held.record.expires_at(), selector.0)))
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

    /// How many sessions and deadlines there is room for.
    pub(super) fn room(&self) -> usize {
        self.guests.capacity() + self.users.capacity() + self.deadlines.capacity()
    }
}

/// Selectors are random, and only ever made here: their first bytes are as good as any hash of them.
#[derive(Default)]
struct RandomAlready(u64);

impl Hasher for RandomAlready {
    fn write(&mut self, selector: &[u8]) {
        if let Some(first) = selector.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
