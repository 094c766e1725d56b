//! [`Presented`]: the session that a request's cookie names, or why the request has none.

use std::sync::Arc;

use super::codec::OpenRecord;
use crate::{
    id::{Digest, Selector},
    key::Key,
    record::Record,
    value::Versioned,
};

/// The session that a request's cookie names.
pub(crate) enum Presented {
    /// No cookie names a session that can be opened.
    Nothing,
    /// A session that this request may no longer change. The handler sees a guest. The request's writes are not stored and set no
    /// cookie, unless the request signs a user in.
    Lost(Lost),
    /// The store did not answer, so the session is unknown. The handler sees a guest, and a request that changes its session
    /// fails.
    Unknown,
    /// A session that the cookie opens.
    Found(Found),
}

/// Why a request can no longer use its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The session has ended.
    Gone,
    /// A change of privilege, such as a sign-in, replaced the session's id within the last minute, or after this request loaded
    /// the session. A cookie from this request would overwrite the cookie with the new id. Or an edit from outside a request
    /// changed a `rotates` field after this request loaded the session.
    Moved,
    /// As `Moved`, and no user is signed in to the session any more.
    SignedOut,
}

impl Lost {
    /// Returns how a request lost this session, which is live, but of another generation.
    pub(super) fn to_another_generation(record: &Record) -> Self {
        if record.user.is_some() { Self::Moved } else { Self::SignedOut }
    }
}

/// A session that the request's cookie opens.
#[derive(Clone)]
pub(crate) struct Found {
    /// The session's key in the store.
    pub(super) key: Key,
    pub(super) selector: Selector,
    /// Digest of the verifier that the cookie carries.
    pub(super) digest: Digest,
    /// The session as the store has it. `None` for a session in a cookie.
    pub(super) stored: Option<Versioned>,
    /// The session as the request sees it.
    pub(super) opened: OpenRecord,
    /// Whether the key ring's current key signed the cookie.
    pub(super) by_current_key: bool,
    /// Whether this request drew the verifier. The browser may never receive it.
    pub(super) is_drawn: bool,
}

impl Found {
    /// Returns the session as the request sees it.
    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.opened.record
    }

    /// Returns whether `held` is the stored value that this session was opened from.
    pub(super) fn is_stored_as(&self, held: &Versioned) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.revision() == held.revision())
    }

    /// Returns whether the cookie carries the record's current verifier, rather than an earlier one.
    pub(super) fn is_current(&self, record: &Record) -> bool {
        record.verifier == self.digest
    }

    /// Returns whether this request is the first to present a verifier that is newer than another valid one.
    pub(super) fn presents_renewal(&self, record: &Record) -> bool {
        !self.is_drawn && record.is_news(self.digest)
    }

    /// Returns whether the timer may renew the session's verifier for this request. A request with a former verifier gets a new
    /// one only while no request has presented a newer verifier, because the response that carried the newer one may be lost.
    pub(super) fn may_renew(&self, record: &Record) -> bool {
        self.is_current(record) || record.former(self.digest).is_some_and(|former| former.presented_at.is_none())
    }

    /// Returns whether the cookie carries an id from before the user last authenticated. The sender of the request might not be
    /// the user who authenticated.
    pub(super) fn is_from_before_proof(&self) -> bool {
        let record = self.record();
        !self.is_current(record) && record.is_renewed_by_proof()
    }
}
