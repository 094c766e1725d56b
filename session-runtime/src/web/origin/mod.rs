//! Requests forged from other sites: who asks is told by the browser, in headers that no page can set.
//!
//! `rule` decides, `address` reads origins, `refusal` says what was decided. None of these knows a web framework; `service`
//! and this file make a tower layer of them.

mod address;
mod refusal;
mod rule;
mod service;

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use self::rule::Rules;
pub use self::{
    refusal::{OriginReason, OriginRefusal},
    service::{RefusalPage, RefusalResponse, SameOrigin, SameOriginFuture},
};
use crate::error::Error;

/// Refuses requests that change something and come from another site: 403 (SECURITY S36, OWASP CSRF Cheat Sheet, "Fetch
/// Metadata").
///
/// | request | passes if |
/// |---|---|
/// | GET, HEAD, OPTIONS | always, since they change nothing |
/// | the same with an `Upgrade` header: the handshake of a WebSocket | as below |
/// | any other method | its page is of a [trusted](Self::trust) origin; or the browser says that the page is of this origin, or that there is no page (`Sec-Fetch-Site`); or, for browsers that do not say, `Origin` or else `Referer` names this very host |
/// | one that says nothing of its origin | [`allow_programs`](Self::allow_programs) is set: it comes from no browser of these years |
///
/// `SameSite` cookies are the second line of defence, not the first: they do not tell one subdomain from another, nor one
/// port. A layer that changes the method of a request, such as one that reads `_method`, belongs around this one.
///
/// Each refusal is logged at WARN with its rule and its origin, at most one of each rule in a second.
///
/// [`SessionLayer::same_origin`](crate::SessionLayer::same_origin) is this layer around one that serves sessions.
///
/// ```
/// use axum::{Router, routing::post};
/// use session_runtime::SameOriginLayer;
///
/// let app: Router = Router::new().route("/buy", post(async || "bought")).layer(SameOriginLayer::new());
/// ```
#[derive(Clone)]
pub struct SameOriginLayer<L = (), R = RefusalPage> {
    rules: Arc<Rules>,
    refusal: R,
    inner: L,
}

impl SameOriginLayer {
    /// Creates a layer that refuses requests that do not come from this origin.
    ///
    /// ```
    /// # use session_runtime::SameOriginLayer;
    /// let layer = SameOriginLayer::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::around(())
    }
}

impl Default for SameOriginLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<L> SameOriginLayer<L> {
    /// The layer around another.
    pub(super) fn around(inner: L) -> Self {
        Self { rules: Arc::default(), refusal: RefusalPage, inner }
    }
}

impl<L, R> SameOriginLayer<L, R> {
    /// Trusts the pages of an origin as this site's own: those of a front end on another host or port. Call it once for each
    /// origin.
    ///
    /// It is the browser's `scheme://host:port`, without the port if that is the scheme's own, and is compared exactly. Trust
    /// an origin only if all of its pages are yours. The front end also needs a CORS layer, and perhaps cookies with other
    /// attributes: the [security guide](crate::guide::security#serve-a-front-end-on-another-origin) has an example.
    ///
    /// # Errors
    /// [`Error::is_setup`], with what to write instead, if `origin` has a wildcard or a path, lacks a scheme, or is `null`.
    ///
    /// ```
    /// # use session_runtime::{Error, SameOriginLayer};
    /// let layer = SameOriginLayer::new().trust("https://app.example.com")?.trust("http://localhost:5173")?;
    ///
    /// // From settings:
    /// let origins = ["https://app.example.com", "capacitor://localhost"];
    /// let layer = origins.into_iter().try_fold(SameOriginLayer::new(), SameOriginLayer::trust)?;
    ///
    /// let error = SameOriginLayer::new().trust("https://app.example.com/").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`https://app.example.com/` cannot be a trusted origin: an origin has no path; write `https://app.example.com`",
    /// );
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trust(mut self, origin: &str) -> Result<Self, Error> {
        Arc::make_mut(&mut self.rules).trust(origin)?;
        Ok(self)
    }

    /// Lets requests pass that have neither `Sec-Fetch-Site` nor `Origin` nor `Referer`: scripts and native apps, which carry
    /// no visitor's cookies unless they were given them. Every browser since 2020 sends at least one with a POST.
    ///
    /// ```
    /// # use session_runtime::SameOriginLayer;
    /// let layer = SameOriginLayer::new().allow_programs();
    /// ```
    #[must_use]
    pub fn allow_programs(mut self) -> Self {
        Arc::make_mut(&mut self.rules).allows_programs = true;
        self
    }

    /// Answers refused requests with a response of yours. Default: 403 and a sentence as plain text.
    ///
    /// ```
    /// use axum::response::{Html, IntoResponse};
    /// use http::StatusCode;
    /// use session_runtime::{OriginRefusal, SameOriginLayer};
    ///
    /// let layer = SameOriginLayer::new().refuse_with(|_: &OriginRefusal| {
    ///     (StatusCode::FORBIDDEN, Html("<h1>Please use our own page</h1>")).into_response()
    /// });
    /// # let app: axum::Router = axum::Router::new().layer(layer);
    /// ```
    #[must_use]
    pub fn refuse_with<F, B>(self, respond: F) -> SameOriginLayer<L, F>
    where
        F: Fn(&OriginRefusal) -> http::Response<B> + Clone,
    {
        SameOriginLayer { rules: self.rules, refusal: respond, inner: self.inner }
    }
}

impl<L, R, Inner> Layer<Inner> for SameOriginLayer<L, R>
where
    L: Layer<Inner>,
    R: Clone,
{
    type Service = SameOrigin<L::Service, R>;

    fn layer(&self, inner: Inner) -> Self::Service {
        SameOrigin { rules: Arc::clone(&self.rules), refusal: self.refusal.clone(), inner: self.inner.layer(inner) }
    }
}

impl<L: fmt::Debug, R> fmt::Debug for SameOriginLayer<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOriginLayer")
            .field("rules", &self.rules)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
