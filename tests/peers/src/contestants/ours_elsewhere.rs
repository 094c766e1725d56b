//! This project's sessions in other frameworks than axum.

use actix_web::App as Actix;
use poem::{EndpointExt as _, Route, get, handler, post};
use session_runtime::{MemoryStore, Session, SessionLayer, store::Store};

use super::{
    Contestant, Framework, actix_session,
    ours::{self, Bench, KEYS},
    poem as poems,
};
use crate::{site::Site, works};

pub const IN_ACTIX: Contestant = Contestant {
    name: "session-runtime, in actix-web",
    package: "session-runtime",
    framework: Framework::Actix,
    keeps: "`MemoryStore`; eight typed fields",
    cookie: "signed",
    open: || Box::pin(async { (actix(&memory()).app)().await }),
    pair: None,
};

pub const IN_POEM: Contestant = Contestant {
    name: "session-runtime, in poem",
    package: "session-runtime",
    framework: Framework::Poem,
    keeps: "`MemoryStore`; eight typed fields",
    cookie: "signed",
    open: || Box::pin(async { (poem(&memory()).app)().await }),
    pair: None,
};

fn memory() -> MemoryStore {
    MemoryStore::with_capacity(10_000_000)
}

fn layer(store: &(impl Store + Clone)) -> SessionLayer<Bench> {
    ours::sessions(store, &KEYS).layer()
}

/// Returns a site with its sessions in any store.
pub fn actix(store: &(impl Store + Clone)) -> Site {
    type S = Session<Bench>;
    let (layer, routes) = (layer(store), actix_session::routes_of::<S>);
    let served = layer.clone();
    Site {
        app: Box::new(move || {
            Box::pin(async move {
                let app = Actix::new().wrap(layer).configure(routes);
                actix_session::app(actix_web::test::init_service(app).await)
            })
        }),
        serve: Box::new(move |listener| {
            actix_session::serve(listener, move || Actix::new().wrap(served.clone()).configure(routes))
        }),
    }
}

/// Defines a handler for each route, because poem makes each handler a type.
macro_rules! handlers {
    ($($name:ident: $work:ident),*) => {$(
        #[handler]
        async fn $name(mut s: Session<Bench>) -> &'static str {
            works::$work(&mut s).await
        }
    )*};
}

handlers!(w1: read, w2: write, w2_dark: write_dark, w2_dim: write_dim, w3: start, w4: end, begin: begin, guest: guest,
    sign_in: sign_in, theme: slow_theme, locale: slow_locale, count: slow_count, show: show);

#[handler]
async fn w0() -> &'static str {
    works::untouched().await
}

/// Returns a site with its sessions in any store.
pub fn poem(store: &(impl Store + Clone)) -> Site {
    let routes = Route::new()
        .at("/W0", get(w0))
        .at("/W1", get(w1))
        .at("/W2", get(w2))
        .at("/W2-dark", get(w2_dark))
        .at("/W2-dim", get(w2_dim))
        .at("/W3", get(w3))
        .at("/W4", get(w4))
        .at("/begin", post(begin))
        .at("/guest", post(guest))
        .at("/in", post(sign_in))
        .at("/out", post(w4))
        .at("/theme", post(theme))
        .at("/locale", post(locale))
        .at("/count", post(count))
        .at("/show", post(show));
    poems::site(routes.with(layer(store)))
}
