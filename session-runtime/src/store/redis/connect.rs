//! The connections to the server or servers: the store's own connections to one server (`single`), the application's connection
//! manager, or connections to a cluster.
//!
//! Every command here may safely be sent twice, since a write compares the value that it replaces. So if a connection breaks, its
//! command is sent again.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisResult, Value, aio::ConnectionManager, cluster::ClusterClient};

use super::{
    super::StoreError,
    advice::refused,
    cluster::{Cluster, Source},
    feed::Nodes,
    question::{Question, RESPOND},
    single::{Origin, Sentinels, Single},
    trust::Trust,
    url::{Address, Servers},
};
use crate::error::Error;

/// How long one attempt to connect may take: a reachable server answers in milliseconds.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How long [`Link::open`] may take in all, and each later connection to a cluster.
pub(super) const OPEN: Duration = Duration::from_secs(10);

/// How many replicas must confirm a write, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) replicas: u32,
    pub(super) timeout: Duration,
}

impl Wait {
    /// Checks that enough replicas have confirmed a write.
    ///
    /// # Errors
    /// If too few replicas have confirmed it.
    pub(super) fn check(self, replicas: u32) -> Result<(), StoreError> {
        if replicas >= self.replicas {
            return Ok(());
        }
        Err(StoreError::new(format!(
            "Redis wrote a value, and may lose it in a failover; {replicas} of {} replicas confirmed it within {:?}: look \
             at `INFO replication`",
            self.replicas, self.timeout
        )))
    }
}

#[derive(Clone)]
pub(super) enum Link {
    Single(Single),
    /// The application's own connection to a server.
    Manager(ConnectionManager),
    Cluster(Cluster),
}

impl Link {
    /// Connects, and waits for an answer.
    pub(super) async fn open(address: Address) -> Result<Self, Error> {
        let place = address.place.to_string();
        let trust = Trust::of(&address)?;
        // Boxed, since this future is large, and its type nested too deep for the compiler.
        let opened = tokio::time::timeout(OPEN, Box::pin(Self::connect(address.place, trust))).await;
        opened
            .map_err(|_| Error::setup(format!("no answer from {place} within {OPEN:?}: is it the right address?")))?
            .map_err(|error| refused(&place, error))
    }

    async fn connect(place: Servers, trust: Trust) -> RedisResult<Self> {
        // `Question::put_over` limits how long an answer may take.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        Ok(match place {
            Servers::Server(server) => Self::Single(Single::open(Origin::Host(trust.client(server)?), config).await?),
            Servers::Sentinel { sentinels, master, servers, is_encrypted } => {
                let sentinels = Sentinels { trust, addresses: sentinels, master, servers, is_encrypted };
                Self::Single(Single::open(Origin::Sentinel(sentinels), config).await?)
            }
            Servers::Cluster(nodes) => {
                let each = nodes.iter().cloned().map(|node| trust.client(node)).collect::<RedisResult<Nodes>>()?;
                let client = trust
                    .cluster(ClusterClient::builder(nodes))
                    .use_protocol(redis::ProtocolVersion::RESP3)
                    .connection_timeout(CONNECT)
                    .response_timeout(RESPOND)
                    .retries(5)
                    .max_retry_wait(500)
                    .build()?;
                Self::Cluster(Cluster::open(Source { client, nodes: each }).await?)
            }
        })
    }

    /// Returns whether the current runtime still uses this connection.
    pub(super) fn still_uses(&self, connection: Option<u64>) -> bool {
        match (self, connection) {
            (Self::Single(single), Some(connection)) => single.still_uses(connection),
            _ => true,
        }
    }

    /// Returns the answer to `command`.
    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        self.put(Question::One(command)).await
    }

    /// Returns the answer to `command`, and how many replicas confirmed its write. Both commands use one connection, since WAIT
    /// covers only its own connection's writes.
    pub(super) async fn ask_and_wait(&self, command: Cmd, wait: Wait) -> RedisResult<(Value, u32)> {
        // `WAIT` with a timeout of zero would wait for ever.
        let millis = u64::try_from(wait.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut both = Pipeline::with_capacity(2);
        both.add_command(command).cmd("WAIT").arg(wait.replicas).arg(millis);
        Ok(redis::from_redis_value(self.put(Question::Several(&both)).await?)?)
    }

    async fn put(&self, question: Question<'_>) -> RedisResult<Value> {
        match self {
            Self::Single(single) => single.put(question).await,
            Self::Manager(manager) => match question.put_over(manager).await {
                // If a connection has broken, the next call may be the first to notice.
                Err(error) if error.is_connection_dropped() || error.is_connection_refusal() => {
                    question.put_over(manager).await
                }
                answer => answer,
            },
            // The cluster connection retries by itself.
            Self::Cluster(cluster) => question.put_to(cluster.connection().await?).await,
        }
    }
}
