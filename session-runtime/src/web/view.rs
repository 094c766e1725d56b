//! Extracts a view from a request, and answers visitors whom the view refuses.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode, request::Parts, uri::PathAndQuery};

use super::{Page, RequestHead, SessionRejection, Visit, head::is_safe};
use crate::{
    session::Session,
    view::{Denied, Refusal, View, Viewed, local_path},
};

impl<V: Viewed> View<V> {
    /// Returns the view of a request that came through [`SessionLayer`](crate::SessionLayer), for services without axum's
    /// extractors.
    ///
    /// # Errors
    /// [`ViewRejection`] if the session cannot be loaded, or lacks a value that the view needs.
    ///
    /// ```
    /// # use session_runtime::{Session, View, ViewRejection, view};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// #[view(Shop)]
    /// struct SignedIn {
    ///     user_id: u64,
    /// }
    ///
    /// async fn account(request: http::Request<String>) -> Result<String, ViewRejection> {
    ///     let (parts, _body) = request.into_parts();
    ///     let View(me) = View::<SignedIn>::from_parts(&parts).await?;
    ///     Ok(format!("user {}", me.user_id))
    /// }
    /// ```
    pub async fn from_parts(parts: &Parts) -> Result<Self, ViewRejection> {
        Self::of_visit(parts.extensions.get(), parts).await
    }

    /// Returns the view of a request, for the authors of adapters: see [`web`](crate::web). `visit` is `None` if the request came
    /// through no session layer.
    ///
    /// # Errors
    /// As [`View::from_parts`].
    pub async fn of_visit(visit: Option<&Visit>, head: &impl RequestHead) -> Result<Self, ViewRejection> {
        let session = Session::<V::Session>::of_visit(visit, head)
            .await
            .map_err(|rejection| ViewRejection(Why::Session(rejection)))?;
        Self::try_of(&session).map_err(|denied| {
            match session.hidden() {
                // It is unknown who the visitor is, so the answer does not send them to sign in (SECURITY S47).
                Some(error) if error.is_unavailable() => {
                    return ViewRejection(Why::Session(SessionRejection::store_down()));
                }
                // Another request has just replaced the session's id. A reload repeats a safe request with the new id. It
                // cannot repeat any other, so the visitor learns that this one was not carried out.
                Some(_) if !is_safe(head) => return ViewRejection(Why::Changed),
                _ => {}
            }
            tracing::debug!(target: "session_runtime", view = std::any::type_name::<V>(), "a visitor was refused");
            let layer = visit.and_then(Visit::find::<V::Session>);
            // A router may have shortened the URI, so prefer the target that the layer saw.
            let target = layer.and_then(|layer| layer.target.clone()).or_else(|| head.target());
            let mounted_at = layer.and_then(|layer| layer.mounted_at.as_deref()).unwrap_or_default();
            let refusal = match denied {
                Denied::Stale => V::POLICY.stale.unwrap_or(V::POLICY.refusal),
                Denied::Missing | Denied::Impersonated => V::POLICY.refusal,
            };
            ViewRejection::refused(denied, refusal, is_safe(head), target.as_ref(), mounted_at)
        })
    }

    /// Returns the view of a request, or `None` if the view refuses the visitor.
    ///
    /// # Errors
    /// [`SessionRejection`] if the session cannot be loaded.
    pub async fn of_visit_or_none(
        visit: Option<&Visit>,
        head: &impl RequestHead,
    ) -> Result<Option<Self>, SessionRejection> {
        match Self::of_visit(visit, head).await {
            Ok(view) => Ok(Some(view)),
            Err(ViewRejection(Why::Session(rejection))) => Err(rejection),
            Err(ViewRejection(Why::Refused { .. } | Why::Changed)) => Ok(None),
        }
    }
}

/// Why a handler did not get its view: the session cannot be loaded ([`SessionRejection`]), or it lacks a value that the view
/// needs. In the second case the answer is a status (401 unless `or_status` sets another), or 303 to the path in
/// `or_redirect`, with the visitor's target in `next`. A user who lacks no value but is not `fresh` gets `stale_status` or
/// `stale_redirect` instead, if the view has one. If another user acts as that user, the answer is 403, since asking for a
/// password would not help.
///
/// If another request has just replaced the session's id, for example by a sign-in in another tab, the session shows a guest, but
/// a user may be signed in. A GET or HEAD is then refused as a guest's is: a reload sends the new id. Any other request is
/// answered 409, since a reload cannot repeat it. `Option<View<V>>` is `None` then, so that a visitor can sign in.
///
/// `next` holds path and query of a GET or HEAD, percent-encoded, if they are a [`local_path`]. Other methods get no `next`,
/// since following a link cannot repeat such a request. Nothing is added to a path that has a `next` of its own. The path is the
/// one that the session layer saw. A layer within axum's `nest`, or behind a proxy that removes a prefix, sees only the rest of
/// the path: put the layer around the whole router, or give the prefix to [`mounted_at`](crate::SessionLayer::mounted_at).
///
/// ```
/// use axum::response::IntoResponse;
/// use session_runtime::{Session, View, ViewRejection, view};
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
///
/// #[view(Shop)]
/// struct SignedIn {
///     user_id: u64,
/// }
///
/// async fn account(view: Result<View<SignedIn>, ViewRejection>) -> axum::response::Response {
///     match view {
///         Ok(View(me)) => format!("user {}", me.user_id).into_response(),
///         Err(rejection) if rejection.is_refused() => "Sign in to see your account.".into_response(),
///         Err(rejection) => rejection.into_response(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ViewRejection(Why);

#[derive(Clone, Debug)]
enum Why {
    Session(SessionRejection),
    /// Another request has just replaced the session's id, so it is unknown who the visitor is.
    Changed,
    Refused {
        denied: Denied,
        page: Page,
    },
}

impl ViewRejection {
    fn refused(
        denied: Denied,
        refusal: Refusal,
        repeats: bool,
        target: Option<&PathAndQuery>,
        mounted_at: &str,
    ) -> Self {
        if denied == Denied::Impersonated {
            return Self(Why::Refused { denied, page: Page::impersonated() });
        }
        let (status, location) = match refusal {
            Refusal::Status(status) => (StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED), None),
            Refusal::Redirect(to) => {
                let next = target.map(PathAndQuery::as_str).and_then(local_path).filter(|_| repeats);
                let next = next.map(|target| mounted(target, mounted_at));
                let next = next.as_deref().and_then(local_path);
                // The location is always a valid header value: the macro and the layer accept only printable ASCII.
                (StatusCode::SEE_OTHER, HeaderValue::try_from(with_next(&format!("{mounted_at}{to}"), next)).ok())
            }
        };
        Self(Why::Refused { denied, page: Page::refused(status, location) })
    }

    /// Returns whether the view refused the session: a value is missing, or the user is not fresh. `false` if the session
    /// could not be loaded, or if another request has just replaced its id.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::ViewRejection) {
    /// if rejection.is_refused() {
    ///     assert!(!rejection.status().is_success());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0, Why::Refused { .. })
    }

    /// Returns whether a user is signed in, but a view with `fresh` needs a more recent proof of who they are. The page should
    /// ask for their password again, rather than for a sign-in.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::ViewRejection) {
    /// if rejection.is_stale() {
    ///     assert!(rejection.is_refused());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self.0, Why::Refused { denied: Denied::Stale, .. })
    }

    /// Returns 303, 401 or the view's own status; 403 if the view needs a fresh sign-in and another user acts as this one; 500 or
    /// 503 if the session cannot be loaded.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::ViewRejection) {
    /// assert!(!rejection.status().is_success());
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            Why::Session(rejection) => rejection.status(),
            Why::Changed => Page::conflict().status(),
            Why::Refused { page, .. } => page.status(),
        }
    }

    /// Returns the page that answers this rejection. If the view has `or_redirect`, the page is a redirect.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::ViewRejection) {
    /// let page = rejection.into_page();
    /// assert!(!page.status().is_success());
    /// # }
    /// ```
    #[must_use]
    pub fn into_page(self) -> Page {
        match self.0 {
            Why::Session(rejection) => rejection.into_page(),
            Why::Changed => Page::conflict(),
            Why::Refused { page, .. } => page,
        }
    }
}

impl std::fmt::Display for ViewRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Why::Session(rejection) => rejection.fmt(f),
            Why::Changed => f.write_str(Page::conflict().body()),
            Why::Refused { page, .. } => f.write_str(page.body()),
        }
    }
}

impl std::error::Error for ViewRejection {}

/// Returns the request's path as the browser knows it: with the prefix that the application is mounted at.
fn mounted<'a>(target: &'a str, prefix: &str) -> Cow<'a, str> {
    let is_whole = target.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    if is_whole {
        return target.into();
    }
    // Within axum's `nest`, a request for the prefix itself has the path `/`. axum would answer 404 to the prefix followed by
    // a slash, so the slash is removed.
    let below = target.strip_prefix('/').filter(|rest| rest.is_empty() || rest.starts_with('?')).unwrap_or(target);
    format!("{prefix}{below}").into()
}

/// Turns `/login` into `/login?next=/account%3Ftab%3D2`. A path that has a `next` of its own stays as it is.
fn with_next(to: &str, next: Option<&str>) -> String {
    let mut location = to.to_owned();
    let query = to.split_once('?').map_or("", |(_, query)| query);
    let has_next = query.split('&').any(|pair| pair.split('=').next() == Some("next"));
    if let Some(next) = next.filter(|_| !has_next) {
        location.push_str(if to.contains('?') { "&next=" } else { "?next=" });
        for byte in next.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    location.push(char::from(byte))
                }
                byte => location.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    location
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, Uri, header::LOCATION};

    use super::*;

    fn answer(refusal: Refusal, method: &Method, target: &'static str) -> (u16, Option<String>) {
        let target = Uri::from_static(target);
        let repeats = is_safe(&Request::builder().method(method).body(()).unwrap_or_default());
        let page = ViewRejection::refused(Denied::Missing, refusal, repeats, target.path_and_query(), "").into_page();
        let headers = page.headers();
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        (page.status().as_u16(), location.map(str::to_owned))
    }

    #[test]
    fn a_refused_visitor_is_redirected_with_the_target_in_next() {
        for (to, target, expected) in [
            ("/login", "/", "/login?next=/"),
            ("/login", "/account", "/login?next=/account"),
            ("/login", "/a?x=1&y=%20", "/login?next=/a%3Fx%3D1%26y%3D%2520"),
            ("/login?plain", "/a", "/login?plain&next=/a"),
            ("/login?", "/a+b'c", "/login?&next=/a%2Bb%27c"),
            ("/login?nextly=1&a=next", "/a", "/login?nextly=1&a=next&next=/a"),
            // The path has a `next` of its own. With a second one, axum's `Query` would answer 400.
            ("/confirm?next=/admin", "/a", "/confirm?next=/admin"),
            ("/confirm?a=1&next", "/a", "/confirm?a=1&next"),
            ("/login", "//evil.example", "/login"),
            ("/login", "*", "/login"),
        ] {
            let answer = answer(Refusal::Redirect(to), &Method::GET, target);
            assert_eq!(answer, (303, Some(expected.to_owned())), "{target}");
        }
    }

    // F4, F30: an application below a path of its site, whether or not the layer sees that path.
    #[test]
    fn redirects_and_next_begin_with_the_mounted_prefix() {
        for (target, prefix, expected) in [
            ("/account?a=1", "/app", "/app/login?next=/app/account%3Fa%3D1"),
            ("/app/account", "/app", "/app/login?next=/app/account"),
            ("/app", "/app", "/app/login?next=/app"),
            ("/app?a", "/app", "/app/login?next=/app%3Fa"),
            ("/apple", "/app", "/app/login?next=/app/apple"),
            ("/", "/a/b", "/a/b/login?next=/a/b"),
            ("/?x=1", "/app", "/app/login?next=/app%3Fx%3D1"),
            ("/", "", "/login?next=/"),
            ("//evil.example", "/app", "/app/login"),
        ] {
            let target = Uri::from_static(target);
            let refusal = Refusal::Redirect("/login");
            let target = target.path_and_query();
            let rejection = ViewRejection::refused(Denied::Stale, refusal, true, target, prefix);
            assert_eq!(rejection.into_page().headers()[LOCATION], expected);
        }
    }

    #[test]
    fn only_get_and_head_requests_get_a_next() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(answer(Refusal::Redirect("/login"), &method, "/buy").1.as_deref(), Some("/login"));
        }
        assert_eq!(answer(Refusal::Redirect("/login"), &Method::HEAD, "/buy").1.as_deref(), Some("/login?next=/buy"));
    }

    #[test]
    fn a_status_has_no_location() {
        assert_eq!(answer(Refusal::Status(404), &Method::GET, "/a"), (404, None));
    }
}
