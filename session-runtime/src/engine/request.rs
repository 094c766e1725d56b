//! [`Request`]: one request's session, loaded once when a handler asks for it, and changed by any number of handles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard};

use super::{
    CookieChange, Engine, Op, Snapshot, Standing, Step, StoreDown,
    attempt::Attempt,
    open::Credential,
    pending::{Pending, SignedIn},
    presented::{Lost, Presented},
    several::Chosen,
    span::wants_spans,
};
use crate::{
    clock::Timestamp,
    cookie::{Brought, Chunks},
    error::{Error, Kind},
    event::{About, Event},
    id::Verifier,
    key::Key,
    record::{Fields, Lifetime, Record},
    schema::{Meta, Stays},
};

/// One request's session, shared by all its handles.
pub(crate) struct Request {
    pub(super) engine: Arc<Engine>,
    /// Held during each load and each commit, so that there is only one at a time.
    gate: Gate<()>,
    /// Never held across an `await`.
    state: Mutex<State>,
    /// Whether the visitor sees the response. `false` for a HEAD.
    is_shown: bool,
}

/// The request's knowledge of its session so far.
#[derive(Default)]
pub(super) struct State {
    /// The session that the cookie names. `None`: no handler has asked yet.
    pub(super) presented: Option<Presented>,
    /// The verifier that proves the right to the session in `presented`. `None`: the session is kept in its cookie, or there is
    /// no session.
    pub(super) verifier: Option<Verifier>,
    /// The session that this request opened or created last. Events name it.
    pub(super) subject: Option<Key>,
    /// The session's record when the request lost the session. Events name its user.
    pub(super) lost: Option<Arc<Record>>,
    pub(super) pending: Pending,
    /// A commit that the store has not answered.
    pub(super) in_flight: Option<Box<Attempt>>,
    /// The change to the cookie that the response will carry.
    pub(super) cookie: Option<CookieChange>,
    /// How many cookies the session came in.
    pub(super) chunks: Chunks,
    pub(super) phase: Phase,
    /// Whether a handler asked for the session, even if loading it failed.
    pub(super) asked: bool,
    /// Whether the request leaves the idle deadline unchanged.
    pub(super) is_passive: bool,
    /// When this request found that its cookie opens nothing, if the response may remove the cookie.
    pub(super) stale_since: Option<Timestamp>,
}

/// The state of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// The response is not ready yet, and can still carry a cookie.
    #[default]
    Awaited,
    /// The response waits for the last commit.
    Leaving,
    /// The response's head has been sent.
    Left,
    /// The request was cancelled: no response will be sent.
    Cancelled,
}

impl Phase {
    /// Returns whether the response can still set a cookie.
    pub(super) const fn takes_cookie(self) -> bool {
        matches!(self, Self::Awaited | Self::Leaving)
    }
}

impl State {
    /// Returns the changes that are not stored yet, oldest first.
    pub(super) fn unstored(&self) -> impl Iterator<Item = &Pending> {
        let in_flight = self.in_flight.iter().map(|attempt| &attempt.pending);
        in_flight.chain([&self.pending]).filter(|pending| !pending.is_empty())
    }

    /// Returns the session's record. Returns `None` if the request has no session, or if a pending change ends the session. If a
    /// pending change ends an impersonation, returns the record of the user's own session.
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

    /// Returns why the request does not see its session although there may be one: see [`Snapshot::is_hidden`].
    fn hidden(&self) -> Option<Kind> {
        match self.presented {
            Some(Presented::Unknown) => Some(Kind::Unavailable),
            Some(Presented::Lost(Lost::Moved | Lost::SignedOut)) if !self.pending.signs_in() => Some(Kind::Moved),
            _ => None,
        }
    }

    /// Returns whether a pending change ends an impersonation.
    fn stops(&self) -> bool {
        self.unstored().any(Pending::stops)
    }

    /// Returns the fields as a new handle sees them.
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
    /// Returns how the current visitor is signed in, if a pending change affects that.
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

    /// Makes the request leave the idle deadline unchanged.
    pub(crate) fn make_passive(&self) {
        self.state().is_passive = true;
    }

    /// Returns whether the visitor sees the response. If not, a flash that a handler takes stays in the session.
    pub(crate) const fn is_shown(&self) -> bool {
        self.is_shown
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock panics halfway through a change, so the state behind a poisoned lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other handle loads or commits. Usually none does, so this returns immediately.
    pub(super) async fn enter(&self) -> GateGuard<'_, ()> {
        match self.gate.try_lock() {
            Ok(gate) => gate,
            // Boxed because it is rare: otherwise every request's future would reserve room for it.
            Err(_) => Box::pin(self.gate.lock()).await,
        }
    }

    /// Enters without waiting. Fails if another handle loads or commits.
    pub(super) fn try_enter(&self) -> Result<GateGuard<'_, ()>, tokio::sync::TryLockError> {
        self.gate.try_lock()
    }

    /// Loads the session that the cookies name, unless an earlier call has. `navigates` returns whether the request is a
    /// top-level navigation: only then may the response remove the cookie of an ended session.
    ///
    /// The future of every handler contains this one. To keep it small, it holds little state across waits, and boxes rare
    /// branches.
    pub(crate) async fn open<'a, I: Iterator<Item = &'a [u8]>>(
        &self,
        cookies: impl FnOnce() -> I,
        navigates: impl FnOnce() -> bool,
    ) -> Result<(), Error> {
        let _gate = self.enter().await;
        let (is_first, is_late) = {
            let mut state = self.state();
            state.asked = true;
            (state.presented.is_none(), state.phase == Phase::Left)
        };
        if is_first && is_late {
            warn_limited!(
                "a handler asked for its session after the head of the response was sent: the response has no `Vary: Cookie` and \
                 no `Cache-Control`, so a cache may serve it to other visitors, and a new session gets no cookie; ask for the \
                 session before the response is returned"
            );
        }
        if !is_first {
            return Ok(());
        }
        let now = self.now();
        match &self.engine.identify(cookies(), now) {
            Brought::Nothing => self.state().presented = Some(Presented::Nothing),
            Brought::One(credential) => {
                let key = self.engine.key_of(credential);
                let opens_nothing = {
                    let opened = if wants_spans() {
                        // Boxed because spans are rare: otherwise every request's future would reserve room for one.
                        Box::pin(self.engine.open_in_span(credential, &key, now)).await
                    } else {
                        self.engine.open(credential, &key, now).await
                    };
                    self.engine.count_load(opened.as_ref());
                    self.present(opened.or_else(|error| self.hide(error))?, key, credential)
                };
                if opens_nothing && navigates() {
                    Box::pin(self.note_stale(std::slice::from_ref(credential), now)).await;
                }
            }
            Brought::Several(several) => Box::pin(self.open_several(several, navigates(), now)).await?,
        }
        Ok(())
    }

    /// Notes what the request's only cookie opens. Returns whether it opens nothing.
    fn present(&self, presented: Presented, key: Key, credential: &Credential) -> bool {
        let opens_nothing = matches!(presented, Presented::Nothing);
        let mut state = self.state();
        state.subject = (!opens_nothing).then_some(key);
        state.presented = Some(presented);
        state.chunks = credential.chunks();
        state.verifier = credential.verifier().cloned();
        opens_nothing
    }

    /// Loads the session if the request has several different cookies with the session's name.
    async fn open_several(&self, brought: &[Credential], navigates: bool, now: Timestamp) -> Result<(), Error> {
        let opened = self.engine.open_several_in_span(brought, now).await;
        self.engine.count_load(opened.as_ref().map(|chosen| &chosen.presented));
        let chosen = match opened {
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

    /// Lets the request go on without its session after this error, if the settings allow that.
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

    /// Returns a new handle's view: the record, with the changes of earlier handles.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let record = state.record(&self.engine);
        let overlay = state.unstored().next().is_some().then(|| Arc::new(state.overlay(&self.engine, self.now())));
        let standing = state.standing(record.as_deref(), &self.engine).map(Box::new);
        let is_hidden = state.hidden().is_some();
        Snapshot { record, overlay, era: state.pending.era, standing, is_hidden }
    }

    /// Returns why a handle of this request shows a guest although a user may be signed in.
    pub(crate) fn hidden(&self) -> Option<Error> {
        self.state().hidden().map(Error::new)
    }

    /// Returns whether the request sent an id from before the user last authenticated. The sender may be someone other than the
    /// authenticated user.
    pub(crate) fn came_with_older_id(&self) -> bool {
        let state = self.state();
        matches!(&state.presented, Some(Presented::Found(found)) if found.is_from_before_proof())
    }

    /// Adds the edits of a handle that was opened in `era`. Returns whether any were discarded.
    pub(crate) fn fold(&self, era: u32, steps: Vec<Step>, ops: Vec<(&'static Meta, Op)>) -> bool {
        let State { presented, pending, in_flight, .. } = &mut *self.state();
        let stored = match presented {
            Some(Presented::Found(found)) => SignedIn::of(found.record()),
            _ => SignedIn::default(),
        };
        let before = in_flight.as_ref().map_or(stored, |attempt| attempt.pending.who(stored));
        pending.fold(era, before, steps, ops)
    }

    /// Returns whether a handler asked for the session.
    pub(crate) fn was_asked(&self) -> bool {
        self.state().asked
    }

    /// Returns whether this engine serves the request.
    pub(crate) fn is_of(&self, engine: &Arc<Engine>) -> bool {
        Arc::ptr_eq(&self.engine, engine)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    /// Reports an event of the request's session.
    pub(crate) fn emit(&self, event: &Event) {
        let (session, record) = {
            let state = self.state();
            let record = match &state.presented {
                Some(Presented::Found(found)) => Some(Arc::clone(found.record())),
                _ => state.lost.clone(),
            };
            (state.subject, record)
        };
        let about = record.as_deref().map(About::record).unwrap_or_default();
        self.engine.events.emit(event, about.with_session(session.as_ref()));
    }

    /// Reports an event of the request's session that concerns this user.
    pub(super) fn emit_of(&self, event: &Event, user: Option<&[u8]>) {
        let session = self.state().subject;
        self.engine.events.emit(event, About::NOTHING.with_session(session.as_ref()).with_user(user));
    }

    pub(crate) fn new_lifetime(&self) -> Lifetime {
        self.engine.lifetimes.starting(self.now(), false)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the key of the request's session, if it has one.
    pub(crate) fn key(&self) -> Option<Key> {
        match &self.state().presented {
            Some(Presented::Found(found)) => Some(self.engine.scope.session(found.selector)),
            _ => None,
        }
    }
}
