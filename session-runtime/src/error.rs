//! [`Error`], the error of this crate's functions: opaque, with a method `is_*` for each kind that matters, and a source.
//! [`StoreError`], the error of a store.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::engine::Lost;

type Source = Box<dyn StdError + Send + Sync>;

/// The error of every operation on a session. Its message says what went wrong and, where that helps, what to do.
///
/// ```
/// # use session_runtime::{Error, Session};
/// fn answer(error: &Error) -> u16 {
///     if error.is_moved() || error.is_conflict() { 409 } else { 503 }
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    source: Option<Source>,
}

/// The kinds of [`Error`], each with its message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("the session has ended (log-out or expiry elsewhere); nothing was written")]
    Gone,
    #[error(
        "the session's id was renewed meanwhile (a sign-in, a sign-out or another change of rights elsewhere); nothing was written"
    )]
    Moved,
    #[error("other requests kept changing the session; nothing was written to it")]
    Conflict,
    #[error("the user has as many sessions as allowed, so this sign-in was refused; nothing was written")]
    Full,
    #[error("the user cannot act as another: {0}; nothing was written")]
    NotImpersonated(&'static str),
    #[error("the session store did not answer; a change that was sent to it may have been made")]
    Unavailable,
    #[error("the session store did not answer, and it is no longer possible to tell whether the session was written")]
    Unknown,
    #[error("the field `{field}` could not be encoded; nothing was written")]
    Encode { field: &'static str },
    #[error(
        "the field `{field}` cannot be read back from the form in which it would be stored; nothing was written: see \
         `session_runtime::guide::values`"
    )]
    Unreadable { field: &'static str },
    #[error("a value of a `secret` field is too long to be encrypted; nothing was written")]
    TooLong,
    #[error(
        "the session would have {bytes} bytes, and {allowed} are allowed (`max_bytes`); its largest fields: {largest}. Nothing was written"
    )]
    TooLarge { bytes: usize, allowed: usize, largest: String },
    #[error(
        "the session takes {bytes} bytes in its cookie, and browsers keep {allowed}; its fields by size: {fields}. Nothing \
         was written: keep what is large in a store, or allow more cookies with `CookieStore::split`"
    )]
    TooLargeForCookie { bytes: usize, allowed: usize, fields: String },
    #[error("`{field}` has a length of {length}, and its `max_len` is {most}; nothing was written")]
    FieldTooLong { field: &'static str, length: usize, most: usize },
    #[error(
        "`{field}` takes {bytes} bytes, and the `Bounded::MAX_BYTES` of its type says at most {most}; nothing was written: \
         correct `MAX_BYTES`"
    )]
    Unbounded { field: &'static str, bytes: usize, most: usize },
    #[error(
        "`{field}` is an `index`, and a value of it takes {bytes} bytes, more than the {most} that an index may take; nothing \
         was written: index a shorter value"
    )]
    IndexTooLong { field: &'static str, bytes: usize, most: usize },
    #[error(
        "`{field}` is an `index`, and has {count} items, more than the {most} that an index may have; nothing was written: \
         index fewer items"
    )]
    IndexTooMany { field: &'static str, count: usize, most: usize },
    #[error(
        "`{field}` has bytes, a key that is not text, a number that is not finite, or more than a hundred levels; a session that \
         scripts can read cannot hold these. Nothing was written: use `CookieStore::encrypted()`, or another type"
    )]
    NotText { field: String },
    #[error("the response has already left, so its cookie can no longer change: {wanted}")]
    TooLate { wanted: &'static str },
    #[error(
        "an edit of a user's sessions can only change fields: it cannot set a cookie, so it cannot sign in or out, renew, \
         remember or end a session. Nothing was written. To end sessions, use `revoke`"
    )]
    Elsewhere,
    /// The sessions cannot be listed.
    #[error("{0}")]
    NotListed(&'static str),
    #[error(
        "this position does not come from the sessions' store, or the store can no longer continue from it: begin at the \
         start, with `Sessions::all`"
    )]
    UnknownPosition,
    #[error("this session does not belong to a store (it was made for a test), so it cannot be saved")]
    Detached,
    #[error("the operating system did not provide random bytes, so no session can be made")]
    Random,
    #[error(
        "the cookie {name} would have {bytes} bytes, name and value together, and browsers drop cookies of more than {allowed}; store less, or keep the value in the session"
    )]
    CookieTooLarge { name: String, bytes: usize, allowed: usize },
    #[error("{0}")]
    Cookie(String),
    #[error("{0}")]
    Setup(String),
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(Box::new(Inner { kind, source: None }))
    }

    pub(crate) fn setup(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Setup(sentence.into()))
    }

    /// Turns this error into a set-up error ([`Error::is_setup`]), with the name of the setting in front of its message.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.0.kind = Kind::Setup(format!("{name}: {}", self.kind()));
        self
    }

    /// Turns this error into one of a store that did not answer, with this error as the cause.
    pub(crate) fn into_unavailable(self) -> Self {
        if matches!(self.kind(), Kind::Unavailable) { self } else { Self::new(Kind::Unavailable).because(self) }
    }

    /// Returns the same error with its cause. The cause must not be part of the message too: both are shown.
    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns how the request lost its session, if that is the error.
    pub(crate) fn lost(&self) -> Option<Lost> {
        match self.kind() {
            Kind::Gone => Some(Lost::Gone),
            Kind::Moved => Some(Lost::Moved),
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Returns whether the session has ended elsewhere: signed out, destroyed, revoked or expired. Nothing was written, and
    /// the handle shows a guest from then on.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_gone()
    /// # }
    /// ```
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.kind(), Kind::Gone)
    }

    /// Returns whether another request replaced the session's id after this request had loaded it: by a sign-in, a sign-out, an
    /// impersonation, `renew` or a change of a `rotates` field. Nothing was written, and the handle shows a guest from then on.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_moved()
    /// # }
    /// ```
    #[must_use]
    pub fn is_moved(&self) -> bool {
        matches!(self.kind(), Kind::Moved)
    }

    /// Returns whether other requests kept changing the session until [`commit_timeout`](crate::SessionsBuilder::commit_timeout),
    /// or whether another request changed the same `atomic` field and this request's change could not be run again. Nothing was
    /// written.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_conflict()
    /// # }
    /// ```
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind(), Kind::Conflict)
    }

    /// Returns whether a sign-in was refused because the user has as many sessions as
    /// [`SessionLimit::Refuse`](crate::SessionLimit::Refuse) allows. The session is as it was before.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_full()
    /// # }
    /// ```
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.kind(), Kind::Full)
    }

    /// Returns whether [`Identity::impersonate`](crate::Identity::impersonate) was refused. The message says why. The session is
    /// as it was before.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_impersonation_refused()
    /// # }
    /// ```
    #[must_use]
    pub fn is_impersonation_refused(&self) -> bool {
        matches!(self.kind(), Kind::NotImpersonated(_))
    }

    /// Returns whether the session would exceed [`SessionsBuilder::max_bytes`](crate::SessionsBuilder::max_bytes) or the size
    /// that browsers accept for a cookie ([`CookieStore`](crate::CookieStore)), or whether a field would exceed a limit of its
    /// own: its `max_len`, the [`MAX_BYTES`](crate::Bounded::MAX_BYTES) of its type, or what an `index` allows. Nothing was
    /// written. The message names the field, or the largest ones. Also returns `true` for a plain cookie that is too large for
    /// browsers.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_too_large()
    /// # }
    /// ```
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(
            self.kind(),
            Kind::TooLarge { .. }
                | Kind::TooLargeForCookie { .. }
                | Kind::FieldTooLong { .. }
                | Kind::Unbounded { .. }
                | Kind::IndexTooLong { .. }
                | Kind::IndexTooMany { .. }
                | Kind::CookieTooLarge { .. }
        )
    }

    /// Returns whether a value is larger than its type says it can be. The type is wrong then, not the visitor.
    #[cfg(feature = "web")]
    pub(crate) fn is_mistake(&self) -> bool {
        matches!(self.kind(), Kind::Unbounded { .. })
    }

    /// Returns whether the store did not answer, or can no longer tell whether the changes were written. The changes may or may
    /// not have been written. If the store did not answer, they stay pending: the next `save`, or the response, tries again, and
    /// no change is applied twice.
    ///
    /// ```
    /// # fn check(error: &session_runtime::Error) -> bool {
    /// error.is_unavailable()
    /// # }
    /// ```
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind(), Kind::Unavailable | Kind::Unknown)
    }

    /// Returns whether a write's outcome will never be known.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind(), Kind::Unknown)
    }

    /// Returns whether a key, an option, a folder or a server is set up wrongly. Such an error occurs at start-up, and its
    /// message is for the operator.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// assert!(KeyRing::from_bytes(b"short").unwrap_err().is_setup());
    /// ```
    #[must_use]
    pub fn is_setup(&self) -> bool {
        matches!(self.kind(), Kind::Setup(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)
    }
}

/// Shows the message and its causes, since this is what `unwrap` and a `main` that returns an error print.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.kind, f)?;
        self.source().into_iter().flat_map(causes).try_for_each(|cause| write!(f, "\n  because: {cause}"))
    }
}

/// Returns the messages of this error and its causes. Leaves out a cause that the message before it already names.
fn causes(error: &(dyn StdError + 'static)) -> impl Iterator<Item = String> {
    let mut last = String::new();
    std::iter::successors(Some(error), |&error| error.source()).filter_map(move |error| {
        let message = error.to_string();
        let is_new = last.is_empty() || !last.contains(&message);
        is_new.then(|| message.clone_into(&mut last)).map(|()| message)
    })
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        Self::new(match lost {
            Lost::Gone => Kind::Gone,
            Lost::Moved | Lost::SignedOut => Kind::Moved,
        })
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(Kind::Unavailable).because(error)
    }
}

/// The error of a store that cannot answer: a message for the log, and its cause.
///
/// ```
/// # use session_runtime::store::StoreError;
/// let error = StoreError::new("cannot read the session file").because(std::io::Error::other("disk on fire"));
/// assert_eq!(error.to_string(), "cannot read the session file: disk on fire");
/// ```
#[derive(Debug)]
pub struct StoreError {
    sentence: String,
    source: Option<Source>,
    what: What,
}

/// The kinds of [`StoreError`] that the engine tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Timeout,
    UnknownPosition,
    Other,
}

impl StoreError {
    /// Returns an error with this message.
    ///
    /// ```
    /// # use session_runtime::store::StoreError;
    /// let error = StoreError::new("the store is closed");
    /// ```
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), source: None, what: What::Other }
    }

    /// Returns the error of [`Store::scan`](crate::store::Store::scan) for a position that the store did not return, or from
    /// which it can no longer continue.
    ///
    /// ```
    /// # use session_runtime::store::StoreError;
    /// assert!(StoreError::unknown_position().to_string().contains("position"));
    /// ```
    #[must_use]
    pub fn unknown_position() -> Self {
        let sentence = "this position in a scan was not made by this store, or is out of date; begin at the start";
        Self { what: What::UnknownPosition, ..Self::new(sentence) }
    }

    pub(crate) fn timeout(limit: Duration) -> Self {
        Self { what: What::Timeout, ..Self::new(format!("the session store did not answer within {limit:?}")) }
    }

    pub(crate) fn is_timeout(&self) -> bool {
        self.what == What::Timeout
    }

    pub(crate) fn is_unknown_position(&self) -> bool {
        self.what == What::UnknownPosition
    }

    /// Returns the same error with its cause. The message then ends with the cause, and with the causes of the cause.
    ///
    /// ```
    /// # use session_runtime::store::StoreError;
    /// let error = StoreError::new("no connection").because("refused");
    /// ```
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        self.source.iter().flat_map(|source| causes(&**source)).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

// `source` returns nothing, because the message already shows the causes: programs that print the sources would repeat them.
impl StdError for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    // The output of `fn main() -> Result<(), Box<dyn Error>>`.
    #[test]
    fn debug_output_shows_the_message_and_its_causes() {
        let error = Error::setup("the folder `x` cannot be made").because(std::io::Error::other("disk full"));
        assert_eq!(format!("{error:?}"), "the folder `x` cannot be made\n  because: disk full");
        let error = Error::from(StoreError::new("no connection").because("refused"));
        let shown = format!("{error:?}");
        assert!(shown.starts_with("the session store did not answer"), "{shown}");
        assert!(shown.contains("\n  because: no connection: refused"), "{shown}");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no route: {0}")]
    struct Outer(#[source] std::io::Error);

    /// Returns the output of a program that prints an error with its sources.
    fn printed(error: &dyn StdError) -> String {
        let sources = std::iter::successors(error.source(), |&error| error.source());
        sources.fold(error.to_string(), |printed, source| format!("{printed}: {source}"))
    }

    #[test]
    fn each_cause_is_shown_once() {
        let refused = || Outer(std::io::Error::other("Connection refused"));
        let store = StoreError::new("Redis did not answer").because(refused());
        let expected = "Redis did not answer: no route: Connection refused";
        assert_eq!((store.to_string().as_str(), printed(&store).as_str()), (expected, expected));
        let setup = Error::setup("cannot use `x`").because(refused()).within("`store`");
        for shown in [printed(&Error::from(store)), format!("{setup:?}")] {
            assert_eq!(shown.matches("Connection refused").count(), 1, "{shown}");
        }
        assert_eq!(setup.to_string(), "`store`: cannot use `x`");
        let twice = Error::from(StoreError::new("down")).into_unavailable();
        assert_eq!(printed(&twice).matches("did not answer").count(), 1);
    }
}
