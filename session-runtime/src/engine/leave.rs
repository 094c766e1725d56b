//! Ends a request: the last commit, and the response's change to the cookie.

use std::sync::Arc;

use super::{
    CookieChange, Engine, Outcome, Request,
    attempt::Attempt,
    backend::Backend,
    next::is_idle,
    pending::Pending,
    presented::Presented,
    request::{Phase, State},
};
use crate::{
    cookie::{Writer, is_loopback, split},
    error::Error,
    event::Event,
};

impl State {
    /// Drops all changes except those that take effect even if the handler fails. Returns whether any were dropped.
    fn fail(&mut self) -> bool {
        let mut dropped = self.pending.keep_on_failure();
        // If the attempt's session is stored, the attempt is kept whole, since the session must still be entered in its user's
        // list. Any other attempt keeps its nonce and its random values. Without them, a write that the store has applied would
        // not be recognised, and the session's new id would be lost.
        if let Some(attempt) = self.in_flight.as_mut().filter(|attempt| attempt.entering.is_none()) {
            let signs_in = attempt.pending.signs_in() || attempt.pending.impersonates();
            dropped |= attempt.pending.keep_on_failure();
            if attempt.pending.is_empty() {
                self.in_flight = None;
            } else if signs_in {
                // The sign-in may be stored, but is in no list. A new attempt does not recognise that write, so no cookie is set
                // that opens the session.
                let pending = std::mem::take(&mut attempt.pending);
                **attempt = Attempt { is_passive: attempt.is_passive, ..Attempt::new(pending) };
            }
        }
        dropped
    }

    fn discard(&mut self) {
        (self.pending, self.in_flight) = (Pending::default(), None);
    }
}

impl Request {
    /// Notes that a handle was dropped. If the response has been sent, saves the handle's changes now.
    pub(crate) fn handle_dropped(self: &Arc<Self>) {
        let state = self.state();
        if state.phase != Phase::Left || !state.pending.asks() && state.in_flight.is_none() {
            return;
        }
        drop(state);
        self.emit(&Event::Late);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            warn_limited!(
                "a session handle was dropped after its response was sent, outside a Tokio runtime; its changes are lost"
            );
            return;
        };
        let request = Arc::clone(self);
        runtime.spawn(async move {
            if let Err(error) = request.save().await {
                warn_limited!(%error, "a session handle was dropped after its response was sent, and its changes could not be saved");
            }
        });
    }

    /// Drops all unsaved changes, since no response will be sent (B28).
    pub(crate) fn cancel(&self) {
        let mut state = self.state();
        if state.phase != Phase::Left {
            state.phase = Phase::Cancelled;
            state.discard();
        }
        drop(state);
        self.engine.watches.request_moved_on();
    }

    /// Ends the request without a commit if no handle changed anything and nothing is due. Returns whether it did.
    pub(crate) fn leave_idle(&self) -> bool {
        // Another task's `save` may be in progress, and need the response for its cookie.
        let Ok(_gate) = self.try_enter() else { return false };
        let mut state = self.state();
        let unchanged = !state.pending.asks() && state.in_flight.is_none() && state.cookie.is_none();
        let idle = unchanged
            && match &state.presented {
                Some(Presented::Found(found)) => is_idle(&self.engine, found, state.is_passive, self.now()),
                _ => state.stale_since.is_none(),
            };
        if idle {
            state.phase = Phase::Left;
            drop(state);
            self.engine.watches.request_moved_on();
        }
        idle
    }

    /// Commits the handles' changes. Returns the outcome, and the response's change to the cookie.
    ///
    /// Even if the last commit fails, the response sets an id that an earlier `save` stored: no other response carries that id,
    /// and the previous id is no longer valid. If an earlier `save` ended a session that is kept in its cookie, the response
    /// removes the cookie even then, since only that ends such a session.
    pub(crate) async fn leave(
        self: &Arc<Self>,
        handler_failed: bool,
    ) -> (Result<Outcome, Error>, Option<CookieChange>) {
        let _gate = self.enter().await;
        self.state().phase = Phase::Leaving;
        if handler_failed {
            // Boxed because few requests store a sign-in with `save` and then cannot enter it in its user's list.
            Box::pin(self.undo_unentered()).await;
            if self.state().fail() {
                self.emit(&Event::DroppedOnFailure);
            }
        }
        let committed = self.commit_entered().await;
        let outcome = committed.map(|committed| if committed.asked { committed.outcome } else { Outcome::Applied });
        if outcome.is_err() {
            // Boxed because it is rare: otherwise every request's future would reserve room for it.
            Box::pin(self.undo_unentered()).await;
        }
        let cookie = {
            let mut state = self.state();
            state.phase = Phase::Left;
            let is_applied = matches!(outcome, Ok(Outcome::Applied));
            if !is_applied {
                state.discard();
            }
            if is_applied && state.cookie.is_none() {
                state.cookie = state.stale_removal(|| self.now());
            }
            let holds = |cookie: &CookieChange| match cookie {
                CookieChange::Set { .. } => true,
                CookieChange::Remove => matches!(self.engine.backend, Backend::Cookie(_)),
            };
            state.cookie.take().filter(|cookie| outcome.is_ok() || holds(cookie))
        };
        self.engine.watches.request_moved_on();
        self.handle_dropped(); // a handle may have been dropped during the commit
        (outcome, cookie)
    }

    /// Commits as for a response that succeeded, and returns its `Set-Cookie` lines.
    #[cfg(all(feature = "testing", feature = "web"))]
    pub(crate) async fn leave_for_test(self: &Arc<Self>) -> Result<Vec<String>, Error> {
        let (outcome, cookie) = self.leave(false).await;
        outcome?.into_result()?;
        let mut lines = Vec::new();
        if let Some(cookie) = cookie {
            self.write_cookies(&cookie, |_, line| lines.push(line));
            lines.extend_from_slice(self.former_removals());
        }
        Ok(lines)
    }

    /// Notes that the response was sent although no handler had asked for the session. Handlers may still ask for it later.
    pub(crate) fn left(&self) {
        self.state().phase = Phase::Left;
        self.engine.watches.request_moved_on();
    }

    /// Returns whether a request for `host` may have a session. If the cookie is not `Secure`, only requests for this machine
    /// may, unless the application chose plain HTTP (SECURITY S53).
    pub(crate) fn serves<'a>(&self, host: impl FnOnce() -> Option<&'a str>) -> bool {
        self.engine.cookie.secure || self.engine.plain_http || host().is_some_and(is_loopback)
    }

    /// Returns the names of the cookies that the session may be in.
    #[cfg(feature = "web")]
    pub(crate) fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.engine.writers.iter().map(Writer::name)
    }

    /// Returns the `Set-Cookie` headers that accompany every change of the cookie: they remove the cookies of a former domain or
    /// path (F5).
    #[cfg(feature = "web")]
    pub(crate) fn former_removals(&self) -> &[String] {
        &self.engine.former_removals
    }

    /// Passes each `Set-Cookie` header for a change to `write`, with the name of its cookie.
    pub(crate) fn write_cookies(&self, change: &CookieChange, write: impl FnMut(&str, String)) {
        let came = usize::from(self.state().chunks);
        self.engine.write_cookies(change, came, write);
    }
}

impl Engine {
    /// Passes the headers for a change to `write`: one for each cookie that the session takes now, and one that removes each
    /// other cookie that it came in.
    fn write_cookies(&self, change: &CookieChange, came: usize, mut write: impl FnMut(&str, String)) {
        let writers = &*self.writers;
        let (values, max_age) = match (change, writers) {
            // The usual case: the session cannot be split over several cookies.
            (CookieChange::Set { token, max_age }, [writer]) => {
                return write(writer.name(), writer.set(token, *max_age));
            }
            (CookieChange::Set { token, max_age }, _) => (split(token, &self.cookie.name), *max_age),
            (CookieChange::Remove, _) => (Vec::new(), None),
        };
        for (value, writer) in values.iter().zip(writers) {
            write(writer.name(), writer.set(value, max_age));
        }
        for writer in writers.iter().take(came).skip(values.len()) {
            write(writer.name(), writer.remove());
        }
    }
}
