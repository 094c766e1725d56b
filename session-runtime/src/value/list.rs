//! [`UserList`]: the sessions that a user is signed in to.

use crate::{clock::Timestamp, key::Key};

/// The sessions that a user is signed in to, the earliest sign-in first. It may name sessions that have ended since, but it
/// names every session that can be opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UserList {
    pub(crate) entries: Vec<ListEntry>,
}

/// One session of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ListEntry {
    pub(crate) key: Key,
    /// When the user signed in to it.
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
