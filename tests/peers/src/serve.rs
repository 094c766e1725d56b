//! A process that serves one application until its standard input closes.

use std::{
    io::{self, Read as _},
    net::{Ipv4Addr, TcpListener},
    process, thread,
};

use tokio::{runtime::Builder, task::LocalSet};

use crate::site::Site;

/// Prints the port, and serves with one thread.
pub fn serve(open: impl Future<Output = Site>) -> io::Result<()> {
    thread::spawn(|| {
        // Ends when the parent process has ended.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let site = open.await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", listener.local_addr()?.port());
        (site.serve)(listener).await
    })
}
