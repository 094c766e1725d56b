//! Gets a session out of a request, and answers where that fails.

use axum_core::body::Body;
use http::{header::HOST, request::Parts};

use super::{InRequest, cookies::reserve, facts::is_navigation, headers::cookies, page::Page};
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
    /// [`SessionRejection`] if the route has no layer, the store is down, or the cookie lacks `Secure` and the request did not
    /// come from localhost.
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
        let Some(InRequest { request, .. }) = InRequest::find::<S>(&parts.extensions) else {
            return Err(SessionRejection::no_layer(S::SPEC.name));
        };
        reserve(&parts.extensions, request.cookie_names());
        if !request.serves(|| direct_host(parts)) {
            return Err(SessionRejection::not_loopback(S::SPEC.name, direct_host(parts)));
        }
        let opened = request.open(|| cookies(&parts.headers), || is_navigation(&parts.headers)).await;
        opened.map_err(|error| SessionRejection::not_loaded(&error))?;
        Ok(Self::of(request))
    }
}

/// Returns the host that the request names: in the URI with HTTP/2, in a header with HTTP/1. `None` if the request came through
/// a proxy, since the name may be the proxy's own.
fn direct_host(parts: &Parts) -> Option<&str> {
    if ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
        .iter()
        .any(|proxy| parts.headers.contains_key(*proxy))
    {
        return None;
    }
    parts.uri.authority().map(|authority| authority.as_str()).or_else(|| parts.headers.get(HOST)?.to_str().ok())
}

/// Why a handler did not get its session: the layer is missing (500), the store is down (503), or the cookie lacks `Secure` and
/// the request is not for localhost (500). `Display` shows a sentence that is safe for visitors; the log and `Debug` say
/// what to change.
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
            "this route has no `{name}` session: add `.layer(sessions.layer())` to the router, after the route, where `sessions` is a `Sessions<{name}>`"
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

    /// The store is down, so a view cannot be checked.
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
        self.0.status
    }
}

impl SessionRejection {
    /// Returns the response to this rejection.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::SessionRejection) {
    /// let response: http::Response<axum::body::Body> = rejection.into_http();
    /// # }
    /// ```
    #[must_use]
    pub fn into_http(self) -> http::Response<Body> {
        self.0.into_response()
    }
}

impl std::fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.sentence)
    }
}

impl std::error::Error for SessionRejection {}
