//! A test process that another test kills: it starts a server, prints the server's process id and folder, and waits.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::io::{self, Read as _};

use tests::servers::{Kind, Options, RedisServer};

fn main() {
    let server = RedisServer::start(Kind::Redis, Options::default()).expect("a server");
    println!("{}", server.pid().unwrap());
    println!("{}", server.folder().display());
    // Waits until this process is killed, or until its parent has ended.
    let _ = io::stdin().read(&mut [0]);
}
