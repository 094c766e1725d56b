//! Ports for servers that can be killed and come back.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// A node of a cluster also listens this far above its port.
const BUS: u16 = 10_000;

/// Below what the system gives to outgoing connections (32,768 and up), and so are the buses of cluster nodes, which are
/// nobody's port either.
const PORTS: u16 = 10_000;
const FIRST: u16 = 11_000;

/// A port that no other test's server gets while this lives: not even while nobody listens there, since its own server is
/// down and what it served must stay unanswered.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _claim: UnixDatagram,
}

impl Port {
    /// None if it is somebody else's.
    fn claim(number: u16) -> Option<Self> {
        // A name that goes with the process that took it, and is as widely known as the port: both are the network
        // namespace's.
        let name = SocketAddr::from_abstract_name(format!("a test's server on port {number}")).unwrap();
        let claim = UnixDatagram::bind_addr(&name).ok()?;
        (is_free(number) && is_free(number + BUS)).then_some(Self { number, _claim: claim })
    }
}

/// Ports that are free right now, in an order of their own. Of those who know nothing of claims, who listens first has it: a
/// server that finds its port taken after all tries the next.
pub(crate) fn free() -> impl Iterator<Item = Port> {
    let random = RandomState::new().hash_one(()) as u16;
    (0..PORTS).filter_map(move |n| Port::claim(FIRST + (random % PORTS + n) % PORTS))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_servers_until_it_lets_go() {
        let port = free().next().unwrap();
        let number = port.number;
        assert!(is_free(number), "nobody listens, as if its server were down");
        assert!(Port::claim(number).is_none());
        drop(port);
        assert!(Port::claim(number).is_some());
    }
}
