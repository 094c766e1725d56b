//! Sessions that are not in a store but in their visitors' cookies.
//!
//! - [`Client`]: the cookies, and the store of revocations for sessions whose cookies are still valid.
//! - `carry`: opens such a session, and stores what a request makes of it.

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

/// Where the sessions of one kind are that are in cookies.
pub(crate) struct Client {
    /// Seals and opens them.
    pub(super) cookie: SessionCookie,
    revocations: Option<Arc<dyn DynStore>>,
    /// A session that was last written before this opens nothing.
    issued_after: Timestamp,
}

impl Client {
    pub(crate) fn new(cookie: SessionCookie, revocations: Option<Arc<dyn DynStore>>, issued_after: Timestamp) -> Self {
        Self { cookie, revocations, issued_after }
    }

    /// The store of revocations, if there is one.
    pub(super) fn revocations(&self) -> Option<&dyn DynStore> {
        self.revocations.as_deref()
    }

    /// The cookie of a session that did not change, under the current key.
    pub(super) fn seal_found(&self, found: &Found, now: Timestamp) -> Result<String, Error> {
        self.cookie.seal(&self.cookie.carry(found.selector, Arc::clone(found.opened.raw())), now)
    }

    /// Whether a session may still be served.
    pub(super) fn is_good(&self, record: &Record, now: Timestamp) -> bool {
        // Stores keep an entry for so long, and browsers a cookie: an older one is a copy that may have been revoked.
        let is_kept = self.revocations.is_none() || now.since(record.seen_at) < LONGEST;
        record.is_live(now) && record.seen_at >= self.issued_after && is_kept
    }
}
