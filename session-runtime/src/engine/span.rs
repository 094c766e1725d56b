//! Spans (`tracing`, level DEBUG) of loads and commits, and their counts for the metrics. If no subscriber wants the spans, a
//! request only checks that.

use tracing::{Instrument as _, Level, Span, debug_span, field::Empty, span_enabled};

use super::{Engine, Outcome, Request, open::Credential, presented::Presented};
use crate::{error::Error, key::Key, meter};

/// Does `work` in `span`. `note` then adds the outcome to the span.
pub(super) async fn in_span<T>(span: Span, work: impl Future<Output = T>, note: impl FnOnce(&Span, &T)) -> T {
    let done = work.instrument(span.clone()).await;
    note(&span, &done);
    done
}

impl Engine {
    /// Returns the kind of session, as events, spans and metrics name it.
    pub(super) fn kind(&self) -> &'static str {
        self.events.kind()
    }

    fn fingerprint(&self, key: &Key) -> String {
        self.signer.fingerprints().name(key)
    }

    /// Returns the span of a load, if a subscriber wants it. `credential`: that of the request, if it brings only one.
    pub(super) fn load_span(&self, credential: Option<&Credential>) -> Option<Span> {
        span_enabled!(target: "session_runtime", Level::DEBUG).then(|| {
            let session = credential.map(|credential| self.fingerprint(&self.key_of(credential)));
            debug_span!(
                target: "session_runtime", "session_load",
                kind = self.kind(), session = session.as_deref(), outcome = Empty,
            )
        })
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
    /// Returns the span of a commit, or of an `update` of an `atomic` field, if a subscriber wants it.
    pub(super) fn commit_span(&self) -> Option<Span> {
        span_enabled!(target: "session_runtime", Level::DEBUG).then(|| {
            let session = self.key().map(|key| self.engine.fingerprint(&key));
            debug_span!(
                target: "session_runtime", "session_commit",
                kind = self.engine.kind(), session = session.as_deref(), outcome = Empty,
            )
        })
    }

    /// Adds the outcome of a commit to its span. The key of a new session is known only now.
    pub(super) fn note_commit(&self, span: &Span, committed: &Result<Outcome, Error>) {
        span.record("outcome", commit_outcome(committed));
        if let Some(key) = self.key() {
            span.record("session", self.engine.fingerprint(&key).as_str());
        }
    }
}

/// Returns the outcome of a load as one word.
pub(super) fn load_outcome(loaded: Result<&Presented, &Error>) -> &'static str {
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
