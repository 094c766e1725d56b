//! The handlers for all visitors, who look around, fill the cart, and choose a theme.

use actix_web::{
    HttpResponse,
    web::{self, Redirect},
};
use maud::Markup;
use session_runtime::{Passive, Session};

use super::see;
use crate::{
    api::Api,
    input::{self, Look, Problem, Wanted},
    live, pages,
    session::Shop,
};

pub(super) async fn home(mut session: Session<Shop>) -> Markup {
    session.visits_mut().add(1);
    let notice = session.notice_mut().take(); // shown on this page only
    pages::home(&session, notice.as_deref())
}

pub(super) async fn cart(session: Session<Shop>) -> Markup {
    pages::cart(&session)
}

pub(super) async fn add_to_cart(
    mut session: Session<Shop>,
    web::Form(wanted): web::Form<Wanted>,
) -> Result<Redirect, Problem> {
    let sku = input::sku(&wanted.sku)?;
    let quantity = input::quantity(wanted.qty.as_deref())?;
    session.cart_mut().update(|cart| input::put(cart, sku, quantity)).await??;
    Ok(see("/cart"))
}

pub(super) async fn choose_theme(
    mut session: Session<Shop>,
    web::Form(look): web::Form<Look>,
) -> Result<Redirect, Problem> {
    *session.theme_mut() = input::theme(&look.theme)?;
    Ok(see(look.page()))
}

pub(super) async fn api(mut session: Session<Shop>) -> web::Json<Api> {
    web::Json(Api::of(&mut session))
}

pub(super) async fn live(_: Passive, session: Session<Shop>) -> HttpResponse {
    HttpResponse::Ok().content_type(live::KIND).streaming(live::events(session))
}
