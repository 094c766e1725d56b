//! The address that a small example listens on: `--addr HOST:PORT`, by default port 3000 of this machine.

use std::error::Error;

use tokio::net::TcpListener;

pub(crate) async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = address()?;
    let taken = |error| format!("cannot listen on {address}: {error}; choose another place with --addr HOST:PORT");
    Ok(TcpListener::bind(&address).await.map_err(taken)?)
}

fn address() -> Result<String, lexopt::Error> {
    let mut address = "127.0.0.1:3000".to_owned();
    let mut given = lexopt::Parser::from_env();
    while let Some(option) = given.next()? {
        match option {
            lexopt::Arg::Long("addr") => address = lexopt::ValueExt::string(given.value()?)?,
            _ => return Err(option.unexpected()),
        }
    }
    Ok(address)
}
