//! One request's session: loaded once, when somebody asks; changed by any number of handles; committed by the layer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard};

use super::{
    CookieChange, Engine, Home, Op, Outcome, Snapshot, Step, StoreDown,
    client::{Pieces, split},
    open::Presented,
    pending::Pending,
    plan::rests,
    work::Work,
};
use crate::{
    clock::Timestamp,
    cookie::{Writer, is_loopback},
    error::Error,
    event::Event,
    id::Key,
    record::{Fields, Lifetime, Record},
    schema::{Meta, Stays},
};

/// The place in a request where its session is.
pub(crate) struct Request {
    pub(super) engine: Arc<Engine>,
    /// Held across the store's answers: one load or commit at a time.
    pub(super) gate: Gate<()>,
    /// Never held across an `await`.
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    /// Whom the cookie brings. None: nobody asked yet.
    pub(super) presented: Option<Presented>,
    /// The session that this request had last: whom events are about.
    pub(super) subject: Option<Key>,
    pub(super) pending: Pending,
    /// What was sent to the store and not answered yet.
    pub(super) underway: Option<Box<Work>>,
    /// What the response is to say about the cookie.
    pub(super) cookie: Option<CookieChange>,
    /// In how many cookies the session came.
    pieces: Pieces,
    pub(super) response: Response,
    /// Whether anybody asked, answered or not.
    asked: bool,
    /// Whether the last commit is under way and nobody else can ask what became of the session.
    pub(super) unwatched: bool,
}

impl Inner {
    /// What is not stored yet, the oldest first.
    fn unstored(&self) -> impl Iterator<Item = &Pending> {
        let underway = self.underway.iter().map(|work| &work.pending);
        underway.chain([&self.pending]).filter(|pending| !pending.is_empty())
    }

    /// The record, unless what is not stored yet ends it.
    fn record(&self) -> Option<&Arc<Record>> {
        match &self.presented {
            Some(Presented::Found(found)) => {
                let ends = self.unstored().any(|pending| pending.forgets() == Some(Stays::None));
                (!ends).then_some(&found.record)
            }
            _ => None,
        }
    }

    /// The fields as a new handle sees them.
    pub(super) fn overlay(&self, engine: &Engine, now: Timestamp) -> Fields {
        let stored = match &self.presented {
            Some(Presented::Found(found)) => found.record.fields.clone(),
            _ => Fields::default(),
        };
        self.unstored().fold(stored, |fields, pending| pending.overlay(Some(&fields), engine.fields, now))
    }

    /// Leaves only what holds even if the handler failed; says whether anything was dropped.
    fn fail(&mut self) -> bool {
        // What is in stays, and whether its sign-in stands is still to be told.
        if let Some(work) = self.underway.take_if(|work| !work.applied) {
            self.pending.put_back(work.pending);
        }
        self.pending.keep_on_failure()
    }
}

/// Where the response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Response {
    /// It can still carry a cookie.
    #[default]
    Awaited,
    /// It waits for the last commit.
    Leaving,
    /// Its head has left.
    Left,
    /// The request was cancelled: nobody waits for it.
    Cancelled,
}

impl Request {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, gate: Gate::new(()), inner: Mutex::default() }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics halfway through a change, so what a poisoned lock guards is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else loads or commits. Mostly nobody does, and then there is nothing to wait for.
    pub(super) async fn enter(&self) -> GateGuard<'_, ()> {
        match self.gate.try_lock() {
            Ok(gate) => gate,
            Err(_) => self.gate.lock().await,
        }
    }

    /// Loads the session that the cookies bring, if this is the first to ask.
    pub(crate) async fn open<'a>(&self, cookies: impl Iterator<Item = &'a [u8]>) -> Result<(), Error> {
        let _gate = self.enter().await;
        self.inner().asked = true;
        if self.inner().presented.is_none() {
            let Some(recognised) = self.engine.recognise(cookies) else {
                self.inner().presented = Some(Presented::Nobody);
                return Ok(());
            };
            let presented = match self.engine.open(&recognised).await {
                Err(error) if error.is_unavailable() && self.engine.store_down == StoreDown::Anonymous => {
                    tracing::error!(target: "session_runtime", error = &error as &dyn std::error::Error, "a session could not be loaded, so its visitor is shown as anonymous");
                    Presented::Unknown
                }
                presented => presented?,
            };
            let mut inner = self.inner();
            inner.subject = (!matches!(presented, Presented::Nobody)).then(|| recognised.key());
            inner.presented = Some(presented);
            inner.pieces = recognised.pieces();
        }
        Ok(())
    }

    /// What a new handle sees: the record, with what handles before it did.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let inner = self.inner();
        let record = inner.record().map(Arc::clone);
        let overlay = inner.unstored().next().is_some().then(|| Arc::new(inner.overlay(&self.engine, self.now())));
        let signed_in = inner.unstored().flat_map(|pending| &pending.steps).filter_map(Step::signs_in).last();
        let unknown = matches!(inner.presented, Some(Presented::Unknown));
        Snapshot { record, overlay, era: inner.pending.era, signed_in, unknown }
    }

    /// Takes in what a handle did that was opened in `era`; says whether some of it was dropped.
    pub(crate) fn fold(&self, era: u32, steps: Vec<Step>, ops: Vec<(&'static Meta, Op)>) -> bool {
        let Inner { presented, pending, underway, .. } = &mut *self.inner();
        let stored = match presented {
            Some(Presented::Found(found)) => found.record.user.as_deref().map(|user| self.engine.identity(user)),
            _ => None,
        };
        let before = underway.as_ref().map_or(stored, |work| work.pending.who(stored));
        pending.fold(era, before, steps, ops)
    }

    /// A handle has gone. If the response has left before it, what it changed is saved now.
    pub(crate) fn handle_dropped(self: &Arc<Self>) {
        let inner = self.inner();
        if inner.response != Response::Left || inner.pending.is_empty() {
            return;
        }
        drop(inner);
        self.emit(&Event::Late);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!(target: "session_runtime", "a session changed after its response had left, outside of a runtime; its changes are lost");
            return;
        };
        let request = Arc::clone(self);
        runtime.spawn(async move {
            if let Err(error) = request.save().await {
                tracing::warn!(target: "session_runtime", %error, "a session changed after its response had left, and could not be saved");
            }
        });
    }

    /// Whether anybody asked for the session.
    pub(crate) fn was_asked(&self) -> bool {
        self.inner().asked
    }

    /// Nobody waits for the response any more: what was changed and not saved is dropped (B28).
    pub(crate) fn cancel(&self) {
        let mut inner = self.inner();
        if inner.response != Response::Left {
            inner.response = Response::Cancelled;
            (inner.pending, inner.underway) = (Pending::default(), None);
        }
    }

    /// Lets the response go at once, if nobody changed anything and nothing is due. Says whether it did.
    pub(crate) fn leave_at_rest(&self) -> bool {
        let mut inner = self.inner();
        let unchanged = inner.unstored().next().is_none() && inner.underway.is_none() && inner.cookie.is_none();
        let rests =
            unchanged && inner.presented.as_ref().is_none_or(|presented| rests(&self.engine, presented, self.now()));
        if rests {
            inner.response = Response::Left;
        }
        rests
    }

    /// Commits what the handles did, and says what became of it and what the response is to say about the cookie.
    ///
    /// An id that an earlier `save` stored goes out whatever becomes of the rest: nobody else knows it, and the one
    /// before opens nothing any more. Of a session in its cookie, so does that it ended, since nothing else ends it.
    pub(crate) async fn leave(
        self: &Arc<Self>,
        handler_failed: bool,
    ) -> (Result<Outcome, Error>, Option<CookieChange>) {
        {
            let mut inner = self.inner();
            inner.response = Response::Leaving;
            // The layer holds one, and this future another. A handle that outlives the response would be a third.
            inner.unwatched = Arc::strong_count(self) <= 2;
        }
        if handler_failed && self.inner().fail() {
            self.emit(&Event::DroppedOnFailure);
        }
        let committed = self.commit().await;
        let outcome = committed.map(|committed| if committed.asked { committed.outcome } else { Outcome::Applied });
        let cookie = {
            let mut inner = self.inner();
            inner.response = Response::Left;
            if outcome.is_err() {
                (inner.pending, inner.underway) = (Pending::default(), None);
            }
            let holds = |cookie: &CookieChange| match cookie {
                CookieChange::Set { .. } => true,
                CookieChange::Remove => matches!(self.engine.home, Home::Cookie(_)),
            };
            inner.cookie.take().filter(|cookie| outcome.is_ok() || holds(cookie))
        };
        self.handle_dropped(); // one may have gone during the commit
        (outcome, cookie)
    }

    /// The response has left, and nobody had asked.
    pub(crate) fn left(&self) {
        self.inner().response = Response::Left;
    }

    /// Whether sessions are served to whoever asked for `host`: without `Secure`, to this machine alone (SECURITY S53).
    pub(crate) fn serves<'a>(&self, host: impl FnOnce() -> Option<&'a str>) -> bool {
        self.engine.cookie.secure || host().is_some_and(is_loopback)
    }

    /// Whether it is served by this engine.
    pub(crate) fn is_of(&self, engine: &Arc<Engine>) -> bool {
        Arc::ptr_eq(&self.engine, engine)
    }

    /// The names of the cookies that its session may be in.
    #[cfg(feature = "tower")]
    pub(crate) fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.engine.writers.iter().map(Writer::name)
    }

    /// Hands out the `Set-Cookie` headers for a change, each with the name of its cookie.
    pub(crate) fn write_cookies(&self, change: &CookieChange, mut write: impl FnMut(&str, String)) {
        let writers = &*self.engine.writers;
        let (values, max_age) = match (change, writers) {
            // All but those who may split a session.
            (CookieChange::Set { token, max_age }, [writer]) => {
                return write(writer.name(), writer.set(token, *max_age));
            }
            (CookieChange::Set { token, max_age }, _) => (split(token, &self.engine.cookie.name), *max_age),
            (CookieChange::Remove, _) => (Vec::new(), None),
        };
        for (value, writer) in values.iter().zip(writers) {
            write(writer.name(), writer.set(value, max_age));
        }
        let came = usize::from(self.inner().pieces);
        for writer in writers.iter().take(came).skip(values.len()) {
            write(writer.name(), writer.remove());
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    pub(crate) fn emit(&self, event: &Event) {
        let session = self.inner().subject;
        self.engine.events.emit(event, session.as_ref());
    }

    pub(crate) fn new_lifetime(&self) -> Lifetime {
        self.engine.lifetimes.starting(self.now(), false)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Which record this is, if it is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        self.inner().presented.as_ref().and_then(Presented::key)
    }
}
