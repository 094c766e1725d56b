//! [`Offer`]: the changes of a commit that waits for its turn at a key. The commit that has the turn stores its own changes and
//! those of waiting commits in one swap.
//!
//! Only plain changes are stored this way: changes that only write fields and move the idle deadline. Commits with other changes
//! wait for their own turn. If an offer is not stored, its commit gets its turn as if it had offered nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Engine, Outcome, Request,
    adopt::Adopted,
    attempt::{Attempt, Unanswered},
    claim::Claim,
    codec::OpenRecord,
    deadline::{Deadline, Pace},
    next::{Next, next},
    pending::Pending,
    presented::Found,
    put::Put,
};
use crate::{clock::Timestamp, error::Error, key::Key, record::Record, store::StoreError, value::Versioned};

/// The changes of a commit that waits for its turn.
pub(super) struct Offer {
    /// The session as its request sees it.
    found: Found,
    /// Whether the request's response can still set a cookie.
    cookie: bool,
    state: Mutex<State>,
}

struct State {
    /// A copy of the waiting commit's changes.
    attempt: Attempt,
    progress: Progress,
}

/// The progress of an offer.
enum Progress {
    /// No commit has taken the offer.
    Open,
    /// The commit that made the offer no longer waits, or stores its changes itself.
    Withdrawn,
    /// The offer is part of a swap that the store has not answered.
    Joined(Unanswered, Adopted),
    /// The offer is stored.
    Stored(Unanswered, Box<Stored>),
}

/// The session as another commit stored it, with the changes of this commit's offer.
pub(super) struct Stored {
    stored: Option<Versioned>,
    opened: OpenRecord,
    adopted: Adopted,
}

/// The result of applying an offer on top of another commit's changes.
pub(super) enum Joined {
    /// The offer's changes were applied. This is the session with them.
    Applied(OpenRecord),
    /// The changes are no longer plain, so the offer's commit needs its own turn.
    NeedsTurn,
    /// The offer's commit no longer waits.
    Withdrawn,
}

/// The outcome of waiting for a turn.
pub(super) enum Waited<'a> {
    /// The commit has the turn.
    Turn(Claim<'a>),
    /// Another commit stored its changes.
    Stored(Box<Stored>),
}

impl Offer {
    fn new(attempt: &Attempt, found: &Found, cookie: bool) -> Self {
        let mut pending = Pending::default();
        pending.ops.clone_from(&attempt.pending.ops);
        let attempt = Attempt { is_passive: attempt.is_passive, ..Attempt::new(pending) };
        Self { found: found.clone(), cookie, state: Mutex::new(State { attempt, progress: Progress::Open }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock panics halfway through a change, so the state behind a poisoned lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the changes to `before`. `swap`: the swap that is to store them.
    pub(super) fn join(
        &self,
        engine: &Engine,
        key: &Key,
        before: &OpenRecord,
        swap: Unanswered,
        now: Timestamp,
    ) -> Joined {
        let State { attempt, progress } = &mut *self.state();
        match progress {
            Progress::Open => {}
            Progress::Joined(swap, _) if swap.never_happens(&before.record) => {}
            Progress::Joined(..) | Progress::Stored(..) => return Joined::NeedsTurn,
            Progress::Withdrawn => return Joined::Withdrawn,
        }
        let found = Found { stored: None, opened: before.clone(), ..self.found.clone() };
        if found.record().generation != self.found.record().generation {
            return Joined::NeedsTurn;
        }
        attempt.nonce = swap.nonce;
        let Ok(Next::Put(Put { record, adopted, .. })) = next(engine, attempt, &found, self.cookie, now) else {
            return Joined::NeedsTurn;
        };
        if !is_plain(&record, &adopted) {
            return Joined::NeedsTurn;
        }
        let Ok(opened) = engine.codec.close(key, record.into(), Some(before)) else { return Joined::NeedsTurn };
        *progress = Progress::Joined(swap, adopted);
        Joined::Applied(opened)
    }

    /// Notes that the swap did not happen, and never will.
    pub(super) fn reopen(&self) {
        let State { progress, .. } = &mut *self.state();
        if matches!(progress, Progress::Joined(..)) {
            *progress = Progress::Open;
        }
    }

    /// Notes that the swap has been made: the key holds `stored` now.
    pub(super) fn complete(&self, stored: Option<&Versioned>, opened: &OpenRecord) {
        let State { progress, .. } = &mut *self.state();
        if let Progress::Joined(swap, adopted) = progress {
            let (stored, adopted) = (stored.cloned(), std::mem::take(adopted));
            *progress = Progress::Stored(*swap, Box::new(Stored { stored, opened: opened.clone(), adopted }));
        }
    }

    /// Takes the offer back. Returns the swap that may have stored it.
    fn withdraw(&self) -> Option<Unanswered> {
        match std::mem::replace(&mut self.state().progress, Progress::Withdrawn) {
            Progress::Open | Progress::Withdrawn => None,
            Progress::Joined(swap, _) | Progress::Stored(swap, _) => Some(swap),
        }
    }

    fn take_stored(&self) -> Option<Box<Stored>> {
        let State { progress, .. } = &mut *self.state();
        match std::mem::replace(progress, Progress::Withdrawn) {
            Progress::Stored(_, stored) => Some(stored),
            other => {
                *progress = other;
                None
            }
        }
    }
}

impl Stored {
    /// Shows the request the session as it is stored now, with its own changes and those stored along with them.
    pub(super) fn adopt(self, request: &Request, attempt: &mut Attempt, found: Found, now: Timestamp) -> Outcome {
        let found = Found { stored: self.stored, opened: self.opened, ..found };
        request.adopt(attempt, found, Some(self.adopted), now)
    }
}

/// Returns whether a write only writes fields and moves the idle deadline.
fn is_plain(record: &Record, adopted: &Adopted) -> bool {
    let changes_session = adopted.renewal.is_some() || adopted.created || adopted.restarted || adopted.signs_in;
    !changes_session && record.impersonation().is_none() && record.expired_impersonation().is_none()
}

impl Attempt {
    /// Returns whether the attempt's changes may be stored together with those of other commits.
    pub(super) fn is_plain(&self) -> bool {
        self.is_first()
            && self.pending.steps.is_empty()
            && self.pending.ops.iter().all(|(meta, _)| meta.index.is_none())
    }
}

/// A waiting commit, and its offer. However the wait ends, the commit learns of the swap that may have stored its changes.
struct Waits<'a> {
    attempt: &'a mut Attempt,
    offer: Option<Arc<Offer>>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(swap) = self.offer.take().and_then(|offer| offer.withdraw()) {
            self.attempt.unanswered.get_or_insert(swap);
        }
    }
}

impl Request {
    /// Waits for a turn at the session's key, or until another commit has stored this one's changes.
    ///
    /// # Errors
    /// As [`Engine::claim`]; and [`Error::is_unavailable`] if the store did not answer the commit that was to store this one's
    /// changes.
    pub(super) async fn wait_in_line<'a>(
        &'a self,
        attempt: &mut Attempt,
        found: &Found,
        key: &Key,
        pace: Pace,
        deadline: &'a Deadline,
    ) -> Result<Waited<'a>, Error> {
        let engine = &*self.engine;
        let offer = attempt.is_plain().then(|| Arc::new(Offer::new(attempt, found, self.state().phase.takes_cookie())));
        let waits = Waits { attempt: &mut *attempt, offer: offer.clone() };
        let claimed = engine.claim_in_line(key, found.stored.as_ref(), pace, offer.clone(), deadline).await;
        let Some(offer) = offer else { return claimed.map(Waited::Turn) };
        if let Some(stored) = offer.take_stored() {
            return Ok(Waited::Stored(stored));
        }
        drop(waits);
        match claimed {
            // The deadline passed while the store had not answered yet.
            Err(error) if error.is_conflict() && attempt.unanswered.is_some() => {
                Err(StoreError::timeout(engine.commit_timeout).into())
            }
            claimed => claimed.map(Waited::Turn),
        }
    }
}

impl Engine {
    /// If this commit's changes are plain, applies the changes of waiting commits on top of them. Returns the session with all
    /// changes, which the next swap must store; `None` if no waiting commit's changes were added. `swap`: that next swap.
    pub(super) fn gather(
        &self,
        claim: &mut Claim<'_>,
        key: &Key,
        (adopted, opened): &(Adopted, OpenRecord),
        swap: Unanswered,
        now: Timestamp,
    ) -> Option<OpenRecord> {
        let mut last = None;
        if is_plain(&opened.record, adopted) {
            claim.join_waiting(|offer| {
                let joined = offer.join(self, key, last.as_ref().unwrap_or(opened), swap, now);
                if let Joined::Applied(opened) = &joined {
                    last = Some(opened.clone());
                }
                joined
            });
        }
        last
    }
}
