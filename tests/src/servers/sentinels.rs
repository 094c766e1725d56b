//! A primary and its replica, with three sentinels that watch over them.

use std::{collections::HashMap, iter};

use super::{Kind, Options, RedisServer, wait::until};

/// The sentinels' name for the two servers.
const NAME: &str = "mymaster";

/// Two servers, one of which the three sentinels name as the primary. When the primary has not answered for a second, the replica
/// takes over.
pub struct Sentinels {
    options: Options,
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// Starts all five, and waits until the sentinels know each other and the replica has the primary's data. Reports a missing
    /// program and returns `None`.
    pub fn start(kind: Kind) -> Option<Self> {
        Self::start_with(kind, Options::default())
    }

    /// Starts all five with these options for each server; a password is not supported.
    pub fn start_with(kind: Kind, options: Options) -> Option<Self> {
        let primary = RedisServer::start(kind, options.clone())?;
        let follow = options.clone().config(format!("replicaof 127.0.0.1 {}", primary.port()));
        let replica = RedisServer::start(kind, follow)?;
        // A sentinel finds a linked replica with its first query, and any other replica only ten seconds later.
        until("the replica is linked", || linked(&replica).then_some(()));
        let watch = options
            .clone()
            .sentinel()
            .config(format!("sentinel monitor {NAME} 127.0.0.1 {} 2", primary.port()))
            .config(format!("sentinel down-after-milliseconds {NAME} 1000"))
            .config(format!("sentinel failover-timeout {NAME} 5000"));
        let sentinels = iter::repeat_with(|| RedisServer::start(kind, watch.clone())).take(3).collect::<Option<_>>()?;
        let sentinels = Self { options, servers: vec![primary, replica], sentinels };
        sentinels.wait_settled();
        Some(sentinels)
    }

    /// Returns a URL of the sentinels and the primary:
    /// `redis+sentinel://127.0.0.1:12345,127.0.0.1:12346,127.0.0.1:12347/mymaster`.
    pub fn url(&self) -> String {
        let addrs: Vec<_> = self.sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect();
        format!("{}://{}/{NAME}", self.options.scheme("+sentinel"), addrs.join(","))
    }

    /// Returns the two servers, even if one is down.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// Returns the three sentinels.
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// Returns the primary that the sentinels currently name.
    pub fn primary(&self) -> &RedisServer {
        until("the sentinels agree on a primary", || self.agreed())
    }

    /// Kills the primary (`kill -9`), and returns it.
    pub fn kill_primary(&self) -> &RedisServer {
        let primary = self.primary();
        primary.kill();
        primary
    }

    /// Waits until all sentinels name a primary that is up and takes writes.
    pub fn wait_failed_over(&self) {
        until("the sentinels have failed over", || self.serving().map(drop));
    }

    /// Makes the replica take over from a healthy primary, and waits until it has. The old primary becomes a replica within some
    /// ten seconds; until then it takes writes that will be lost.
    pub fn failover(&self) {
        let old = self.primary().port();
        // The sentinels refuse until they have recovered from the last failover.
        until("the sentinels agree to fail over", || {
            let sentinel = self.sentinels.iter().find(|sentinel| sentinel.is_up())?;
            sentinel.ask::<String>(&["SENTINEL", "FAILOVER", NAME]).ok()
        });
        until("the sentinels have failed over", || self.serving().filter(|primary| primary.port() != old).map(drop));
    }

    /// Brings back the servers that were killed or frozen, and waits until there are a primary and a linked replica again: some
    /// ten seconds if the primary was killed.
    pub fn heal(&self) {
        for server in self.servers.iter().chain(&self.sentinels).filter(|server| !server.is_up()) {
            if server.pid().is_some() { server.thaw() } else { server.restart() }
        }
        self.wait_settled();
    }

    fn wait_settled(&self) {
        until("the sentinels have settled", || {
            let known = |sentinel: &RedisServer| {
                let seen: Option<HashMap<String, String>> = sentinel.ask(&["SENTINEL", "MASTER", NAME]).ok();
                let is = |field: &str, value: &str| {
                    seen.as_ref().and_then(|seen| seen.get(field)).is_some_and(|is| is == value)
                };
                is("flags", "master") && is("num-slaves", "1") && is("num-other-sentinels", "2")
            };
            let primary = self.serving()?;
            let follows = self.servers.iter().any(|server| {
                let port = server.info("replication", "master_port");
                linked(server) && port == Some(primary.port().to_string())
            });
            (follows && self.sentinels.iter().all(known)).then_some(())
        });
    }

    /// Returns the server that all sentinels name, if it is up and a primary.
    fn serving(&self) -> Option<&RedisServer> {
        let primary = self.agreed().filter(|primary| primary.is_up())?;
        (primary.info("replication", "role").as_deref() == Some("master")).then_some(primary)
    }

    /// Returns the server that all sentinels name.
    fn agreed(&self) -> Option<&RedisServer> {
        let named = |sentinel: &RedisServer| {
            sentinel.ask::<(String, u16)>(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).ok().map(|(_, port)| port)
        };
        let mut up = self.sentinels.iter().filter(|sentinel| sentinel.is_up());
        let port = named(up.next()?)?;
        up.all(|sentinel| named(sentinel) == Some(port)).then_some(())?;
        self.servers.iter().find(|server| server.port() == port)
    }
}

fn linked(replica: &RedisServer) -> bool {
    replica.info("replication", "master_link_status").as_deref() == Some("up")
}
