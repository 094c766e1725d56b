//! Helps applications with their tests: sessions without HTTP and without a store ([`session`]), a visitor's cookies for tests of
//! a router (`CookieJar`), values that earlier builds stored ([`replay`]), and the suite that every store must pass
//! ([`conformance`]). [`Clock::stopped`](crate::Clock::stopped) is a clock that a test can move.

pub mod conformance;
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod inspect;
#[cfg(feature = "web")]
mod jar;
mod recorded;

#[cfg(feature = "web")]
pub use self::jar::CookieJar;
pub use self::recorded::{record, replay};

use crate::{
    error::Error,
    session::{Schema, Session},
    sessions::{Config, read_variables},
};

/// Writes every log line from now on, for tests that check the log. Without this, a process writes at most one warning or
/// error of each kind per second, so a line of one test may suppress that of another.
///
/// ```
/// session_runtime::testing::unlimited_log();
/// ```
pub fn unlimited_log() {
    crate::log::UNLIMITED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Returns a new visitor's session, changed by `change`, to test a handler or an application's own methods. The session belongs
/// to no request.
///
/// `change` gets the struct with the values of a new visitor's session, including each `#[session(default = …)]`.
///
/// ```
/// use session_runtime::{Session, testing};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(counter)]
///     visits: u64,
///     #[session(default = "en".to_owned())]
///     language: String,
/// }
///
/// async fn home(mut session: Session<Shop>) -> String {
///     session.visits_mut().add(1);
///     format!("{} visit {}", session.language(), session.visits())
/// }
///
/// # async fn test() {
/// let session = testing::session(|shop: &mut Shop| shop.visits = 41);
/// assert_eq!(home(session).await, "en visit 42");
/// # }
/// ```
#[must_use]
pub fn session<S: Schema>(change: impl FnOnce(&mut S)) -> Session<S> {
    Session::detached(change)
}

/// Returns the values that a session has after a test: the reverse of [`session`].
///
/// ```
/// # use session_runtime::{Session, testing};
/// # #[derive(Session)] struct Shop { #[session(counter)] visits: u64 }
/// let mut session = testing::session(|shop: &mut Shop| shop.visits = 1);
/// session.visits_mut().add(1);
/// assert_eq!(testing::into_value(session).visits, 2);
/// ```
#[must_use]
pub fn into_value<S: Schema>(session: Session<S>) -> S {
    session.into_struct()
}

/// Parses lines such as `SESSION_IDLE=15m` as if they were the environment. Opens no store and no file, so tests can pass
/// arbitrary text.
#[doc(hidden)]
pub fn settings(lines: &str) -> Result<Config, Error> {
    read_variables("SESSION_", lines.lines().map(|line| line.split_once('=').unwrap_or((line, ""))))
}

/// Returns the names of all options in settings, for tests that compare other lists with them.
#[doc(hidden)]
#[must_use]
pub fn options() -> &'static [&'static str] {
    Config::OPTIONS
}
