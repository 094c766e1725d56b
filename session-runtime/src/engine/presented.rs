//! What a request's cookie presents: no session, one that is lost to it, or one that it opens.

use std::sync::Arc;

use super::codec::Opened;
use crate::{
    id::{Digest, Selector},
    record::{Record, Replaced},
    value::Versioned,
};

/// What a request's cookie presents.
pub(crate) enum Presented {
    /// No session that we know.
    Nothing,
    /// A session that is no longer this request's to change. It reads as a guest's, and what the request writes is not
    /// stored and sets no cookie, unless it signs in.
    Lost(Lost),
    /// The store is down, so it is not known. It reads as a guest's, and a request that changes it is refused.
    Unknown,
    /// A session.
    Found(Found),
}

/// How a session was lost to a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It ended elsewhere.
    Gone,
    /// A sign-in or sign-out replaced its id, within the last minute or since this request loaded it: a cookie now would
    /// replace the one that the sign-in has just set.
    Moved,
}

/// A session that the request's cookie opens.
#[derive(Clone)]
pub(crate) struct Found {
    pub(super) selector: Selector,
    /// Digest of the verifier that the cookie carries.
    pub(super) digest: Digest,
    /// As the store has it. `None` for a session in a cookie.
    pub(super) stored: Option<Versioned>,
    /// As the request sees it.
    pub(super) opened: Opened,
    /// Whether the cookie is signed by the ring's current key.
    pub(super) by_current_key: bool,
}

impl Found {
    /// The session as the request sees it.
    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.opened.record
    }

    /// Whether this is what the store held when the session was opened.
    pub(super) fn is_stored_as(&self, held: &Versioned) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.revision() == held.revision())
    }

    /// Whether the cookie carries the record's verifier, rather than the one before.
    pub(super) fn is_current(&self, record: &Record) -> bool {
        record.verifier == self.digest
    }

    /// Whether this is the first that is seen of a verifier that the timer renewed.
    pub(super) fn presents_renewal(&self, record: &Record) -> bool {
        renewal_is_unseen(record) && self.is_current(record)
    }

    /// Whether the timer may renew it: not for requests that were under way with the verifier before, unless the answer
    /// with the new one seems lost.
    pub(super) fn may_renew(&self, record: &Record) -> bool {
        renewal_is_unseen(record) || self.is_current(record)
    }
}

fn renewal_is_unseen(record: &Record) -> bool {
    let unseen = Replaced::ByTimer { presented_at: None };
    record.previous.as_ref().is_some_and(|previous| previous.replaced == unseen)
}
