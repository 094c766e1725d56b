//! The frameworks by themselves: the same routes without sessions.

use actix_web::web;
use axum::{Router, routing::get};

use crate::{
    app::App,
    works::{WORKS, untouched},
};

pub fn axum() -> App {
    super::axum_app::app(WORKS.iter().fold(Router::new(), |app, work| app.route(&format!("/{work}"), get(untouched))))
}

pub async fn actix() -> App {
    let routes = |app: &mut web::ServiceConfig| {
        for work in WORKS {
            app.route(&format!("/{work}"), web::get().to(untouched));
        }
    };
    super::actix_session::app(actix_web::test::init_service(actix_web::App::new().configure(routes)).await)
}

#[poem::handler]
async fn bare_handler() -> &'static str {
    untouched().await
}

pub fn poem() -> App {
    let routes = WORKS.iter().fold(poem::Route::new(), |app, work| app.at(format!("/{work}"), poem::get(bare_handler)));
    super::poem::app(routes)
}
