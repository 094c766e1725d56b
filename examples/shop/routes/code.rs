//! The one-time code. Making one takes a fresh sign-in, typing it in does not.

use axum::{Form, response::Redirect};
use maud::Markup;
use serde::Deserialize;
use session_runtime::{Session, View};

use crate::{
    input::Problem,
    pages,
    session::{JustSignedIn, MayMakeCode, Shop, SignedIn},
};

pub(super) async fn show(View(me): View<JustSignedIn>, mut session: Session<Shop>) -> Markup {
    let notice = session.notice_mut().take();
    pages::code(&session, &me, notice.as_deref())
}

pub(super) async fn make(View(me): View<MayMakeCode>, mut session: Session<Shop>) -> Result<Redirect, Problem> {
    session.make_code().await?;
    session.notice_mut().put(format!("Here is your code, {}.", me.user));
    Ok(Redirect::to("/account/code"))
}

#[derive(Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    code: String,
}

pub(super) async fn check(
    _: View<SignedIn>,
    mut session: Session<Shop>,
    Form(typed): Form<Typed>,
) -> Result<Redirect, Problem> {
    let (notice, page) = if session.code().is_none() {
        (
            "There is no code to compare with: it was used, or its five minutes are over. Please make another.",
            "/account/code",
        )
    } else if session.try_code(typed.code.trim()).await? {
        ("That was the code. It is used up now.", "/account")
    } else if session.code().is_none() {
        ("That was not the code, once too often: it is gone. Please make another.", "/account/code")
    } else {
        ("That is not the code. Please look again.", "/account/code")
    };
    session.notice_mut().put(notice.to_owned());
    Ok(Redirect::to(page))
}
