//! Sessions in the visitor's cookie, encrypted.

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use poem::{
    EndpointExt as _,
    session::{CookieConfig, CookieSession},
    web::cookie::CookieKey,
};
use session_runtime::{CookieStore, KeyRing, Session, Sessions};

use super::{Contestant, Framework, axum_app, ours::shop};
use crate::{
    session::{Data, Line, Seen, Shop, Theme},
    site::Site,
};

pub const OURS: Contestant = Contestant {
    name: "session-runtime, in a cookie",
    package: "session-runtime",
    framework: Framework::Axum,
    keeps: "`CookieStore::encrypted()`",
    cookie: "encrypted",
    open: || Box::pin(async { (ours().app)().await }),
    pair: None,
};

pub const ACTIX_SESSION: Contestant = Contestant {
    name: "actix-session, in a cookie",
    package: "actix-session",
    framework: Framework::Actix,
    keeps: "`CookieSessionStore`",
    cookie: "encrypted",
    open: || Box::pin(async { (actix().app)().await }),
    pair: None,
};

pub const POEM: Contestant = Contestant {
    name: "poem, in a cookie",
    package: "poem",
    framework: Framework::Poem,
    keeps: "`CookieSession`",
    cookie: "encrypted",
    open: || Box::pin(async { (poem().app)().await }),
    pair: None,
};

pub fn ours() -> Site {
    let sessions = Sessions::<Small>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
    axum_app::site(axum_app::routes::<Session<Small>>().layer(sessions.build().unwrap().layer()))
}

pub fn actix() -> Site {
    let key = actix_web::cookie::Key::generate();
    super::actix_session::behind(move || SessionMiddleware::new(CookieSessionStore::default(), key.clone()))
}

pub fn poem() -> Site {
    let sessions = CookieSession::new(CookieConfig::private(CookieKey::from(&[7; 64])));
    super::poem::site(super::poem::routes().with(sessions))
}

/// Like `Bench`, but the counter is a plain field, because sessions in cookies cannot have counters.
#[derive(Session)]
#[session(cookie = "__Host-bench")]
pub struct Small {
    #[session(identity, unlisted)]
    user: Option<u64>,
    name: String,
    roles: Vec<String>,
    cart: Vec<Line>,
    token: String,
    theme: Theme,
    visits: u64,
    locale: String,
}

shop!(Small, |session, by| *session.visits_mut() += by);
