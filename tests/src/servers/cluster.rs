//! A Redis cluster: three primaries, and a replica of each.

use std::{iter, ops::RangeInclusive, process::Command};

use super::{Kind, Options, RedisServer, wait::until};
use crate::require;

/// Six servers that share the keys and replace each other. When a primary has not answered for four seconds, its replica takes
/// over.
pub struct Cluster {
    options: Options,
    nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Starts a cluster, and waits until every replica has its primary's data. Reports a missing program and returns `None`.
    pub fn start(kind: Kind) -> Option<Self> {
        Self::start_with(kind, Options::default())
    }

    /// Starts a cluster with these options for each server; a password is not supported.
    pub fn start_with(kind: Kind, options: Options) -> Option<Self> {
        let program = require::program("redis-cli")?;
        // A server that is built without TLS rejects TLS options, even to turn it off.
        let (node, tls) = match options.tls {
            None => (options.clone(), &[][..]),
            Some(_) => (options.clone().config("tls-cluster yes"), &["--tls", "--insecure"][..]),
        };
        let node = node
            .config("cluster-enabled yes")
            .config("cluster-node-timeout 4000")
            // A replica takes over no matter how long ago it last heard from its primary.
            .config("cluster-replica-validity-factor 0");
        let nodes = iter::repeat_with(|| RedisServer::start(kind, node.clone())).take(6).collect::<Option<Vec<_>>>()?;
        let created = Command::new(program)
            .args(["--cluster", "create"])
            .args(nodes.iter().map(|node| node.addr().to_string()))
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .args(tls)
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { options, nodes };
        cluster.wait_settled();
        Some(cluster)
    }

    /// Returns a URL that names every node: `redis+cluster://127.0.0.1:12345,127.0.0.1:12346,…`.
    pub fn url(&self) -> String {
        let addrs: Vec<_> = self.nodes.iter().map(|node| node.addr().to_string()).collect();
        format!("{}://{}", self.options.scheme("+cluster"), addrs.join(","))
    }

    /// Returns all nodes, including those that are down.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Returns the node that currently serves this key.
    pub fn primary_of(&self, key: &str) -> &RedisServer {
        until("a key has a primary", || {
            let node = self.up().next()?;
            let slot: u16 = node.ask(&["CLUSTER", "KEYSLOT", key]).ok()?;
            let members = members(node)?;
            let primary = members.iter().find(|member| member.slots.iter().any(|slots| slots.contains(&slot)))?;
            self.nodes.iter().find(|node| node.port() == primary.port)
        })
    }

    /// Kills the node that serves this key (`kill -9`), and returns it.
    pub fn kill_primary_of(&self, key: &str) -> &RedisServer {
        let primary = self.primary_of(key);
        primary.kill();
        primary
    }

    /// Waits until the nodes that are up serve all keys, and agree on which of them serves which.
    pub fn wait_failed_over(&self) {
        until("the cluster has failed over", || self.is_served().then_some(()));
    }

    /// Brings back the nodes that were killed or frozen, as replicas of those that replaced them, and waits until every replica
    /// has its primary's data.
    pub fn heal(&self) {
        for node in self.nodes.iter().filter(|node| !node.is_up()) {
            if node.pid().is_some() { node.thaw() } else { node.restart() }
        }
        self.wait_settled();
    }

    fn wait_settled(&self) {
        until("the cluster has settled", || {
            let linked = |node: &&RedisServer| node.info("replication", "master_link_status").as_deref() == Some("up");
            let settled = self.is_served() && self.nodes.iter().filter(linked).count() == 3;
            settled.then_some(())
        });
    }

    fn is_served(&self) -> bool {
        self.up().all(|node| {
            let ok = node.info_of_cluster().is_some_and(|info| info.contains("cluster_state:ok"));
            let ports: Vec<_> = self.up().map(RedisServer::port).collect();
            let serving = |members: Vec<Member>| {
                members.iter().filter(|member| !member.slots.is_empty()).all(|member| ports.contains(&member.port))
            };
            ok && members(node).is_some_and(serving)
        })
    }

    fn up(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().filter(|node| node.is_up())
    }
}

impl RedisServer {
    fn info_of_cluster(&self) -> Option<String> {
        self.ask(&["CLUSTER", "INFO"]).ok()
    }
}

/// A node, as another node sees it.
struct Member {
    port: u16,
    slots: Vec<RangeInclusive<u16>>,
}

/// Parses lines such as `07c37df… 127.0.0.1:30004@31004,host master - 0 1426238317239 4 connected 0-5460 5462`.
fn members(node: &RedisServer) -> Option<Vec<Member>> {
    let nodes: String = node.ask(&["CLUSTER", "NODES"]).ok()?;
    let member = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let port = words.get(1)?.split_once('@')?.0.rsplit_once(':')?.1.parse().ok()?;
        // Slots in brackets are on their way to another node.
        let slots = words.iter().skip(8).filter(|word| !word.starts_with('['));
        let range = |word: &&str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Some(Member { port, slots: slots.map(range).collect::<Option<_>>()? })
    };
    nodes.lines().map(member).collect()
}
