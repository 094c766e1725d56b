//! Listens at an address, and ends the server after a signal. Each framework serves the requests itself, in `main.rs`.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use super::options::Failure;

/// How long requests under way may take after a signal.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket that already accepts connections.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn bind(addr: &str) -> Result<Self, Failure> {
        let is_address =
            addr.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !is_address {
            return Err(Failure::usage(format!("`{addr}` is not an address: write HOST:PORT, such as 127.0.0.1:3000")));
        }
        let refused = |error: io::Error| {
            Failure::start(match error.kind() {
                ErrorKind::AddrInUse => format!(
                    "`{addr}` is taken, perhaps by another shop: choose another port with `--addr`, such as 127.0.0.1:0 for any free port"
                ),
                ErrorKind::PermissionDenied => {
                    format!("this user may not listen on `{addr}`: choose a port from 1024 on with `--addr`")
                }
                _ => format!("cannot listen on `{addr}` ({error}): give an address of this machine with `--addr`"),
            })
        };
        let listener = TcpListener::bind(addr).map_err(refused)?;
        // The runtime waits for connections, so its threads must not block on the listener.
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Returns the shop's address for browsers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a warning if visitors' browsers will have problems with the cookie at this address.
    pub(crate) fn warning(&self, plain_cookie: bool) -> Option<String> {
        match (self.address.ip().is_loopback(), plain_cookie) {
            (true, true) => Some("as you wish, the cookie lacks `Secure`: sessions are served to this machine alone".to_owned()),
            (true, false) => None,
            (false, true) => Some(format!(
                "with `--plain-cookie`, sessions are served to this machine alone, as http://127.0.0.1:{}; others get an error page",
                self.address.port()
            )),
            (false, false) => Some(
                "the session cookie is `Secure`, and browsers on other machines keep it over HTTPS only: put a proxy with TLS before the shop"
                    .to_owned(),
            ),
        }
    }

    /// Runs `serve`, which serves until a signal comes and then lets the requests under way finish.
    pub(crate) async fn run(self, serve: impl AsyncFnOnce(TcpListener) -> io::Result<()>) -> Result<(), Failure> {
        let too_long = async {
            signal().await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            served = serve(self.listener) => {
                served.map_err(|error| Failure::start(format!("the shop had to close: {error}")))
            }
            () = too_long => Ok(()),
        }
    }
}

/// Resolves at ctrl-c, or when the system asks the process to end.
pub(crate) async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    tokio::select! {
        () = interrupt => {}
        _ = terminate => {}
    }
}
