//! [`Request::update`]: changes one field by compare-and-swap, without waiting for the request's commit.

use tokio::sync::MutexGuard as GateGuard;
use tracing::{Instrument as _, Span};

use super::{
    Op, Outcome, Request, Step,
    attempt::{Attempt, Unanswered},
    claim::Claim,
    deadline::{Deadline, Pace},
    look::Look,
    next::{Next, next},
    pending::Pending,
    presented::{Found, Lost, Presented},
    put::Put,
    request::State,
    span::note_update,
};
use crate::{
    error::{Error, Kind},
    schema::Meta,
    value::Value,
};

/// How an `update` begins.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and mostly it is the large one")]
pub(crate) enum Start<'a> {
    /// The update changes the stored session immediately.
    Now(Update<'a>),
    /// The update waits for the commit, and changes the field from this value: the session is not stored yet, or an earlier
    /// change of this request must be stored first.
    Waits(Option<Vec<u8>>),
}

/// A field that is being changed. Its session is locked for other commits of this process.
pub(crate) struct Update<'a> {
    request: &'a Request,
    meta: &'static Meta,
    claim: Claim<'a>,
    found: Found,
    /// The generation of the session that the handle belongs to.
    generation: u64,
    attempt: Attempt,
    deadline: &'a Deadline,
    span: Span,
    _gate: GateGuard<'a, ()>,
}

impl Request {
    /// Begins to change one field immediately, for a handle that was opened in `era`.
    ///
    /// # Errors
    /// [`Error::is_gone`] or [`Error::is_moved`] if the session is lost to this request; [`Error::is_conflict`] if the update's
    /// turn does not come in time, or [`Error::is_unavailable`] if that is because the store does not answer; an error if the
    /// response has been sent and the session was never stored.
    pub(crate) async fn update<'a>(
        &'a self,
        era: u32,
        meta: &'static Meta,
        deadline: &'a Deadline,
    ) -> Result<Start<'a>, Error> {
        let gate = self.enter().await;
        let found = {
            let state = self.state();
            // The visitor has left the session through another handle since this handle was opened, so the update must not change
            // the next visitor's session.
            if !state.pending.is_theirs(era, meta) {
                drop(state);
                return self.refuse(Outcome::Moved);
            }
            match &state.presented {
                Some(Presented::Found(found)) if !state.waits(meta) => found.clone(),
                Some(Presented::Lost(lost)) if !state.signs_in() => {
                    let outcome = (*lost).into();
                    drop(state);
                    return self.refuse(outcome);
                }
                Some(Presented::Unknown) => return Err(Error::new(Kind::Unavailable)),
                _ if !state.phase.takes_cookie() => {
                    return Err(Error::new(Kind::TooLate { wanted: "a new session needs one" }));
                }
                _ => {
                    let overlay = state.overlay(&self.engine, self.now());
                    return Ok(Start::Waits(meta.find(&overlay).map(|entry| entry.value.to_vec())));
                }
            }
        };
        let engine = &*self.engine;
        if engine.backend.is_cookie() {
            return Err(Error::new(Kind::Conflict)); // the derive rejects `atomic` fields for sessions in cookies
        }
        let span = self.commit_span();
        let begun = self.begin_update(meta, found, deadline, span.clone(), gate).instrument(span.clone()).await;
        note_update(&span, begun.as_ref().map(|_| false));
        engine.count_update(begun.as_ref().map(|_| false));
        begun.map(Start::Now)
    }

    /// Waits for the session's turn, and reads its current value.
    async fn begin_update<'a>(
        &'a self,
        meta: &'static Meta,
        found: Found,
        deadline: &'a Deadline,
        span: Span,
        gate: GateGuard<'a, ()>,
    ) -> Result<Update<'a>, Error> {
        let engine = &*self.engine;
        let key = engine.scope.session(found.selector);
        let claim = engine.claim(&key, found.stored.as_ref(), Pace::Patient, deadline).await?;
        let generation = found.record().generation;
        let attempt = Attempt { is_passive: self.state().is_passive, ..Attempt::new(Pending::default()) };
        let mut update = Update { request: self, meta, claim, found, generation, attempt, deadline, span, _gate: gate };
        update.look().await?;
        Ok(update)
    }

    /// Compares and swaps a field whose change waits for the commit. If the field's value is not `seen`, returns its current
    /// value.
    pub(crate) fn swap_pending(
        &self,
        meta: &'static Meta,
        seen: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Option<Option<Vec<u8>>> {
        let mut state = self.state();
        let overlay = state.overlay(&self.engine, self.now());
        let current = meta.find(&overlay).map(|entry| entry.value);
        if current != seen.as_deref() {
            return Some(current.map(<[u8]>::to_vec));
        }
        state.pending.follow(vec![(meta, Op::Swap { seen, value })]);
        None
    }

    /// Returns the deadline of an `update` that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::new(self.engine.commit_timeout)
    }

    fn refuse<T>(&self, outcome: Outcome) -> Result<T, Error> {
        self.report(outcome);
        Err(outcome.into_result().err().unwrap_or_else(|| Error::new(Kind::Gone)))
    }
}

impl State {
    /// Returns whether an `update` of this field waits for the commit, which has to store an earlier change first.
    fn waits(&self, meta: &Meta) -> bool {
        let comes_first = |step: &Step| !matches!(step, Step::Remember(_));
        self.in_flight.is_some()
            || self.pending.steps.iter().any(comes_first)
            || self.pending.ops.iter().any(|(pending, _)| pending.name == meta.name)
    }

    fn signs_in(&self) -> bool {
        self.pending.signs_in()
    }
}

impl Update<'_> {
    /// Returns the field's stored value.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        let entry = self.meta.find(&self.found.record().fields)?;
        entry.is_live(self.request.now()).then_some(entry.value)
    }

    /// Stores `value` in the field. Returns `false` if another process was faster; [`Update::value`] is then the newer value.
    ///
    /// # Errors
    /// As [`Request::update`]; and if the value is too large, or the store does not answer.
    pub(crate) async fn store(&mut self, value: Option<Vec<u8>>) -> Result<bool, Error> {
        let span = self.span.clone();
        let stored = self.try_to_store(value).instrument(span.clone()).await;
        note_update(&span, stored.as_ref().copied());
        self.request.engine.count_update(stored.as_ref().copied());
        stored
    }

    async fn try_to_store(&mut self, value: Option<Vec<u8>>) -> Result<bool, Error> {
        let engine = &*self.request.engine;
        let now = engine.clock.now();
        if value.as_deref() != self.value() || self.meta.expires.is_some() {
            let op = value.map_or(Op::Unset, |value| Op::Set { value });
            self.attempt.pending.ops = vec![(self.meta, op)];
        } else {
            self.attempt.pending.ops.clear();
        }
        let Put { mut record, adopted, .. } = match next(engine, &mut self.attempt, &self.found, false, now)? {
            Next::Put(put) => put,
            Next::Nothing => {
                self.request.adopt(&mut self.attempt, self.found.clone(), Some(Default::default()), now);
                return Ok(true);
            }
            Next::End | Next::Conflict => return Err(Error::new(Kind::Conflict)),
        };
        let writes = Some(self.found.record().writes);
        let key = engine.scope.session(self.found.selector);
        record.entered = match engine.indexes.is_empty() {
            true => 0,
            false => Box::pin(engine.enter_by_index(&key, &record, self.claim.deadline())).await?,
        };
        let opened = engine.codec.close(&key, record.into(), Some(&self.found.opened))?;
        let swapped = self.claim.swap(Some(&Value::session(engine.scope, opened.raw().clone())), now).await;
        if self.claim.take_unanswered() {
            self.attempt.unanswered.get_or_insert(Unanswered { nonce: self.attempt.nonce, writes, is_critical: false });
        }
        if !swapped? {
            return self.look().await;
        }
        if self.found.record().rare.is_some() {
            self.request.report_end_of_impersonation(self.found.record(), Some(&opened.record));
        }
        (self.found.stored, self.found.opened) = (self.claim.current().cloned(), opened);
        self.request.adopt(&mut self.attempt, self.found.clone(), Some(adopted), now);
        self.request.take_cookie(&mut self.attempt);
        Ok(true)
    }

    /// Reads the stored session again. Returns `true` if it already holds this update's write, whose answer was lost.
    async fn look(&mut self) -> Result<bool, Error> {
        let now = self.request.now();
        if self.claim.has_lost() && self.deadline.passed() {
            return Err(Error::new(Kind::Conflict));
        }
        let look = self.request.look(&mut self.claim, &mut self.attempt, &mut self.found, now).await?;
        let is_same = self.found.record().generation == self.generation;
        match look {
            Look::Ours if is_same => {
                self.request.adopt(&mut self.attempt, self.found.clone(), None, now);
                self.request.take_cookie(&mut self.attempt);
                Ok(true)
            }
            Look::Live if is_same => Ok(false),
            Look::Live | Look::Gone if self.claim.reload_handed().await? => Box::pin(self.look()).await,
            Look::Live | Look::Ours => {
                let outcome = self.request.lose(Lost::to_another_generation(self.found.record()));
                self.request.refuse(outcome)
            }
            Look::Gone | Look::OursEnded => {
                let outcome = self.request.lose(Lost::Gone);
                self.request.refuse(outcome)
            }
        }
    }
}

impl Request {
    fn take_cookie(&self, attempt: &mut Attempt) {
        if let Some(cookie) = attempt.cookie.take() {
            self.state().cookie = Some(cookie);
        }
    }
}
