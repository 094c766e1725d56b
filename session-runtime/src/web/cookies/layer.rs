//! [`CookiesLayer`]: the options of a middleware that serves cookies, and what it does at the start and the end of a request.

use std::{fmt, sync::Arc};

use http::HeaderMap;

use super::{Cookies, jar::Jar};
use crate::{
    clock::Clock,
    cookie::Protector,
    error::Error,
    keys::KeyRing,
    web::{Visit, visit::Entry},
};

/// Serves [`Cookies`] to the routes within it, in the same frameworks and in the same way as
/// [`Sessions::layer`](crate::Sessions::layer).
///
/// It can be inside or outside the session layer. A session's cookie takes precedence: once the request has passed both
/// layers, setting a cookie of that name is an error. If this layer is the outer one (added last), it also sees whether
/// storing a session failed, and then drops the cookies that the handler set. A cookies layer within another one uses the
/// outer layer's cookies, but has its own keys.
///
/// ```
/// use axum::{Router, routing::get};
/// use session_runtime::{Cookies, CookiesLayer};
///
/// async fn home(cookies: Cookies) -> String {
///     cookies.get("theme").unwrap_or_default()
/// }
///
/// let app: Router = Router::new().route("/", get(home)).layer(CookiesLayer::new());
/// ```
#[derive(Clone, Default)]
pub struct CookiesLayer {
    options: Arc<Options>,
}

/// Options that all requests of a layer share.
#[derive(Clone, Default)]
pub(super) struct Options {
    pub(super) app: String,
    pub(super) protector: Option<Arc<Protector>>,
    pub(super) clock: Clock,
}

impl CookiesLayer {
    /// Creates a layer for plain cookies.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys for signed and private cookies. They may be the sessions' keys, since a separate key is derived for each
    /// purpose. After a change of keys, cookies that an older key of the ring wrote stay readable; see [`KeyRing`].
    ///
    /// # Errors
    /// If the ring is empty because [`KeyRing::generate`] got no random bytes.
    ///
    /// ```
    /// # use session_runtime::{CookiesLayer, KeyRing};
    /// let keys = KeyRing::generate();
    /// let layer = CookiesLayer::new().keys(&keys)?;
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn keys(self, keys: &KeyRing) -> Result<Self, Error> {
        let protector = Some(Arc::new(Protector::new(keys)?));
        Ok(self.with(|options| options.protector = protector))
    }

    /// Sets a name that separates applications with the same keys: a signed or private cookie of one application is not valid
    /// in another. Empty by default.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new().app("shop-staging");
    /// ```
    #[must_use]
    pub fn app(self, app: impl Into<String>) -> Self {
        self.with(|options| options.app = app.into())
    }

    /// Sets the clock by which signed and private values expire. Default: the system clock. Tests can pass a clock that they
    /// move.
    ///
    /// ```
    /// # use session_runtime::{Clock, CookiesLayer};
    /// let clock = Clock::stopped();
    /// let layer = CookiesLayer::new().clock(clock.clone());
    /// ```
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|options| options.clock = clock)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

/// For the authors of adapters: see [`web`](crate::web).
impl CookiesLayer {
    /// Starts a request. Adds the cookies to `visit`, which the adapter stores with the request. Returns `None` if a layer
    /// around this one sends the cookies.
    pub fn begin(&self, visit: &mut Visit) -> Option<CookiesCommit> {
        let options = Arc::clone(&self.options);
        let outer = visit.cookies.take().map(|cookies| cookies.jar);
        let sends = outer.is_none();
        let jar = outer.unwrap_or_default();
        visit.cookies = Some(Cookies { jar: Arc::clone(&jar), options });
        visit.entries().for_each(|Entry { request, .. }| visit.reserve(request));
        sends.then_some(CookiesCommit(jar))
    }
}

/// The cookies of a request whose handler is running.
#[must_use = "without `finish`, the visitor does not get the cookies"]
pub struct CookiesCommit(Arc<Jar>);

impl CookiesCommit {
    /// Returns whether [`Self::finish`] writes nothing.
    pub fn is_untouched(&self) -> bool {
        self.0.is_untouched()
    }

    /// Writes the cookies to the headers of a response of this status. Like [`Answer::write`](crate::web::Answer::write), it
    /// reads and writes `Set-Cookie`, `Vary` and `Cache-Control` only.
    pub fn finish(self, status: u16, headers: &mut HeaderMap) {
        self.0.leave(status >= 500, headers);
    }
}

impl fmt::Debug for CookiesCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookiesCommit")
    }
}

impl fmt::Debug for CookiesLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { app, protector, clock } = &*self.options;
        let keys = protector.is_some();
        f.debug_struct("CookiesLayer").field("app", app).field("keys", &keys).field("clock", clock).finish()
    }
}
