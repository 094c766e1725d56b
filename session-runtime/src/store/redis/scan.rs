//! Going through the sessions on the server, or on the masters of a cluster, by `SCAN`.

use std::sync::Arc;

use futures_util::future::try_join_all;
use redis::{
    Cmd, RedisResult, Value,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};

use super::{
    super::{Key, Position, Record, Scan, Scanned, StoreError},
    RedisStore, advice,
    connect::Link,
    record,
    users::parsed,
};
use crate::clock::Timestamp;

/// About how many keys the server looks at in one call.
const BATCH: usize = 256;

impl Scan for RedisStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        self.at(now);
        let (cursor, node) = Mark::read(from).ok_or_else(Position::unknown)?;
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(format!("{}s:*", literal(&self.prefix))).arg("COUNT").arg(BATCH);
        let doing = "go through the sessions";
        let (answer, node, later) = match &self.link {
            Link::Cluster(cluster) => {
                let masters = masters(cluster).await.map_err(|error| advice::failed(doing, error))?;
                // The first, if none was named. One that is no master any more took its position along.
                let at = match &node {
                    Some(node) => masters.iter().position(|master| master == node).ok_or_else(Position::unknown)?,
                    None => 0,
                };
                let node = masters.get(at).cloned().ok_or_else(Position::unknown)?;
                (ask_node(cluster, command, &node).await, Some(node), masters.get(at + 1).cloned())
            }
            link => (link.ask(&command).await, None, None),
        };
        let (cursor, keys): (u64, Vec<String>) = parsed(answer, doing)?;
        let next = match (cursor, later) {
            (0, None) => None,
            (0, later) => Some(Mark::write(0, later.as_ref())),
            (cursor, _) => Some(Mark::write(cursor, node.as_ref())),
        };
        let found = try_join_all(keys.iter().map(|key| self.scanned(key, now))).await?;
        Ok(Scanned { sessions: found.into_iter().flatten().collect(), next })
    }
}

impl RedisStore {
    async fn scanned(&self, name: &str, now: Timestamp) -> Result<Option<(Key, Arc<Record>)>, StoreError> {
        let digits = name.get(self.prefix.len() + 2..).filter(|digits| digits.len() == 32);
        let Some(digest) = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()) else { return Ok(None) };
        match self.link.ask(redis::cmd("HGETALL").arg(name)).await {
            // Something else; whoever opens the session removes it.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
            Err(error) => Err(advice::failed("look at a session", error)),
            Ok(reply) => {
                let live = record::read(reply).ok().flatten().filter(|record| record.is_live(now));
                Ok(live.map(|record| (Key::from_digest(digest.to_be_bytes()), Arc::new(record))))
            }
        }
    }
}

/// A node of a cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    host: String,
    port: u16,
}

/// A position: the server's cursor, and on a cluster whose it is.
struct Mark;

impl Mark {
    fn read(position: &Position) -> Option<(u64, Option<Node>)> {
        if position.as_bytes().is_empty() {
            return Some((0, None));
        }
        let text = std::str::from_utf8(position.as_bytes()).ok()?;
        let Some((cursor, node)) = text.split_once('@') else { return Some((text.parse().ok()?, None)) };
        let (host, port) = node.rsplit_once(':')?;
        Some((cursor.parse().ok()?, Some(Node { host: host.to_owned(), port: port.parse().ok()? })))
    }

    fn write(cursor: u64, node: Option<&Node>) -> Position {
        Position::new(match node {
            Some(Node { host, port }) => format!("{cursor}@{host}:{port}"),
            None => cursor.to_string(),
        })
    }
}

/// The masters of a cluster, in an order that stays.
async fn masters(cluster: &ClusterConnection) -> RedisResult<Vec<Node>> {
    let slots = Link::Cluster(cluster.clone()).ask(redis::cmd("CLUSTER").arg("SLOTS")).await?;
    let ranges: Vec<Vec<Value>> = redis::from_redis_value(slots)?;
    let mut masters = Vec::new();
    // Each range: from, to, its master, its replicas; each node: host, port, and more.
    for master in ranges.into_iter().filter_map(|range| range.into_iter().nth(2)) {
        let node: Vec<Value> = redis::from_redis_value(master)?;
        let [host, port, ..] = &node[..] else { continue };
        let (host, port) = (redis::from_redis_value(host.clone())?, redis::from_redis_value(port.clone())?);
        masters.push(Node { host, port });
    }
    masters.sort_unstable();
    masters.dedup();
    Ok(masters)
}

async fn ask_node(cluster: &ClusterConnection, command: Cmd, node: &Node) -> RedisResult<Value> {
    let Node { host, port } = node.clone();
    let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
    cluster.clone().route_command(command, node).await?.extract_error()
}

/// The prefix as a pattern that matches only itself.
fn literal(prefix: &str) -> String {
    prefix.chars().fold(String::with_capacity(prefix.len()), |mut pattern, character| {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
        pattern
    })
}

#[cfg(test)]
mod tests {
    use super::{Mark, literal};
    use crate::store::Position;

    #[test]
    fn a_prefix_stands_for_itself() {
        assert_eq!(literal("shop:[1]*?\\"), "shop:\\[1\\]\\*\\?\\\\");
    }

    #[test]
    fn positions_are_read_as_they_were_written() {
        assert!(Mark::read(&Position::start()).is_some_and(|(cursor, node)| cursor == 0 && node.is_none()));
        for text in ["7", "7@host:7000", "0@::1:7000"] {
            let Some((cursor, node)) = Mark::read(&Position::new(text.as_bytes())) else { unreachable!("{text}") };
            assert_eq!(Mark::write(cursor, node.as_ref()).as_bytes(), text.as_bytes());
        }
        for text in ["x", "7@", "7@host", "@host:1", "7@host:x"] {
            assert!(Mark::read(&Position::new(text.as_bytes())).is_none(), "{text}");
        }
    }
}
