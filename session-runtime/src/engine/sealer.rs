//! Values of `secret` fields as a store sees them: sealed (`keys/seal.rs` has the format) under a key that serves nothing
//! else, and bound to application, record and stored name (SECURITY S40).

use crate::{
    clock::Timestamp,
    error::Error,
    keys::{KeyRing, Purpose, seal},
};

/// Seals values under the ring's current key, and opens what any of its keys sealed.
pub(super) struct Sealer(seal::Sealer);

/// Where a value belongs. It opens nowhere else.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The record's name in the store, which stays for the session's life, whatever its id.
    pub(super) record: &'a [u8; 16],
    /// The name that the field is stored under.
    pub(super) name: &'a str,
}

impl<'a> Place<'a> {
    fn parts(self) -> [&'a [u8]; 2] {
        [self.record, self.name.as_bytes()]
    }
}

impl Sealer {
    /// A sealer for the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(super) fn new(ring: &KeyRing, app: &str) -> Result<Self, Error> {
        seal::Sealer::new(ring, Purpose::SECRET, app).map(Self)
    }

    /// The value as it may be stored, unlike any before.
    ///
    /// # Errors
    /// As [`seal::Sealer::seal`].
    pub(super) fn seal(&self, value: &[u8], place: Place<'_>) -> Result<Vec<u8>, Error> {
        self.0.seal(value, &place.parts())
    }

    /// What was sealed for this place, if that is what it is.
    pub(super) fn open(&self, sealed: &[u8], place: Place<'_>, now: Timestamp) -> Option<seal::Opened> {
        self.0.open(sealed, &place.parts(), now)
    }
}

#[cfg(test)]
mod tests;
