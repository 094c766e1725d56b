//! The shop with actix-web: the same pages, options and sessions.
//!
//! ```text
//! cargo run -p examples --features actix --bin shop-actix
//! ```
//!
//! `routes` has the handlers. Everything else is a file that the shop with axum uses too: begin with `../session.rs`.

#[path = "../api.rs"]
mod api;
#[path = "../assets.rs"]
mod assets;
#[path = "../browser.rs"]
mod browser;
#[path = "../goods.rs"]
mod goods;
#[path = "../headers.rs"]
mod headers;
#[path = "../input.rs"]
mod input;
#[path = "../live.rs"]
mod live;
#[path = "../options.rs"]
mod options;
#[path = "../pages/mod.rs"]
mod pages;
mod routes;
#[path = "../server.rs"]
mod server;
#[path = "../session.rs"]
mod session;
#[path = "../start.rs"]
mod start;
#[path = "../stores.rs"]
mod stores;

use std::{io, net::TcpListener, process::ExitCode};

use actix_web::{App, HttpServer, middleware::from_fn, web::Data};
use session_runtime::Sessions;

use self::session::Shop;

#[tokio::main]
async fn main() -> ExitCode {
    start::shop(serve).await
}

async fn serve(listener: TcpListener, sessions: Sessions<Shop>) -> io::Result<()> {
    let app = move || {
        App::new()
            .app_data(Data::new(sessions.clone()))
            .configure(routes::routes)
            // Forms on other sites cannot post here. Programs such as curl can, but they have no visitor's cookie.
            .wrap(sessions.layer().same_origin().allow_programs())
            .wrap(from_fn(routes::set_headers))
    };
    HttpServer::new(app).shutdown_signal(server::signal()).listen(listener)?.run().await
}
