//! A small shop: plain HTML forms, a session that remembers the visitor, and one script, which follows the session.
//!
//! ```text
//! cargo run -p examples --bin shop
//! ```
//!
//! Begin with `session.rs`, which declares what the shop remembers; `routes` has the handlers that use it, with axum. `actix` has
//! the same shop with actix-web: it has its own handlers and shares all other files.
//!
//! The shared files do not depend on a framework: `goods.rs`, `pages`, `api.rs` and `assets.rs` are what visitors see, `live.rs`
//! and `live.js` tell open pages that their session changed or ended, `input.rs` reads the visitors' forms, `browser.rs` names
//! their browsers, `headers.rs` has the headers of each response, `options.rs` and `stores.rs` read the command line, `start.rs`
//! opens the shop, and `server.rs` listens.

mod api;
mod assets;
mod browser;
mod goods;
mod headers;
mod input;
mod live;
mod options;
mod pages;
mod routes;
mod server;
mod session;
mod start;
mod stores;

use std::{io, net::TcpListener, process::ExitCode};

use session_runtime::Sessions;

use self::session::Shop;

#[tokio::main]
async fn main() -> ExitCode {
    start::shop(serve).await
}

async fn serve(listener: TcpListener, sessions: Sessions<Shop>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, routes::router(&sessions)).with_graceful_shutdown(server::signal()).await
}
