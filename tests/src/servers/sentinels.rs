//! A primary and its replica, with three sentinels that watch over them.

use std::{collections::HashMap, iter};

use super::{Kind, Options, RedisServer, wait::until};

/// What the sentinels call the two servers.
const NAME: &str = "mymaster";

/// Two servers of which one is the primary, as three sentinels say. A primary that does not answer for a second is replaced
/// by the replica.
pub struct Sentinels {
    options: Options,
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// Starts them, and waits until they know each other and the replica has what the primary has. None, once that has been
    /// reported, if what they need is not here.
    pub fn start(kind: Kind) -> Option<Self> {
        Self::start_with(kind, Options::default())
    }

    /// The same with these options for each of them, but for a password.
    pub fn start_with(kind: Kind, options: Options) -> Option<Self> {
        let primary = RedisServer::start(kind, options.clone())?;
        let follow = options.clone().config(format!("replicaof 127.0.0.1 {}", primary.port()));
        let replica = RedisServer::start(kind, follow)?;
        // What is linked at a sentinel's first look is known to it at once, else only ten seconds later.
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

    /// Names the sentinels and the primary: `redis+sentinel://127.0.0.1:12345,127.0.0.1:12346,127.0.0.1:12347/mymaster`.
    pub fn url(&self) -> String {
        let addrs: Vec<_> = self.sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect();
        format!("{}://{}/{NAME}", self.options.scheme("+sentinel"), addrs.join(","))
    }

    /// The two servers, also if one is down.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The three sentinels.
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// The server to write to, by what the sentinels say at present.
    pub fn primary(&self) -> &RedisServer {
        until("the sentinels agree on a primary", || self.agreed())
    }

    /// `kill -9` to the primary; says which that was.
    pub fn kill_primary(&self) -> &RedisServer {
        let primary = self.primary();
        primary.kill();
        primary
    }

    /// Waits until all sentinels name a primary that is up and takes writes.
    pub fn wait_failed_over(&self) {
        until("the sentinels have failed over", || self.serving().map(drop));
    }

    /// Lets the replica take over from a primary that is well, and waits until it has. The old primary becomes the replica
    /// within some ten seconds; until then it takes writes that will be lost.
    pub fn failover(&self) {
        let old = self.primary().port();
        // Refused while they have not recovered from the last one.
        until("the sentinels agree to fail over", || {
            let sentinel = self.sentinels.iter().find(|sentinel| sentinel.is_up())?;
            sentinel.ask::<String>(&["SENTINEL", "FAILOVER", NAME]).ok()
        });
        until("the sentinels have failed over", || self.serving().filter(|primary| primary.port() != old).map(drop));
    }

    /// Brings back what was killed or frozen, and waits until there are a primary and a linked replica again: some ten
    /// seconds if the primary was killed.
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

    /// The primary that all sentinels name, if it is one.
    fn serving(&self) -> Option<&RedisServer> {
        let primary = self.agreed().filter(|primary| primary.is_up())?;
        (primary.info("replication", "role").as_deref() == Some("master")).then_some(primary)
    }

    /// The server that all sentinels name.
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
