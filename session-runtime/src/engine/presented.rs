//! [`Presented`]: no session, a session that is lost to the request, or one that its cookie opens.

use std::sync::Arc;

use super::codec::OpenRecord;
use crate::{
    id::{Digest, Selector},
    record::{Record, Replaced},
    value::Versioned,
};

/// The session that a request's cookie names.
pub(crate) enum Presented {
    /// No known session.
    Nothing,
    /// A session that this request may no longer change. It reads as a guest's. The request's writes are not stored and set no
    /// cookie, unless it signs in.
    Lost(Lost),
    /// The store is down, so the session is not known. It reads as a guest's, and a request that changes it fails.
    Unknown,
    /// A session that the cookie opens.
    Found(Found),
}

/// How a session was lost to a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It ended elsewhere.
    Gone,
    /// A sign-in or sign-out replaced its id, within the last minute or since this request loaded it. A cookie from this
    /// request would replace the one that the sign-in has just set.
    Moved,
}

/// A session that the request's cookie opens.
#[derive(Clone)]
pub(crate) struct Found {
    pub(super) selector: Selector,
    /// Digest of the verifier that the cookie carries.
    pub(super) digest: Digest,
    /// The session as the store has it. `None` for a session in a cookie.
    pub(super) stored: Option<Versioned>,
    /// The session as the request sees it.
    pub(super) opened: OpenRecord,
    /// Whether the key ring's current key signed the cookie.
    pub(super) by_current_key: bool,
}

impl Found {
    /// The session as the request sees it.
    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.opened.record
    }

    /// Returns whether the store held this value when the session was opened.
    pub(super) fn is_stored_as(&self, held: &Versioned) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.revision() == held.revision())
    }

    /// Returns whether the cookie carries the record's current verifier, rather than an earlier one.
    pub(super) fn is_current(&self, record: &Record) -> bool {
        record.verifier == self.digest
    }

    /// Returns whether this request is the first to present a verifier that the timer renewed.
    pub(super) fn presents_renewal(&self, record: &Record) -> bool {
        renewal_is_unseen(record) && self.is_current(record)
    }

    /// Returns whether this request may renew the session's verifier. A request with the previous verifier may do so only while
    /// no request has presented the new one: the response that carried it may be lost.
    pub(super) fn may_renew(&self, record: &Record) -> bool {
        renewal_is_unseen(record) || self.is_current(record)
    }

    /// Returns whether the cookie carries the id from before the user last authenticated, although the browser has presented the
    /// newer one since. The sender of the request might then not be the user who authenticated.
    pub(super) fn is_from_before_proof(&self) -> bool {
        let record = self.record();
        let is_presented = record
            .previous
            .as_ref()
            .is_some_and(|previous| matches!(previous.replaced, Replaced::ByTimer { presented_at: Some(_) }));
        is_presented && !self.is_current(record) && record.authenticated_at().is_some_and(|at| at >= record.renewed_at)
    }
}

fn renewal_is_unseen(record: &Record) -> bool {
    let unseen = Replaced::ByTimer { presented_at: None };
    record.previous.as_ref().is_some_and(|previous| previous.replaced == unseen)
}
