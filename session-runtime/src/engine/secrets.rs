//! `secret` fields: encrypted in the store, decrypted for a request.

use super::sealer::{FieldPlace, FieldSealer};
use crate::{
    clock::Timestamp,
    error::Error,
    key::Key,
    keys::KeyRing,
    record::{Entry, Fields},
    schema::{Meta, UNREADABLE},
};

/// Opens and seals the `secret` fields of one kind of session.
pub(crate) struct Secrets {
    sealer: FieldSealer,
    fields: &'static [Meta],
}

/// Fields with their secrets opened.
pub(super) struct Revealed {
    pub(super) fields: Fields,
    /// The names of the fields that an older key sealed.
    pub(super) outdated: Vec<String>,
    /// The fields that could not be opened.
    pub(super) unreadable: Vec<&'static str>,
}

impl Secrets {
    /// Creates the `Secrets` for the sessions of one application; `None` if no field is secret.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, app: &str, fields: &'static [Meta]) -> Result<Option<Self>, Error> {
        if !fields.iter().any(|meta| meta.secret) {
            return Ok(None);
        }
        Ok(Some(Self { sealer: FieldSealer::new(ring, app)?, fields }))
    }

    /// Returns whether a secret field is stored under this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    fn field(&self, name: &str) -> Option<&'static Meta> {
        self.fields.iter().find(|meta| meta.secret && meta.is_stored_as(name))
    }

    /// Returns the fields with their secrets opened; `None` if no secret is among them. A value that cannot be opened becomes
    /// [`UNREADABLE`].
    pub(super) fn open(&self, key: &Key, sealed: &Fields, now: Timestamp) -> Option<Revealed> {
        if !sealed.iter().any(|entry| self.has(entry.name)) {
            return None;
        }
        let record = key.digest();
        let (mut fields, mut outdated, mut unreadable) = (Fields::default(), Vec::new(), Vec::new());
        for entry in sealed.iter() {
            let Some(meta) = self.field(entry.name) else {
                fields.push(entry);
                continue;
            };
            let place = FieldPlace { record: &record, name: entry.name };
            let live = entry.is_live(now);
            let opened = if live { self.sealer.open(entry.value, place, now) } else { None };
            let value = opened.as_ref().map_or(UNREADABLE, |opened| &opened.value);
            fields.push(Entry { value, ..entry });
            match opened {
                Some(opened) if !opened.current => outdated.push(entry.name.to_owned()),
                None if live && !unreadable.contains(&meta.name) => unreadable.push(meta.name),
                _ => {}
            }
        }
        Some(Revealed { fields, outdated, unreadable })
    }

    /// Returns the value as it may be stored under this name.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub(super) fn seal(&self, key: &Key, name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        self.sealer.seal(value, FieldPlace { record: &key.digest(), name })
    }
}
