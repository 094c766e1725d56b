//! [`Event`]: what can happen to a session.

use std::time::SystemTime;

use super::{ImpersonationEnd, SessionEnd};

/// Something that happened to a session. An event carries no id, key or value: [`Report`](crate::Report) adds the time, the
/// session and the user.
///
/// ```
/// # use session_runtime::{Event, SessionEnd};
/// fn is_alarming(event: &Event) -> bool {
///     matches!(event, Event::Replayed { recently: false } | Event::Ended { why: SessionEnd::Replayed })
/// }
/// assert!(!is_alarming(&Event::Created));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was stored for the first time.
    Created,
    /// A session got a new id: by a sign-in, a sign-out, an impersonation, `reauthenticate`, `renew`, a change of a `rotates`
    /// field, or the timer ([`rotate_every`](crate::SessionsBuilder::rotate_every)).
    Renewed,
    /// A user signed in ([`Identity::log_in`](crate::Identity::log_in)). The session is stored, and in its user's list. `Created`
    /// or `Renewed` is reported before it.
    SignedIn {
        /// Whether the same user was signed in to the session before.
        again: bool,
        /// When the user proved who they are: at this sign-in, or earlier at an identity provider. `None` if they gave no proof
        /// ([`SignIn::stale`](crate::SignIn::stale)).
        authenticated_at: Option<SystemTime>,
    },
    /// A user signed out, a handler destroyed the session to which they were signed in, or another user signed in to it. If that
    /// ended the session, `Ended` follows. If the user acted as another, they have also signed out of their own account.
    SignedOut,
    /// A signed-in user proved again who they are ([`Identity::reauthenticate`](crate::Identity::reauthenticate)).
    Reauthenticated,
    /// A session ended before its time was up.
    Ended {
        /// The cause: [`LoggedOut`](SessionEnd::LoggedOut), [`Revoked`](SessionEnd::Revoked),
        /// [`Displaced`](SessionEnd::Displaced), [`Replayed`](SessionEnd::Replayed), or [`Unknown`](SessionEnd::Unknown) if a
        /// failed sign-in could not give the session back to the user who was signed in before.
        why: SessionEnd,
    },
    /// A request came with the id of a session whose time is up. Each process reports this once for each session, and reports
    /// later requests with that id as `Unknown`. It may report the same session again after about a thousand others. A session
    /// that is not used again expires without an event. If the store has already removed the session, or if sessions are kept
    /// in their visitors' cookies, the request is reported as `Unknown`.
    Expired {
        /// Whether the idle deadline passed, rather than the absolute one.
        idle: bool,
    },
    /// A sign-in was refused because its user has as many sessions as
    /// [`SessionLimit::Refuse`](crate::SessionLimit::Refuse) allows.
    SignInRefused,
    /// A user started to act as another ([`Identity::impersonate`](crate::Identity::impersonate)).
    ImpersonationStarted {
        /// When the impersonation ends by itself.
        ends_at: SystemTime,
    },
    /// A user no longer acts as another.
    ImpersonationEnded {
        /// The cause of the end.
        why: ImpersonationEnd,
    },
    /// A signed cookie named a session that the store does not have: the session expired, ended, or never existed.
    Unknown,
    /// A cookie with our name did not hold a valid token: it was forged, damaged, too long, or signed under another key or by
    /// another kind of session.
    Refused,
    /// A request had several cookies with our name, and none was used: because the name begins with `__Host-`, so that a
    /// browser has only one, because there were too many, or because they opened different live sessions.
    DuplicateCookie,
    /// A request sent an id that a renewal had replaced. Within a minute of the renewal, the request is probably just late. After
    /// that, the cookie may have been stolen.
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
    /// A handle with changes was dropped after its response was sent. The changes are then saved by a task of their own. Outside a
    /// Tokio runtime, they are lost.
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
    /// The reader of an [`EventStream`](crate::EventStream) was too slow, so the stream dropped its oldest reports. Only that
    /// reader gets this event, in place of the dropped reports.
    Missed {
        /// How many reports were dropped.
        reports: u64,
    },
}

impl Event {
    /// Returns the event's name as one word, such as `signed_in`, for a log of the application's own. The metrics use the same
    /// names.
    ///
    /// ```
    /// # use session_runtime::Event;
    /// assert_eq!(Event::Replayed { recently: true }.as_str(), "replayed");
    /// ```
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Renewed => "renewed",
            Self::SignedIn { .. } => "signed_in",
            Self::SignedOut => "signed_out",
            Self::Reauthenticated => "reauthenticated",
            Self::Ended { .. } => "ended",
            Self::Expired { .. } => "expired",
            Self::SignInRefused => "sign_in_refused",
            Self::ImpersonationStarted { .. } => "impersonation_started",
            Self::ImpersonationEnded { .. } => "impersonation_ended",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::DuplicateCookie => "duplicate_cookie",
            Self::Replayed { .. } => "replayed",
            Self::Gone => "gone",
            Self::Moved => "moved",
            Self::Conflict => "conflict",
            Self::DroppedOnFailure => "dropped_on_failure",
            Self::Discarded { .. } => "discarded",
            Self::Late => "late",
            Self::Undecodable { .. } => "undecodable",
            Self::Evicted { .. } => "evicted",
            Self::Missed { .. } => "missed",
        }
    }

    /// Returns the event's cause or circumstance as one word, such as `revoked` for a session that was revoked. `None` for an event
    /// that gives neither.
    ///
    /// | event | reason |
    /// |---|---|
    /// | `Ended` | [`SessionEnd::as_str`](crate::SessionEnd::as_str) |
    /// | `ImpersonationEnded` | [`ImpersonationEnd::as_str`](crate::ImpersonationEnd::as_str) |
    /// | `Expired` | `idle`, `absolute` |
    /// | `SignedIn` | `with_proof`, `without_proof` |
    /// | `Replayed` | `recently`, `long_ago` |
    /// | `Evicted` | `user`, `guest` |
    ///
    /// ```
    /// # use session_runtime::{Event, SessionEnd};
    /// assert_eq!(Event::Ended { why: SessionEnd::Revoked }.reason(), Some("revoked"));
    /// assert_eq!(Event::Created.reason(), None);
    /// ```
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Ended { why } => why.as_str(),
            Self::ImpersonationEnded { why } => why.as_str(),
            Self::Expired { idle: true } => "idle",
            Self::Expired { idle: false } => "absolute",
            Self::SignedIn { authenticated_at: Some(_), .. } => "with_proof",
            Self::SignedIn { authenticated_at: None, .. } => "without_proof",
            Self::Replayed { recently: true } => "recently",
            Self::Replayed { recently: false } => "long_ago",
            Self::Evicted { signed_in: true } => "user",
            Self::Evicted { signed_in: false } => "guest",
            _ => return None,
        })
    }
}
