//! Watches a request's session. Until its response is sent, the request itself may create, renew or end the session.

use std::{
    future::pending,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::time::sleep;

use super::{
    super::{
        Engine, Lifetimes, Request,
        backend::Backend,
        presented::{Found, Lost, Presented},
        request::Phase,
    },
    Subject, Watching,
};
use crate::{event::SessionEnd, key::Key, record::Record};

/// The session of a request, as far as the request has loaded it.
enum Known {
    Session(Subject),
    /// The request can no longer use its session.
    Over(SessionEnd),
    /// No session is stored, so none can end.
    Nothing,
}

impl Engine {
    /// Returns the key by which a session is watched: the session's own key or, if it is kept in its visitor's cookie, the key of
    /// its revocation.
    pub(in crate::engine) fn watched_key(&self, found: &Found) -> Key {
        match &self.backend {
            Backend::Store(_) => found.key,
            Backend::Cookie(_) => self.scope.revocation(found.selector),
        }
    }

    /// Waits until a session is over, for a caller that found the session without a request of its visitor.
    pub(crate) async fn until_ended(self: &Arc<Self>, key: Key, record: &Record) -> SessionEnd {
        Watching::begin(self, &Subject::new(key, record)).end().await
    }
}

impl Request {
    /// Waits until the session is over for this request. If the session is never stored, waits forever.
    pub(crate) async fn until_ended(self: Arc<Self>) -> SessionEnd {
        loop {
            match self.known() {
                (Known::Over(end), _) => return end,
                (Known::Nothing, true) => return pending().await,
                (Known::Nothing, false) => self.wait_for_session().await,
                // The request is dropped before the wait, so that a long watch does not keep it in memory.
                (Known::Session(subject), true) => {
                    let watching = Watching::begin(&self.engine, &subject);
                    drop(self);
                    return watching.end().await;
                }
                (Known::Session(subject), false) => {
                    let end = Watching::begin(&self.engine, &subject).end().await;
                    // This request's own commit may have renewed the session. So wait for a commit in progress, and check.
                    let _gate = self.enter().await;
                    match self.known().0 {
                        Known::Session(now) if (now.key, now.generation) != (subject.key, subject.generation) => {}
                        _ => return end,
                    }
                }
            }
        }
    }

    /// Waits until the session is over for this request. Meanwhile, keeps the session alive: moves its idle deadline as a request
    /// would.
    pub(crate) async fn until_ended_in_use(self: Arc<Self>) -> SessionEnd {
        let Lifetimes { idle, touch, .. } = self.engine.lifetimes;
        // A save moves the deadline only if `touch` has passed since the last move, which another request may have made. If a
        // save comes just too early for that, the next save must still come before the deadline.
        let every = (idle / 4).min(idle - touch).max(Duration::from_millis(10));
        let mut ended = pin!(Arc::clone(&self).until_ended());
        loop {
            match select(ended.as_mut(), pin!(sleep(every))).await {
                Either::Left((end, _)) => return end,
                Either::Right(_) => {
                    // If the save failed because the session is over, the watch reports that. If the store is down, a later save
                    // moves the deadline.
                    let _ = self.save().await;
                }
            }
        }
    }

    /// Returns what this request knows of its session, and whether its response has been sent or will never be sent.
    fn known(&self) -> (Known, bool) {
        let engine = &self.engine;
        let state = self.state();
        let has_left = matches!(state.phase, Phase::Left | Phase::Cancelled);
        let known = match &state.presented {
            Some(Presented::Found(found)) => {
                Known::Session(Subject::new(engine.watched_key(found), found.opened.raw()))
            }
            Some(Presented::Lost(lost)) if !state.pending.signs_in() => Known::Over(match lost {
                Lost::Gone => SessionEnd::Unknown,
                Lost::Moved | Lost::SignedOut => SessionEnd::Superseded,
            }),
            _ => Known::Nothing,
        };
        (known, has_left)
    }

    /// Waits until the request has stored a session, or until its response has been sent.
    async fn wait_for_session(&self) {
        let watches = &self.engine.watches;
        watches.awaiting.fetch_add(1, Ordering::SeqCst);
        let _guard = Awaiting(self);
        loop {
            let moved_on = pin!(watches.moved_on.notified());
            if !matches!(self.known(), (Known::Nothing, false)) {
                return;
            }
            moved_on.await;
        }
    }
}

struct Awaiting<'a>(&'a Request);

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        self.0.engine.watches.awaiting.fetch_sub(1, Ordering::SeqCst);
    }
}
