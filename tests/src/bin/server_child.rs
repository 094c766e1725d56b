//! A test's process, to be killed by another test: starts a server, says its process id and where it lives, and waits.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::io::{self, Read as _};

use tests::servers::{Kind, Options, RedisServer};

fn main() {
    let server = RedisServer::start(Kind::Redis, Options::default()).expect("a server");
    println!("{}", server.pid().unwrap());
    println!("{}", server.folder().display());
    // Until it is killed, or who started it is gone.
    let _ = io::stdin().read(&mut [0]);
}
