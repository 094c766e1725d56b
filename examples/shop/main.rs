//! A small shop: plain HTML forms, no JavaScript, and a session that remembers the visitor.
//!
//! ```text
//! cargo run -p examples --bin shop
//! ```
//!
//! Begin with `session.rs`, which declares what the shop remembers; `routes` has the handlers that use it. The rest is what any
//! server needs: `goods.rs` and `pages` are what visitors see, `input.rs` reads their forms, `browser.rs` names their browsers,
//! `options.rs` and `stores.rs` read the command line, and `server.rs` listens.

mod browser;
mod goods;
mod input;
mod options;
mod pages;
mod routes;
mod server;
mod session;
mod stores;

use std::process::ExitCode;

use session_runtime::Sessions;

use self::{
    options::{Command, Failure, Options},
    server::Server,
    session::Shop,
};

#[tokio::main]
async fn main() -> ExitCode {
    // The session runtime logs warnings, such as of an unreadable record or a store that is down.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let ended = match options::read() {
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            Ok(())
        }
        Ok(Command::Serve(options)) => serve(&options).await,
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("shop: {failure}");
            failure.exit_code()
        }
    }
}

async fn serve(options: &Options) -> Result<(), Failure> {
    let (keys, kept_in) = stores::keys()?;
    let store = stores::named(&options.store)?;
    let mut sessions = Sessions::<Shop>::builder().store_url(&options.store).await?.keys(keys);
    if let Some(idle) = options.idle {
        sessions = sessions.idle(idle);
    }
    if options.plain_cookie {
        sessions = sessions.cookie("shop").secure(false);
    }
    let sessions = sessions.build()?;

    let server = Server::bind(&options.addr).await?;
    println!("the shop is open at {} (sessions in {store}, keys in {kept_in})", server.url());
    if let Some(warning) = server.warning(options.plain_cookie) {
        eprintln!("shop: {warning}");
    }
    server.run(routes::router(&sessions)).await
}
