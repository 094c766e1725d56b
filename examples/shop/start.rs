//! Opens the shop: reads the command line, opens the store and the keys, and listens.

use std::{io, net::TcpListener, process::ExitCode, time::Duration};

use session_runtime::Sessions;

use super::{
    options::{self, Command, Failure, Options},
    server::Server,
    session::Shop,
    stores,
};

/// Opens the shop. `serve` answers its requests, with axum or actix-web.
pub(crate) async fn shop(serve: impl AsyncFnOnce(TcpListener, Sessions<Shop>) -> io::Result<()>) -> ExitCode {
    // The session runtime logs warnings, such as about an unreadable record or a store that is down.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let ended = match options::read() {
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            Ok(())
        }
        Ok(Command::Serve(options)) => open(&options, serve).await,
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

async fn open(
    options: &Options,
    serve: impl AsyncFnOnce(TcpListener, Sessions<Shop>) -> io::Result<()>,
) -> Result<(), Failure> {
    let (keys, kept_in) = stores::keys()?;
    let store = stores::named(&options.store)?;
    // With some stores, a server does not hear that a session ended on another server, so `/live` asks the store.
    let often = Duration::from_secs(1);
    let mut sessions = Sessions::<Shop>::builder().store_url(&options.store).await?.keys(keys).watch_every(often);
    if let Some(idle) = options.idle {
        sessions = sessions.idle(idle);
    }
    if options.plain_cookie {
        sessions = sessions.cookie("shop").secure(false);
    }
    let sessions = sessions.build()?;

    let server = Server::bind(&options.addr)?;
    println!("the shop is open at {} (sessions in {store}, keys in {kept_in})", server.url());
    if let Some(warning) = server.warning(options.plain_cookie) {
        eprintln!("shop: {warning}");
    }
    server.run(async |listener| serve(listener, sessions).await).await
}
