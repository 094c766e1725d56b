//! What was made of each key of a ring, to be found again by the key's id.

use super::{KeyId, KeyRing, MasterKey};
use crate::{clock::Timestamp, error::Error};

/// One `K` for each key: that of the current key signs and seals, any of them opens.
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
    /// What `make` makes of each key of the ring.
    ///
    /// # Errors
    /// If the ring is empty, or `make` fails.
    pub(crate) fn new(ring: &KeyRing, make: impl Fn(&MasterKey) -> Result<K, Error>) -> Result<Self, Error> {
        let made = |key: &MasterKey| Ok(Made { id: key.id(), end: key.end(), key: make(key)? });
        let (current, previous) = ring.keys()?;
        Ok(Self { current: made(current)?, previous: previous.iter().map(made).collect::<Result<_, Error>>()? })
    }

    /// What the current key became, and its id.
    pub(crate) const fn current(&self) -> (&KeyId, &K) {
        (&self.current.id, &self.current.key)
    }

    /// What the key `id` became, unless its end has passed, and whether it is the current key.
    pub(crate) fn find(&self, id: &KeyId, now: Timestamp) -> Option<(&K, bool)> {
        let current = self.current.id == *id;
        let made = if current { &self.current } else { self.previous.iter().find(|made| made.id == *id)? };
        (!made.end.passed(now)).then_some((&made.key, current))
    }

    /// The ids of all keys, the current first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(&self.current).chain(&self.previous).map(|made| made.id)
    }

    #[cfg(test)]
    pub(crate) const fn current_mut(&mut self) -> &mut K {
        &mut self.current.key
    }

    /// The ids of the keys before the current one.
    #[cfg(test)]
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = KeyId> {
        self.previous.iter().map(|made| made.id)
    }
}
