//! The handlers for all visitors: they look around, fill the cart, and choose a theme.

use std::time::{Duration, SystemTime};

use axum::{Form, Json, response::Redirect};
use maud::Markup;
use serde::{Deserialize, Serialize};
use session_runtime::Session;

use crate::{
    input::{self, Problem},
    pages,
    session::{Line, Shop, Theme},
};

pub(super) async fn home(mut session: Session<Shop>) -> Markup {
    session.visits_mut().add(1);
    let notice = session.notice_mut().take(); // shown now, gone with the next page
    pages::home(&session, notice.as_deref())
}

pub(super) async fn cart(session: Session<Shop>) -> Markup {
    pages::cart(&session)
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    sku: String,
    qty: Option<String>,
}

pub(super) async fn add_to_cart(mut session: Session<Shop>, Form(wanted): Form<Wanted>) -> Result<Redirect, Problem> {
    let sku = input::sku(&wanted.sku)?;
    let quantity = input::quantity(wanted.qty.as_deref())?;
    session.cart_mut().update(|cart| input::put(cart, sku, quantity)).await??;
    Ok(Redirect::to("/cart"))
}

#[derive(Deserialize)]
pub(super) struct Look {
    #[serde(default)]
    theme: String,
    /// Which page to return to.
    #[serde(default)]
    page: String,
}

pub(super) async fn choose_theme(mut session: Session<Shop>, Form(look): Form<Look>) -> Result<Redirect, Problem> {
    *session.theme_mut() = input::theme(&look.theme)?;
    Ok(Redirect::to(match look.page.as_str() {
        "cart" => "/cart",
        "account" => "/account",
        "code" => "/account/code",
        _ => "/",
    }))
}

/// The session as JSON, for scripts.
#[derive(Serialize)]
pub(super) struct Api {
    user: Option<String>,
    theme: Theme,
    visits: u64,
    cart: Vec<Line>,
    notice: Option<String>,
    /// Seconds until the session ends without another request.
    expires_in: u64,
}

pub(super) async fn api(mut session: Session<Shop>) -> Json<Api> {
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
