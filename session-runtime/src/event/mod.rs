//! Reports what happens to sessions: to the log, to the application's hook, to the readers of streams, and to the metrics.
//!
//! - [`Event`] (`kinds`): what can happen. [`SessionEnd`] and [`ImpersonationEnd`] (`ends`): why a session or an impersonation
//!   ended.
//! - [`Report`]: an event with its time, its session and its user. [`About`] and [`Source`]: what a report is made of.
//! - [`Events`]: the receivers. [`EventStream`] (`stream`): one that an application awaits.

mod ends;
mod kinds;
mod report;
mod stream;

use std::{
    fmt,
    sync::{Arc, Weak},
};

use tracing::{Level, enabled};

pub(crate) use self::report::{About, Source};
pub(crate) use self::stream::Readers;
pub use self::{
    ends::{ImpersonationEnd, SessionEnd},
    kinds::Event,
    report::Report,
    stream::EventStream,
};
use crate::{
    key::Key,
    log::{Admitted, Limit},
    meter,
    value::{Class, Value},
};

/// The receivers of events: the log (`tracing`, target `session_runtime`), a hook if there is one, and each [`EventStream`].
/// Cheap to clone.
///
/// The hook and the streams get every event. The log gets them at these levels, and at most one WARN line per second for each
/// event, since strangers can cause such events at will. The next line about that event says how many lines were left out
/// (`left_out`).
///
/// | level | events |
/// |---|---|
/// | WARN | `Replayed` more than a minute after the renewal, `DuplicateCookie`, `Undecodable`, `Moved`, `Conflict`, `Late`, `Evicted` of a user |
/// | INFO | `SignedIn`, `SignedOut`, `Reauthenticated`, `SignInRefused`, `ImpersonationStarted`, `ImpersonationEnded`, `Ended` unless its own request ended it, `Gone`, `DroppedOnFailure`, `Discarded`, `Replayed` within a minute |
/// | DEBUG | `Created`, `Renewed`, `Ended` by its own request, `Expired`, `Unknown`, `Refused`, `Evicted` of a guest |
///
/// A line has the fields of a [`Report`]: `event`, `kind`, `session`, `user` and `impersonator`.
///
/// ```
/// # use session_runtime::{Events, store::{Key, Value}};
/// # fn evict(events: &Events, key: &Key, value: &Value) {
/// events.evicted(key, value);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Events {
    hook: Option<Hook>,
    /// The streams of the sessions. Weak, because a store keeps a copy of these `Events`, and the streams must end when the
    /// last `Sessions` is dropped, even if the store lives on.
    readers: Weak<Readers>,
    source: Option<Arc<Source>>,
}

type Hook = Arc<dyn Fn(&Report) + Send + Sync>;

impl Events {
    /// Returns receivers that include `hook`. The hook should return quickly, since it runs within the request. Use this to test a
    /// store: pass the result to [`Store::observe`](crate::store::Store::observe). An application calls
    /// [`SessionsBuilder::on_event`](crate::SessionsBuilder::on_event) instead: the reports of a store alone have no fingerprint
    /// and no user.
    ///
    /// ```
    /// # use session_runtime::{Events, MemoryStore, store::Store};
    /// let store = MemoryStore::new();
    /// store.observe(Events::new(|report| println!("{:?}", report.event)));
    /// ```
    pub fn new(hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), ..Self::default() }
    }

    /// Returns the same receivers together with the streams of `readers`, for the events of `source`.
    pub(crate) fn of(self, source: Source, readers: &Arc<Readers>) -> Self {
        Self { source: Some(Arc::new(source)), readers: Arc::downgrade(readers), ..self }
    }

    /// Reports that a full store removed the live session `value` ([`Event::Evicted`]). A store calls this for each of its
    /// observers. Does nothing if the value is not a session of this observer's kind.
    ///
    /// ```
    /// # use session_runtime::{Events, store::{Key, Value}};
    /// # fn evict(observers: &[Events], key: &Key, value: &Value) {
    /// for events in observers {
    ///     events.evicted(key, value);
    /// }
    /// # }
    /// ```
    pub fn evicted(&self, key: &Key, value: &Value) {
        let signed_in = match value.class() {
            Class::Guest => false,
            Class::User => true,
            _ => return,
        };
        if self.source.as_ref().is_some_and(|source| !value.is_of(source.scope)) {
            return;
        }
        let record = value.session_record();
        let about = record.as_deref().map(About::record).unwrap_or_default();
        self.emit(&Event::Evicted { signed_in }, about.with_session(Some(key)));
    }

    /// Returns the kind of session. Empty for the receivers of a test of a store ([`Events::new`]).
    pub(crate) fn kind(&self) -> &'static str {
        self.source.as_ref().map_or("", |source| source.kind)
    }

    /// Reports `event`. Names its session and its users, which takes a hash for each, only if a receiver needs the names.
    pub(crate) fn emit(&self, event: &Event, about: About<'_>) {
        meter::event(self.kind(), event);
        let line = admit(event);
        let readers = self.readers.upgrade().filter(|readers| readers.are_any());
        if line.is_none() && self.hook.is_none() && readers.is_none() {
            return;
        }
        let report = Report::of(event, about, self.source.as_deref());
        if let Some(Admitted { left_out }) = line {
            write(&report, left_out);
        }
        if let Some(readers) = readers {
            readers.send(&report);
        }
        if let Some(hook) = &self.hook {
            hook(&report);
        }
    }
}

/// Returns `Some` if the log takes a line about `event`.
fn admit(event: &Event) -> Option<Admitted> {
    let unlimited = Some(Admitted { left_out: None });
    match level(event) {
        Level::WARN if enabled!(target: "session_runtime", Level::WARN) => match limit_of(event) {
            Some(limit) => limit.admit(),
            None => unlimited,
        },
        Level::INFO if enabled!(target: "session_runtime", Level::INFO) => unlimited,
        Level::DEBUG if enabled!(target: "session_runtime", Level::DEBUG) => unlimited,
        _ => None,
    }
}

const fn level(event: &Event) -> Level {
    match event {
        // Any stranger can cause these at will, so they must not fill the log (B6).
        Event::Created
        | Event::Renewed
        | Event::Ended { why: SessionEnd::LoggedOut }
        | Event::Expired { .. }
        | Event::Unknown
        | Event::Refused
        | Event::Evicted { signed_in: false } => Level::DEBUG,
        Event::SignedIn { .. }
        | Event::SignedOut
        | Event::Reauthenticated
        | Event::SignInRefused
        | Event::ImpersonationStarted { .. }
        | Event::ImpersonationEnded { .. }
        | Event::Ended { .. }
        | Event::Gone
        | Event::DroppedOnFailure
        | Event::Discarded { .. }
        | Event::Replayed { recently: true } => Level::INFO,
        Event::Replayed { recently: false }
        | Event::DuplicateCookie
        | Event::Undecodable { .. }
        | Event::Moved
        | Event::Conflict
        | Event::Late
        | Event::Evicted { signed_in: true }
        | Event::Missed { .. } => Level::WARN,
    }
}

/// Returns the limit for lines about this event, if the log can get them at WARN.
fn limit_of(event: &Event) -> Option<&'static Limit> {
    Some(match event {
        Event::Replayed { .. } => limit!(),
        Event::DuplicateCookie => limit!(),
        Event::Undecodable { .. } => limit!(),
        Event::Moved => limit!(),
        Event::Conflict => limit!(),
        Event::Late => limit!(),
        Event::Evicted { .. } => limit!(),
        _ => return None,
    })
}

/// Writes a line at the event's level.
fn write(report: &Report, left_out: Option<u64>) {
    let Report { event, kind, session, user, impersonator, .. } = report;
    let (session, user, impersonator) = (session.as_deref(), user.as_deref(), impersonator.as_deref());
    macro_rules! line {
        ($level:ident) => {
            tracing::event!(
                target: "session_runtime", Level::$level,
                left_out, ?event, kind, session, user, impersonator, "session",
            )
        };
    }
    match level(event) {
        Level::WARN => line!(WARN),
        Level::INFO => line!(INFO),
        _ => line!(DEBUG),
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hook.is_some() { "Events(hook)" } else { "Events" })
    }
}
