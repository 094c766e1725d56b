//! Extracts a session from a request. [`SessionRejection`] answers the request if that fails.

use http::{header::COOKIE, request::Parts};

use super::{
    Page, RequestHead, Visit,
    head::{direct_host, is_navigation},
    visit::Entry,
};
use crate::{
    error::Error,
    session::{Schema, Session},
    words::Quoted,
};

impl<S: Schema> Session<S> {
    /// Returns the session of a request that came through [`SessionLayer`](super::SessionLayer), for services without axum's
    /// extractors. The first call in a request loads the session from the store.
    ///
    /// # Errors
    /// [`SessionRejection`] if the route has no layer, the store is down, or the cookie lacks `Secure` and the request is not a
    /// direct one for localhost.
    ///
    /// ```
    /// # use session_runtime::{Session, SessionRejection};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// async fn theme(request: http::Request<String>) -> Result<String, SessionRejection> {
    ///     let (parts, _body) = request.into_parts();
    ///     let session = Session::<Shop>::from_parts(&parts).await?;
    ///     Ok(session.theme().to_owned())
    /// }
    /// ```
    pub async fn from_parts(parts: &Parts) -> Result<Self, SessionRejection> {
        Self::of_visit(parts.extensions.get(), parts).await
    }

    /// Returns the session of a request, for the authors of adapters: see [`web`](crate::web). `visit` is `None` if the request
    /// came through no session layer.
    ///
    /// # Errors
    /// Those of [`Session::from_parts`].
    pub async fn of_visit(visit: Option<&Visit>, head: &impl RequestHead) -> Result<Self, SessionRejection> {
        let entry = visit.and_then(|visit| Some((visit, visit.find::<S>()?)));
        let Some((visit, Entry { request, .. })) = entry else {
            return Err(SessionRejection::no_layer(S::SPEC.name));
        };
        visit.reserve(request);
        if !request.serves(|| direct_host(head)) {
            return Err(SessionRejection::not_loopback(S::SPEC.name, direct_host(head)));
        }
        let opened = request.open(|| head.header(&COOKIE), || is_navigation(head)).await;
        opened.map_err(|error| SessionRejection::not_loaded(&error))?;
        Ok(Self::of(request))
    }

    /// Returns the session of a request, or `None` if the request came through no layer of these sessions.
    ///
    /// # Errors
    /// Those of [`Session::from_parts`], except for a missing layer.
    pub async fn of_visit_or_none(
        visit: Option<&Visit>,
        head: &impl RequestHead,
    ) -> Result<Option<Self>, SessionRejection> {
        match visit.and_then(Visit::find::<S>) {
            Some(_) => Self::of_visit(visit, head).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Why a handler did not get its session: the layer is missing (500), the store is down (503), or the cookie lacks `Secure` and
/// the request is not a direct one for localhost (500). `Display` shows a sentence that is safe for visitors; the log and
/// `Debug` say what to change.
///
/// ```
/// use axum::response::IntoResponse;
/// use session_runtime::{Session, SessionRejection};
/// # #[derive(Session)] struct Shop { theme: String }
///
/// async fn home(session: Result<Session<Shop>, SessionRejection>) -> axum::response::Response {
///     match session {
///         Ok(session) => session.theme().to_owned().into_response(),
///         Err(rejection) => (rejection.status(), "Back in a minute.").into_response(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SessionRejection(pub(super) Page);

impl SessionRejection {
    fn no_layer(name: &str) -> Self {
        let sentence = format!(
            "this route has no `{name}` session: put `sessions.layer()` around the route, where `sessions` is a \
             `Sessions<{name}>`: with `.layer(…)` after the route in axum, `.wrap(…)` in actix-web, `.with(…)` in poem, \
             `.hoop(…)` in salvo, `.attach(…)` in rocket"
        );
        error_limited!("{sentence}");
        Self(Page::broken(sentence))
    }

    fn not_loopback(name: &str, host: Option<&str>) -> Self {
        let sentence = format!(
            "the cookie of `{name}` sessions lacks `Secure`, so they are served to direct requests for localhost only: put the server behind HTTPS and drop `secure = false`; or, if plain HTTP is intended, as in a LAN, add `plain_http = true`"
        );
        match host {
            Some(host) => error_limited!("{sentence} (this request is for {})", Quoted(host)),
            None => error_limited!("{sentence} (this request came through a proxy)"),
        }
        Self(Page::broken(sentence))
    }

    fn not_loaded(error: &Error) -> Self {
        error_limited!(error = error as &dyn std::error::Error, "a session could not be loaded");
        Self(if error.is_unavailable() { Page::not_loaded() } else { Page::broken(error.to_string()) })
    }

    /// Returns the rejection for a view that cannot be checked, since the store is down.
    pub(super) fn store_down() -> Self {
        Self(Page::not_loaded())
    }

    /// Returns 500 or 503.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::SessionRejection) {
    /// assert!(rejection.status().is_server_error());
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        self.0.status()
    }

    /// Returns the page that answers this rejection.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::SessionRejection) {
    /// let page = rejection.into_page();
    /// assert!(page.status().is_server_error());
    /// # }
    /// ```
    #[must_use]
    pub fn into_page(self) -> Page {
        self.0
    }
}

impl std::fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.body())
    }
}

impl std::error::Error for SessionRejection {}
