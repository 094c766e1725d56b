//! The bare frameworks: the same routes without sessions.

use actix_web::{App as Actix, web};
use axum::{Router, routing::get};

use crate::{
    site::Site,
    works::{WORKS, WRITES, untouched},
};

fn paths() -> impl Iterator<Item = String> {
    WORKS.into_iter().chain(WRITES).map(|work| format!("/{work}"))
}

pub fn axum() -> Site {
    super::axum_app::site(paths().fold(Router::new(), |app, path| app.route(&path, get(untouched))))
}

pub fn actix() -> Site {
    let routes = |app: &mut web::ServiceConfig| {
        for path in paths() {
            app.route(&path, web::get().to(untouched));
        }
    };
    Site {
        app: Box::new(move || {
            Box::pin(async move {
                super::actix_session::app(actix_web::test::init_service(Actix::new().configure(routes)).await)
            })
        }),
        serve: Box::new(move |listener| super::actix_session::serve(listener, move || Actix::new().configure(routes))),
    }
}

#[poem::handler]
async fn bare_handler() -> &'static str {
    untouched().await
}

pub fn poem() -> Site {
    let routes = paths().fold(poem::Route::new(), |app, path| app.at(path, poem::get(bare_handler)));
    super::poem::site(routes)
}
