//! Seals the values of `secret` fields for the store, under a key that is used for nothing else. `keys/seal.rs` has the format. A
//! sealed value is bound to its application, record and stored name (SECURITY S40).

use crate::{
    clock::Timestamp,
    error::Error,
    keys::{KeyRing, Purpose, seal},
};

/// Seals values under the ring's current key, and opens those that any of its keys sealed.
pub(super) struct FieldSealer(seal::Sealer);

/// The record and field that a value belongs to. A sealed value opens only there.
#[derive(Clone, Copy)]
pub(super) struct FieldPlace<'a> {
    /// The record's name in the store, which stays the same for the session's life, even if the id changes.
    pub(super) record: &'a [u8; 16],
    /// The name that the field is stored under.
    pub(super) name: &'a str,
}

impl<'a> FieldPlace<'a> {
    fn parts(self) -> [&'a [u8]; 2] {
        [self.record, self.name.as_bytes()]
    }
}

impl FieldSealer {
    /// Creates a sealer for the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(super) fn new(ring: &KeyRing, app: &str) -> Result<Self, Error> {
        seal::Sealer::new(ring, Purpose::SECRET, app).map(Self)
    }

    /// Returns the value as it may be stored. Every call returns a different ciphertext.
    ///
    /// # Errors
    /// As [`seal::Sealer::seal`].
    pub(super) fn seal(&self, value: &[u8], place: FieldPlace<'_>) -> Result<Vec<u8>, Error> {
        self.0.seal(value, &place.parts())
    }

    /// Opens a value that was sealed for this place; `None` if it was not.
    pub(super) fn open(&self, sealed: &[u8], place: FieldPlace<'_>, now: Timestamp) -> Option<seal::Unsealed> {
        self.0.open(sealed, &place.parts(), now)
    }
}

#[cfg(test)]
mod tests;
