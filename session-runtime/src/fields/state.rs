//! A handle's state apart from its fields: the session as it was opened, and changes to the session as a whole.

use std::sync::{Arc, atomic::AtomicBool};

use super::Origin;
use crate::{
    clock::{Clock, Timestamp},
    engine::{Lost, Request, Snapshot, Standing, Step},
    error::Error,
    event::{About, Event},
    record::Entry,
    schema::{Meta, UNREADABLE},
};

/// The untyped part of a session handle.
#[doc(hidden)]
#[derive(Default)]
pub struct State {
    /// The session that the handle refers to.
    pub(crate) origin: Origin,
    /// The session as the handle sees it, without its own changes.
    pub(crate) snapshot: Snapshot,
    /// The changes to the session as a whole, in order.
    pub(crate) steps: Vec<Step>,
    /// How the session was lost, if the handle found that it was lost.
    pub(crate) failed: Option<Lost>,
    /// Whether the handle found a stored value that cannot be read.
    pub(crate) unread: AtomicBool,
}

impl State {
    /// Returns the request that the handle's changes are merged into.
    pub(crate) fn request(&self) -> Option<&Arc<Request>> {
        match &self.origin {
            Origin::Request(request) => Some(request),
            Origin::Listed { .. } | Origin::Nothing => None,
        }
    }

    /// Returns whether the visitor sees a flash that a handler takes, so that the flash is removed. False for a HEAD request,
    /// whose response has no body (F21).
    pub(crate) fn is_shown(&self) -> bool {
        self.request().is_none_or(|request| request.is_shown())
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.origin {
            Origin::Request(request) => request.now(),
            Origin::Listed { engine, .. } => engine.clock.now(),
            Origin::Nothing => Clock::system().now(),
        }
    }

    pub(crate) fn emit(&self, event: &Event) {
        match &self.origin {
            Origin::Request(request) => request.emit(event),
            Origin::Listed { engine, key } => engine.events.emit(event, About::session(key)),
            Origin::Nothing => {}
        }
    }

    /// Returns how the visitor is signed in, as this handle sees it.
    pub(crate) fn standing(&self) -> Standing {
        let before = match (&self.snapshot.standing, &self.snapshot.record) {
            (Some(standing), _) => Standing::clone(standing),
            (None, Some(record)) => Standing::of(record),
            (None, None) => Standing::default(),
        };
        let steps = self.steps.iter().filter(|step| step.is_about_user());
        steps.fold(before, |standing, step| step.standing(standing, self.now()))
    }

    /// Returns whether this request changed the user, or how they are signed in.
    pub(crate) fn changed_user(&self) -> bool {
        self.snapshot.standing.is_some() || self.steps.iter().any(Step::is_about_user)
    }

    /// Returns when the session ends if its visitor sends no more requests.
    pub(crate) fn expires_at(&self) -> Timestamp {
        match (&self.snapshot.record, self.request()) {
            (Some(record), _) => record.expires_at(),
            (None, Some(request)) => request.new_lifetime().idle_until,
            (None, None) => Timestamp::NEVER,
        }
    }

    /// Returns the stored bytes of the field, if any.
    pub(crate) fn stored(&self, meta: &Meta) -> Option<&[u8]> {
        self.entry(meta).map(|entry| entry.value)
    }

    pub(crate) fn deadline_of(&self, meta: &Meta) -> Option<Timestamp> {
        let readable = |entry: &Entry<'_>| !meta.secret || entry.value != UNREADABLE;
        self.entry(meta).filter(readable).map(|entry| entry.expires).filter(|expires| *expires != Timestamp::NEVER)
    }

    fn entry(&self, meta: &Meta) -> Option<Entry<'_>> {
        let entry = meta.find(self.snapshot.fields()?)?;
        (entry.expires == Timestamp::NEVER || entry.is_live(self.now())).then_some(entry)
    }

    /// Returns whether an `update` must wait in this handle: the handle has no request, or it has changes to the session as a
    /// whole, other than `remember`, that have not been merged into the request's.
    pub(crate) fn steps_wait(&self) -> bool {
        self.request().is_none() || self.steps.iter().any(|step| !matches!(step, Step::Remember(_)))
    }

    /// Fails if this handle found that its session was lost, and has not signed in since.
    ///
    /// # Errors
    /// The error that it found.
    pub(crate) fn check_failed(&self) -> Result<(), Error> {
        let signs_in = self.steps.iter().any(|step| step.signs_in() == Some(true));
        match self.failed {
            Some(_) if signs_in => Ok(()),
            Some(lost) => Err(lost.into()),
            None => Ok(()),
        }
    }
}
