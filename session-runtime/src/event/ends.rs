//! [`SessionEnd`] and [`ImpersonationEnd`]: why a session or an impersonation ended.

use std::fmt;

use crate::value::EndReason;

/// Why a session is over: for the streams that watch it ([`Core::ended`](crate::Core::ended)), and in
/// [`Event::Ended`](crate::Event::Ended).
///
/// ```
/// use session_runtime::SessionEnd;
///
/// assert_eq!(SessionEnd::LoggedOut.to_string(), "logged out");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The user logged out, or a handler destroyed the session.
    LoggedOut,
    /// The session was revoked, through another session of its user or by an administrator.
    Revoked,
    /// A request presented an id that was replaced long ago ([`end_on_replay`](crate::SessionsBuilder::end_on_replay)).
    Replayed,
    /// The session's idle or absolute deadline passed.
    Expired,
    /// Its user signed in elsewhere, and then had more sessions than [`max_per_user`](crate::SessionsBuilder::max_per_user) allows.
    /// This session was one of the oldest.
    Displaced,
    /// The [`MemoryStore`](crate::MemoryStore) was full, and the session had to make room for another.
    Evicted,
    /// The session continues under a new id, with other rights: a user signed in, or started or stopped acting as another user,
    /// or `renew` or a change of a `rotates` field replaced the id. Or [`SessionsOf::update`](crate::SessionsOf::update)
    /// changed a `rotates` field, under the same id.
    ///
    /// To continue, a page should reload after about a second: the response with the new id may still be on its way to the
    /// browser.
    Superseded,
    /// The session is over, but the reason is not known.
    Unknown,
}

impl SessionEnd {
    /// Returns the reason as one word, for a script in a page: `logged_out`, `revoked`, `replayed`, `expired`,
    /// `displaced`, `evicted`, `superseded` or `unknown`.
    ///
    /// ```
    /// # use session_runtime::SessionEnd;
    /// assert_eq!(SessionEnd::LoggedOut.as_str(), "logged_out");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Revoked => "revoked",
            Self::Replayed => "replayed",
            Self::Expired => "expired",
            Self::Displaced => "displaced",
            Self::Evicted => "evicted",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoggedOut => "logged out",
            Self::Revoked => "revoked",
            Self::Replayed => "ended because a replaced id was presented",
            Self::Expired => "expired",
            Self::Displaced => "displaced by a newer sign-in",
            Self::Evicted => "evicted",
            Self::Superseded => "superseded by a new id",
            Self::Unknown => "ended for an unknown reason",
        })
    }
}

impl From<EndReason> for SessionEnd {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Ended => Self::LoggedOut,
            EndReason::Revoked => Self::Revoked,
            EndReason::Displaced => Self::Displaced,
            EndReason::Replayed => Self::Replayed,
            EndReason::Unsettled => Self::Unknown,
        }
    }
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
    /// The impersonation's time limit passed. This is reported when the session is next used, or never if it is not used again.
    Expired,
    /// [`SessionsOf::end_impersonations`](crate::SessionsOf::end_impersonations) was called for the user who acted.
    Withdrawn,
    /// The sessions of either user were revoked, the user who acted had more sessions than allowed, or the session ended because
    /// a request presented an id that was replaced long ago.
    Revoked,
}

impl ImpersonationEnd {
    /// Returns the reason as one word: `stopped`, `expired`, `withdrawn` or `revoked`.
    ///
    /// ```
    /// # use session_runtime::ImpersonationEnd;
    /// assert_eq!(ImpersonationEnd::Stopped.as_str(), "stopped");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
        }
    }
}
