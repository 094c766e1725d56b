//! Removes the cookie of a session that has ended elsewhere (F29). Otherwise each request of its browser would cost a look-up
//! and an event, for as long as the cookie lasts.
//!
//! A removal can race a sign-in in another tab: it would remove the cookie that the sign-in has just set. So it goes only where
//! that is next to impossible: in the answer to a navigation of the visitor, who does one thing at a time, if the answer leaves
//! at once and the session did not end just now.

use std::time::Duration;

use super::{
    CookieChange, Engine, Request,
    backend::Backend,
    open::{Credential, GRACE},
    presented::Presented,
    read::Held,
    request::State,
};
use crate::clock::Timestamp;

/// How long after its look-up a response may still remove the cookie: a visitor who is faster elsewhere signs in once more.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Request {
    /// Notes that these cookies, which open nothing, may be removed. `now`: when that was looked up.
    pub(super) async fn note_stale(&self, brought: &[Credential], now: Timestamp) {
        for credential in brought {
            if !self.engine.is_stale(credential, now).await {
                return;
            }
        }
        self.state().stale_since = Some(now);
    }
}

impl Engine {
    /// Whether a cookie that opens nothing will never open anything: not if its session is of a newer version of this crate,
    /// nor if it ended within the last minute.
    async fn is_stale(&self, credential: &Credential, now: Timestamp) -> bool {
        match (credential, &self.backend) {
            (Credential::Session(opened, _), Backend::Cookie(client)) => {
                let revoked = self.revocation(client, opened.carried.selector).await;
                revoked.is_ok_and(|revoked| revoked.is_none_or(|revoked| now.since(revoked.at) >= GRACE))
            }
            _ => {
                let held = self.load(&self.key_of(credential), now).await;
                held.is_ok_and(|held| !matches!(self.read(held.as_ref(), now), Held::Newer | Held::Ended(_)))
            }
        }
    }
}

impl State {
    /// The removal of a cookie that opens nothing, if the response may carry it.
    pub(super) fn stale_removal(&self, now: impl FnOnce() -> Timestamp) -> Option<CookieChange> {
        let since = self.stale_since.filter(|_| matches!(self.presented, Some(Presented::Nothing)))?;
        (now().since(since) < AT_ONCE).then_some(CookieChange::Remove)
    }
}
