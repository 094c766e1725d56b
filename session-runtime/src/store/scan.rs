//! [`Scan`]: lists all values of a store in batches, for an operator's tool.

use std::fmt;

use super::{Key, Store, StoreError, Versioned};
use crate::clock::Timestamp;

/// A store that can list its values: sessions of all applications and kinds, lists of users' sessions, revocations, tombstones
/// and markers. [`Value::class`](super::Value::class) tells them apart.
///
/// A value that is present from the first call to the last is in at least one batch. A value that is added or removed during
/// the scan may be in no batch. A scan does not delay requests.
///
/// ```
/// use session_runtime::{Timestamp, store::{Class, Position, Scan, StoreError}};
///
/// /// Returns how many sessions are signed in. A store may include expired ones that were not cleaned up yet.
/// async fn signed_in(store: &impl Scan, now: Timestamp) -> Result<usize, StoreError> {
///     let mut keys = std::collections::HashSet::new();
///     let mut next = Some(Position::start());
///     while let Some(from) = next {
///         let batch = store.scan(&from, now).await?;
///         let users = batch.values.into_iter().filter(|(_, found)| found.value().class() == Class::User);
///         keys.extend(users.map(|(key, _)| key));
///         next = batch.next;
///     }
///     Ok(keys.len())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the values of the store `{Self}` cannot be listed: it lacks `Scan`",
    label = "this store cannot list its values",
    note = "`RedisStore`, `SqlStore`, `FileStore` and `MemoryStore` can; or implement `session_runtime::store::Scan` for this one"
)]
pub trait Scan: Store {
    /// Returns the next batch of values, from a position on. A batch has at most a few hundred values. It may have none although
    /// more batches follow. It may leave out expired values.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be reached, or did not return this position.
    fn scan(&self, from: &Position, now: Timestamp) -> impl Future<Output = Result<Scanned, StoreError>> + Send;
}

/// Some values of a store.
///
/// ```
/// # use session_runtime::store::Scanned;
/// let none = Scanned { values: Vec::new(), next: None };
/// ```
#[derive(Debug)]
pub struct Scanned {
    /// The values of this batch.
    pub values: Vec<(Key, Versioned)>,
    /// The position of the next batch; `None` at the end.
    pub next: Option<Position>,
}

/// A position in a scan. Only the store can interpret its bytes.
///
/// ```
/// # use session_runtime::store::Position;
/// assert_eq!(format!("{:?}", Position::start()), "Position(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Position(Vec<u8>);

impl Position {
    /// Returns the position before the first value.
    ///
    /// ```
    /// # use session_runtime::store::Position;
    /// assert!(Position::start().as_bytes().is_empty());
    /// ```
    #[must_use]
    pub const fn start() -> Self {
        Self(Vec::new())
    }

    /// Creates a position from a store's own bytes.
    ///
    /// ```
    /// # use session_runtime::store::Position;
    /// assert_eq!(Position::new([7]).as_bytes(), [7]);
    /// ```
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes that the store passed to [`Position::new`].
    ///
    /// ```
    /// # use session_runtime::store::Position;
    /// assert_eq!(Position::new(*b"here").as_bytes(), b"here");
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(any(
        feature = "file",
        feature = "memory",
        feature = "redis",
        feature = "sqlite",
        feature = "postgres",
        feature = "mysql"
    ))]
    pub(crate) fn unknown() -> StoreError {
        StoreError::new("this position in a scan was not made by this store, or is out of date; begin at the start")
    }
}

impl fmt::Debug for Position {
    // Hides the bytes: those of the memory store contain a session's key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(..)")
    }
}
