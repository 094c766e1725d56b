//! A value as it is in a store, and the answer to a compare-and-swap.

use std::fmt;

use super::Value;
use crate::error::StoreError;

/// A value as it is in a store, with the revision that a later [`Store::swap`](crate::store::Store::swap) compares.
///
/// ```
/// use session_runtime::store::{Value, Versioned};
///
/// let value = Value::from_bytes(vec![0, 0, 0, 0, 0, 0, 0, 7]);
/// // A store without its own revisions compares the revisions of values.
/// assert_eq!(Versioned::new(value.clone()).revision(), &7.into());
/// // A server that counts writes, such as memcached with its `cas`, etcd or NATS, has its own revisions.
/// assert_eq!(Versioned::with_revision(value, 41_u64).revision(), &41.into());
/// ```
#[derive(Clone, Debug)]
pub struct Versioned {
    value: Value,
    revision: Revision,
}

impl Versioned {
    /// Creates a `Versioned` for a store that compares [`Value::revision`].
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// let versioned = Versioned::new(Value::from_bytes(vec![1]));
    /// ```
    #[must_use]
    pub fn new(value: Value) -> Self {
        let revision = value.revision().into();
        Self { value, revision }
    }

    /// Creates a `Versioned` for a store that has its own revisions.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// let versioned = Versioned::with_revision(Value::from_bytes(vec![1]), "9b2cf535f27731c974343645a3985328");
    /// ```
    #[must_use]
    pub fn with_revision(value: Value, revision: impl Into<Revision>) -> Self {
        Self { value, revision: revision.into() }
    }

    /// Returns the value.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// assert_eq!(Versioned::new(Value::from_bytes(vec![1])).value().to_bytes(), [1][..]);
    /// ```
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the value's revision in the store.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// assert_eq!(Versioned::with_revision(Value::from_bytes(vec![1]), 3).revision(), &3.into());
    /// ```
    #[must_use]
    pub const fn revision(&self) -> &Revision {
        &self.revision
    }
}

/// Identifies one write of a key: a number, or a text such as an `ETag`.
///
/// ```
/// use session_runtime::store::Revision;
///
/// assert_eq!(Revision::from(7).to_number()?, 7);
/// assert_eq!(Revision::from("9b2c").to_text()?, "9b2c");
/// # Ok::<(), session_runtime::store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Revision(Repr);

#[derive(Clone, PartialEq, Eq)]
enum Repr {
    Number(u64),
    Text(Box<str>),
}

impl Revision {
    /// Returns the number, for a store whose revisions are numbers.
    ///
    /// # Errors
    /// [`StoreError`] if the revision is a text. It then belongs to another store.
    ///
    /// ```
    /// # use session_runtime::store::Revision;
    /// assert!(Revision::from("9b2c").to_number().is_err());
    /// ```
    pub fn to_number(&self) -> Result<u64, StoreError> {
        match &self.0 {
            Repr::Number(number) => Ok(*number),
            Repr::Text(_) => Err(self.foreign("numbers")),
        }
    }

    /// Returns the text, for a store whose revisions are texts.
    ///
    /// # Errors
    /// [`StoreError`] if the revision is a number. It then belongs to another store.
    ///
    /// ```
    /// # use session_runtime::store::Revision;
    /// assert!(Revision::from(7).to_text().is_err());
    /// ```
    pub fn to_text(&self) -> Result<&str, StoreError> {
        match &self.0 {
            Repr::Number(_) => Err(self.foreign("texts")),
            Repr::Text(text) => Ok(text),
        }
    }

    fn foreign(&self, ours: &str) -> StoreError {
        StoreError::new(format!(
            "the revision {self:?} is of another store, since the revisions of this store are {ours}: pass to `swap` only what \
             this store returned"
        ))
    }
}

impl From<u64> for Revision {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl From<&str> for Revision {
    fn from(text: &str) -> Self {
        Self(Repr::Text(text.into()))
    }
}

impl From<String> for Revision {
    fn from(text: String) -> Self {
        Self(Repr::Text(text.into()))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Number(number) => write!(f, "{number}"),
            Repr::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// The answer to a compare-and-swap.
///
/// ```
/// # use session_runtime::store::{Swapped, Value};
/// # let value = Value::from_bytes(vec![1]);
/// // A store that compares the revisions of values.
/// let written = Swapped::written(&value);
/// // A store that has its own revisions says which one the new value got.
/// let written = Swapped::Done(41_u64.into());
/// // In either kind of store.
/// let removed = Swapped::removed();
/// let absent = Swapped::Stale(None);
/// ```
#[derive(Clone, Debug)]
pub enum Swapped {
    /// The value was replaced. Holds the new value's revision, as a load would return it; after a removal, the revision has no
    /// meaning.
    Done(Revision),
    /// Nothing was written, since the key does not hold the expected value. Holds the current one.
    Stale(Option<Versioned>),
}

impl Swapped {
    /// Returns `Done`, for a store that compares [`Value::revision`] and has written this value. A store that has its own
    /// revisions answers `Done` with the new one.
    ///
    /// ```
    /// # use session_runtime::store::{Swapped, Value};
    /// # let value = Value::from_bytes(vec![1]);
    /// assert!(matches!(Swapped::written(&value), Swapped::Done(revision) if revision == value.revision().into()));
    /// ```
    #[must_use]
    pub fn written(value: &Value) -> Self {
        Self::Done(value.revision().into())
    }

    /// Returns `Done` for a removal, in any store: the key holds nothing now.
    ///
    /// ```
    /// # use session_runtime::store::Swapped;
    /// assert!(matches!(Swapped::removed(), Swapped::Done(_)));
    /// ```
    #[must_use]
    pub fn removed() -> Self {
        Self::Done(0.into())
    }
}
