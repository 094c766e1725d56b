//! Spans (`tracing`, level DEBUG) of loads and commits, and their counts for the metrics. If no subscriber wants the spans, a
//! request only checks that.

use tracing::{Instrument as _, Level, Span, debug_span, field::Empty, span_enabled};

use super::{
    Engine, Outcome, Request, attempt::Attempt, deadline::Deadline, open::Credential, presented::Presented,
    several::Chosen,
};
use crate::{clock::Timestamp, error::Error, key::Key, meter};

/// Returns whether a subscriber wants the spans.
pub(super) fn wants_spans() -> bool {
    span_enabled!(target: "session_runtime", Level::DEBUG)
}

impl Engine {
    /// Returns the kind of session, as events, spans and metrics name it.
    pub(super) fn kind(&self) -> &'static str {
        self.events.kind()
    }

    fn fingerprint(&self, key: &Key) -> String {
        self.signer.fingerprints().name(key)
    }

    /// Opens the session that a cookie names, as [`open`](Self::open) does, in a span.
    pub(super) async fn open_in_span(
        &self,
        credential: &Credential,
        key: &Key,
        now: Timestamp,
    ) -> Result<Presented, Error> {
        let span = self.load_span(Some(key));
        let opened = self.open(credential, key, now).instrument(span.clone()).await;
        span.record("outcome", load_outcome(opened.as_ref()));
        opened
    }

    /// Looks up the sessions of several cookies, as [`open_several`](Self::open_several) does, in a span.
    pub(super) async fn open_several_in_span(&self, brought: &[Credential], now: Timestamp) -> Result<Chosen, Error> {
        let span = self.load_span(None);
        let opened = self.open_several(brought, now).instrument(span.clone()).await;
        span.record("outcome", load_outcome(opened.as_ref().map(|chosen| &chosen.presented)));
        opened
    }

    /// Returns the span of a load. `key`: that of the session, if the request brings only one cookie.
    fn load_span(&self, key: Option<&Key>) -> Span {
        let session = key.filter(|_| wants_spans()).map(|key| self.fingerprint(key));
        debug_span!(
            target: "session_runtime", "session_load",
            kind = self.kind(), session = session.as_deref(), outcome = Empty,
        )
    }

    pub(super) fn count_load(&self, loaded: Result<&Presented, &Error>) {
        meter::load(self.kind(), load_outcome(loaded));
    }

    pub(super) fn count_commit(&self, committed: &Result<Outcome, Error>) {
        meter::commit(self.kind(), commit_outcome(committed));
    }
}

impl Engine {
    /// Counts an `update` of an `atomic` field as a commit, once it is done.
    pub(super) fn count_update(&self, done: Result<bool, &Error>) {
        if let Some(outcome) = update_outcome(done) {
            meter::commit(self.kind(), outcome);
        }
    }
}

/// Adds the outcome of an `update` of an `atomic` field to its span, once the update is done.
pub(super) fn note_update(span: &Span, done: Result<bool, &Error>) {
    if let Some(outcome) = update_outcome(done) {
        span.record("outcome", outcome);
    }
}

impl Request {
    /// Makes an attempt in a span.
    pub(super) async fn attempt_in_span(&self, attempt: &mut Attempt, deadline: &Deadline) -> Result<Outcome, Error> {
        let span = self.commit_span();
        let attempted = self.attempt(attempt, deadline).instrument(span.clone()).await;
        span.record("outcome", commit_outcome(&attempted));
        // The key of a new session is known only now.
        if let Some(key) = self.key() {
            span.record("session", self.engine.fingerprint(&key).as_str());
        }
        attempted
    }

    /// Returns the span of a commit, or of an `update` of an `atomic` field.
    pub(super) fn commit_span(&self) -> Span {
        let session = self.key().filter(|_| wants_spans()).map(|key| self.engine.fingerprint(&key));
        debug_span!(
            target: "session_runtime", "session_commit",
            kind = self.engine.kind(), session = session.as_deref(), outcome = Empty,
        )
    }
}

/// Returns the outcome of a load as one word.
fn load_outcome(loaded: Result<&Presented, &Error>) -> &'static str {
    match loaded {
        Ok(Presented::Found(_)) => "found",
        Ok(Presented::Lost(_)) => "lost",
        Ok(Presented::Nothing | Presented::Unknown) => "none",
        Err(error) => failure(error),
    }
}

/// Returns the outcome of a commit as one word.
fn commit_outcome(committed: &Result<Outcome, Error>) -> &'static str {
    match committed {
        Ok(Outcome::Applied) => "applied",
        Ok(Outcome::Gone) => "gone",
        Ok(Outcome::Moved) => "moved",
        Ok(Outcome::Conflict) => "conflict",
        Ok(Outcome::Refused) => "refused",
        Err(error) => failure(error),
    }
}

/// Returns the outcome of an `update` of an `atomic` field as one word; `None` if it goes on. `done`: whether the update is
/// stored, or the error that ended it.
fn update_outcome(done: Result<bool, &Error>) -> Option<&'static str> {
    match done {
        Ok(true) => Some("applied"),
        Ok(false) => None,
        Err(error) => Some(failure(error)),
    }
}

fn failure(error: &Error) -> &'static str {
    if error.is_conflict() {
        "conflict"
    } else if error.is_gone() {
        "gone"
    } else if error.is_moved() {
        "moved"
    } else if error.is_unavailable() {
        "unavailable"
    } else {
        "failed"
    }
}
