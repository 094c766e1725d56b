//! The routes. Each has a handler, with the session as one of its arguments.
//!
//! A handler's changes are stored before its response leaves. A route without a session costs no look-up. `front` is for all
//! visitors, `sign_in` signs them in and out, and `account` and `code` are for signed-in users.

mod account;
mod code;
mod front;
mod sign_in;

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use session_runtime::{SameOriginLayer, Sessions};

use super::{pages, session::Shop};

pub(crate) fn router(sessions: &Sessions<Shop>) -> Router {
    Router::new()
        .route("/", get(front::home))
        .route("/cart", get(front::cart).post(front::add_to_cart))
        .route("/theme", post(front::choose_theme))
        .route("/api/session", get(front::api))
        .route("/login", get(sign_in::form).post(sign_in::log_in))
        .route("/logout", post(sign_in::log_out))
        .route("/account", get(account::devices))
        .route("/devices/revoke", post(account::revoke))
        .route("/devices/revoke-others", post(account::revoke_others))
        .route("/account/code", get(code::show).post(code::make))
        .route("/account/code/check", post(code::check))
        .with_state(sessions.clone())
        .layer(sessions.layer())
        // These routes need no session, so they are outside of the layer. Inside, they would cost next to nothing.
        .route("/health", get(|| async { "ok\n" }))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_str!("../style.css"))))
        .route("/icons.svg", get(|| asset("image/svg+xml", include_str!("../icons.svg"))))
        .route("/logo.svg", get(|| asset("image/svg+xml", include_str!("../logo.svg"))))
        .fallback(|| async { (StatusCode::NOT_FOUND, pages::problem("Not here", "The shop has no such page.")) })
        // Forms on other sites cannot post here. Programs such as curl can, but they have no visitor's cookie.
        .layer(SameOriginLayer::new().allow_programs())
        .layer(axum::middleware::map_response(guard))
}

async fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")], content)
}

/// Sets headers on every response: no scripts, no frames, no guessing of types. Pages are personal, so no cache stores them.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // The session layer sets `private` if the handler sets nothing.
    if headers.get(header::CACHE_CONTROL).is_none_or(|said| said == "private") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
