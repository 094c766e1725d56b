//! Lists the values on the server, or on the masters of a cluster, by `SCAN`.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use futures_util::future::try_join_all;
use redis::{
    Cmd, RedisResult, Value,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};

use super::{
    super::{Key, Position, Scanned, StoreError, Versioned},
    RedisStore, advice,
    cluster::Cluster,
    connect::Link,
    swap::value,
};
use crate::clock::Timestamp;

/// About how many keys the server checks in one call.
const BATCH: usize = 256;

impl RedisStore {
    /// Returns the next batch of the values: see [`Store::scan`](super::Store::scan).
    pub(super) async fn list_values(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let (cursor, node) = Mark::read(from).ok_or_else(StoreError::unknown_position)?;
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern(&self.prefix)).arg("COUNT").arg(BATCH);
        let doing = "list its values";
        let (answer, node, later) = match &self.link {
            Link::Cluster(cluster) => {
                let masters = masters(&self.link).await.map_err(|error| advice::failed(doing, error))?;
                // A position that names no node is at the first master. If it names a node that is no longer a master, it is
                // unknown.
                let at = match &node {
                    Some(node) => {
                        masters.iter().position(|master| master == node).ok_or_else(StoreError::unknown_position)?
                    }
                    None => 0,
                };
                let node = masters.get(at).cloned().ok_or_else(StoreError::unknown_position)?;
                (ask_node(cluster, command, &node).await, Some(node), masters.get(at + 1).cloned())
            }
            link => (link.ask(&command).await, None, None),
        };
        let (cursor, names): (u64, Vec<Vec<u8>>) = parsed(answer, doing)?;
        let next = match (cursor, later) {
            (0, None) => None,
            (0, later) => Some(Mark::write(0, later.as_ref())),
            (cursor, _) => Some(Mark::write(cursor, node.as_ref())),
        };
        let named = names.iter().filter_map(|name| Some((&name[..], self.key(name)?)));
        let (names, keys): (Vec<_>, Vec<_>) = named.unzip();
        let found = keys.into_iter().zip(self.load_all(&names).await?);
        let live =
            found.filter_map(|(key, value)| Some((key, value.filter(|it| !it.value().expires_at().passed(now))?)));
        Ok(Scanned { values: live.collect(), next })
    }
}

impl RedisStore {
    /// Returns the key of the value of this name; `None` if the name is not ours.
    fn key(&self, name: &[u8]) -> Option<Key> {
        let mut digest = [0; 16];
        let decoded = Base64UrlUnpadded::decode(name.strip_prefix(self.prefix.as_bytes())?, &mut digest).ok()?;
        (decoded.len() == digest.len()).then(|| Key::from_digest(digest))
    }

    /// Returns the values of these names, in this order. A key that does not hold a string counts as absent. The next load
    /// of such a key removes it.
    async fn load_all(&self, names: &[&[u8]]) -> Result<Vec<Option<Versioned>>, StoreError> {
        let doing = "list its values";
        if names.is_empty() {
            return Ok(Vec::new());
        }
        if !matches!(self.link, Link::Cluster(_)) {
            let replies: Vec<Value> = parsed(self.link.ask(redis::cmd("MGET").arg(names)).await, doing)?;
            return replies.into_iter().map(value).collect();
        }
        // The names on one node are in several slots, so no single command may read them all. These commands share one
        // connection.
        try_join_all(names.iter().map(async |name| match self.link.ask(redis::cmd("GET").arg(*name)).await {
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
            answer => value(answer.map_err(|error| advice::failed(doing, error))?),
        }))
        .await
    }
}

/// Converts the answer to a `T`.
fn parsed<T: redis::FromRedisValue>(answer: RedisResult<Value>, doing: &str) -> Result<T, StoreError> {
    let answer = answer.map_err(|error| advice::failed(doing, error))?;
    redis::from_redis_value(answer).map_err(|_| advice::unexpected(doing))
}

/// A node of a cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    host: String,
    port: u16,
}

/// Reads and writes a position: the server's cursor, and on a cluster the node that the cursor belongs to.
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

/// Returns the masters of a cluster, in a stable order.
async fn masters(link: &Link) -> RedisResult<Vec<Node>> {
    let slots = link.ask(redis::cmd("CLUSTER").arg("SLOTS")).await?;
    let ranges: Vec<Vec<Value>> = redis::from_redis_value(slots)?;
    let mut masters = Vec::new();
    // A range is a list of first slot, last slot, master and replicas. A node is a list of host, port and more.
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

async fn ask_node(cluster: &Cluster, command: Cmd, node: &Node) -> RedisResult<Value> {
    let Node { host, port } = node.clone();
    let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
    cluster.connection().await?.route_command(command, node).await?.extract_error()
}

/// The number of characters of a [`Key::base64url`].
const NAME: usize = 22;

/// Returns a pattern that matches the prefix itself, and the characters of a key after it.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + NAME);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + &"?".repeat(NAME)
}

#[cfg(test)]
mod tests {
    use super::{Mark, pattern};
    use crate::store::Position;

    #[test]
    fn special_characters_in_a_prefix_are_escaped() {
        assert_eq!(pattern("shop:[1]*?\\"), format!("shop:\\[1\\]\\*\\?\\\\{}", "?".repeat(22)));
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
