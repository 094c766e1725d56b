//! The way in and out. Signing in leads on to where the visitor wanted to go, as long as that is a page of this site.

use axum::{Form, extract::Query, http::HeaderMap, response::Redirect};
use maud::Markup;
use serde::Deserialize;
use session_runtime::{Session, local_path};

use crate::{
    browser,
    input::{self, Problem},
    pages,
    session::Shop,
};

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// What a view that refused the visitor says: the page that was asked for.
    #[serde(default)]
    next: String,
}

pub(super) async fn form(mut session: Session<Shop>, Query(wanted): Query<Wanted>) -> Markup {
    let notice = session.notice_mut().take();
    pages::sign_in(&session, notice.as_deref(), local_path(&wanted.next))
}

#[derive(Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    user: String,
    #[serde(default)]
    next: String,
    /// A box is sent if it is ticked, and only then.
    remember: Option<String>,
}

pub(super) async fn log_in(
    mut session: Session<Shop>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Redirect, Problem> {
    session.sign_in(input::name(&login.user)?, browser::label(&headers), login.remember.is_some());
    Ok(Redirect::to(local_path(&login.next).unwrap_or("/")))
}

pub(super) async fn log_out(mut session: Session<Shop>) -> Redirect {
    session.sign_out();
    Redirect::to("/")
}
