//! The feed of ended sessions: each critical write publishes the session's key, in the script that makes the write, and one
//! connection of each process subscribes to these messages. In a cluster, every node passes them on to all others.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::{Client, Msg, RedisError, RedisResult, aio::PubSub};
use tokio::time::timeout;

use super::{
    super::{Feed, Key, StoreError},
    advice,
    connect::{CONNECT, Link},
};

/// How long the feed may be silent before the connection is checked.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the server may take to answer that check.
const ANSWER: Duration = Duration::from_secs(3);

/// Returns the name of the channel of a store with this prefix.
pub(super) fn channel(prefix: &str) -> String {
    [prefix, "ended"].concat()
}

/// Listens until the connection is lost. Returns immediately if the store cannot subscribe.
pub(super) async fn listen(link: &Link, channel: &str, feed: &Feed) -> Result<(), StoreError> {
    let failed = |error| advice::failed("listen for ended sessions", error);
    let Some(connected) = subscriber(link).await.map_err(failed)? else { return Ok(()) };
    let (pubsub, connection) = connected;
    let (mut sink, mut messages) = pubsub.split();
    if let Err(error) = within(ANSWER, sink.subscribe(channel)).await {
        if error.code() == Some("NOPERM") {
            tracing::warn!(
                target: "session_runtime",
                channel,
                "the Redis user may not listen for ended sessions, so open streams learn of an end by `watch_every` only: \
                 `ACL SETUSER <user> +subscribe +publish &{channel}` permits it"
            );
            return Ok(());
        }
        return Err(failed(error));
    }
    // If the user may not publish, scripts write nevertheless, without a message, so the store has to test this here. The
    // test's message is not a key, so listeners ignore it.
    if let Err(error) = link.ask(redis::cmd("PUBLISH").arg(channel).arg("test")).await
        && error.code() == Some("NOPERM")
    {
        tracing::warn!(
            target: "session_runtime",
            channel,
            "the Redis user may not announce ended sessions, so open streams on other servers learn of an end by `watch_every` \
             only: `ACL SETUSER <user> +publish &{channel}` permits it"
        );
    }
    feed.connected();
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => {
                if let Some(key) = key(&message) {
                    feed.wrote(&key);
                }
            }
            Ok(None) => return Err(StoreError::new("the Redis server closed the connection of the feed")),
            Err(_) if !link.still_uses(connection) => {
                return Err(StoreError::new("the store has changed to another Redis server"));
            }
            Err(_) => within(ANSWER, sink.ping::<redis::Value>()).await.map(drop).map_err(failed)?,
        }
    }
}

/// Connects to a server that passes on the messages. Also returns the id of the connection that this runtime uses for
/// everything else. `None` if the store cannot subscribe.
async fn subscriber(link: &Link) -> RedisResult<Option<(PubSub, Option<u64>)>> {
    match link {
        Link::Single(single) => {
            let connection = single.connection_id().await?;
            let client = within(CONNECT, single.client()).await?;
            Ok(Some((within(CONNECT, client.get_async_pubsub()).await?, Some(connection))))
        }
        // The application's connection manager does not say which server it is connected to.
        Link::Manager(_) => Ok(None),
        Link::Cluster(cluster) => {
            let mut refused = None;
            for node in &*cluster.nodes() {
                match within(CONNECT, node.get_async_pubsub()).await {
                    Ok(pubsub) => return Ok(Some((pubsub, None))),
                    Err(error) => refused = Some(error),
                }
            }
            refused.map_or(Ok(None), Err)
        }
    }
}

async fn within<T>(limit: Duration, asked: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    // Boxed, since the futures of the client are large.
    timeout(limit, Box::pin(asked)).await.unwrap_or_else(|_| Err(timed_out()))
}

pub(super) fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// Returns the key that a message names.
fn key(message: &Msg) -> Option<Key> {
    let digest = message.get_payload_bytes().try_into().ok()?;
    Some(Key::from_digest(digest))
}

/// The nodes of a cluster, each of which passes on all messages.
pub(super) type Nodes = std::sync::Arc<[Client]>;
