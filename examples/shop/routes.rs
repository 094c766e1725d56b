//! What the shop does: a handler for each thing that a visitor can do, with the session as one of its arguments.
//!
//! What a handler changes is stored before its response leaves; a route without a session costs no look-up.

use std::time::{Duration, SystemTime};

use axum::{
    Form, Json, Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::Markup;
use serde::{Deserialize, Serialize};
use session_runtime::{Session, Sessions};

use super::{
    input::{self, Problem},
    pages,
    session::{Line, Shop, Theme},
};

pub(crate) fn router(sessions: &Sessions<Shop>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/cart", get(cart).post(add_to_cart))
        .route("/theme", post(choose_theme))
        .route("/api/session", get(api))
        .layer(sessions.layer())
        // What needs no session lies outside of the layer; inside it would cost next to nothing.
        .route("/health", get(|| async { "ok\n" }))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/icons.svg", get(|| asset("image/svg+xml", include_str!("icons.svg"))))
        .route("/logo.svg", get(|| asset("image/svg+xml", include_str!("logo.svg"))))
        .fallback(|| async { (StatusCode::NOT_FOUND, pages::problem("Not here", "The shop has no such page.")) })
        .layer(axum::middleware::map_response(guard))
}

async fn home(mut session: Session<Shop>) -> Markup {
    session.visits_mut().add(1);
    let notice = session.notice_mut().take(); // shown now, gone with the next page
    pages::home(&session, notice.as_deref())
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    user: String,
}

async fn log_in(mut session: Session<Shop>, Form(login): Form<Login>) -> Result<Redirect, Problem> {
    session.sign_in(input::name(&login.user)?);
    Ok(Redirect::to("/"))
}

async fn log_out(mut session: Session<Shop>) -> Redirect {
    session.sign_out();
    Redirect::to("/")
}

async fn cart(session: Session<Shop>) -> Markup {
    pages::cart(&session)
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    sku: String,
    qty: Option<String>,
}

async fn add_to_cart(mut session: Session<Shop>, Form(wanted): Form<Wanted>) -> Result<Redirect, Problem> {
    let sku = input::sku(&wanted.sku)?;
    let quantity = input::quantity(wanted.qty.as_deref())?;
    session.cart_mut().update(|cart| input::put(cart, sku, quantity)).await??;
    Ok(Redirect::to("/cart"))
}

#[derive(Deserialize)]
struct Look {
    #[serde(default)]
    theme: String,
    /// Which page to return to.
    #[serde(default)]
    page: String,
}

async fn choose_theme(mut session: Session<Shop>, Form(look): Form<Look>) -> Result<Redirect, Problem> {
    *session.theme_mut() = input::theme(&look.theme)?;
    Ok(Redirect::to(if look.page == "cart" { "/cart" } else { "/" }))
}

/// The session for scripts.
#[derive(Serialize)]
struct Api {
    user: Option<String>,
    theme: Theme,
    visits: u64,
    cart: Vec<Line>,
    notice: Option<String>,
    /// Seconds until the session ends, if the visitor stays away.
    expires_in: u64,
}

async fn api(mut session: Session<Shop>) -> Json<Api> {
    let left = session.expires_at().duration_since(SystemTime::now()).unwrap_or_default();
    Json(Api {
        notice: session.notice_mut().take(),
        user: session.user().map(str::to_owned),
        theme: session.theme(),
        visits: session.visits(),
        cart: session.cart().to_vec(),
        expires_in: (left + Duration::from_millis(999)).as_secs(),
    })
}

async fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")], content)
}

/// Headers for every response: no scripts, no frames, no guessing of types; and pages, which are personal, stay out of
/// caches.
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
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
