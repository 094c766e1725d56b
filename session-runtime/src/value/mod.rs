//! [`Value`]: the content of a key in a store. Stores can read its header; the rest is for the engine.
//!
//! - `format`: the bytes of a value.
//! - [`UserList`]: the sessions of one user, or with one value of an `index` field.
//! - [`Tombstone`], [`Revocation`], [`Marker`]: the small values.
//! - [`Versioned`], [`Revision`], [`Swapped`]: a value as it is in a store, and the answer to a compare-and-swap.

mod format;
mod list;
#[cfg(any(test, feature = "testing"))]
mod reread;
mod small;
#[cfg(test)]
mod tests;
mod versioned;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::reread::reads_or_is_damaged;
pub use self::versioned::{Revision, Swapped, Versioned};
pub(crate) use self::{
    format::Damage,
    list::{ListEntry, UserList},
    small::{EndReason, Marker, Revocation, Tombstone},
};
use crate::{clock::Timestamp, id::Nonce, key::Scope, record::Record};

/// The content of a key in a store.
///
/// A store treats a value as opaque bytes: [`Value::to_bytes`] returns them, and [`Value::from_bytes`] takes them back.
/// [`guide::format`](crate::guide::format) documents them. [`Value::revision`], [`Value::expires_at`] and [`Value::class`]
/// are for stores that can use them. Cloning is cheap.
///
/// ```
/// use session_runtime::store::{Class, Value};
///
/// let value = Value::from_bytes("not a value");
/// assert_eq!(value.class(), Class::Unknown);
/// assert_eq!(value.to_bytes(), b"not a value"[..]);
/// ```
#[derive(Clone)]
pub struct Value {
    head: Head,
    content: Content,
}

/// How long a server keeps a value past its deadline.
const SLACK: Duration = Duration::from_secs(60);
/// How long a server keeps a list or revocation past its deadline. A server must not lose one early: without its list, a user's
/// sessions can't be revoked, and without a revocation, a copy of a cookie is valid again. Another node may have set the
/// deadline, and a node whose clock is ahead computes too short a time to live (F27).
const LONG_SLACK: Duration = Duration::from_secs(60 * 60);

/// The header of a value, and whether this write is critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    revision: u64,
    class: Class,
    expires_at: Timestamp,
    /// The kind of session, and the application.
    scope: u32,
    /// Whether losing this write would undo the end or the renewal of a session. It is not part of the bytes.
    is_critical: bool,
}

/// The content, behind a pointer unless it is a tombstone. So values are small: the memory store holds many, and requests pass
/// them on.
#[derive(Clone)]
enum Content {
    Session(Arc<Record>),
    List(Arc<UserList>),
    Tombstone(Tombstone),
    Revocation(Arc<Revocation>),
    Marker(Arc<Marker>),
    /// The bytes that a store returned, not yet decoded.
    Bytes(Arc<Bytes>),
}

/// The kind of a value. A store needs this only if it evicts values when it is full: it evicts tombstones first, then sessions of
/// guests, then those of users. Values of the other classes stay until they expire.
///
/// ```
/// # use session_runtime::store::Class;
/// fn may_be_evicted(class: Class) -> bool {
///     matches!(class, Class::Tombstone | Class::Guest | Class::User)
/// }
/// # assert!(!may_be_evicted(Class::List));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// A session that no user is signed in to.
    Guest,
    /// A session of a signed-in user.
    User,
    /// The list of the sessions that a user is signed in to, or of those with one value of an `index` field.
    List,
    /// Records that a session kept in its visitor's cookie ended or was renewed, so that copies of the cookie open nothing.
    Revocation,
    /// The remains of an ended session, kept for a minute.
    Tombstone,
    /// The ids of the keys that an application signs with.
    Marker,
    /// None of these: the value was written by a newer version, or is damaged.
    Unknown,
}

/// The decoded content of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decoded {
    Session(Arc<Record>),
    List(Arc<UserList>),
    Tombstone(Tombstone),
    Revocation(Revocation),
    Marker(Arc<Marker>),
}

impl Value {
    /// The length of a value's header. These bytes are enough for [`Value::revision`], [`Value::class`] and
    /// [`Value::expires_at`], so a store can read this much of a large value, or index this much of a column.
    ///
    /// ```
    /// # use session_runtime::store::Value;
    /// # let mut bytes = vec![0; 5_000];
    /// # (bytes[7], bytes[8]) = (7, 0x12);
    /// let value = Value::from_bytes(bytes);
    /// let header = Value::from_bytes(value.to_bytes().slice(..Value::HEADER_BYTES));
    /// assert_eq!((header.revision(), header.class()), (value.revision(), value.class()));
    /// assert_eq!(header.expires_at(), value.expires_at());
    /// ```
    pub const HEADER_BYTES: usize = format::CONTENT;

    fn new(scope: Scope, class: Class, expires_at: Timestamp, content: Content) -> Self {
        let revision = Nonce::next().0;
        let expires_at = format::storable(expires_at);
        Self { head: Head { revision, class, expires_at, scope: scope.id(), is_critical: false }, content }
    }

    /// Returns the value for a session.
    pub(crate) fn session(scope: Scope, record: Arc<Record>) -> Self {
        let class = if record.user.is_some() { Class::User } else { Class::Guest };
        Self::new(scope, class, record.expires_at(), Content::Session(record))
    }

    /// Returns the value for a list of sessions.
    pub(crate) fn list(scope: Scope, list: Arc<UserList>) -> Self {
        Self::new(scope, Class::List, list.expires_at(), Content::List(list))
    }

    /// Returns the value for an ended session.
    pub(crate) fn tombstone(scope: Scope, tombstone: Tombstone, expires_at: Timestamp) -> Self {
        Self::new(scope, Class::Tombstone, expires_at, Content::Tombstone(tombstone)).critical()
    }

    /// Returns the value that revokes a session in a cookie.
    pub(crate) fn revocation(scope: Scope, revocation: Revocation, expires_at: Timestamp) -> Self {
        Self::new(scope, Class::Revocation, expires_at, Content::Revocation(Arc::new(revocation))).critical()
    }

    /// Returns the value for the ids of an application's keys.
    pub(crate) fn marker(scope: Scope, marker: Marker, expires_at: Timestamp) -> Self {
        Self::new(scope, Class::Marker, expires_at, Content::Marker(Arc::new(marker)))
    }

    /// Returns the same value, marked as one whose loss would undo the end or the renewal of a session.
    pub(crate) fn critical(mut self) -> Self {
        self.head.is_critical = true;
        self
    }

    /// Returns the value with another record, under a new revision.
    #[cfg(feature = "testing")]
    pub(crate) fn with_record(&self, record: Arc<Record>) -> Self {
        let expires_at = format::storable(record.expires_at());
        let head = Head { revision: Nonce::next().0, expires_at, is_critical: false, ..self.head };
        Self { head, content: Content::Session(record) }
    }

    /// Returns the same content under a new revision.
    pub(crate) fn rewritten(&self) -> Self {
        let revision = Nonce::next().0;
        let content = match &self.content {
            // The bytes contain their revision.
            Content::Bytes(bytes) => Content::Bytes(Arc::new(format::with_revision(revision, bytes))),
            content => content.clone(),
        };
        Self { head: Head { revision, ..self.head }, content }
    }

    /// Creates a value from bytes that a store kept. Any bytes are accepted: the engine checks them when it needs them.
    ///
    /// ```
    /// # use session_runtime::store::Value;
    /// let value = Value::from_bytes(vec![1, 2, 3]);
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { head: format::head(&bytes), content: Content::Bytes(Arc::new(bytes)) }
    }

    /// Returns a value that decodes as [`Damage::Corrupt`], for a store that detects that its copy of the bytes was damaged.
    #[cfg(feature = "file")]
    pub(crate) fn damaged() -> Self {
        Self::from_bytes(Bytes::new())
    }

    /// Returns a value that decodes as [`Damage::Newer`], for a store that finds its own data in a format that it does not know.
    #[cfg(feature = "file")]
    pub(crate) fn newer() -> Self {
        Self::from_bytes(format::NEWER)
    }

    /// Returns the bytes to keep. The same value always gives the same bytes.
    ///
    /// ```
    /// # use session_runtime::store::Value;
    /// assert_eq!(Value::from_bytes(vec![1, 2, 3]).to_bytes(), [1, 2, 3][..]);
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        format::write(&self.head, &self.content)
    }

    /// Returns the number that identifies this write: every write draws a new one. It is the first eight bytes of
    /// [`Value::to_bytes`], big-endian. If there are fewer than eight bytes, the missing ones count as zeros.
    ///
    /// ```
    /// # use session_runtime::store::Value;
    /// assert_eq!(Value::from_bytes(vec![0, 0, 0, 0, 0, 0, 1, 2]).revision(), 258);
    /// ```
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.head.revision
    }

    /// Returns when the value expires. From then on the engine treats it as absent, so a server may remove it.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Value};
    /// assert_eq!(Value::from_bytes("damaged").expires_at(), Timestamp::NEVER);
    /// ```
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.head.expires_at
    }

    /// Returns the time to live for a server that removes values by itself, counted from `now`. `None`: the value never expires.
    ///
    /// The time is rounded up to whole seconds. A minute is added, since the server's clock may differ, so the result is never
    /// less than a minute. For lists and revocations, an hour is added instead, since the clock of this node may be ahead of the
    /// clock that set the deadline. If the server has a maximum, 400 days are enough: no browser keeps a cookie for longer.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Value};
    /// # use std::time::Duration;
    /// # let value = |expires_at: Timestamp| {
    /// #     let head = [&[0; 8][..], &[0x10], &expires_at.as_millis().to_be_bytes()[2..], &[0; 4]];
    /// #     Value::from_bytes(head.concat())
    /// # };
    /// let now = Timestamp::from_millis(1_800_000_000_000);
    /// let expires_soon = value(now + Duration::from_millis(1_001));
    /// assert_eq!(expires_soon.time_to_live(now), Some(Duration::from_secs(62)));
    /// let expired = value(Timestamp::from_millis(0));
    /// assert_eq!(expired.time_to_live(now), Some(Duration::from_secs(60)));
    /// assert_eq!(value(Timestamp::NEVER).time_to_live(now), None);
    /// ```
    #[must_use]
    pub fn time_to_live(&self, now: Timestamp) -> Option<Duration> {
        let expires_at = self.expires_at();
        let left = expires_at.since(now).as_millis().div_ceil(1_000);
        let slack = if matches!(self.class(), Class::List | Class::Revocation) { LONG_SLACK } else { SLACK };
        (expires_at != Timestamp::NEVER).then(|| slack + Duration::from_secs(u64::try_from(left).unwrap_or(u64::MAX)))
    }

    /// Returns the kind of the value.
    ///
    /// ```
    /// # use session_runtime::store::{Class, Value};
    /// assert_eq!(Value::from_bytes("damaged").class(), Class::Unknown);
    /// ```
    #[must_use]
    pub const fn class(&self) -> Class {
        self.head.class
    }

    /// Returns whether losing this write in a failover would bring back a session that ended, or an id that was replaced. A
    /// store that can wait for its replicas does so for these writes. This is not part of the bytes.
    ///
    /// ```
    /// # use session_runtime::store::Value;
    /// assert!(!Value::from_bytes("damaged").is_critical());
    /// ```
    #[must_use]
    pub const fn is_critical(&self) -> bool {
        self.head.is_critical
    }

    /// Returns how many bytes the fields of a session take, if this process made the value.
    pub(crate) fn field_bytes(&self) -> Option<usize> {
        match &self.content {
            Content::Session(record) => Some(record.fields.as_bytes().len()),
            _ => None,
        }
    }

    /// Returns the record of a session; `None` if the value is something else, or cannot be read.
    pub(crate) fn session_record(&self) -> Option<Arc<Record>> {
        match self.decode() {
            Ok(Decoded::Session(record)) => Some(record),
            _ => None,
        }
    }

    /// Returns whether the value belongs to this kind of session of this application.
    pub(crate) fn is_of(&self, scope: Scope) -> bool {
        self.head.scope == scope.id()
    }

    /// Returns whether the value is, or may be, a session of this kind and application. A value of a newer version may be one.
    pub(crate) fn may_be_session_of(&self, scope: Scope) -> bool {
        match self.class() {
            Class::Guest | Class::User => self.is_of(scope),
            // A file of a newer version has no scope that this version can read.
            Class::Unknown => (self.is_of(scope) || self.head.scope == 0) && self.decode() == Err(Damage::Newer),
            _ => false,
        }
    }

    /// Decodes the content.
    ///
    /// # Errors
    /// [`Damage`] if a newer version wrote the bytes, or if they are not a value at all.
    pub(crate) fn decode(&self) -> Result<Decoded, Damage> {
        Ok(match &self.content {
            Content::Session(record) => Decoded::Session(Arc::clone(record)),
            Content::List(list) => Decoded::List(Arc::clone(list)),
            Content::Tombstone(tombstone) => Decoded::Tombstone(*tombstone),
            Content::Revocation(revocation) => Decoded::Revocation(**revocation),
            Content::Marker(marker) => Decoded::Marker(Arc::clone(marker)),
            Content::Bytes(bytes) => return format::read(bytes),
        })
    }
}

impl fmt::Debug for Value {
    // The content may be secret: B12.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("class", &self.head.class)
            .field("expires_at", &self.head.expires_at)
            .finish_non_exhaustive()
    }
}
