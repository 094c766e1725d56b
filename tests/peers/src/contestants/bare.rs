//! The frameworks by themselves: the same routes without sessions.

use actix_web::{App as Actix, web};
use axum::{Router, routing::get};

use crate::{
    site::Site,
    works::{WORKS, untouched},
};

pub fn axum() -> Site {
    super::axum_app::site(WORKS.iter().fold(Router::new(), |app, work| app.route(&format!("/{work}"), get(untouched))))
}

pub fn actix() -> Site {
    let routes = |app: &mut web::ServiceConfig| {
        for work in WORKS {
            app.route(&format!("/{work}"), web::get().to(untouched));
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
    let routes = WORKS.iter().fold(poem::Route::new(), |app, work| app.at(format!("/{work}"), poem::get(bare_handler)));
    super::poem::site(routes)
}
