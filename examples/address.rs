//! The address that a small example listens on: `--addr HOST:PORT`, by default 127.0.0.1:3000.

use std::{
    error::Error,
    net::{SocketAddr, ToSocketAddrs as _},
};

use tokio::net::TcpListener;

#[allow(dead_code, reason = "frameworks that open the port themselves need only the address")]
pub(crate) async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = address()?;
    let taken = |error| format!("cannot listen on {address}: {error}; choose another address with --addr HOST:PORT");
    Ok(TcpListener::bind(&address).await.map_err(taken)?)
}

pub(crate) fn address() -> Result<SocketAddr, Box<dyn Error>> {
    let given = given()?;
    let wrong = || format!("`{given}` is not an address; write one such as 127.0.0.1:3000");
    Ok(given.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)?)
}

fn given() -> Result<String, lexopt::Error> {
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
