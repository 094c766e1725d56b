//! A view of stored sessions for this project's tests. Not part of the API.

use std::sync::Arc;

use crate::{
    clock::Timestamp,
    record::{Entry, Fields},
    value::{Decoded, Value},
};

/// A stored session.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its fields: stored name, value, deadline.
    pub fields: Vec<(String, Vec<u8>, Timestamp)>,
    /// The encoded identity of the signed-in user.
    pub user: Option<Vec<u8>>,
    /// The digest of its verifier.
    pub verifier: [u8; 16],
    /// When a request last wrote it.
    pub seen_at: Timestamp,
    /// Its idle deadline.
    pub idle_until: Timestamp,
    /// Its absolute deadline.
    pub ends_at: Timestamp,
    /// How often it was written.
    pub writes: u64,
}

impl Stored {
    /// Returns the value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(known, ..)| known == name).map(|(_, value, _)| &value[..])
    }
}

/// Returns the session in a value; `None` if the value is something else.
#[must_use]
pub fn stored(value: &Value) -> Option<Stored> {
    let Ok(Decoded::Session(record)) = value.decode() else { return None };
    let field = |entry: Entry<'_>| (entry.name.to_owned(), entry.value.to_vec(), entry.expires);
    Some(Stored {
        fields: record.fields.iter().map(field).collect(),
        user: record.user.as_ref().map(|user| user.to_vec()),
        verifier: *record.verifier.as_bytes(),
        seen_at: record.seen_at,
        idle_until: record.idle_until,
        ends_at: record.ends_at,
        writes: record.writes,
    })
}

/// Returns whether a value is a session with this field.
#[must_use]
pub fn has_field(value: &Value, name: &str) -> bool {
    matches!(value.decode(), Ok(Decoded::Session(record)) if record.fields.get(name).is_some())
}

/// Returns the session in a value with a field's bytes replaced, as if another program had written to the store. If `bytes` is
/// `None`, the field is removed. Returns `None` if the value is not a session.
#[must_use]
pub fn planted(value: &Value, name: &str, bytes: Option<&[u8]>) -> Option<Value> {
    let Ok(Decoded::Session(record)) = value.decode() else { return None };
    let mut fields = Fields::default();
    let mut put = |entry: Entry<'_>| fields.push(entry);
    for entry in record.fields.iter() {
        match bytes {
            Some(value) if entry.name == name => put(Entry { value, ..entry }),
            None if entry.name == name => {}
            _ => put(entry),
        }
    }
    if let Some(value) = bytes.filter(|_| record.fields.get(name).is_none()) {
        put(Entry { name, value, expires: Timestamp::NEVER });
    }
    Some(value.with_record(Arc::new(record.with_fields(fields))))
}

/// Returns the keys of the sessions in a user's list; `None` if the value is something else.
#[must_use]
pub fn listed(value: &Value) -> Option<Vec<crate::store::Key>> {
    match value.decode() {
        Ok(Decoded::List(list)) => Some(list.entries.iter().map(|entry| entry.key).collect()),
        _ => None,
    }
}
