//! [`Fate`]: the result of a look at a watched session.

use super::{
    super::{Backend, Engine, read::Held},
    Watcher,
};
use crate::{clock::Timestamp, event::SessionEnd, record::Record, value::Versioned};

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
                Held::Ended(tombstone) => Fate::Over(tombstone.reason.into()),
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

/// Returns when a session changes by itself: when it expires, or when an impersonation in it ends.
pub(super) fn next_deadline(record: &Record) -> Timestamp {
    let impersonated_until = record.impersonation().map_or(Timestamp::NEVER, |impersonation| impersonation.ends_at);
    record.expires_at().min(impersonated_until)
}
