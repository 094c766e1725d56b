//! Refuses requests forged by other sites. Browsers name the site in headers that a page cannot set.
//!
//! `rule` decides, `address` parses origins, and `refusal` describes a refused request. This file has the options.

mod address;
mod refusal;
mod rule;

use std::sync::Arc;

pub use self::refusal::{OriginReason, OriginRefusal};
pub(super) use self::rule::Rules;
use super::{Page, RequestHead, page::Pages};
use crate::error::Error;

/// Answers 403 to requests that could change something and come from other sites (SECURITY S36, OWASP CSRF Cheat Sheet, "Fetch
/// Metadata").
///
/// | request | passes if |
/// |---|---|
/// | GET, HEAD, OPTIONS | always, since they change nothing |
/// | GET, HEAD or OPTIONS with an `Upgrade` header other than `h2c`, such as a WebSocket handshake | it passes the check for other methods |
/// | any other method | its page is of a [trusted](Self::trust) origin; or the browser says that the page is of this origin, or that there is no page (`Sec-Fetch-Site`); or the browser does not say, and `Origin`, or `Referer` if there is no `Origin`, names this host |
/// | any other method, with none of these three headers | [`allow_programs`](Self::allow_programs) is set: no current browser sends such a request |
///
/// `SameSite` cookies are the second line of defence, not the first: they do not distinguish subdomains or ports. If another
/// layer changes the method of a request, such as one that reads `_method`, put it outside this one.
///
/// Each refusal is logged at WARN with its rule and its origin, at most once a second for each rule.
///
/// [`SessionLayer::same_origin`](crate::SessionLayer::same_origin) adds the same check to the session layer.
///
/// ```
/// use axum::{Router, routing::post};
/// use session_runtime::SameOriginLayer;
///
/// let app: Router = Router::new().route("/buy", post(async || "bought")).layer(SameOriginLayer::new());
/// ```
#[derive(Clone, Default)]
pub struct SameOriginLayer {
    rules: Arc<Rules>,
    pages: Option<Pages>,
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
        Self::default()
    }

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

    /// Admits requests that have neither `Sec-Fetch-Site` nor `Origin` nor `Referer`. Scripts and native apps send such requests.
    /// Another site cannot make a visitor's browser send one, since every browser since 2020 sends at least one of these headers
    /// with a POST.
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

    /// Answers refused requests with the application's own page. Default: one sentence as plain text. The status is 403.
    ///
    /// ```
    /// # use session_runtime::SameOriginLayer;
    /// let layer = SameOriginLayer::new().pages(|page| page.html("<h1>Please use our own page</h1>"));
    /// ```
    #[must_use]
    pub fn pages(self, replace: impl Fn(Page) -> Page + Send + Sync + 'static) -> Self {
        Self { pages: Some(Pages::new(replace)), ..self }
    }

    /// Checks a request, for the authors of adapters: see [`web`](crate::web).
    ///
    /// # Errors
    /// The page to answer a forged request with.
    pub fn check(&self, head: &impl RequestHead) -> Result<(), Page> {
        let refused = self.rules.refuse(head);
        refused.map_err(|refusal| Page::other_site(refusal).replaced(self.pages.as_ref()))
    }
}

impl std::fmt::Debug for SameOriginLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SameOriginLayer").field("rules", &self.rules).finish_non_exhaustive()
    }
}
