//! An application that does not run yet: a benchmark calls it in process, or its framework's own server serves it.

use std::{io, net::TcpListener};

use futures_util::future::LocalBoxFuture;

use crate::app::App;

pub struct Site {
    pub app: Box<dyn FnOnce() -> LocalBoxFuture<'static, App>>,
    /// Serves with one worker thread until the process ends.
    pub serve: Box<dyn FnOnce(TcpListener) -> LocalBoxFuture<'static, io::Result<()>>>,
}
