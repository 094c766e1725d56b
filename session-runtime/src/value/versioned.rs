//! A value as a store has it, and the answer to a compare-and-swap.

use std::fmt;

use super::Value;

/// A value as a store has it: with the revision that a later [`Store::swap`](crate::store::Store::swap) compares.
///
/// ```
/// use session_runtime::store::{Value, Versioned};
///
/// let value = Value::from_bytes(vec![0, 0, 0, 0, 0, 0, 0, 7]);
/// // A store without revisions of its own compares the value's.
/// assert_eq!(Versioned::new(value.clone()).revision(), &7.into());
/// // A server that counts writes, such as memcached with its `cas`, etcd or NATS.
/// assert_eq!(Versioned::with_revision(value, 41_u64).revision(), &41.into());
/// ```
#[derive(Clone, Debug)]
pub struct Versioned {
    value: Value,
    revision: Revision,
}

impl Versioned {
    /// A value of a store that compares [`Value::revision`].
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

    /// A value of a store that has revisions of its own.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// let versioned = Versioned::with_revision(Value::from_bytes(vec![1]), "9b2cf535f27731c974343645a3985328");
    /// ```
    #[must_use]
    pub fn with_revision(value: Value, revision: impl Into<Revision>) -> Self {
        Self { value, revision: revision.into() }
    }

    /// The value.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// assert_eq!(Versioned::new(Value::from_bytes(vec![1])).value().to_bytes(), [1][..]);
    /// ```
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Its revision.
    ///
    /// ```
    /// # use session_runtime::store::{Value, Versioned};
    /// assert_eq!(Versioned::with_revision(Value::from_bytes(vec![1]), 3).revision().number(), Some(3));
    /// ```
    #[must_use]
    pub const fn revision(&self) -> &Revision {
        &self.revision
    }
}

/// What tells one write of a key from the next: a number, or a text such as an `ETag`.
///
/// ```
/// use session_runtime::store::Revision;
///
/// assert_eq!(Revision::from(7).number(), Some(7));
/// assert_eq!(Revision::from("9b2c").text(), Some("9b2c"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Revision(Repr);

#[derive(Clone, PartialEq, Eq)]
enum Repr {
    Number(u64),
    Text(Box<str>),
}

impl Revision {
    /// The number, if it was made of one.
    ///
    /// ```
    /// # use session_runtime::store::Revision;
    /// assert_eq!(Revision::from("9b2c").number(), None);
    /// ```
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        match self.0 {
            Repr::Number(number) => Some(number),
            Repr::Text(_) => None,
        }
    }

    /// The text, if it was made of one.
    ///
    /// ```
    /// # use session_runtime::store::Revision;
    /// assert_eq!(Revision::from(7).text(), None);
    /// ```
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Number(_) => None,
            Repr::Text(text) => Some(text),
        }
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
            Repr::Text(text) => f.write_str(text),
        }
    }
}

/// The answer to a compare-and-swap.
///
/// ```
/// # use session_runtime::store::{Swapped, Value, Versioned};
/// let removed = Swapped::done(None);
/// let replaced = Swapped::done(Some(&Value::from_bytes(vec![1])));
/// let absent = Swapped::Stale(None);
/// ```
#[derive(Clone, Debug)]
pub enum Swapped {
    /// The value was replaced. The revision is that of the new value; after a removal it means nothing.
    Done(Revision),
    /// Nothing was written, since the key no longer holds what was to be replaced. This is what it holds.
    Stale(Option<Versioned>),
}

impl Swapped {
    /// `Done`, by a store that compares [`Value::revision`].
    ///
    /// ```
    /// # use session_runtime::store::Swapped;
    /// assert!(matches!(Swapped::done(None), Swapped::Done(_)));
    /// ```
    #[must_use]
    pub fn done(after: Option<&Value>) -> Self {
        Self::Done(after.map_or(0, Value::revision).into())
    }
}
