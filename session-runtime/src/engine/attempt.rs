//! [`Attempt`]: the changes of one commit, kept until the store has answered.

use std::sync::Arc;

use super::{CookieChange, pending::Pending, presented::Found};
use crate::{
    clock::Timestamp,
    error::Error,
    event::Event,
    id::{Nonce, Selector, Verifier, draw, random},
    key::Key,
    record::{NONCES, Record},
};

/// The changes of one commit, and its progress.
pub(super) struct Attempt {
    pub(super) pending: Pending,
    /// Whether the handler asked for the write, as opposed to a refreshed deadline or a renewal by the timer.
    pub(super) asked: bool,
    /// Marks this attempt's writes.
    pub(super) nonce: Nonce,
    pub(super) drawn: Drawn,
    /// Set after a swap without an answer, which the store may have applied.
    pub(super) unanswered: Option<Unanswered>,
    /// Whether the session that came with the request has been ended, so that a new one may follow.
    pub(super) ended: bool,
    /// The entry still to be added to a user's list. The session itself is stored by then.
    pub(super) entering: Option<Entering>,
    /// The session before a user signed in to it, and its verifier, to restore if the sign-in fails.
    pub(super) before: Option<Box<(Found, Option<Verifier>)>>,
    /// Whether the limit on the user's sessions refused the sign-in, so that the sign-in must be undone.
    pub(super) refused: bool,
    /// The change to the response's cookie once the commit is done.
    pub(super) cookie: Option<CookieChange>,
    /// The user who was signed in to the session before this attempt, if the attempt may change that. In an impersonation, this
    /// is the acting user.
    pub(super) left: Option<Arc<[u8]>>,
    /// `Created` or `Renewed`, to report once the commit is done.
    pub(super) written: Option<Event>,
    /// The further events to report once the commit is done. If a user is given, the event concerns that user, and not the one who is
    /// signed in by then.
    pub(super) events: Vec<(Event, Option<Arc<[u8]>>)>,
    /// Whether an earlier commit began this attempt.
    pub(super) resumed: bool,
    /// Whether the request leaves the idle deadline unchanged.
    pub(super) is_passive: bool,
}

/// A swap without an answer.
#[derive(Clone, Copy)]
pub(super) struct Unanswered {
    /// Marks the swap in the value that it stores. This is another commit's nonce if that commit stored this attempt's changes
    /// with its own.
    pub(super) nonce: Nonce,
    /// The session's write count before the swap; `None` if the swap ends or creates a session.
    pub(super) writes: Option<u64>,
    /// Whether the swap ends or renews a session.
    pub(super) is_critical: bool,
}

impl Unanswered {
    /// Returns whether another write has replaced the value that the swap was to replace, so that the swap can no longer succeed.
    /// `after`: the current session, with one more write that is not stored yet.
    pub(super) fn never_happens(&self, after: &Record) -> bool {
        let more = self.writes.map(|writes| after.writes.saturating_sub(writes));
        // After at most `NONCES` writes, the record would still know this swap's nonce.
        more.is_some_and(|more| more > 1 && more <= NONCES as u64) && !after.knows(self.nonce)
    }
}

/// A session to add to its user's list.
pub(super) struct Entering {
    pub(super) identity: Arc<[u8]>,
    pub(super) key: Key,
    pub(super) ends_at: Timestamp,
    /// When the user signed in.
    pub(super) at: Timestamp,
    pub(super) because: Because,
}

/// Why a session is added to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// The user signs in to the session.
    SignsIn,
    /// Another user acts as this one.
    Impersonated,
    /// The session has a new absolute deadline, usually a later one.
    LastsLonger,
}

/// Random values, drawn once per attempt, however often the attempt is retried.
#[derive(Default)]
pub(super) struct Drawn {
    new: Option<(Selector, Verifier)>,
    renewal: Option<Verifier>,
}

impl Attempt {
    pub(super) fn new(pending: Pending) -> Self {
        let asked = pending.asks();
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
            left: None,
            written: None,
            events: Vec::new(),
            resumed: false,
            is_passive: false,
        }
    }
}

impl Attempt {
    /// Returns whether the store cannot hold any of this attempt's writes yet.
    pub(super) const fn is_first(&self) -> bool {
        !self.resumed && self.unanswered.is_none()
    }

    /// Returns whether this record holds one of this attempt's writes.
    pub(super) fn is_in(&self, record: &Record) -> bool {
        record.knows(self.nonce) || self.unanswered.is_some_and(|swap| record.knows(swap.nonce))
    }
}

impl Drawn {
    /// Returns the selector and verifier of a new session.
    ///
    /// # Errors
    /// If the operating system provides no random bytes.
    pub(super) fn session(&mut self) -> Result<(Selector, &Verifier), Error> {
        let drawn = match self.new.take() {
            Some(drawn) => drawn,
            None => draw()?,
        };
        let (selector, verifier) = self.new.insert(drawn);
        Ok((*selector, verifier))
    }

    /// Discards the new session's selector and verifier, since another session has that selector. The next call of `session`
    /// draws new ones.
    pub(super) fn discard_session(&mut self) {
        self.new = None;
    }

    /// Returns the verifier of a renewed session, if it was drawn.
    pub(super) fn drawn_renewal(&self) -> Option<&Verifier> {
        self.renewal.as_ref()
    }

    /// Returns the verifier of a renewed session.
    ///
    /// # Errors
    /// If the operating system provides no random bytes.
    pub(super) fn renewal(&mut self) -> Result<&Verifier, Error> {
        let drawn = match self.renewal.take() {
            Some(drawn) => drawn,
            None => Verifier(random()?),
        };
        Ok(self.renewal.insert(drawn))
    }
}
