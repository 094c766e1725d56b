//! Updates a request after a write: the session as it is stored now, and the cookie for the response.

use std::time::Duration;

use super::{
    CookieChange, Engine, Outcome, Request,
    attempt::{Attempt, Because, Entering},
    backend::Backend,
    presented::{Found, Presented},
};
use crate::{
    clock::Timestamp,
    event::Event,
    id::{Digest, Verifier},
    record::Record,
};

/// The changes to a stored session that matter to its cookie and to its user's list.
#[derive(Default)]
pub(super) struct Adopted {
    /// The new verifier, if the session was renewed.
    pub(super) renewal: Option<Renewal>,
    /// Whether the session was written.
    pub(super) written: bool,
    /// Whether the session is new.
    pub(super) created: bool,
    /// Whether the session's lifetime starts again.
    pub(super) restarted: bool,
    /// Whether the session's idle deadline moved.
    pub(super) touched: bool,
    /// Whether a user signs in to the session, or starts to act as another in it.
    pub(super) signs_in: bool,
}

/// A verifier, and the digest of it that is stored.
pub(super) struct Renewal {
    pub(super) verifier: Verifier,
    pub(super) digest: Digest,
}

impl Request {
    /// Makes the stored session `found` the request's current one. `adopted`: the changes that the write made; `None` if the
    /// store's answer was lost and the write was recognised later.
    pub(super) fn adopt(
        &self,
        attempt: &mut Attempt,
        mut found: Found,
        adopted: Option<Adopted>,
        now: Timestamp,
    ) -> Outcome {
        let engine = &*self.engine;
        let mut adopted = adopted.unwrap_or_else(|| engine.recognised(attempt, &found));
        let renewed = adopted.renewal.is_some();
        if let Some(Renewal { verifier, digest }) = adopted.renewal.take() {
            (found.digest, found.by_current_key, found.is_drawn) = (digest, true, true);
            self.state().verifier = Some(verifier);
            attempt.written = Some(Event::Renewed);
        }
        if adopted.created {
            attempt.written = Some(Event::Created);
        }
        attempt.note_sign(found.record());
        if renewed || adopted.created || engine.shows(&found, &adopted) {
            let cookie = engine.cookie_for(&found, self.state().verifier.as_ref(), now);
            attempt.cookie = cookie.or(attempt.cookie.take());
        }
        if adopted.signs_in {
            attempt.entering = engine.entering(&found, found.record(), Because::SignsIn);
        }
        self.state().presented = Some(Presented::Found(found));
        engine.watches.request_moved_on();
        Outcome::Applied
    }
}

impl Engine {
    /// Returns the session's entry for its user's list. Returns `None` for a guest, and if sessions are not listed.
    pub(super) fn entering(&self, found: &Found, record: &Record, because: Because) -> Option<Entering> {
        let identity = record.user.as_ref().filter(|_| self.listed)?;
        let (ends_at, because) = match record.impersonation() {
            Some(impersonation) => (impersonation.ends_at, Because::Impersonated),
            None => (record.ends_at, because),
        };
        Some(Entering { identity: identity.clone(), key: found.key, ends_at, at: record.signed_in_at, because })
    }

    /// Returns the changes to a session that was recognised as written by this attempt.
    fn recognised(&self, attempt: &Attempt, found: &Found) -> Adopted {
        let renewal = attempt
            .drawn
            .drawn_renewal()
            .map(|verifier| Renewal { verifier: verifier.clone(), digest: self.digest(found.selector, verifier) });
        Adopted {
            renewal: renewal.filter(|renewal| renewal.digest == found.record().verifier),
            restarted: true,
            written: true,
            signs_in: attempt.pending.signs_in() || attempt.pending.impersonates(),
            ..Adopted::default()
        }
    }

    /// Returns whether the response sets the cookie again although the id is unchanged: the deadline of a persistent cookie
    /// moved, or the lifetime started again, for example through `remember`. The new cookie replaces one from an earlier
    /// `save`.
    ///
    /// The cookie is also set again if the ring's current key did not sign it, but only with a write. While two servers have
    /// different current keys, each would otherwise replace the other's cookie with every response. A visitor who comes back
    /// causes a write every [`touch`](super::Lifetimes::touch), so they have a cookie under the current key before the older
    /// key is removed.
    fn shows(&self, found: &Found, adopted: &Adopted) -> bool {
        let record = found.record();
        // A touch does not move the deadline of a remembered session.
        let moved = adopted.touched && !record.remembered && self.is_persistent(false);
        found.is_current(record) && (adopted.restarted || moved || adopted.written && !found.by_current_key)
    }

    fn is_persistent(&self, remembered: bool) -> bool {
        self.cookie.persistent || remembered
    }

    /// Returns how long the session's cookie lasts; `None`: until the browser closes.
    pub(super) fn max_age(&self, record: &Record, now: Timestamp) -> Option<Duration> {
        self.is_persistent(record.remembered).then(|| record.expires_at().since(now))
    }

    /// Returns the cookie for the response; `None` if it cannot be made, in which case the visitor keeps the previous cookie.
    fn cookie_for(&self, found: &Found, verifier: Option<&Verifier>, now: Timestamp) -> Option<CookieChange> {
        let token = match &self.backend {
            Backend::Store(_) => self.signer.sign(found.selector, verifier?),
            Backend::Cookie(client) => match client.seal_found(found, now) {
                Ok(token) => token,
                Err(error) => {
                    warn_limited!(%error, "a session could not be sealed under the current key");
                    return None;
                }
            },
        };
        Some(CookieChange::Set { token, max_age: self.max_age(found.record(), now) })
    }
}
