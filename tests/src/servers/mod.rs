//! Redis and Valkey servers of a test's own, on a free port of 127.0.0.1, in a temporary folder, without persistence. A server
//! ends when its value is dropped, and at the latest with the test's process, even if that process is killed.
//!
//! # Layout
//!
//! [`Kind`] says where a server's program comes from. [`RedisServer`] is one server (`server`), with its faults (`faults`) and
//! its counters (`stats`). [`Cluster`] and [`Sentinels`] are groups of servers that replace each other, and a [`Proxy`] is the
//! network between a store and its server. Below them are a process that cannot be left behind (`process`), a port that stays
//! free while its server is down (`ports`), certificates (`tls`), configuration and URLs (`options`), and waiting with a
//! deadline (`wait`).
//!
//! All these helpers block the calling thread. If a store's tasks must go on meanwhile, use a runtime of several threads, or
//! `tokio::task::spawn_blocking`.
//!
//! # Faults
//!
//! The helpers for each behaviour that a store must show:
//!
//! * B32, the store is down: [`RedisServer::kill`] (the port is closed), [`Proxy::refuse`] (connections end immediately),
//!   [`Proxy::cut`] (an open connection breaks), [`RedisServer::fill`] (reads work, writes are rejected with `OOM`),
//!   [`RedisServer::read_only`] (writes are rejected with `READONLY`, as by a primary that was demoted). The store is back up
//!   after [`RedisServer::restart`] (empty, and without its scripts), [`Proxy::accept`], [`RedisServer::make_room`] and
//!   [`RedisServer::writable`].
//! * B33, the store is slow: [`RedisServer::freeze`] and [`RedisServer::thaw`] (the system accepts connections, nothing is
//!   answered, and after the thaw the server executes what was sent meanwhile), [`RedisServer::pause`] (the server holds all
//!   commands for a while), [`Proxy::delay`] (every answer is delayed).
//! * B34, an answer is lost: [`Proxy::swallow_next_answer`] (the command was executed) and its counterpart
//!   [`Proxy::swallow_next_request`] (it was not); the client can't tell them apart.
//! * B57, a failover behind one host name: [`Proxy::lead_to`] (new connections reach another server, open ones do not).
//! * B35, `kill -9` in the middle of a write: [`RedisServer::kill`] while writers are busy and, where a replica survives,
//!   [`Cluster::kill_primary_of`] and [`Sentinels::kill_primary`], then their `wait_failed_over`.
//! * B36, two processes on one store: two stores on one [`RedisServer::url`], or on two nodes of a [`Cluster`].
//! * B37, two applications on one server: tests that share a server ([`shared`]) have different key prefixes ([`prefix`]).
//!
//! Round trips are counted on the wire by [`Proxy::round_trips`] and in the server by [`RedisServer::command_stats`].

use std::{
    process::id,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use self::{
    cluster::Cluster, kind::Kind, options::Options, proxy::Proxy, sentinels::Sentinels, server::RedisServer,
    stats::CommandStats, wait::PATIENCE,
};

mod cluster;
mod faults;
mod kind;
mod options;
pub(crate) mod ports;
pub(crate) mod process;
mod proxy;
mod sentinels;
mod server;
mod stats;
pub(crate) mod tls;
pub mod wait;

/// Returns the server of this kind that all tests of a binary share: do not change it, and use a [`prefix`] of your own. Reports
/// a missing program and returns `None`.
pub fn shared(kind: Kind) -> Option<&'static RedisServer> {
    static SERVERS: [OnceLock<Option<RedisServer>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    kind.program()?;
    SERVERS[kind as usize].get_or_init(|| RedisServer::start(kind, Options::default())).as_ref()
}

/// Returns the cluster of this kind that all tests of a binary share, which must not lose a node. Reports a missing program and
/// returns `None`.
pub fn shared_cluster(kind: Kind) -> Option<&'static Cluster> {
    static CLUSTERS: [OnceLock<Option<Cluster>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    kind.program()?;
    CLUSTERS[kind as usize].get_or_init(|| Cluster::start(kind)).as_ref()
}

/// Returns the sentinels of this kind that all tests of a binary share. Their primary has taken over from another one, so all
/// tests run after a failover. Reports a missing program and returns `None`.
pub fn shared_after_failover(kind: Kind) -> Option<&'static Sentinels> {
    static SENTINELS: [OnceLock<Option<Sentinels>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    kind.program()?;
    let started = || {
        let sentinels = Sentinels::start(kind)?;
        sentinels.kill_primary();
        sentinels.wait_failed_over();
        Some(sentinels)
    };
    SENTINELS[kind as usize].get_or_init(started).as_ref()
}

/// Returns the prefix for the keys of one test, different at each call.
pub fn prefix() -> String {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}-{}:", id(), CALLS.fetch_add(1, Ordering::Relaxed))
}
