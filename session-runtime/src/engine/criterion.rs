//! [`Criterion`]: a user, or a value of an `index` field, by which sessions are found. Each criterion has a list of the sessions
//! that it finds.

use std::borrow::Cow;

use super::Engine;
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    key::Key,
    record::{Fields, Owner, Record},
    schema::{Index, Meta, items},
};

/// The largest value of an `index`, in bytes of MessagePack.
const LONGEST: usize = 1024;
/// The most items of an `index` that is a `Vec`. A session is entered in one list for each item.
const MOST: usize = 64;

/// Selects sessions: those of a user, or those with a value of an `index` field.
#[derive(Clone, Debug)]
pub(crate) enum Criterion<'a> {
    /// The encoded identity of the sessions' user.
    User(Cow<'a, [u8]>),
    /// An encoded value of an `index` field.
    Field { meta: &'static Meta, value: Cow<'a, [u8]> },
}

impl<'a> Criterion<'a> {
    pub(crate) fn user(identity: &'a [u8]) -> Self {
        Self::User(identity.into())
    }

    pub(super) const fn is_user(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

impl Meta {
    /// Rejects values that are too long, or too many, for an `index`.
    pub(super) fn check_index(&self, value: &[u8]) -> Result<(), Error> {
        let (longest, count) = match self.index {
            None => return Ok(()),
            Some(Index::Value) => (value.len(), 1),
            Some(Index::Items) => {
                items(value).fold((0, 0), |(longest, count), item| (item.len().max(longest), count + 1))
            }
        };
        if longest > LONGEST {
            return Err(Error::new(Kind::IndexTooLong { field: self.name, bytes: longest, most: LONGEST }));
        }
        if count > MOST {
            return Err(Error::new(Kind::IndexTooMany { field: self.name, count, most: MOST }));
        }
        Ok(())
    }

    /// Returns the values by which the session with these fields is found. Empty if the field is not an `index`.
    pub(super) fn indexed<'a>(&self, fields: &'a Fields, now: Timestamp) -> Vec<&'a [u8]> {
        let Some(entry) = fields.get(self.name).filter(|entry| entry.is_live(now)) else { return Vec::new() };
        match self.index {
            None => Vec::new(),
            Some(Index::Value) => vec![entry.value],
            Some(Index::Items) => items(entry.value).collect(),
        }
    }
}

impl Engine {
    /// Returns the key of the list of the sessions that the criterion finds.
    pub(super) fn list_of(&self, criterion: &Criterion<'_>) -> Key {
        match criterion {
            Criterion::User(identity) => self.scope.list(identity),
            Criterion::Field { meta, value } => self.scope.index(meta.name, value),
        }
    }

    /// Returns how the criterion finds the session: by the session itself (`Own`), only by an impersonation in it
    /// (`Impersonator`), or not at all (`Other`).
    pub(super) fn relation(&self, criterion: &Criterion<'_>, record: &Record, now: Timestamp) -> Owner {
        let (meta, value) = match criterion {
            Criterion::User(identity) => return record.owner(identity),
            Criterion::Field { meta, value } => (meta, value),
        };
        let has = |record: &Record| meta.indexed(&record.fields, now).contains(&&**value);
        match self.own(record) {
            Some(own) if has(&own) => Owner::Own,
            Some(_) if has(record) => Owner::Impersonator,
            None if has(record) => Owner::Own,
            _ => Owner::Other,
        }
    }
}
