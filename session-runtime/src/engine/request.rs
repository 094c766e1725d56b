//! [`Request`]: one request's session, loaded once when a handler asks for it, and changed by any number of handles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard};

use super::{
    CookieChange, Engine, Op, Snapshot, Standing, Step, StoreDown,
    attempt::Attempt,
    open::Credential,
    pending::{Pending, SignedIn},
    presented::Presented,
    several::Chosen,
};
use crate::{
    clock::Timestamp,
    cookie::{Brought, Chunks},
    error::Error,
    event::Event,
    id::Verifier,
    key::Key,
    record::{Fields, Lifetime, Record, Replaced},
    schema::{Meta, Stays},
};

/// The place in a request where its session is.
pub(crate) struct Request {
    pub(super) engine: Arc<Engine>,
    /// Held across the store's answers: one load or commit at a time.
    gate: Gate<()>,
    /// Never held across an `await`.
    state: Mutex<State>,
    /// Whether the visitor sees the response: not that of a HEAD.
    is_shown: bool,
}

/// What is known of a request's session so far.
#[derive(Default)]
pub(super) struct State {
    /// What the cookie presents. `None`: no handler has asked yet.
    pub(super) presented: Option<Presented>,
    /// Proves the session that is presented. `None`: the session is in its cookie, or there is none.
    pub(super) verifier: Option<Verifier>,
    /// The session that this request had last, which events name.
    pub(super) subject: Option<Key>,
    pub(super) pending: Pending,
    /// A commit that the store has not answered.
    pub(super) in_flight: Option<Box<Attempt>>,
    /// What the response is to say about the cookie.
    pub(super) cookie: Option<CookieChange>,
    /// In how many cookies the session came.
    pub(super) chunks: Chunks,
    pub(super) phase: Phase,
    /// Whether a handler asked for the session, answered or not.
    pub(super) asked: bool,
    /// Whether the request leaves the idle deadline where it is.
    pub(super) is_passive: bool,
    /// Since when it is known that the cookie opens nothing any more, if the response may remove it.
    pub(super) stale_since: Option<Timestamp>,
}

/// Where the response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It can still carry a cookie.
    #[default]
    Awaited,
    /// It waits for the last commit.
    Leaving,
    /// Its head has left.
    Left,
    /// The request was cancelled: no response will leave.
    Cancelled,
}

impl Phase {
    /// Whether the response can still set a cookie.
    pub(super) const fn takes_cookie(self) -> bool {
        matches!(self, Self::Awaited | Self::Leaving)
    }
}

impl State {
    /// What is not stored yet, the oldest first.
    pub(super) fn unstored(&self) -> impl Iterator<Item = &Pending> {
        let in_flight = self.in_flight.iter().map(|attempt| &attempt.pending);
        in_flight.chain([&self.pending]).filter(|pending| !pending.is_empty())
    }

    /// The record, unless what is not stored yet ends it.
    fn record(&self, engine: &Engine) -> Option<Arc<Record>> {
        match &self.presented {
            Some(Presented::Found(found)) => {
                let ends = self.unstored().any(|pending| pending.forgets() == Some(Stays::None));
                let own = if self.stops() { engine.open_own(found, engine.clock.now()) } else { None };
                (!ends).then(|| own.map_or_else(|| Arc::clone(found.record()), |own| own.record))
            }
            _ => None,
        }
    }

    /// Whether what is not stored yet ends an impersonation.
    fn stops(&self) -> bool {
        self.unstored().any(Pending::stops)
    }

    /// The fields as a new handle sees them.
    pub(super) fn overlay(&self, engine: &Engine, now: Timestamp) -> Fields {
        let stored = match &self.presented {
            Some(Presented::Found(found)) if self.stops() => match engine.open_own(found, now) {
                Some(own) => own.record.fields.clone(),
                None => found.record().fields.clone(),
            },
            Some(Presented::Found(found)) => found.record().fields.clone(),
            _ => Fields::default(),
        };
        self.unstored().fold(stored, |fields, pending| pending.overlay(Some(&fields), engine.fields, now))
    }
}

impl State {
    /// How the present visitor is signed in, if what is not stored yet changes that.
    fn standing(&self, record: Option<&Record>, engine: &Engine) -> Option<Standing> {
        let mut steps =
            self.unstored().flat_map(|pending| &pending.steps).filter(|step| step.is_about_user()).peekable();
        steps.peek()?;
        let now = engine.clock.now();
        let before = record.map_or_else(Standing::default, Standing::of);
        Some(steps.fold(before, |standing, step| step.standing(standing, now)))
    }
}

impl Request {
    pub(crate) fn new(engine: Arc<Engine>, is_shown: bool) -> Self {
        Self { engine, gate: Gate::new(()), state: Mutex::default(), is_shown }
    }

    /// Leaves the idle deadline where it is, whatever the request does.
    pub(crate) fn make_passive(&self) {
        self.state().is_passive = true;
    }

    /// Whether the visitor sees the response, so that what is taken for it was shown.
    pub(crate) const fn is_shown(&self) -> bool {
        self.is_shown
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change, so what a poisoned lock guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other handle loads or commits. Mostly none does, and then there is nothing to wait for.
    pub(super) async fn enter(&self) -> GateGuard<'_, ()> {
        match self.gate.try_lock() {
            Ok(gate) => gate,
            // In a box: it is rare, and every request would have room for it.
            Err(_) => Box::pin(self.gate.lock()).await,
        }
    }

    /// Enters if no other handle loads or commits.
    pub(super) fn try_enter(&self) -> Result<GateGuard<'_, ()>, tokio::sync::TryLockError> {
        self.gate.try_lock()
    }

    /// Loads the session that the cookies name, if this is the first to ask. `navigates`: whether the visitor goes to a page of
    /// its own; only then may the cookie of a session that has ended be removed.
    ///
    /// Each handler's future has room for this one: what it holds while it waits is kept small, and what is rare is in a box.
    pub(crate) async fn open<'a, I: Iterator<Item = &'a [u8]>>(
        &self,
        cookies: impl FnOnce() -> I,
        navigates: impl FnOnce() -> bool,
    ) -> Result<(), Error> {
        let _gate = self.enter().await;
        let is_first = {
            let mut state = self.state();
            state.asked = true;
            state.presented.is_none()
        };
        if !is_first {
            return Ok(());
        }
        let now = self.now();
        match &self.engine.identify(cookies(), now) {
            Brought::Nothing => self.state().presented = Some(Presented::Nothing),
            Brought::One(credential) => {
                let presented = self.engine.open(credential, now).await.or_else(|error| self.hide(error))?;
                let subject = match presented {
                    Presented::Nothing => None,
                    _ => Some(self.engine.key_of(credential)),
                };
                if subject.is_none() && navigates() {
                    Box::pin(self.note_stale(std::slice::from_ref(credential), now)).await;
                }
                let mut state = self.state();
                state.subject = subject;
                state.presented = Some(presented);
                state.chunks = credential.chunks();
                state.verifier = credential.verifier().cloned();
            }
            Brought::Several(several) => Box::pin(self.open_several(several, navigates(), now)).await?,
        }
        Ok(())
    }

    /// The same for cookies of one name that differ.
    async fn open_several(&self, brought: &[Credential], navigates: bool, now: Timestamp) -> Result<(), Error> {
        let chosen = match self.engine.open_several(brought, now).await {
            Err(error) => Chosen::of(self.hide(error)?),
            Ok(chosen) => chosen,
        };
        if chosen.opens_none && navigates {
            self.note_stale(brought, now).await;
        }
        let verifier = match &chosen.presented {
            Presented::Found(found) => self.engine.verifier_of(found, brought),
            _ => None,
        };
        let mut state = self.state();
        state.verifier = verifier;
        (state.presented, state.subject, state.chunks) = (Some(chosen.presented), chosen.subject, chosen.chunks);
        Ok(())
    }

    /// What a request sees that goes on without its session, if it may after this error.
    #[cold]
    fn hide(&self, error: Error) -> Result<Presented, Error> {
        if !error.is_unavailable() || self.engine.store_down != StoreDown::Anonymous {
            return Err(error);
        }
        error_limited!(
            error = &error as &dyn std::error::Error,
            "a session could not be loaded, so its visitor is shown as anonymous"
        );
        Ok(Presented::Unknown)
    }

    /// What a new handle sees: the record, with what handles before it did.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let record = state.record(&self.engine);
        let overlay = state.unstored().next().is_some().then(|| Arc::new(state.overlay(&self.engine, self.now())));
        let standing = state.standing(record.as_deref(), &self.engine).map(Box::new);
        let unknown = matches!(state.presented, Some(Presented::Unknown));
        Snapshot { record, overlay, era: state.pending.era, standing, unknown }
    }

    /// Whether the request came with an id from before the user was last authenticated, and the browser has presented the
    /// newer one since: then whoever sent the request may not be who was authenticated.
    pub(crate) fn came_with_older_id(&self) -> bool {
        let state = self.state();
        let Some(Presented::Found(found)) = &state.presented else { return false };
        let record = found.record();
        let presented = record
            .previous
            .as_ref()
            .is_some_and(|previous| matches!(previous.replaced, Replaced::ByTimer { presented_at: Some(_) }));
        presented && !found.is_current(record) && record.authenticated_at().is_some_and(|at| at >= record.renewed_at)
    }

    /// Folds in the edits of a handle that was opened in `era`. Returns whether any were discarded.
    pub(crate) fn fold(&self, era: u32, steps: Vec<Step>, ops: Vec<(&'static Meta, Op)>) -> bool {
        let State { presented, pending, in_flight, .. } = &mut *self.state();
        let stored = match presented {
            Some(Presented::Found(found)) => SignedIn::of(found.record()),
            _ => SignedIn::default(),
        };
        let before = in_flight.as_ref().map_or(stored, |attempt| attempt.pending.who(stored));
        pending.fold(era, before, steps, ops)
    }

    /// Whether a handler asked for the session.
    pub(crate) fn was_asked(&self) -> bool {
        self.state().asked
    }

    /// Whether it is served by this engine.
    pub(crate) fn is_of(&self, engine: &Arc<Engine>) -> bool {
        Arc::ptr_eq(&self.engine, engine)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    pub(crate) fn emit(&self, event: &Event) {
        let session = self.state().subject;
        self.engine.events.emit(event, session.as_ref());
    }

    pub(crate) fn new_lifetime(&self) -> Lifetime {
        self.engine.lifetimes.starting(self.now(), false)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The key of the session, if it is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        match &self.state().presented {
            Some(Presented::Found(found)) => Some(self.engine.scope.session(found.selector)),
            _ => None,
        }
    }
}
