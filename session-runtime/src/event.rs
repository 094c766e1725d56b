//! [`Event`]: what happens to sessions, for the log and for the application's own hook.

use std::{fmt, sync::Arc, time::SystemTime};

use tracing::{Level, enabled, event};

use crate::{
    key::Key,
    log::{Admitted, Limit},
};

/// Something that happened to a session without showing in any response. An event carries no id, key or value, and names users
/// by keyed hashes. The hook and the log also get the session's [`fingerprint`](crate::Core::fingerprint), a short keyed hash
/// (SECURITY S50).
///
/// ```
/// # use session_runtime::Event;
/// let event = Event::Evicted { signed_in: false };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was stored for the first time.
    Created,
    /// A session got a new id: by a sign-in, a sign-out, an impersonation, `reauthenticate`, `renew`, a change of a `rotates`
    /// field, or the timer.
    Renewed,
    /// This request ended its own session, or it presented an id that was replaced long ago, which ended the session
    /// ([`end_on_replay`](crate::SessionsBuilder::end_on_replay)).
    Ended,
    /// A session was ended, but not by its own request: its user's sessions were revoked, or exceeded the limit.
    Revoked,
    /// A sign-in was refused because its user has as many sessions as
    /// [`SessionLimit::Refuse`](crate::SessionLimit::Refuse) allows.
    SignInRefused,
    /// A user starts to act as another ([`Identity::impersonate`](crate::Identity::impersonate)). Both are named by
    /// [`UserSessions::fingerprint`](crate::UserSessions::fingerprint).
    ImpersonationStarted {
        /// The user who acts, such as an administrator.
        impersonator: String,
        /// The user who is impersonated.
        user: String,
        /// When the impersonation ends by itself.
        ends_at: SystemTime,
    },
    /// A user no longer acts as another.
    ImpersonationEnded {
        /// The user who acted.
        impersonator: String,
        /// The user who was impersonated.
        user: String,
        /// The cause of the end.
        why: ImpersonationEnd,
    },
    /// A signed cookie named a session that the store does not have: the session expired, ended, or never existed.
    Unknown,
    /// A cookie with our name did not hold a valid token: it was forged, damaged, too long, or signed under another key or by
    /// another kind of session.
    Refused,
    /// A request had several cookies with our name, and none was used: the name begins with `__Host-`, there were too many,
    /// or they opened different live sessions.
    DuplicateCookie,
    /// A request sent an id that a renewal had replaced. Within a minute of the renewal, the request is merely late. After that,
    /// the cookie may be stolen.
    Replayed {
        /// Whether the request came within a minute of the renewal.
        recently: bool,
    },
    /// A request's changes were dropped because the session had ended.
    Gone,
    /// A request's changes were dropped because another request replaced the session's id after this request had loaded it: by
    /// a sign-in, a sign-out, an impersonation, `renew`, or a change of a `rotates` field.
    Moved,
    /// A request's changes were dropped because other requests kept changing the session until
    /// [`commit_timeout`](crate::SessionsBuilder::commit_timeout), or because another request changed the same `atomic` field and
    /// this request's change could not be run again.
    Conflict,
    /// A request's changes were dropped because of its response: it had status 408, 499 or 5xx, or carried `Changes::Drop`.
    DroppedOnFailure,
    /// A handler changed a field, and then signed out, destroyed the session or signed in: the change was discarded with the
    /// former visitor's fields. Change the field after that call instead.
    Discarded {
        /// The field's stored name.
        field: &'static str,
    },
    /// A handle with changes was dropped after its response was sent.
    Late,
    /// A stored value could not be read, so the field shows its default. The value of a `secret` field was tampered with,
    /// stored before the field was `secret`, or encrypted under a key that the ring no longer has.
    Undecodable {
        /// The field's stored name.
        field: &'static str,
    },
    /// A full store removed a live session.
    Evicted {
        /// Whether a user was signed in to it.
        signed_in: bool,
    },
}

/// Why an impersonation ended.
///
/// ```
/// # use session_runtime::ImpersonationEnd;
/// fn is_expected(why: ImpersonationEnd) -> bool {
///     why != ImpersonationEnd::Revoked
/// }
/// # assert!(is_expected(ImpersonationEnd::Stopped));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImpersonationEnd {
    /// The user who acted stopped, signed out, signed in as another user, or destroyed the session.
    Stopped,
    /// The time was up. This is reported when the session is next used, or never if it is not used again.
    Expired,
    /// [`UserSessions::end_impersonations`](crate::UserSessions::end_impersonations) was called for the user who acted.
    Withdrawn,
    /// The sessions of either user were revoked, the user who acted had more sessions than allowed, or the session ended because
    /// a request presented an id that was replaced long ago.
    Revoked,
}

/// The receivers of events: the log (`tracing`, target `session_runtime`), and a hook if there is one. Cheap to clone.
///
/// The hook gets every event. The log gets them at these levels, and at most one WARN line of a kind per second, since strangers
/// can cause such events at will. The next line of that kind says how many lines were left out (`left_out`).
///
/// | level | events |
/// |---|---|
/// | WARN | `Replayed` more than a minute after the renewal, `DuplicateCookie`, `Undecodable`, `Moved`, `Conflict`, `Late`, `Evicted` of a user |
/// | INFO | `Revoked`, `SignInRefused`, `Gone`, `DroppedOnFailure`, `Discarded`, `ImpersonationStarted`, `ImpersonationEnded`, `Replayed` within a minute |
/// | DEBUG | `Created`, `Renewed`, `Ended`, `Unknown`, `Refused`, `Evicted` of a guest |
///
/// ```
/// # use session_runtime::{Event, Events};
/// let events = Events::default();
/// events.emit(&Event::Created, None);
/// ```
#[derive(Clone, Default)]
pub struct Events {
    hook: Option<Hook>,
    names: Option<Names>,
}

type Hook = Arc<dyn Fn(&Event, Option<&str>) + Send + Sync>;
/// Computes the fingerprint of a session.
type Names = Arc<dyn Fn(&Key) -> String + Send + Sync>;

impl Events {
    /// Returns receivers that include `hook`, which also gets the session's fingerprint if the session is known. The hook should
    /// return quickly, since it runs within the request.
    ///
    /// ```
    /// # use session_runtime::{Event, Events};
    /// let events = Events::new(|event, session| println!("{event:?} of {}", session.unwrap_or("?")));
    /// events.emit(&Event::Refused, None);
    /// ```
    pub fn new(hook: impl Fn(&Event, Option<&str>) + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), names: None }
    }

    /// Returns the same receivers, with `names` to compute the fingerprint of each session.
    pub(crate) fn naming(self, names: impl Fn(&Key) -> String + Send + Sync + 'static) -> Self {
        Self { names: Some(Arc::new(names)), ..self }
    }

    /// Reports `event`, which happened to `session` if that is known.
    ///
    /// ```
    /// # use session_runtime::{Event, Events, store::Key};
    /// # fn evicted(key: &Key) {
    /// Events::default().emit(&Event::Evicted { signed_in: true }, Some(key));
    /// # }
    /// ```
    pub fn emit(&self, event: &Event, session: Option<&Key>) {
        macro_rules! log {
            ($level:ident) => {{
                let heard = self.hook.is_some() || enabled!(target: "session_runtime", Level::$level);
                let session = if heard { self.name(session) } else { None };
                event!(target: "session_runtime", Level::$level, ?event, session = session.as_deref(), "session");
                session
            }};
        }
        let session = match event {
            // Any stranger can cause these at will, so they must not fill the log (B6).
            Event::Created
            | Event::Renewed
            | Event::Ended
            | Event::Unknown
            | Event::Refused
            | Event::Evicted { signed_in: false } => log!(DEBUG),
            Event::Replayed { recently: true }
            | Event::Revoked
            | Event::SignInRefused
            | Event::Gone
            | Event::DroppedOnFailure
            | Event::ImpersonationStarted { .. }
            | Event::ImpersonationEnded { .. }
            | Event::Discarded { .. } => log!(INFO),
            Event::Replayed { .. } => self.warn(limit!(), event, session),
            Event::DuplicateCookie => self.warn(limit!(), event, session),
            Event::Moved => self.warn(limit!(), event, session),
            Event::Conflict => self.warn(limit!(), event, session),
            Event::Late => self.warn(limit!(), event, session),
            Event::Undecodable { .. } => self.warn(limit!(), event, session),
            Event::Evicted { .. } => self.warn(limit!(), event, session),
        };
        if let Some(hook) = &self.hook {
            hook(event, session.as_deref());
        }
    }

    /// Writes a line at WARN if `limit` permits one. Returns the session's fingerprint if the line or the hook needs it.
    fn warn(&self, limit: &Limit, event: &Event, session: Option<&Key>) -> Option<String> {
        let line = if enabled!(target: "session_runtime", Level::WARN) { limit.admit() } else { None };
        let session = if self.hook.is_some() || line.is_some() { self.name(session) } else { None };
        if let Some(Admitted { left_out }) = line {
            event!(target: "session_runtime", Level::WARN, left_out, ?event, session = session.as_deref(), "session");
        }
        session
    }

    /// Returns the session's fingerprint, if the session and the function that computes it are known.
    fn name(&self, session: Option<&Key>) -> Option<String> {
        session.zip(self.names.as_ref()).map(|(session, names)| names(session))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hook.is_some() { "Events(hook)" } else { "Events" })
    }
}
