//! [`Scanned`] and [`Position`]: the batches in which a store lists its values.

use std::fmt;

use super::{Key, Versioned};

/// Some values of a store ([`Store::scan`](super::Store::scan)).
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

/// A position in a scan. Only the store can interpret its bytes. To go on later, or in another process, keep them
/// ([`Position::as_bytes`]) where only the server reads them: they may contain a key, or the address of a server.
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
}

impl fmt::Debug for Position {
    // Hides the bytes: those of the memory store contain a session's key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(..)")
    }
}
