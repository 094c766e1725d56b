//! The struct's own attributes.

use std::time::Duration;

use super::{Meta, Migration, Policy, SessionLimit};
use crate::cookie::CookieSpec;

/// What `#[session(…)]` on the struct says: each value is a default that the builder may override.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub(crate) name: &'static str,
    /// What keeps these sessions apart from others of the application: by default the name.
    pub(crate) kind: &'static str,
    /// The application, unless it is configured: by default the package that has the struct.
    pub(crate) app: &'static str,
    pub(crate) cookie: CookieSpec,
    pub(crate) fields: &'static [Meta],
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) remember: Option<Duration>,
    pub(crate) touch: Option<Duration>,
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) max_per_user: Option<SessionLimit>,
    /// Whether it is known at compile time to fit into a cookie.
    pub(crate) bounded: bool,
    /// Whether the sessions of a user are not listed.
    pub(crate) unlisted: bool,
    pub(crate) migrations: &'static [Migration],
}

impl Spec {
    /// The defaults are NIST SP 800-63B's for AAL2: 30 minutes of silence, 12 hours in all.
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

    /// Keeps these sessions apart from others by this rather than by the struct's name.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Which application these are sessions of.
    #[must_use]
    pub const fn app(mut self, app: &'static str) -> Self {
        self.app = app;
        self
    }

    /// Which application these are sessions of: the package that has the struct, or where that is not known its crate.
    #[must_use]
    pub const fn package(self, package: Option<&'static str>, module: &'static str) -> Self {
        match package {
            Some(package) => self.app(package),
            None => self.app(first_segment(module)),
        }
    }

    /// Does not list the sessions of a user.
    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.unlisted = true;
        self
    }

    /// It fits into a cookie, encrypted: see [`fits`](super::fits).
    #[must_use]
    pub const fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }

    /// Silence ends the session after this.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// The session ends after this, whatever happens.
    #[must_use]
    pub const fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// What `remember(true)` replaces idle and absolute by.
    #[must_use]
    pub const fn remember(mut self, remember: Duration) -> Self {
        self.remember = Some(remember);
        self
    }

    /// Renews the id by the clock.
    #[must_use]
    pub const fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = Some(every);
        self
    }

    /// How many sessions a user may have.
    #[must_use]
    pub const fn max_per_user(mut self, limit: SessionLimit) -> Self {
        self.max_per_user = Some(limit);
        self
    }

    /// How fields are made of what older builds stored.
    #[must_use]
    pub const fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// How stale the idle deadline may get before a read refreshes it.
    #[must_use]
    pub const fn touch(mut self, touch: Duration) -> Self {
        self.touch = Some(touch);
        self
    }
}

impl Spec {
    /// Whether the sessions of a user can be listed.
    pub(crate) fn is_listed(&self) -> bool {
        !self.unlisted && self.fields.iter().any(|meta| meta.policy == Policy::Identity)
    }
}

/// The crate in the path of a module.
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
