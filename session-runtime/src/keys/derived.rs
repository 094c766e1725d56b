//! Values derived from each key of a ring, found by the key's id.

use super::{KeyId, KeyRing, MasterKey};
use crate::{clock::Timestamp, error::Error};

/// One `K` for each key of a ring. Only the current key's `K` signs and seals, but every `K` opens.
pub(crate) struct Derived<K> {
    current: Made<K>,
    previous: Box<[Made<K>]>,
}

struct Made<K> {
    id: KeyId,
    end: Timestamp,
    key: K,
}

impl<K> Derived<K> {
    /// Calls `make` for each key of the ring.
    ///
    /// # Errors
    /// If the ring is empty, or `make` fails.
    pub(crate) fn new(ring: &KeyRing, make: impl Fn(&MasterKey) -> Result<K, Error>) -> Result<Self, Error> {
        let made = |key: &MasterKey| Ok(Made { id: key.id(), end: key.end(), key: make(key)? });
        let (current, previous) = ring.keys()?;
        Ok(Self { current: made(current)?, previous: previous.iter().map(made).collect::<Result<_, Error>>()? })
    }

    /// Returns the id of the current key, and its `K`.
    pub(crate) const fn current(&self) -> (&KeyId, &K) {
        (&self.current.id, &self.current.key)
    }

    /// Returns the `K` of the key `id`, and whether it is the current key. `None` if the ring has no such key, or its end has
    /// passed.
    pub(crate) fn find(&self, id: &KeyId, now: Timestamp) -> Option<(&K, bool)> {
        let current = self.current.id == *id;
        let made = if current { &self.current } else { self.previous.iter().find(|made| made.id == *id)? };
        (!made.end.passed(now)).then_some((&made.key, current))
    }

    /// Returns the ids of all keys, the current first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(&self.current).chain(&self.previous).map(|made| made.id)
    }

    #[cfg(test)]
    pub(crate) const fn current_mut(&mut self) -> &mut K {
        &mut self.current.key
    }

    /// Returns the ids of the keys before the current one.
    #[cfg(test)]
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = KeyId> {
        self.previous.iter().map(|made| made.id)
    }
}
