//! What happens as a response leaves: the last commit, and what the response says about the cookie.

use std::sync::Arc;

use super::{
    CookieChange, Engine, Outcome, Request,
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
    /// Leaves only what holds even if the handler failed; says whether anything was dropped.
    fn fail(&mut self) -> bool {
        let mut dropped = self.pending.keep_on_failure();
        // What is stored stays, and is still to be entered in its user's list. What may be stored goes on under its nonce
        // and with what it drew: otherwise it would not be recognised, and its id be lost.
        if let Some(attempt) = self.in_flight.as_mut().filter(|attempt| attempt.entering.is_none()) {
            dropped |= attempt.pending.keep_on_failure();
            if attempt.pending.is_empty() {
                self.in_flight = None;
            }
        }
        dropped
    }

    fn discard(&mut self) {
        (self.pending, self.in_flight) = (Pending::default(), None);
    }
}

impl Request {
    /// A handle has gone. If the response has left before it, what it changed is saved now.
    pub(crate) fn handle_dropped(self: &Arc<Self>) {
        let state = self.state();
        if state.phase != Phase::Left || state.pending.is_empty() && state.in_flight.is_none() {
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

    /// No response will leave: what was changed and not saved is dropped (B28).
    pub(crate) fn cancel(&self) {
        let mut state = self.state();
        if state.phase != Phase::Left {
            state.phase = Phase::Cancelled;
            state.discard();
        }
    }

    /// Lets the response go at once, if no handle changed anything and nothing is due. Says whether it did.
    pub(crate) fn leave_idle(&self) -> bool {
        // Another task's `save` may be under way, and need the response for its cookie.
        let Ok(_gate) = self.try_enter() else { return false };
        let mut state = self.state();
        let unchanged = state.unstored().next().is_none() && state.in_flight.is_none() && state.cookie.is_none();
        let idle = unchanged
            && match &state.presented {
                Some(Presented::Found(found)) => is_idle(&self.engine, found, state.is_passive, self.now()),
                _ => state.stale_since.is_none(),
            };
        if idle {
            state.phase = Phase::Left;
        }
        idle
    }

    /// Commits what the handles did. Returns what became of it, and what the response is to say about the cookie.
    ///
    /// An id that an earlier `save` stored goes out whatever becomes of the rest: no other response knows it, and the one
    /// before opens nothing any more. Of a session in its cookie, so does that it ended, since nothing else ends it.
    pub(crate) async fn leave(
        self: &Arc<Self>,
        handler_failed: bool,
    ) -> (Result<Outcome, Error>, Option<CookieChange>) {
        let _gate = self.enter().await;
        self.state().phase = Phase::Leaving;
        if handler_failed {
            // A sign-in that `save` stored but could not enter in its user's list goes too. In a box: it is rare.
            Box::pin(self.undo_unentered()).await;
            if self.state().fail() {
                self.emit(&Event::DroppedOnFailure);
            }
        }
        let committed = self.commit_entered().await;
        let outcome = committed.map(|committed| if committed.asked { committed.outcome } else { Outcome::Applied });
        if outcome.is_err() {
            // In a box: it is rare, and every request would have room for it.
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
        self.handle_dropped(); // one may have gone during the commit
        (outcome, cookie)
    }

    /// Commits as for a response that succeeded, and returns its `Set-Cookie` lines.
    #[cfg(all(feature = "testing", feature = "tower"))]
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

    /// The response has left, and no handler had asked.
    pub(crate) fn left(&self) {
        self.state().phase = Phase::Left;
    }

    /// Whether sessions are served to a visitor who asked for `host`: without `Secure` to this machine alone, unless the
    /// application chose plain HTTP (SECURITY S53).
    pub(crate) fn serves<'a>(&self, host: impl FnOnce() -> Option<&'a str>) -> bool {
        self.engine.cookie.secure || self.engine.plain_http || host().is_some_and(is_loopback)
    }

    /// The names of the cookies that its session may be in.
    #[cfg(feature = "tower")]
    pub(crate) fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.engine.writers.iter().map(Writer::name)
    }

    /// The `Set-Cookie` headers that go with every change: they remove the cookies of a former domain or path (F5).
    #[cfg(feature = "tower")]
    pub(crate) fn former_removals(&self) -> &[String] {
        &self.engine.former_removals
    }

    /// Hands out the `Set-Cookie` headers for a change, each with the name of its cookie.
    pub(crate) fn write_cookies(&self, change: &CookieChange, write: impl FnMut(&str, String)) {
        let came = usize::from(self.state().chunks);
        self.engine.write_cookies(change, came, write);
    }
}

impl Engine {
    /// Writes a change to all cookies that a session is in, or came in.
    fn write_cookies(&self, change: &CookieChange, came: usize, mut write: impl FnMut(&str, String)) {
        let writers = &*self.writers;
        let (values, max_age) = match (change, writers) {
            // All but those that may split a session.
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
