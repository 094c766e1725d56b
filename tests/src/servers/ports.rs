//! Ports for servers that can be killed and come back.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// A node of a cluster also listens on its port plus this number.
const BUS: u16 = 10_000;

/// These ports, and the cluster buses above them, are below the ports that the system gives to outgoing connections (32,768 and
/// up).
const PORTS: u16 = 10_000;
const FIRST: u16 = 11_000;

/// A port that no other test's server gets while this value lives, even while its own server is down and the port must stay
/// closed.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _claim: UnixDatagram,
}

impl Port {
    /// Claims the port. Returns `None` if another process has claimed it or uses it.
    fn claim(number: u16) -> Option<Self> {
        // The claim is an abstract socket name: it is released when its process ends, and it is unique in the network namespace,
        // as the port is.
        let name = SocketAddr::from_abstract_name(format!("a test's server on port {number}")).unwrap();
        let claim = UnixDatagram::bind_addr(&name).ok()?;
        (is_free(number) && is_free(number + BUS)).then_some(Self { number, _claim: claim })
    }
}

/// Returns ports that are free right now, starting at a random one. A program that ignores claims can still take one first; a
/// server that finds its port taken tries the next.
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
    fn a_port_belongs_to_one_server_until_it_is_released() {
        let port = free().next().unwrap();
        let number = port.number;
        assert!(is_free(number), "the port is closed, as if its server were down");
        assert!(Port::claim(number).is_none());
        drop(port);
        assert!(Port::claim(number).is_some());
    }
}
