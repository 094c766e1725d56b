//! [`UserList`]: the sessions of one user, or with one value of an `index` field.

use crate::{clock::Timestamp, key::Key};

/// The sessions that a user is signed in to, or those with one value of an `index` field, the earliest entry first. The list
/// may name sessions that have ended or changed since, but it names every such session that can be opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UserList {
    pub(crate) entries: Vec<ListEntry>,
}

/// One session on a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ListEntry {
    pub(crate) key: Key,
    /// When the user signed in to it. In the list of an index value: when the entry was last stored.
    pub(crate) at: Timestamp,
    /// The session's absolute deadline; for an impersonation, when that ends.
    pub(crate) ends_at: Timestamp,
    /// Whether another user acts as this one in the session. The session itself decides this; the copy here only saves loading
    /// it.
    pub(crate) is_impersonation: bool,
}

impl UserList {
    /// Returns when the longest session in the list ends, after which the list is not needed.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.entries.iter().map(|entry| entry.ends_at).max().unwrap_or(Timestamp::from_millis(0))
    }
}
