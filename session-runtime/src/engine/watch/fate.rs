//! [`Fate`]: the result of a look at a watched session. [`SessionEnd`]: why a session ended.

use std::fmt;

use super::{
    super::{Backend, Engine, read::Held},
    Watcher,
};
use crate::{
    clock::Timestamp,
    record::Record,
    value::{EndReason, Tombstone, Versioned},
};

/// Why a watched session is over ([`Core::ended`](crate::Core::ended)).
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
    /// The session was revoked, through another session of its user or by an administrator. Or it was ended because a request
    /// presented an id that was replaced long ago ([`end_on_replay`](crate::SessionsBuilder::end_on_replay)).
    Revoked,
    /// The session's idle or absolute deadline passed.
    Expired,
    /// The session had to make room for another: its user had more sessions than
    /// [`max_per_user`](crate::SessionsBuilder::max_per_user) allows, or the [`MemoryStore`](crate::MemoryStore) was full.
    Evicted,
    /// The session continues under a new id, with other rights: a user signed in, or started or stopped acting as another user,
    /// or `renew` or a change of a `rotates` field replaced the id. Or [`UserSessions::update`](crate::UserSessions::update)
    /// changed a `rotates` field, under the same id.
    ///
    /// To continue, a page should reload after about a second: the response with the new id may still be on its way to the
    /// browser.
    Superseded,
    /// The session is over, but the reason is not known.
    Unknown,
}

impl SessionEnd {
    /// Returns the reason as one word, for a script in a page: `logged_out`, `revoked`, `expired`, `evicted`, `superseded` or
    /// `unknown`.
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
            Self::Expired => "expired",
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
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Superseded => "superseded by a new id",
            Self::Unknown => "ended for an unknown reason",
        })
    }
}

/// The result of a look at a watched session.
pub(super) enum Fate {
    /// The session is live.
    Live { generation: u64, signed_in: bool, expires_at: Timestamp },
    /// No change is known: the session is kept in its visitor's cookie and is not revoked, or the store did not answer.
    Unchanged,
    /// The session is over for every watcher.
    Over(SessionEnd),
}

impl Fate {
    /// Returns why the session is over for this watcher, if it is. This agrees with [`Core::reload`](crate::Core::reload).
    pub(super) const fn of(&self, watcher: &Watcher) -> Option<SessionEnd> {
        match *self {
            Self::Over(end) => Some(end),
            Self::Live { generation, signed_in, .. } if generation != watcher.generation => {
                Some(if watcher.signed_in && !signed_in { SessionEnd::LoggedOut } else { SessionEnd::Superseded })
            }
            Self::Live { .. } | Self::Unchanged => None,
        }
    }
}

impl Engine {
    /// Returns the fate of a watched session, given the value under its key. `expires_at` is the deadline as last known.
    pub(super) fn fate(&self, stored: Option<&Versioned>, expires_at: Timestamp, now: Timestamp) -> Fate {
        match &self.backend {
            Backend::Cookie(_) => match self.read_revocation(stored, now) {
                Ok(Some(revocation)) if revocation.renewed => Fate::Over(SessionEnd::Superseded),
                Ok(Some(_)) => Fate::Over(SessionEnd::LoggedOut),
                // A revocation that cannot be read still counts as one.
                Err(_) => Fate::Over(SessionEnd::Unknown),
                Ok(None) if expires_at.passed(now) => Fate::Over(SessionEnd::Expired),
                Ok(None) => Fate::Unchanged,
            },
            Backend::Store(_) => match self.read(stored, now) {
                Held::Live(record) => Fate::Live {
                    generation: record.generation,
                    signed_in: record.user.is_some(),
                    expires_at: next_deadline(&record),
                },
                Held::Ended(tombstone) => Fate::Over(tombstone.into()),
                Held::Newer => Fate::Over(SessionEnd::Unknown),
                Held::Nothing => Fate::Over(self.absent(stored, expires_at, now)),
            },
        }
    }

    /// Returns why the store has no live session under the key.
    fn absent(&self, stored: Option<&Versioned>, expires_at: Timestamp, now: Timestamp) -> SessionEnd {
        let is_expired = stored.is_some_and(|stored| stored.value().expires_at().passed(now));
        if is_expired || expires_at.passed(now) {
            SessionEnd::Expired
        } else if stored.is_none() && self.backend.is_in_process() {
            SessionEnd::Evicted
        } else {
            SessionEnd::Unknown
        }
    }
}

impl From<Tombstone> for SessionEnd {
    fn from(tombstone: Tombstone) -> Self {
        match tombstone.reason {
            EndReason::Ended => Self::LoggedOut,
            EndReason::Revoked | EndReason::Replayed => Self::Revoked,
            EndReason::Displaced => Self::Evicted,
            EndReason::Unsettled => Self::Unknown,
        }
    }
}

/// Returns when a session changes by itself: when it expires, or when an impersonation in it ends.
pub(super) fn next_deadline(record: &Record) -> Timestamp {
    let impersonated_until = record.impersonation().map_or(Timestamp::NEVER, |impersonation| impersonation.ends_at);
    record.expires_at().min(impersonated_until)
}
