//! Ports for servers that can be killed and come back.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
};

/// A node of a cluster also listens this far above its port.
const BUS: u16 = 10_000;

/// Below what the system gives to outgoing connections (32,768 and up), so that nobody takes a port while its server is
/// down; the buses of cluster nodes too.
const PORTS: u16 = 11_000;
const FIRST: u16 = 11_000;

/// Ports that are free right now, in an order of their own. Who listens first has it: a server that finds its port taken
/// after all tries the next.
pub(crate) fn free() -> impl Iterator<Item = u16> {
    let random = RandomState::new().hash_one(()) as u16;
    (0..PORTS).map(move |n| FIRST + (random % PORTS + n) % PORTS).filter(|port| is_free(*port) && is_free(port + BUS))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
