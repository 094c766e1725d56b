//! Refuses requests forged by other sites. Browsers name the site in headers that a page cannot set.
//!
//! `rule` decides, `address` parses origins, `refusal` describes the decision. These do not depend on a web framework;
//! `service` and this file make a tower layer of them.

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

/// Refuses requests from other sites that could change something, with 403 (SECURITY S36, OWASP CSRF Cheat Sheet, "Fetch
/// Metadata").
///
/// | request | passes if |
/// |---|---|
/// | GET, HEAD, OPTIONS | always, since they change nothing |
/// | the same with an `Upgrade` header: a WebSocket handshake | as below |
/// | any other method | its page is of a [trusted](Self::trust) origin; or the browser says that the page is of this origin, or that there is no page (`Sec-Fetch-Site`); or the browser does not say, and `Origin`, or `Referer` if there is no `Origin`, names this host |
/// | one that does not name its origin | [`allow_programs`](Self::allow_programs) is set: no current browser sends such a request |
///
/// `SameSite` cookies are the second line of defence, not the first: they do not distinguish subdomains or ports. A layer that
/// changes the method of a request, such as one that reads `_method`, belongs outside of this one.
///
/// Each refusal is logged at WARN with its rule and its origin, at most once a second for each rule.
///
/// [`SessionLayer::same_origin`](crate::SessionLayer::same_origin) wraps the session layer in this one.
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
    /// Wraps another layer in this one.
    pub(super) fn around(inner: L) -> Self {
        Self { rules: Arc::default(), refusal: RefusalPage, inner }
    }
}

impl<L, R> SameOriginLayer<L, R> {
    /// Trusts the pages of an origin as this site's own, such as a front end on another host or port. Call it once for each
    /// origin.
    ///
    /// Write the origin as browsers do: `scheme://host:port`, without the scheme's default port. It is compared exactly. Trust
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

    /// Admits requests that have neither `Sec-Fetch-Site` nor `Origin` nor `Referer`. Scripts and native apps send such
    /// requests, and they carry a visitor's cookies only if they were given them. Every browser since 2020 sends at least one
    /// of these headers with a POST.
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
