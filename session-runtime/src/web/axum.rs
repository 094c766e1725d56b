//! `Session<S>`, `View<V>` and `Cookies` as arguments of axum handlers, and errors as responses.

use std::convert::Infallible;

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use super::{Cookies, CookiesRejection, Page, Passive, SessionRejection, ViewRejection};
use crate::{
    error::Error,
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

/// `Option<Session<S>>` is for handlers that also serve routes without a session layer: there it is `None`. If the session
/// cannot be loaded, for example while the store is down, the request is still rejected. A visitor without a session gets an
/// empty one.
///
/// ```
/// use axum::{Router, routing::get};
/// use session_runtime::{Session, Sessions};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     name: Option<String>,
/// }
///
/// /// Serves paths within the shop and elsewhere.
/// async fn not_found(session: Option<Session<Shop>>) -> String {
///     match session.and_then(|session| session.name().map(str::to_owned)) {
///         Some(name) => format!("Sorry, {name}, there is no such page."),
///         None => "There is no such page.".to_owned(),
///     }
/// }
///
/// fn serve(shop: Router, sessions: &Sessions<Shop>) -> Router {
///     let shop = shop.fallback(not_found).layer(sessions.layer());
///     Router::new().nest("/shop", shop).fallback(not_found)
/// }
/// ```
impl<S, App> OptionalFromRequestParts<App> for Session<S>
where
    S: Schema,
    App: Sync,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, SessionRejection> {
        Self::of_visit_or_none(parts.extensions.get(), parts).await
    }
}

impl<App: Sync> FromRequestParts<App> for Passive {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        Ok(Self::from_parts(parts))
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

/// `Option<View<V>>` is `None` if the view refuses the visitor. If the session cannot be loaded, for example while the store is
/// down, the request is still rejected.
impl<V, App> OptionalFromRequestParts<App> for View<V>
where
    V: Viewed,
    App: Sync,
{
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, SessionRejection> {
        Self::of_visit_or_none(parts.extensions.get(), parts).await
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
        self.into_http()
    }
}

impl IntoResponse for ViewRejection {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

impl IntoResponse for CookiesRejection {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

impl IntoResponse for Error {
    /// Returns the response to an error that a handler passes on with `?`: [`Error::into_page`].
    fn into_response(self) -> Response {
        self.into_page().into_http()
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.into_http()
    }
}
