//! `Session<S>`, `View<V>` and `Cookies` as arguments of axum handlers, and errors as responses.

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use super::{Cookies, CookiesRejection, SessionRejection, ViewRejection, page::Page};
use crate::{
    error::{Error, Kind},
    session::{Schema, Session},
    view::{View, Viewed},
};

impl<S, App> FromRequestParts<App> for Session<S>
where
    S: Schema,
    App: Sync,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, SessionRejection> {
        Self::from_parts(parts).await
    }
}

impl<V, App> FromRequestParts<App> for View<V>
where
    V: Viewed,
    App: Sync,
{
    type Rejection = ViewRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ViewRejection> {
        Self::from_parts(parts).await
    }
}

/// A guest is no view; a store that is down is still an error.
impl<V, App> OptionalFromRequestParts<App> for View<V>
where
    V: Viewed,
    App: Sync,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, SessionRejection> {
        match Self::from_parts(parts).await {
            Ok(view) => Ok(Some(view)),
            Err(rejection) => rejection.into_session().map(|()| None),
        }
    }
}

impl<App: Sync> FromRequestParts<App> for Cookies {
    type Rejection = CookiesRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, CookiesRejection> {
        Self::from_parts(parts)
    }
}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        self.into_http::<Body>()
    }
}

impl IntoResponse for ViewRejection {
    fn into_response(self) -> Response {
        self.into_http::<Body>()
    }
}

impl IntoResponse for CookiesRejection {
    fn into_response(self) -> Response {
        self.into_http::<Body>()
    }
}

impl IntoResponse for Error {
    /// What a handler's `?` answers: 409 for a change that was dropped, or a sign-in or an impersonation that was refused, 503 for a store that is down, else 500.
    fn into_response(self) -> Response {
        let page = if self.is_gone() || self.is_moved() || self.is_conflict() {
            Page::conflict()
        } else if self.is_full() {
            Page::full()
        } else if self.is_impersonation_refused() {
            tracing::warn!(target: "session_runtime", error = &self as &dyn std::error::Error, "a handler let a user act as another who cannot");
            Page::not_impersonated()
        } else if self.is_unavailable() {
            Page::not_stored()
        } else if matches!(self.kind(), Kind::Cookie(_) | Kind::CookieTooLarge { .. }) {
            tracing::error!(target: "session_runtime", error = &self as &dyn std::error::Error, "a handler failed on a cookie");
            Page::broken("Something went wrong with a cookie of this site.".to_owned())
        } else {
            tracing::error!(target: "session_runtime", error = &self as &dyn std::error::Error, "a handler failed on its session");
            Page::broken("Something went wrong with your session.".to_owned())
        };
        page.into_response::<Body>()
    }
}
