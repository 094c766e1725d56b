//! Sessions that are kept in their visitors' cookies instead of a store.
//!
//! - [`Client`]: the cookies, and the store of revocations for sessions whose cookies are still valid.
//! - `carry`: opens such a session, and stores a request's changes to it.

mod carry;

use std::sync::Arc;

use super::presented::Found;
use crate::{
    clock::Timestamp,
    cookie::{LONGEST, SessionCookie},
    error::Error,
    record::Record,
    store::DynStore,
};

/// Keeps the sessions of one kind in cookies.
pub(crate) struct Client {
    /// Seals and opens the cookies.
    pub(super) cookie: SessionCookie,
    revocations: Option<Arc<dyn DynStore>>,
    /// A session that was last written before this time is not opened.
    issued_after: Timestamp,
}

impl Client {
    pub(crate) fn new(cookie: SessionCookie, revocations: Option<Arc<dyn DynStore>>, issued_after: Timestamp) -> Self {
        Self { cookie, revocations, issued_after }
    }

    /// Returns the store of revocations, if there is one.
    pub(super) fn revocations(&self) -> Option<&dyn DynStore> {
        self.revocations.as_deref()
    }

    /// Returns a shared handle to the store of revocations.
    pub(super) fn shared_revocations(&self) -> Option<Arc<dyn DynStore>> {
        self.revocations.clone()
    }

    /// Seals an unchanged session under the current key.
    pub(super) fn seal_found(&self, found: &Found, now: Timestamp) -> Result<String, Error> {
        self.cookie.seal(&self.cookie.carry(found.selector, Arc::clone(found.opened.raw())), now)
    }

    /// Returns whether a session from a cookie may still be opened.
    pub(super) fn is_good(&self, record: &Record, now: Timestamp) -> bool {
        // Stores keep a revocation for at most this long, and browsers keep a cookie for at most this long. So an older cookie is
        // a copy, and the revocation of its session may be gone.
        let is_kept = self.revocations.is_none() || now.since(record.seen_at) < LONGEST;
        record.is_live(now) && record.seen_at >= self.issued_after && is_kept
    }
}
