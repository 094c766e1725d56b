//! Commits a request's changes: applies them to the session, swaps the result in, and starts over if another request wrote
//! first.

use std::{sync::Arc, time::Duration};

use super::{
    Request, Step,
    adopt::Adopted,
    attempt::{Attempt, Because, Unanswered},
    backend::Backend,
    deadline::{Deadline, Pace},
    group::Waited,
    look::Look,
    next::{self, Create, Next, is_idle, next},
    presented::{Found, Lost, Presented},
    put::Put,
    request::Phase,
    span::wants_spans,
};
use crate::{
    error::{Error, Kind},
    event::Event,
    id::Nonce,
    value::{EndReason, Value},
};

/// The outcome of a request's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The changes are stored, or there were none.
    Applied,
    /// The session had ended.
    Gone,
    /// Another request had renewed the session's id for a change of privilege.
    Moved,
    /// Other requests kept writing first, or an `atomic` edit no longer fits the stored value.
    Conflict,
    /// The user has as many sessions as allowed.
    Refused,
}

impl Outcome {
    /// Returns the error that the handler sees. Success is not an error.
    pub(super) fn into_result(self) -> Result<(), Error> {
        match self {
            Self::Applied => Ok(()),
            Self::Gone => Err(Error::new(Kind::Gone)),
            Self::Moved => Err(Error::new(Kind::Moved)),
            Self::Conflict => Err(Error::new(Kind::Conflict)),
            Self::Refused => Err(Error::new(Kind::Full)),
        }
    }
}

impl From<Lost> for Outcome {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => Self::Gone,
            Lost::Moved | Lost::SignedOut => Self::Moved,
        }
    }
}

/// The result of a commit.
pub(super) struct Committed {
    pub(super) outcome: Outcome,
    /// Whether the handler asked for a write, as opposed to a refreshed deadline or a renewal by the timer, whose loss is
    /// harmless.
    pub(super) asked: bool,
}

/// A response's change to the session's cookie.
#[derive(Debug)]
pub(crate) enum CookieChange {
    /// Sets the cookie to `token` for `max_age`; `None`: until the browser closes.
    Set { token: String, max_age: Option<Duration> },
    /// Removes the cookie.
    Remove,
}

/// An attempt in progress. If the store has not answered, the next commit continues it, even if this commit is dropped.
struct InFlight<'a> {
    request: &'a Request,
    attempt: Option<Box<Attempt>>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            let mut state = self.request.state();
            if state.phase != Phase::Cancelled {
                state.in_flight = Some(attempt);
            }
        }
    }
}

impl Request {
    /// Commits for a handler, which gets the outcome as a `Result`.
    pub(crate) async fn save(&self) -> Result<(), Error> {
        self.commit().await?.outcome.into_result()
    }

    /// Stores the pending changes. If the store does not answer, the attempt stays in flight, since the store may have applied
    /// it. The next commit continues the attempt before it stores anything else, under the same nonce (B34).
    pub(super) async fn commit(&self) -> Result<Committed, Error> {
        let _gate = self.enter().await;
        self.commit_entered().await
    }

    /// Stores the pending changes, as [`commit`](Self::commit) does, for a caller that has already entered.
    pub(super) async fn commit_entered(&self) -> Result<Committed, Error> {
        let deadline = Deadline::new(self.engine.commit_timeout);
        let mut asked = false;
        loop {
            let Some(attempt) = self.begin()? else { return Ok(Committed { outcome: Outcome::Applied, asked }) };
            asked |= attempt.asked;
            let resumed = attempt.resumed;
            let mut in_flight = InFlight { request: self, attempt: Some(attempt) };
            let Some(attempt) = &mut in_flight.attempt else { continue };
            let has_work = attempt.asked || resumed || self.is_due();
            let attempted = if has_work && wants_spans() {
                // Boxed because spans are rare: otherwise every commit's future would reserve room for one.
                Box::pin(self.attempt_in_span(attempt, &deadline)).await
            } else {
                self.attempt(attempt, &deadline).await
            };
            if has_work {
                self.engine.count_commit(&attempted);
            }
            let outcome = match attempted {
                // No handler asked for this write. The next request makes it instead.
                Err(error) if !attempt.asked && !resumed => {
                    tracing::debug!(target: "session_runtime", %error, "the deadline of a session could not be moved");
                    Outcome::Applied
                }
                // A swap without an answer may have been applied.
                Err(error) if error.is_conflict() && attempt.unanswered.is_some() => {
                    in_flight.attempt = None;
                    return Err(Error::new(Kind::Unknown));
                }
                // Other requests were faster, or an `atomic` edit no longer fits.
                Err(error) if error.is_conflict() => Outcome::Conflict,
                Err(error) => {
                    if !error.is_unavailable() || error.is_unknown() {
                        in_flight.attempt = None;
                    }
                    return Err(error);
                }
                Ok(outcome) => outcome,
            };
            let refused = match outcome {
                Outcome::Refused => attempt.entering.take().map(|entering| entering.identity),
                _ => None,
            };
            in_flight.attempt = None;
            // If the attempt was from an earlier commit, the changes that handlers made after it are still to be stored.
            if !(resumed && outcome == Outcome::Applied) {
                // If no handler asked for a write, nothing was dropped, so only the end of the session is reported.
                if outcome == Outcome::Refused {
                    self.emit_of(&Event::SignInRefused, refused.as_deref());
                } else if asked || outcome == Outcome::Gone {
                    self.report(outcome);
                }
                return Ok(Committed { outcome, asked });
            }
        }
    }

    /// Returns whether the session needs a write that no handler asked for. If it needs none and no handler changed anything,
    /// the commit stores nothing: the response only sets the cookie that an earlier `save` left, or removes one that opens
    /// nothing.
    fn is_due(&self) -> bool {
        let state = self.state();
        match &state.presented {
            Some(Presented::Found(found)) => !is_idle(&self.engine, found, state.is_passive, self.now()),
            _ => false,
        }
    }

    /// Returns the attempt in flight, or otherwise one with the pending changes. `None`: no handler asked for the session.
    fn begin(&self) -> Result<Option<Box<Attempt>>, Error> {
        let mut state = self.state();
        if let Some(mut attempt) = state.in_flight.take() {
            attempt.resumed = true;
            return Ok(Some(attempt));
        }
        match state.presented {
            None => return Ok(None),
            // The changes stay pending, so that the response fails too.
            Some(Presented::Unknown) if state.pending.asks() => return Err(Error::new(Kind::Unavailable)),
            Some(_) => {}
        }
        let after = state.pending.emptied();
        let mut pending = std::mem::replace(&mut state.pending, after);
        let failed = pending.steps.iter().position(|step| matches!(step, Step::Failed(_)));
        match failed.map(|at| pending.steps.remove(at)) {
            Some(Step::Failed(error)) => Err(error),
            _ => {
                let is_passive = state.is_passive;
                Ok(Some(Box::new(Attempt { is_passive, ..Attempt::new(pending) })))
            }
        }
    }

    /// Stores the session first, enters it in its user's list second, and sets the cookie last.
    pub(super) async fn attempt(&self, attempt: &mut Attempt, deadline: &Deadline) -> Result<Outcome, Error> {
        if attempt.entering.is_none() {
            let outcome = match &self.engine.backend {
                Backend::Store(_) => match self.replace(attempt, deadline).await? {
                    Some(outcome) => outcome,
                    None => self.create(attempt, deadline).await?,
                },
                Backend::Cookie(client) => self.carry(client, attempt, deadline).await?,
            };
            if outcome != Outcome::Applied {
                return Ok(outcome);
            }
            // The changes are in the record now, and must not be applied twice if a later part fails.
            attempt.pending = attempt.pending.emptied();
        }
        if let Some(entering) = &attempt.entering {
            // Boxed because few requests sign in: otherwise every commit's future would reserve room for it. A conflict over the
            // list counts as an unavailable store, not as a conflict over the session: the session is stored, but must not be
            // opened yet.
            let entered = match attempt.refused {
                true => false,
                false => Box::pin(self.engine.enter(entering, deadline)).await.map_err(Error::into_unavailable)?,
            };
            if !entered {
                // Undoing may fail or be dropped: the next commit then continues it.
                attempt.refused = true;
                Box::pin(self.undo(attempt, deadline)).await?;
                return Ok(Outcome::Refused);
            }
        }
        if attempt.entering.is_some()
            && let Some((before, _)) = attempt.before.as_deref()
            && before.record().rare.is_some()
        {
            let after = self.found_record();
            self.report_end_of_impersonation(before.record(), after.as_deref());
        }
        if let Some(event) = attempt.written.take() {
            self.emit(&event);
        }
        for (event, user) in std::mem::take(&mut attempt.events) {
            match user {
                Some(user) => self.emit_of(&event, Some(&user)),
                None => self.emit(&event),
            }
        }
        if attempt.entering.as_ref().is_some_and(|entering| entering.because == Because::Impersonated) {
            self.report_impersonation();
        }
        if let Some(cookie) = attempt.cookie.take() {
            self.state().cookie = Some(cookie);
        }
        Ok(Outcome::Applied)
    }

    /// Returns the session that an attempt changes.
    pub(super) fn subject(&self, attempt: &Attempt) -> Subject {
        match &self.state().presented {
            Some(Presented::Found(found)) if !attempt.ended => Subject::Found(found.clone()),
            Some(Presented::Lost(lost)) if !attempt.pending.signs_in() => {
                Subject::Lost(attempt.pending.outcome_without_session(*lost))
            }
            _ => Subject::Nothing,
        }
    }

    /// Applies the attempt to the session that the cookie names, and stores the result in its place. Returns `None` if there is
    /// no such session or it has ended. The caller then creates a new session if the attempt writes anything.
    async fn replace(&self, attempt: &mut Attempt, deadline: &Deadline) -> Result<Option<Outcome>, Error> {
        let mut found = match self.subject(attempt) {
            Subject::Found(found) => found,
            Subject::Lost(outcome) => return Ok(Some(outcome)),
            Subject::Nothing => return Ok(None),
        };
        let engine = &*self.engine;
        let mut generation = found.record().generation;
        if !attempt.asked && engine.queues.is_busy(&found.key) {
            return Ok(Some(self.adopt(attempt, found, Some(Adopted::default()), engine.clock.now())));
        }
        let pace = if attempt.pending.is_urgent() { Pace::Urgent } else { Pace::Patient };
        let mut claim = match engine.claim_if_free(&found.key, found.stored.as_ref(), pace, deadline) {
            Some(claim) => claim,
            // Boxed because few commits wait: otherwise every commit's future would reserve room for it.
            None => match Box::pin(self.wait_in_line(attempt, &found, &found.key, pace, deadline)).await? {
                Waited::Turn(claim) => claim,
                Waited::Stored(stored) => return Ok(Some(stored.adopt(self, attempt, found, engine.clock.now()))),
            },
        };
        loop {
            let now = engine.clock.now();
            match self.look(&mut claim, attempt, &mut found, now).await? {
                Look::Ours => {
                    self.report_recognised(attempt);
                    return Ok(Some(self.adopt(attempt, found, None, now)));
                }
                Look::OursEnded => {
                    drop(claim);
                    self.report_end_of_impersonation(found.record(), None);
                    return Ok(self.ended(attempt));
                }
                Look::Live if found.record().generation == generation => {}
                Look::Live if attempt.pending.has_stopped(found.record()) => generation = found.record().generation,
                // An edit from outside a request changed the visitor's rights, but not the session's id. So the visitor may
                // still end the session.
                Look::Live if attempt.pending.only_ends() && found.is_current(found.record()) => {
                    generation = found.record().generation;
                }
                Look::Live | Look::Gone if claim.reload_handed().await? => continue,
                Look::Live => {
                    let lost = Lost::to_another_generation(found.record());
                    let outcome = self.lose(lost);
                    return Ok(Some(if attempt.pending.is_done(lost) { Outcome::Applied } else { outcome }));
                }
                Look::Gone => {
                    let outcome = self.lose(Lost::Gone);
                    // A sign-in starts another session.
                    return Ok((!attempt.pending.signs_in()).then_some(outcome));
                }
            }
            attempt.note_user(found.record());
            let cookie = self.state().phase.takes_cookie();
            // A block of its own, so that the future does not reserve room for the record during the calls below.
            let put = {
                let mut put = match next(engine, attempt, &found, cookie, now)? {
                    Next::Nothing => return Ok(Some(self.adopt(attempt, found, Some(Adopted::default()), now))),
                    // No handler asked for this write, so it waits for the next request rather than holding up this one.
                    Next::Put(_) if !attempt.asked && claim.has_lost() => {
                        return Ok(Some(self.adopt(attempt, found, Some(Adopted::default()), now)));
                    }
                    Next::Conflict => return Ok(Some(Outcome::Conflict)),
                    Next::End => None,
                    Next::Put(put) => Some(put),
                };
                if let Some(Put { record, .. }) = &mut put {
                    record.entered = match engine.indexes.is_empty() {
                        true => 0,
                        false => Box::pin(engine.enter_by_index(&found.key, record, deadline)).await?,
                    };
                }
                match put {
                    None => None,
                    Some(Put { record, adopted, own }) => {
                        let before = own.as_deref().unwrap_or(&found.opened);
                        Some((adopted, engine.codec.close(&found.key, record.into(), Some(before))?))
                    }
                }
            };
            // The list gets the new deadline before the session does. The browser's cookie already opens the session, so its
            // entry must not expire before the session.
            if let Some((adopted, opened)) = &put
                && adopted.restarted
                && !adopted.signs_in
                && let Some(entering) = engine.entering(&found, &opened.record, Because::LastsLonger)
            {
                let entered = Box::pin(engine.enter(&entering, deadline)).await;
                entered.map_err(Error::into_unavailable)?;
            }
            if engine.listed && put.as_ref().is_some_and(|(adopted, _)| adopted.signs_in) {
                attempt.before = Some(Box::new((found.clone(), self.state().verifier.clone())));
            }
            let is_critical = put.as_ref().is_none_or(|(adopted, _)| adopted.renewal.is_some());
            let is_first = attempt.unanswered.is_none();
            let all = {
                let writes = put.as_ref().map(|_| found.record().writes);
                let swap = Unanswered { nonce: attempt.nonce, writes, is_critical };
                let plain = put.as_ref().filter(|_| attempt.is_plain());
                // Noted before the swap, since the handler may stop waiting for the answer.
                attempt.unanswered.get_or_insert(swap);
                plain.and_then(|put| engine.gather(&mut claim, &found.key, put, swap, now))
            };
            let value = match &put {
                None => engine.tombstone(attempt.nonce, EndReason::Ended, now),
                Some((_, opened)) => Value::session(engine.scope, all.as_ref().unwrap_or(opened).raw().clone()),
            };
            let value = if is_critical { value.critical() } else { value };
            if all.is_some() {
                // The swap's nonce marks the changes of all its commits. Without an answer, each commit goes on by itself, under
                // its own nonce.
                attempt.nonce = Nonce::next();
            }
            let swapped = claim.swap(Some(&value), now).await;
            if !claim.take_unanswered() && is_first {
                attempt.unanswered = None;
            }
            if !swapped? {
                continue;
            }
            let stored = claim.finish();
            // A sign-in may still be undone, so `attempt` reports the end of an impersonation that it caused.
            let is_settled = !engine.listed || put.as_ref().is_none_or(|(adopted, _)| !adopted.signs_in);
            if is_settled && found.record().rare.is_some() {
                self.report_end_of_impersonation(found.record(), put.as_ref().map(|(_, opened)| &*opened.record));
            }
            let Some((put, opened)) = put else { return Ok(self.ended(attempt)) };
            (found.stored, found.opened) = (stored, all.unwrap_or(opened));
            return Ok(Some(self.adopt(attempt, found, Some(put), now)));
        }
    }

    /// Notes that the session that came with the request has ended.
    fn ended(&self, attempt: &mut Attempt) -> Option<Outcome> {
        self.report_ended(attempt);
        attempt.ended = true;
        attempt.unanswered = None;
        attempt.cookie = Some(CookieChange::Remove);
        self.state().presented = Some(Presented::Nothing);
        None
    }

    /// Stores a new session, if the attempt makes one.
    async fn create(&self, attempt: &mut Attempt, deadline: &Deadline) -> Result<Outcome, Error> {
        let engine = &*self.engine;
        attempt.before = None; // it belongs to the session that ended
        loop {
            if deadline.passed() {
                return Err(Error::new(Kind::Conflict));
            }
            let (now, cookie) = (engine.clock.now(), self.state().phase.takes_cookie());
            // A block of its own, so that the future does not reserve room for the record during the calls below.
            let (key, opened, selector, verifier) = {
                let Some(Create { mut record, selector, verifier }) = next::create(engine, attempt, cookie, now)?
                else {
                    return Ok(Outcome::Applied);
                };
                let key = engine.scope.session(selector);
                if !engine.indexes.is_empty() {
                    record.entered = Box::pin(engine.enter_by_index(&key, &record, deadline)).await?;
                }
                (key, engine.codec.close(&key, record.into(), None)?, selector, verifier)
            };
            let value = Value::session(engine.scope, opened.raw().clone());
            let mut claim = engine.claim(&key, None, Pace::Patient, deadline).await?;
            let swapped = claim.swap(Some(&value), now).await;
            if claim.take_unanswered() {
                let swap = Unanswered { nonce: attempt.nonce, writes: None, is_critical: false };
                attempt.unanswered.get_or_insert(swap);
            }
            let digest = opened.raw().verifier;
            let mut found = Found { key, selector, digest, stored: None, opened, by_current_key: true, is_drawn: true };
            if !swapped? && !matches!(self.look(&mut claim, attempt, &mut found, now).await?, Look::Ours) {
                attempt.drawn.discard_session(); // another session has its key
                continue;
            }
            found.stored = claim.finish();
            {
                let mut state = self.state();
                (state.subject, state.verifier) = (Some(key), Some(verifier));
            }
            let signs_in = found.record().user.is_some();
            return Ok(self.adopt(
                attempt,
                found,
                Some(Adopted { created: true, signs_in, ..Adopted::default() }),
                now,
            ));
        }
    }

    pub(super) fn lose(&self, lost: Lost) -> Outcome {
        let mut state = self.state();
        // Without this hint, streams of the same session would learn of the end only when their watch next loads the session.
        if let Some(Presented::Found(found)) = &state.presented {
            self.engine.watches.hint(&self.engine.watched_key(found));
            let record = Arc::clone(found.record());
            state.lost = Some(record);
        }
        // A cookie from an earlier `save` would now replace a newer one, or open nothing.
        (state.presented, state.cookie) = (Some(Presented::Lost(lost)), None);
        lost.into()
    }

    pub(super) fn report(&self, outcome: Outcome) {
        match outcome {
            // A refused sign-in concerns a user who is not signed in to the session: see `commit_entered`.
            Outcome::Applied | Outcome::Refused => {}
            Outcome::Gone => self.emit(&Event::Gone),
            Outcome::Moved => self.emit(&Event::Moved),
            Outcome::Conflict => self.emit(&Event::Conflict),
        }
    }
}

/// The session that an attempt changes.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would cost an allocation per commit")]
pub(super) enum Subject {
    Found(Found),
    /// The session is lost to the request; this is the attempt's outcome.
    Lost(Outcome),
    /// No session; the attempt may create one.
    Nothing,
}
