//! The struct's own attributes.

use std::time::Duration;

use super::{Meta, Migration, Policy, SessionLimit};
use crate::cookie::CookieSpec;

/// The arguments of `#[session(…)]` on the struct. The builder can override `app`, the cookie's attributes, the lifetimes,
/// `touch`, `rotate_every` and `max_per_user`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub(crate) name: &'static str,
    /// The name that separates these sessions from others of the application. Default: the struct's name.
    pub(crate) kind: &'static str,
    /// The application's name, unless the configuration or the builder gives one. Default: the name of the struct's package.
    pub(crate) app: &'static str,
    pub(crate) cookie: CookieSpec,
    pub(crate) fields: &'static [Meta],
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) remember: Option<Duration>,
    pub(crate) touch: Option<Duration>,
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) max_per_user: Option<SessionLimit>,
    /// Whether the struct is declared `bounded`: compile-time checks then prove that an encrypted session fits into one cookie.
    pub(crate) bounded: bool,
    /// Whether a user's sessions cannot be listed.
    pub(crate) unlisted: bool,
    pub(crate) migrations: &'static [Migration],
}

impl Spec {
    /// Creates a spec with the default timeouts: 30 minutes idle and 12 hours absolute. They are stricter than NIST SP 800-63B
    /// revision 4 requires for AAL2.
    #[must_use]
    pub const fn new(name: &'static str, cookie: CookieSpec, fields: &'static [Meta]) -> Self {
        let (idle, absolute) = (Duration::from_secs(30 * 60), Duration::from_secs(12 * 60 * 60));
        Self {
            name,
            kind: name,
            app: "",
            unlisted: false,
            cookie,
            fields,
            idle,
            absolute,
            remember: None,
            touch: None,
            rotate_every: None,
            max_per_user: None,
            bounded: false,
            migrations: &[],
        }
    }

    /// Sets the name that separates these sessions from the application's other kinds, in place of the struct's name.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the application's name.
    #[must_use]
    pub const fn app(mut self, app: &'static str) -> Self {
        self.app = app;
        self
    }

    /// Sets the application's name to that of the struct's package, or of its crate if the package is unknown.
    #[must_use]
    pub const fn package(self, package: Option<&'static str>, module: &'static str) -> Self {
        match package {
            Some(package) => self.app(package),
            None => self.app(first_segment(module)),
        }
    }

    /// Turns off listing a user's sessions.
    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.unlisted = true;
        self
    }

    /// Declares that an encrypted session fits into one cookie: see [`fits`](super::fits).
    #[must_use]
    pub const fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }

    /// Sets the idle timeout.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Sets the absolute timeout.
    #[must_use]
    pub const fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// Sets the lifetime that replaces the idle and the absolute timeout after `remember(true)`.
    #[must_use]
    pub const fn remember(mut self, remember: Duration) -> Self {
        self.remember = Some(remember);
        self
    }

    /// Sets how often the id is renewed.
    #[must_use]
    pub const fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = Some(every);
        self
    }

    /// Sets how many sessions a user may have.
    #[must_use]
    pub const fn max_per_user(mut self, limit: SessionLimit) -> Self {
        self.max_per_user = Some(limit);
        self
    }

    /// Sets the migrations from values of older builds.
    #[must_use]
    pub const fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// Sets how stale the idle deadline may get before a read refreshes it.
    #[must_use]
    pub const fn touch(mut self, touch: Duration) -> Self {
        self.touch = Some(touch);
        self
    }
}

impl Spec {
    /// Returns whether a user's sessions can be listed.
    pub(crate) fn is_listed(&self) -> bool {
        !self.unlisted && self.fields.iter().any(|meta| meta.policy == Policy::Identity)
    }
}

/// Returns the first segment of a module's path: the name of the crate.
const fn first_segment(module: &'static str) -> &'static str {
    let bytes = module.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b':' {
        end += 1;
    }
    match module.split_at_checked(end) {
        Some((first, _)) => first,
        None => module,
    }
}
