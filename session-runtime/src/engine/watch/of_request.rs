//! The watch of a request's session. Until its response leaves, the request itself may begin, renew or end that session.

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
        presented::{Lost, Presented},
        request::Phase,
    },
    SessionEnd, Subject, Watching,
};
use crate::{id::Selector, key::Key, record::Record};

/// What a request knows of its session.
enum Known {
    Session(Subject),
    /// It is lost to this request.
    Over(SessionEnd),
    /// Nothing is stored, so there is nothing that could end.
    Nothing,
}

impl Engine {
    /// Returns the key by which a session is watched: its own, or that of its revocation if it is in its visitor's cookie.
    pub(in crate::engine) fn watched_key(&self, selector: Selector) -> Key {
        match &self.backend {
            Backend::Store(_) => self.scope.session(selector),
            Backend::Cookie(_) => self.scope.revocation(selector),
        }
    }

    /// Watches a session that no request of its own holds.
    pub(crate) async fn until_ended(self: &Arc<Self>, key: Key, record: &Record) -> SessionEnd {
        Watching::begin(self, &Subject::new(key, record)).end().await
    }
}

impl Request {
    /// Waits until the session is over for this request. If it is never stored, waits for ever.
    pub(crate) async fn until_ended(self: Arc<Self>) -> SessionEnd {
        loop {
            match self.known() {
                (Known::Over(end), _) => return end,
                (Known::Nothing, true) => return pending().await,
                (Known::Nothing, false) => self.wait_for_session().await,
                // Without the request, so that a long watch does not keep it in memory.
                (Known::Session(subject), true) => {
                    let watching = Watching::begin(&self.engine, &subject);
                    drop(self);
                    return watching.end().await;
                }
                (Known::Session(subject), false) => {
                    let end = Watching::begin(&self.engine, &subject).end().await;
                    // A commit in progress may be what renewed it.
                    let _gate = self.enter().await;
                    match self.known().0 {
                        Known::Session(now) if (now.key, now.generation) != (subject.key, subject.generation) => {}
                        _ => return end,
                    }
                }
            }
        }
    }

    /// Does the same, and keeps the session alive meanwhile: moves its idle deadline as a request would.
    pub(crate) async fn until_ended_in_use(self: Arc<Self>) -> SessionEnd {
        let Lifetimes { idle, touch, .. } = self.engine.lifetimes;
        // A save moves the deadline only if `touch` has passed since the last move, which may have been another request's.
        let every = (idle / 4).min(idle - touch).max(Duration::from_millis(10));
        let mut ended = pin!(Arc::clone(&self).until_ended());
        loop {
            match select(ended.as_mut(), pin!(sleep(every))).await {
                Either::Left((end, _)) => return end,
                Either::Right(_) => {
                    // If the session is over, the watch says so. If the store is down, the next time is soon enough.
                    let _ = self.save().await;
                }
            }
        }
    }

    /// Returns what this request knows of its session, and whether its response has left.
    fn known(&self) -> (Known, bool) {
        let engine = &self.engine;
        let state = self.state();
        let has_left = matches!(state.phase, Phase::Left | Phase::Cancelled);
        let known = match &state.presented {
            Some(Presented::Found(found)) => {
                Known::Session(Subject::new(engine.watched_key(found.selector), found.opened.raw()))
            }
            Some(Presented::Lost(lost)) if !state.pending.signs_in() => Known::Over(match lost {
                Lost::Gone => SessionEnd::Unknown,
                Lost::Moved => SessionEnd::Superseded,
            }),
            _ => Known::Nothing,
        };
        (known, has_left)
    }

    /// Waits until the request has stored a session, or its response has left.
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
