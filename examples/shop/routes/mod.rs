//! The routes. A handler that needs the session takes it as an argument.
//!
//! A handler's changes are stored before its response is sent. If a handler takes no session, none is loaded. `front` is for all
//! visitors, `sign_in` signs them in and out, and `account` and `code` are for signed-in users.

mod account;
mod code;
mod front;
mod sign_in;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use session_runtime::{SameOriginLayer, Sessions};

use super::{
    assets::{self, Asset},
    headers,
    input::Problem,
    pages,
    session::Shop,
};

pub(crate) fn router(sessions: &Sessions<Shop>) -> Router {
    Router::new()
        .route("/", get(front::home))
        .route("/cart", get(front::cart).post(front::add_to_cart))
        .route("/theme", post(front::choose_theme))
        .route("/api/session", get(front::api))
        .route("/live", get(front::live))
        .route("/login", get(sign_in::form).post(sign_in::log_in))
        .route("/logout", post(sign_in::log_out))
        .route("/account", get(account::devices))
        .route("/devices/revoke", post(account::revoke))
        .route("/devices/revoke-others", post(account::revoke_others))
        .route("/account/code", get(code::show).post(code::make))
        .route("/account/code/check", post(code::check))
        .with_state(sessions.clone())
        .layer(sessions.layer())
        // These routes need no session, so they are outside the session layer. Inside the layer, they would cost hardly more,
        // since it loads no session unless a handler takes one.
        .route("/health", get(|| async { "ok\n" }))
        .route("/style.css", get(|| asset(assets::STYLE)))
        .route("/live.js", get(|| asset(assets::LIVE)))
        .route("/icons.svg", get(|| asset(assets::ICONS)))
        .route("/logo.svg", get(|| asset(assets::LOGO)))
        .fallback(|| async { (StatusCode::NOT_FOUND, pages::problem("Not here", "The shop has no such page.")) })
        // Forms on other sites cannot post here. Programs such as curl can, but they have no visitor's cookie.
        .layer(SameOriginLayer::new().allow_programs())
        .layer(axum::middleware::map_response(set_headers))
}

async fn asset(asset: Asset) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, assets::CACHING)], asset.content)
}

/// Sets the headers of every response.
async fn set_headers(mut response: Response) -> Response {
    let set = response.headers_mut();
    for (name, value) in headers::SAFETY {
        set.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(caching) = headers::caching(set.get(header::CACHE_CONTROL).map(HeaderValue::as_bytes)) {
        set.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    }
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = || pages::problem("That did not work", &self.to_string());
        match self {
            Self::Input(_) => (StatusCode::UNPROCESSABLE_ENTITY, page()).into_response(),
            Self::NoRandomBytes(_) => (StatusCode::INTERNAL_SERVER_ERROR, page()).into_response(),
            Self::Session(error) => error.into_response(),
        }
    }
}
