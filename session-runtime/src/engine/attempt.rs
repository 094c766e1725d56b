//! [`Attempt`]: what one commit is about, kept until the store has answered.

use std::sync::Arc;

use super::{CookieChange, pending::Pending, presented::Found};
use crate::{
    clock::Timestamp,
    error::Error,
    event::Event,
    id::{Nonce, Selector, Verifier, draw, random},
    key::Key,
};

/// What one commit is about.
pub(super) struct Attempt {
    pub(super) pending: Pending,
    /// Whether the handler asked for it, as opposed to a refreshed deadline or a renewal by the timer.
    pub(super) asked: bool,
    /// Marks what it writes.
    pub(super) nonce: Nonce,
    pub(super) drawn: Drawn,
    /// Set once a swap was not answered, so that it may be in.
    pub(super) unanswered: Option<Unanswered>,
    /// Whether the session that came with the request has been ended, and a new one is to follow.
    pub(super) ended: bool,
    /// What is still to be entered in the list of a user. The session itself is stored then.
    pub(super) entering: Option<Entering>,
    /// The session before a user signed in to it, and what proved it, to put back should the sign-in fail after all.
    pub(super) before: Option<Box<(Found, Option<Verifier>)>>,
    /// Whether there was no room for it in that list, so that it is to be undone.
    pub(super) refused: bool,
    /// What the response is to say about the cookie once all is done.
    pub(super) cookie: Option<CookieChange>,
    /// What is to be reported then.
    pub(super) event: Option<Event>,
    /// Whether it was begun by an earlier commit.
    pub(super) resumed: bool,
    /// Whether its request leaves the idle deadline where it is.
    pub(super) is_passive: bool,
}

/// A swap that was not answered.
#[derive(Clone, Copy)]
pub(super) struct Unanswered {
    /// How often the session had been written before; `None` if it was to be ended, or created.
    pub(super) writes: Option<u64>,
    /// Whether it ends or renews a session.
    pub(super) is_critical: bool,
}

/// A session to enter in the list of its user.
pub(super) struct Entering {
    pub(super) identity: Arc<[u8]>,
    pub(super) key: Key,
    pub(super) ends_at: Timestamp,
    /// When the user signed in.
    pub(super) at: Timestamp,
    pub(super) because: Because,
}

/// Why a session enters a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// The user signs in to it.
    SignsIn,
    /// Another user acts as this one.
    Impersonated,
    /// It lasts longer than it was to.
    LastsLonger,
}

/// What is drawn once for an attempt, however often it is made.
#[derive(Default)]
pub(super) struct Drawn {
    new: Option<(Selector, Verifier)>,
    renewal: Option<Verifier>,
}

impl Attempt {
    pub(super) fn new(pending: Pending) -> Self {
        let asked = !pending.is_empty();
        Self {
            pending,
            asked,
            nonce: Nonce::next(),
            drawn: Drawn::default(),
            unanswered: None,
            ended: false,
            entering: None,
            before: None,
            refused: false,
            cookie: None,
            event: None,
            resumed: false,
            is_passive: false,
        }
    }
}

impl Attempt {
    /// Whether nothing of it can be stored yet.
    pub(super) const fn is_first(&self) -> bool {
        !self.resumed && self.unanswered.is_none()
    }
}

impl Drawn {
    /// What names and proves a new session.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub(super) fn session(&mut self) -> Result<(Selector, &Verifier), Error> {
        let drawn = match self.new.take() {
            Some(drawn) => drawn,
            None => draw()?,
        };
        let (selector, verifier) = self.new.insert(drawn);
        Ok((*selector, verifier))
    }

    /// Has another name drawn, since this one is taken.
    pub(super) fn discard_session(&mut self) {
        self.new = None;
    }

    /// What proves a renewed session, if it was drawn.
    pub(super) fn drawn_renewal(&self) -> Option<&Verifier> {
        self.renewal.as_ref()
    }

    /// What proves a renewed session.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub(super) fn renewal(&mut self) -> Result<&Verifier, Error> {
        let drawn = match self.renewal.take() {
            Some(drawn) => drawn,
            None => Verifier(random()?),
        };
        Ok(self.renewal.insert(drawn))
    }
}
