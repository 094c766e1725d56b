//! Signs visitors in and out. After the sign-in, they go to the page that they asked for, if it is a page of this site.

use actix_web::{
    HttpRequest,
    http::header::USER_AGENT,
    web::{self, Redirect},
};
use maud::Markup;
use session_runtime::{Session, local_path};

use super::see;
use crate::{
    browser,
    input::{self, Login, Next, Problem},
    pages,
    session::Shop,
};

pub(super) async fn form(mut session: Session<Shop>, web::Query(wanted): web::Query<Next>) -> Markup {
    let notice = session.notice_mut().take();
    pages::sign_in(&session, notice.as_deref(), local_path(&wanted.next))
}

pub(super) async fn log_in(
    mut session: Session<Shop>,
    request: HttpRequest,
    web::Form(login): web::Form<Login>,
) -> Result<Redirect, Problem> {
    let browser = browser::label(request.headers().get(USER_AGENT).map(|sent| sent.as_bytes()));
    session.sign_in(input::name(&login.user)?, browser, login.remember.is_some());
    Ok(see(local_path(&login.next).unwrap_or("/")))
}

pub(super) async fn log_out(mut session: Session<Shop>) -> Redirect {
    session.sign_out();
    see("/")
}
