//! Signs visitors in and out. After the sign-in, they go to the page that they asked for, if it is a page of this site.

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
    /// The page that the visitor asked for, from the view that refused them.
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
    /// A browser sends a checkbox only if it is ticked.
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
