//! [`SessionRefusal`]: tells the application's middleware which of this crate's answers a response is.

/// Which of this crate's answers a response is. It is in the response's extensions, so that middleware can replace the page
/// with the application's own.
///
/// The pages of this crate are one sentence of plain text, in English. They never show a field's name, a size or an error:
/// those are in the log. If you replace a page, keep the status and the headers, above all `Set-Cookie`, `Retry-After` and
/// `Cache-Control`.
///
/// ```
/// use axum::{
///     Router,
///     body::Body,
///     http::{HeaderValue, header::{CONTENT_LENGTH, CONTENT_TYPE}},
///     middleware::map_response,
///     response::Response,
/// };
/// use session_runtime::{Session, SessionRefusal, Sessions};
/// # #[derive(Session)] struct Shop { theme: String }
///
/// async fn own_pages(response: Response) -> Response {
///     let page = match response.extensions().get() {
///         Some(SessionRefusal::StoreDown) => "<h1>Back in a minute</h1>",
///         Some(SessionRefusal::Changed) => "<h1>You signed in or out in another tab</h1><p>Please reload the page.",
///         Some(SessionRefusal::SignInRefused) => "<h1>Too many devices</h1>",
///         Some(SessionRefusal::TooLarge) => "<h1>That is too long</h1>",
///         Some(SessionRefusal::Broken) => "<h1>Something went wrong</h1>",
///         _ => return response,
///     };
///     let (mut parts, _) = response.into_parts();
///     parts.headers.remove(CONTENT_LENGTH);
///     parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
///     Response::from_parts(parts, Body::from(page))
/// }
///
/// fn serve(routes: Router, sessions: &Sessions<Shop>) -> Router {
///     // Outside the session layer, since its commit decides the response.
///     routes.layer(sessions.layer()).layer(map_response(own_pages))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// 503: the store did not answer.
    StoreDown,
    /// 409: another request signed in or out, or kept changing the session, so the changes of this request were dropped.
    Changed,
    /// 409: the user has as many sessions as [`SessionLimit::Refuse`](crate::SessionLimit::Refuse) allows.
    SignInRefused,
    /// 409: a handler started an impersonation that is not allowed
    /// ([`Error::is_impersonation_refused`](crate::Error::is_impersonation_refused)).
    ImpersonationRefused,
    /// 413: a field, the session or a cookie would be larger than allowed. Nothing was stored. A handler that calls `save` gets
    /// [`Error::is_too_large`](crate::Error::is_too_large) instead, and can choose its own answer.
    TooLarge,
    /// A view refused the visitor: 401, another status, or a redirect.
    View,
    /// 403: the request came from another site ([`SameOriginLayer`](crate::SameOriginLayer)).
    OtherSite,
    /// 500: the program or its deployment has a mistake, such as a missing layer. The log describes it.
    Broken,
}
