//! Removes the cookie of a session that has ended elsewhere (F29). If the browser kept the cookie, each of its requests would
//! cost a look-up and an event for as long as the cookie lasts.
//!
//! A removal can race a sign-in in another tab, and would then remove the cookie that the sign-in has just set. So a response
//! removes a cookie only if such a race is very unlikely: the request is a navigation (a visitor does one thing at a time), the
//! response is sent within a second of the look-up, and the session did not end within the last minute.

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

/// How long after the look-up a response may still remove the cookie. A visitor who signs in in another tab within that time may
/// have to sign in again.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Request {
    /// Notes that these cookies, which open nothing, may be removed. `now`: the time of the look-up.
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
    /// Returns whether a cookie that opens nothing may be removed. It stays if a newer version of this crate wrote its session,
    /// or if the session ended within the last minute.
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
    /// Returns the removal of a cookie that opens nothing, if the response may carry it.
    pub(super) fn stale_removal(&self, now: impl FnOnce() -> Timestamp) -> Option<CookieChange> {
        let since = self.stale_since.filter(|_| matches!(self.presented, Some(Presented::Nothing)))?;
        (now().since(since) < AT_ONCE).then_some(CookieChange::Remove)
    }
}
