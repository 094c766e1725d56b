//! All that passes between a session and its store: the [`Record`] that is kept, the [`Change`] that is asked for, and
//! what became of it, [`Applied`]. Nothing here knows a type of the user's.

pub(crate) use self::apply::integer;
mod apply;
mod change;
#[cfg(any(feature = "file", feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod encoded;
mod fields;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::{
    apply::Verdict,
    change::{Add, Applied, Change, Expect, Lifetime, Name, Renew, Set, Sign, Target},
    fields::{Entry, Fields, Garbled},
};
use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
};

/// How many nonces of past changes a record remembers, so that a change that is sent again counts once.
pub const NONCES: usize = 8;

/// One stored session: who may open it, until when, and its encoded fields.
///
/// ```
/// # use session_runtime::{Timestamp, store::{Change, Digest}};
/// let now = Timestamp::from_millis(1_000);
/// let create = Change::create(Digest::from([1; 16]), now, Timestamp::from_millis(5_000), Timestamp::NEVER);
/// let record = create.judge(None, now).write.expect("a new key is free");
/// assert!(record.is_live(Timestamp::from_millis(4_999)));
/// assert!(!record.is_live(Timestamp::from_millis(5_000)));
/// let later = Timestamp::from_millis(3_000);
/// let record = Change::update(0).judge(Some(&record), later).write.expect("the record is live");
/// assert_eq!((record.created_at, record.seen_at), (now, later));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Digest of the verifier that opens the session.
    pub verifier: Digest,
    /// The verifier before the last renewal.
    pub previous: Option<Previous>,
    /// Grows with every renewal that changes privilege. A change made under an older one is refused.
    pub generation: u64,
    /// When the session was first stored.
    pub created_at: Timestamp,
    /// When a request last changed or refreshed the session: the moment of the last change that was applied, also of an
    /// empty one. It never moves back. What only reads moves it no more often than it refreshes the idle deadline.
    pub seen_at: Timestamp,
    /// When the verifier was last renewed.
    pub renewed_at: Timestamp,
    /// When the visitor last signed in, if signed in.
    pub authenticated_at: Option<Timestamp>,
    /// When silence ends the session.
    pub idle_until: Timestamp,
    /// When the session ends whatever happens.
    pub ends_at: Timestamp,
    /// Whether `remember(true)` holds: one long lifetime, no idle timeout, a persistent cookie.
    pub remembered: bool,
    /// The encoded identity of who is signed in. None: a guest.
    #[serde(with = "serde_bytes_opt")]
    pub user: Option<Box<[u8]>>,
    /// The nonces of the last changes, oldest first, at most [`NONCES`].
    pub nonces: Vec<Nonce>,
    /// The encoded fields.
    pub fields: Fields,
}

impl Record {
    /// When the session ends: the earlier of its idle and absolute deadlines.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Record};
    /// # fn show(record: &Record) {
    /// assert!(record.expires_at() <= record.ends_at);
    /// # }
    /// ```
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.idle_until.min(self.ends_at)
    }

    /// Whether the session may still be served. The deadline itself counts as expired.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Record};
    /// # fn show(record: &Record) {
    /// assert!(!record.is_live(record.expires_at()));
    /// # }
    /// ```
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.expires_at().passed(now)
    }

    /// Whether a change with this nonce is already in.
    ///
    /// ```
    /// # use session_runtime::store::{Nonce, Record};
    /// # fn show(record: &Record) {
    /// assert!(!record.has_seen(Nonce::next()));
    /// # }
    /// ```
    #[must_use]
    pub fn has_seen(&self, nonce: Nonce) -> bool {
        self.nonces.contains(&nonce)
    }
}

/// A verifier that a renewal replaced, kept to tell a late request from a stranger.
///
/// ```
/// # use session_runtime::{Timestamp, store::{Digest, Previous, Replaced}};
/// let previous = Previous { verifier: Digest::from([0; 16]), replaced: Replaced::ByPrivilege { at: Timestamp::from_millis(9) } };
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// Digest of the verifier that was replaced.
    pub verifier: Digest,
    /// By what, which decides what it still opens.
    pub replaced: Replaced,
}

/// Why a verifier was replaced, and so what it still opens.
///
/// ```
/// # use session_runtime::{Timestamp, store::Replaced};
/// let replaced = Replaced::ByTimer { presented_at: None };
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Replaced {
    /// A sign-in, sign-out or `renew`: the old verifier opens nothing. For a minute it is recognised.
    ByPrivilege {
        /// When it was replaced.
        at: Timestamp,
    },
    /// The clock: the old verifier is good until the new one is first presented, and for a minute after.
    ByTimer {
        /// When the new verifier was first presented.
        presented_at: Option<Timestamp>,
    },
}

/// `Option<Box<[u8]>>` as MessagePack binary rather than as a list of numbers.
mod serde_bytes_opt {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::fields::Bytes;

    pub(super) fn serialize<S: Serializer>(value: &Option<Box<[u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(bytes) => serializer.serialize_bytes(bytes),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<[u8]>>, D::Error> {
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}
