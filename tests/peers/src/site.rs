//! An application that does not run yet: to be asked in process, or to be served by its framework's own server.

use std::{io, net::TcpListener};

use futures_util::future::LocalBoxFuture;

use crate::app::App;

pub struct Site {
    pub app: Box<dyn FnOnce() -> LocalBoxFuture<'static, App>>,
    /// With one thread that does the work, until the process ends.
    pub serve: Box<dyn FnOnce(TcpListener) -> LocalBoxFuture<'static, io::Result<()>>>,
}
