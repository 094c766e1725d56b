//! Reads the current value of a session's key for an attempt. The value may already hold the attempt's write.

use std::sync::Arc;

use super::{
    Request,
    attempt::{Attempt, Unanswered},
    claim::Claim,
    presented::Found,
    read::Held,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    record::NONCES,
};

/// The current value of a key, as seen by an attempt.
pub(super) enum Look {
    /// A live session, opened.
    Live,
    /// A live session that already holds this attempt's write, whose answer was lost.
    Ours,
    /// The tombstone that this attempt wrote.
    OursEnded,
    /// Nothing, or a session that another request ended.
    Gone,
}

impl Request {
    /// Reads the key's current value, and opens it.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if a swap had no answer and the record no longer shows whether it was applied.
    pub(super) async fn look(
        &self,
        claim: &mut Claim<'_>,
        attempt: &mut Attempt,
        found: &mut Found,
        now: Timestamp,
    ) -> Result<Look, Error> {
        let engine = &*self.engine;
        let confirm = attempt.unanswered.is_some_and(|unanswered| unanswered.is_critical);
        let held = match claim.current() {
            // The usual case: the value is the one that was opened, so it is not decoded or decrypted again.
            Some(current) if found.is_stored_as(current) => {
                if attempt.is_first() && found.record().is_live(now) && !found.record().impersonation_is_over(now) {
                    return Ok(Look::Live);
                }
                engine.held(found.opened.raw(), now)
            }
            current => engine.read(current, now),
        };
        match held {
            Held::Live(raw) => {
                let ours = attempt.is_in(&raw);
                if ours && confirm {
                    // Boxed, here and below, because it is rare: otherwise every commit's future would reserve room for it.
                    Box::pin(claim.confirm()).await?;
                    // Another request may have changed the session since.
                    if !matches!(engine.read(claim.current(), now), Held::Live(again) if again == raw) {
                        return Box::pin(self.look(claim, attempt, found, now)).await;
                    }
                }
                if let Some(Unanswered { writes: Some(writes), .. }) = attempt.unanswered
                    && !ours
                {
                    match raw.writes.saturating_sub(writes) {
                        0 => {}
                        // Another write replaced the value that the swap was to replace, so the swap never happens.
                        more if more <= NONCES as u64 => attempt.unanswered = None,
                        _ => return Err(Error::new(Kind::Unknown)),
                    }
                }
                if !Arc::ptr_eq(found.opened.raw(), &raw) {
                    found.opened = engine.open_record(&found.key, raw, now);
                }
                found.stored = claim.current().cloned();
                Ok(if ours { Look::Ours } else { Look::Live })
            }
            Held::Ended(tombstone) if tombstone.nonce == attempt.nonce => {
                if confirm {
                    Box::pin(claim.confirm()).await?;
                }
                Ok(Look::OursEnded)
            }
            // The swap whose answer was lost was to end the session. A store that evicts values may have lost the tombstone, so an
            // absent value counts as this attempt's end.
            Held::Nothing if attempt.unanswered.is_some_and(|swap| swap.writes.is_none()) => Ok(Look::OursEnded),
            Held::Ended(_) | Held::Newer | Held::Nothing => Ok(Look::Gone),
        }
    }
}
