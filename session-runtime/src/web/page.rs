//! [`Page`]: an answer of this crate that a visitor gets instead of the handler's response.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
        CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, RETRY_AFTER,
    },
};

use super::{OriginRefusal, SessionRefusal};
use crate::error::Error;

/// The headers that describe the text of a response. They would be wrong for another text.
static REMOVED: [HeaderName; 8] = [
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_RANGE,
    ACCEPT_RANGES,
    ETAG,
    LAST_MODIFIED,
];

/// A short answer that this crate sends in place of the handler's. Visitors see the text, so it says nothing about the
/// internals of the program (F12). [`SessionLayer::pages`](crate::SessionLayer::pages) replaces the text with the
/// application's own.
// Boxed, since each request's future has room for several pages, and hardly any request has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Page(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    status: StatusCode,
    refusal: SessionRefusal,
    content_type: &'static str,
    body: Cow<'static, str>,
    location: Option<HeaderValue>,
    /// Whether the application has replaced the text.
    is_own: bool,
    /// Why a forged request was refused.
    forged: Option<OriginRefusal>,
    /// For the developer: only `Debug` shows it.
    detail: Option<String>,
}

impl Page {
    /// Returns the status, such as 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns which of this crate's answers the page is.
    #[must_use]
    pub fn refusal(&self) -> SessionRefusal {
        self.0.refusal
    }

    /// Returns the rule that a forged request broke; `None` unless [`Self::refusal`] is
    /// [`OtherSite`](SessionRefusal::OtherSite).
    #[must_use]
    pub fn forged(&self) -> Option<&OriginRefusal> {
        self.0.forged.as_ref()
    }

    /// Returns the headers that describe the text of a response. An adapter that replaces the text removes them.
    #[must_use]
    pub fn removes() -> &'static [HeaderName] {
        &REMOVED
    }

    /// Returns the text: by default one sentence, in English.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// Returns the text, without a copy.
    #[must_use]
    pub fn into_body(self) -> Cow<'static, str> {
        self.0.body
    }

    /// Replaces the text with HTML.
    #[must_use]
    pub fn html(self, body: impl Into<Cow<'static, str>>) -> Self {
        self.with("text/html; charset=utf-8", body.into())
    }

    /// Replaces the text with JSON.
    #[must_use]
    pub fn json(self, body: impl Into<Cow<'static, str>>) -> Self {
        self.with("application/json", body.into())
    }

    /// Replaces the text with other plain text, such as a translation.
    #[must_use]
    pub fn text(self, body: impl Into<Cow<'static, str>>) -> Self {
        self.with("text/plain; charset=utf-8", body.into())
    }

    fn with(mut self, content_type: &'static str, body: Cow<'static, str>) -> Self {
        (self.0.content_type, self.0.body) = (content_type, body);
        self
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(self.0.content_type)
    }

    /// Returns the headers: `Content-Type`, `Cache-Control: no-store`, `Retry-After` if the status is 503, and `Location` if the
    /// page is a redirect.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, self.content_type());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(location) = &self.0.location {
            headers.insert(LOCATION, location.clone());
        }
        headers
    }

    fn new(status: StatusCode, sentence: &'static str, refusal: SessionRefusal) -> Self {
        let (content_type, body) = ("text/plain; charset=utf-8", Cow::Borrowed(sentence));
        let (location, forged, detail) = (None, None, None);
        Self(Box::new(Content { status, refusal, content_type, body, location, is_own: false, forged, detail }))
    }

    /// The store did not answer a load. The visitor is not at fault and is not signed out (SECURITY S47).
    pub(crate) fn not_loaded() -> Self {
        let sentence =
            "The session store is not answering, so this request was not carried out. Please try again shortly.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence, SessionRefusal::StoreDown)
    }

    /// The store did not answer a commit. It may have stored the write, and only the answer was lost.
    pub(crate) fn not_stored() -> Self {
        let sentence = "The session store is not answering, so this request may not have been carried out. Please try again shortly.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence, SessionRefusal::StoreDown)
    }

    /// A change was dropped. The handler may already have done its work elsewhere.
    pub(crate) fn conflict() -> Self {
        let sentence = "Your session changed while this request was under way (a sign-in, or another tab), so it may not have been carried out. Please reload, check, and try again.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::Changed)
    }

    /// A view refuses the visitor. If the view chose another status than 401, the text only names that status: a 404 does not
    /// hint that signing in would help.
    pub(crate) fn refused(status: StatusCode, location: Option<HeaderValue>) -> Self {
        let sentence = match status {
            StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER => {
                "This page is for signed-in visitors, and may ask for a recent sign-in. Please sign in and try again."
            }
            status => status.canonical_reason().unwrap_or("Refused"),
        };
        let mut page = Self::new(status, sentence, SessionRefusal::View);
        page.0.location = location;
        page
    }

    /// A page of another site may have made the request.
    pub(crate) fn other_site(refusal: OriginRefusal) -> Self {
        let mut page = Self::new(StatusCode::FORBIDDEN, refusal.sentence(), SessionRefusal::OtherSite);
        page.0.forged = Some(refusal);
        page
    }

    /// A view requires a fresh sign-in, but the user acts as another.
    pub(crate) fn impersonated() -> Self {
        let sentence = "This page needs you to sign in again, but you are acting as another user. Please stop acting as them first.";
        Self::new(StatusCode::FORBIDDEN, sentence, SessionRefusal::View)
    }

    /// The impersonation that a handler started is not allowed.
    pub(crate) fn not_impersonated() -> Self {
        let sentence = "You cannot act as this user now. If you are acting as another user, please stop that first.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::ImpersonationRefused)
    }

    /// The user already has as many sessions as allowed.
    pub(crate) fn full() -> Self {
        let sentence = "You are signed in on as many devices as allowed, so this sign-in was refused. Please sign out on one of them first.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::SignInRefused)
    }

    /// The session or cookie would exceed a limit, because of what the visitor sent.
    pub(crate) fn too_large() -> Self {
        let sentence = "This is more than can be kept for you, so this request may not have been carried out.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, sentence, SessionRefusal::TooLarge)
    }

    /// The program has a mistake. `detail` is for its developer; visitors do not see it.
    pub(crate) fn broken(detail: impl Into<String>) -> Self {
        let sentence = "Something went wrong on this site. The server's log says more.";
        let mut page = Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence, SessionRefusal::Broken);
        page.0.detail = Some(detail.into());
        page
    }

    /// Returns the page for an error of a commit, or for one that a handler returned.
    pub(crate) fn of(error: &Error) -> Self {
        if error.is_gone() || error.is_moved() || error.is_conflict() {
            Self::conflict()
        } else if error.is_full() {
            Self::full()
        } else if error.is_impersonation_refused() {
            Self::not_impersonated()
        } else if error.is_unavailable() {
            Self::not_stored()
        } else if error.is_too_large() && !error.is_mistake() {
            Self::too_large()
        } else {
            Self::broken(error.to_string())
        }
    }

    /// Returns the page for an error that a handler passes on, and logs the error.
    pub(super) fn of_handler(error: &Error) -> Self {
        let page = Self::of(error);
        let error = error as &dyn std::error::Error;
        if page.0.refusal == SessionRefusal::ImpersonationRefused {
            warn_limited!(error, "a handler started an impersonation that is not allowed");
        } else if page.0.refusal == SessionRefusal::TooLarge {
            warn_limited!(error, "a handler could not keep what its visitor sent");
        } else if page.0.status.is_server_error() {
            error_limited!(error, "a handler failed on its session or a cookie");
        }
        page
    }

    /// Returns the application's own page if `pages` has one, otherwise this page. A redirect stays, since browsers do not
    /// show its text. A page that an inner layer has already replaced also stays.
    pub(super) fn replaced(self, pages: Option<&Pages>) -> Self {
        let Some(Pages(replace)) = pages.filter(|_| !self.0.is_own && self.0.location.is_none()) else { return self };
        // The application chooses the text, but not the status or the [`SessionRefusal`].
        let page = replace(self.clone());
        let is_own = page.0.body != self.0.body || page.0.content_type != self.0.content_type;
        let mut own = self.with(page.0.content_type, page.0.body);
        own.0.is_own = is_own;
        own
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("status", &self.0.status)
            .field("refusal", &self.0.refusal)
            .field("body", &self.0.body)
            .field("detail", &self.0.detail)
            .finish_non_exhaustive()
    }
}

/// The application's function that replaces our pages with its own.
#[derive(Clone)]
pub(super) struct Pages(Arc<dyn Fn(Page) -> Page + Send + Sync>);

impl Pages {
    pub(super) fn new(replace: impl Fn(Page) -> Page + Send + Sync + 'static) -> Self {
        Self(Arc::new(replace))
    }
}

impl Error {
    /// Returns the page that answers an error which a handler passes on with `?`. Its status is 409 for a change that was
    /// dropped, or a sign-in or an impersonation that was refused; 413 for a value that is too large; 503 for a store that is
    /// down; otherwise 500. The page does not describe the error; the log does.
    ///
    /// ```
    /// # fn show(error: session_runtime::Error) {
    /// assert!(error.into_page().status().as_u16() >= 409);
    /// # }
    /// ```
    #[must_use]
    pub fn into_page(self) -> Page {
        Page::of_handler(&self)
    }
}
