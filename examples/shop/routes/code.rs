//! The one-time code. To make a code, the user must have signed in recently. To type it in, the user must only be signed in.

use axum::{Form, response::Redirect};
use maud::Markup;
use session_runtime::{Session, View};

use crate::{
    input::{Problem, Typed},
    pages,
    session::{JustSignedIn, MayMakeCode, Shop, SignedIn},
};

pub(super) async fn show(View(me): View<JustSignedIn>, mut session: Session<Shop>) -> Markup {
    let notice = session.notice_mut().take();
    pages::code(&session, &me, notice.as_deref())
}

pub(super) async fn make(View(me): View<MayMakeCode>, mut session: Session<Shop>) -> Result<Redirect, Problem> {
    session.make_code(&me.user).await?;
    Ok(Redirect::to("/account/code"))
}

pub(super) async fn check(
    _: View<SignedIn>,
    mut session: Session<Shop>,
    Form(typed): Form<Typed>,
) -> Result<Redirect, Problem> {
    let (notice, page) = pages::guessed(session.try_code(typed.code.trim()).await?);
    session.notice_mut().put(notice.to_owned());
    Ok(Redirect::to(page))
}
