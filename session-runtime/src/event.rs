//! What happens to sessions, told to whoever listens: the log, and the application's own hook.

use std::{fmt, sync::Arc};

use tracing::{Level, enabled, event};

use crate::key::Key;

/// Something worth knowing that no response shows. Events carry no id, key or value. Which session it was is told beside
/// the event, by its [`fingerprint`](crate::Core::fingerprint), a short keyed hash (SECURITY S50).
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
    /// A session got a new id: sign-in, sign-out, `renew`, or the clock.
    Renewed,
    /// A session was ended by this request.
    Ended,
    /// A session was ended from elsewhere: its user's sessions were revoked, or were more than allowed.
    Revoked,
    /// A sign-in was refused, since its user has as many sessions as allowed.
    SignInRefused,
    /// A signed cookie named a session that the store does not have: expired, ended, or never there.
    Unknown,
    /// A cookie of our name was no token of ours: forged, damaged, signed under another key, or too long.
    Refused,
    /// Several cookies of our name came in one request, so none was used.
    DuplicateCookie,
    /// A verifier came back that a renewal had replaced. Within a minute that is a late request; later somebody may
    /// hold a stolen cookie.
    Replayed {
        /// Whether it came within the minute.
        recently: bool,
    },
    /// A request's changes were dropped, since the session had ended meanwhile.
    Gone,
    /// A request's changes were dropped, since the session's privilege had changed meanwhile.
    Moved,
    /// A request's changes were dropped, since other requests kept winning the race.
    Conflict,
    /// A handler answered 5xx, so its changes were dropped.
    DroppedOnFailure,
    /// A handler changed a field, and then signed out, destroyed the session or signed in: the change went with what the
    /// former visitor left. Change the field after that.
    Discarded {
        /// The field's stored name.
        field: &'static str,
    },
    /// A handle with changes was dropped after the response had left.
    Late,
    /// A stored value could not be read; the field shows its default. Of a `secret` field: it was tampered with, stored
    /// before the field was `secret`, or under a key that the ring no longer has.
    Undecodable {
        /// The field's stored name.
        field: &'static str,
    },
    /// A full store let a live session go.
    Evicted {
        /// Whether somebody was signed in.
        signed_in: bool,
    },
}

/// Where events go. Cloned freely; without a hook they go to the log alone (`tracing`, target `session_runtime`).
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
/// Makes a fingerprint.
type Names = Arc<dyn Fn(&Key) -> String + Send + Sync>;

impl Events {
    /// Events that also go to `hook`, with the fingerprint of the session where it is known. It should return quickly: it
    /// runs within the request.
    ///
    /// ```
    /// # use session_runtime::{Event, Events};
    /// let events = Events::new(|event, session| println!("{event:?} of {}", session.unwrap_or("nobody")));
    /// events.emit(&Event::Refused, None);
    /// ```
    pub fn new(hook: impl Fn(&Event, Option<&str>) + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), names: None }
    }

    /// The same events, with sessions named by `names`.
    pub(crate) fn naming(self, names: impl Fn(&Key) -> String + Send + Sync + 'static) -> Self {
        Self { names: Some(Arc::new(names)), ..self }
    }

    /// Reports `event`, of this session if it is known which.
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
            // What any stranger can cause at will must not fill the log (B6).
            Event::Created
            | Event::Renewed
            | Event::Ended
            | Event::Unknown
            | Event::Refused
            | Event::DuplicateCookie
            | Event::Evicted { signed_in: false } => log!(DEBUG),
            Event::Replayed { recently: true }
            | Event::Revoked
            | Event::SignInRefused
            | Event::Gone
            | Event::DroppedOnFailure
            | Event::Discarded { .. } => log!(INFO),
            _ => log!(WARN),
        };
        if let Some(hook) = &self.hook {
            hook(event, session.as_deref());
        }
    }

    /// The session's fingerprint.
    fn name(&self, session: Option<&Key>) -> Option<String> {
        session.zip(self.names.as_ref()).map(|(session, names)| names(session))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hook.is_some() { "Events(hook)" } else { "Events" })
    }
}
