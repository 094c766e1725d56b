//! The routes. A handler that needs the session takes it as an argument.
//!
//! A handler's changes are stored before its response is sent. If a handler takes no session, none is loaded. `front` is for all
//! visitors, `sign_in` signs them in and out, and `account` and `code` are for signed-in users.

mod account;
mod code;
mod front;
mod sign_in;

use actix_web::{
    Error, HttpResponse, ResponseError, Route,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    guard,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{self, Redirect, ServiceConfig, post, resource},
};
use maud::Markup;
use session_runtime::View;

use super::{
    assets::{self, Asset},
    headers,
    input::Problem,
    pages,
    session::{MayLogOutDevices, SignedIn},
};

pub(crate) fn routes(config: &mut ServiceConfig) {
    // actix-web extracts a handler's arguments concurrently, so it might answer an invalid form before the view refuses the
    // visitor. These layers refuse first.
    let revoke = post().to(account::revoke).wrap(View::<MayLogOutDevices>::layer());
    let check = post().to(code::check).wrap(View::<SignedIn>::layer());
    config
        .service(resource("/").route(get().to(front::home)))
        .service(resource("/cart").route(get().to(front::cart)).route(post().to(front::add_to_cart)))
        .service(resource("/theme").route(post().to(front::choose_theme)))
        .service(resource("/api/session").route(get().to(front::api)))
        .service(resource("/live").route(web::get().to(front::live)))
        .service(resource("/login").route(get().to(sign_in::form)).route(post().to(sign_in::log_in)))
        .service(resource("/logout").route(post().to(sign_in::log_out)))
        .service(resource("/account").route(get().to(account::devices)))
        .service(resource("/devices/revoke").route(revoke))
        .service(resource("/devices/revoke-others").route(post().to(account::revoke_others)))
        .service(resource("/account/code").route(get().to(code::show)).route(post().to(code::make)))
        .service(resource("/account/code/check").route(check))
        // These routes need no session, so the session layer around them costs next to nothing.
        .service(resource("/health").route(get().to(async || "ok\n")))
        .service(resource("/style.css").route(get().to(async || asset(assets::STYLE))))
        .service(resource("/live.js").route(get().to(async || asset(assets::LIVE))))
        .service(resource("/icons.svg").route(get().to(async || asset(assets::ICONS))))
        .service(resource("/logo.svg").route(get().to(async || asset(assets::LOGO))))
        .default_service(web::to(async || {
            html(StatusCode::NOT_FOUND, pages::problem("Not here", "The shop has no such page."))
        }));
}

/// Returns a route for `GET` and `HEAD` requests.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Redirects to a page of the shop, after a form was posted.
fn see(page: &str) -> Redirect {
    Redirect::to(page.to_owned()).see_other()
}

fn html(status: StatusCode, page: Markup) -> HttpResponse {
    HttpResponse::build(status).content_type(header::ContentType::html()).body(page.into_string())
}

fn asset(asset: Asset) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, asset.kind))
        .insert_header((header::CACHE_CONTROL, assets::CACHING))
        .body(asset.content)
}

/// Sets the headers of every response.
pub(crate) async fn set_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let set = response.headers_mut();
    for (name, value) in headers::SAFETY {
        set.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(caching) = headers::caching(set.get(header::CACHE_CONTROL).map(HeaderValue::as_bytes)) {
        set.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    }
    Ok(response)
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Input(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoRandomBytes(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Session(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Session(error) => error.error_response(),
            _ => html(self.status_code(), pages::problem("That did not work", &self.to_string())),
        }
    }
}
