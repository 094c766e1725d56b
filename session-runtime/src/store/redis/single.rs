//! Connections to the server that takes writes. A connection is replaced when that server no longer answers or no longer takes
//! writes.

use std::time::{Duration, Instant};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, RedisConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, Value, aio::MultiplexedConnection, sentinel::SentinelClient,
};

use super::{
    connections::{Connect, Connections},
    question::Question,
    trust::Trust,
};

/// If a caller gives up after it has waited for this long, the connections are replaced: a server that hangs does not close
/// them itself.
const SUSPICIOUS: Duration = Duration::from_secs(1);
/// A connection of this age is replaced if its server is a replica, or is still loading its data after a start. A younger one
/// is not: until the failover is over, a new connection would lead to the same server.
const SETTLED: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Single(Connections<Server>);

struct Server {
    origin: Origin,
    config: AsyncConnectionConfig,
}

/// Where the server's address comes from, each time a connection is made.
pub(super) enum Origin {
    /// A host name, which is resolved again, or an address.
    Host(Client),
    /// Sentinels, which are queried again.
    Sentinel(Sentinels),
}

pub(super) struct Sentinels {
    pub(super) trust: Trust,
    pub(super) addresses: Vec<ConnectionInfo>,
    pub(super) master: String,
    pub(super) servers: RedisConnectionInfo,
    pub(super) is_encrypted: bool,
}

impl Sentinels {
    /// Returns a new client. Runtimes cannot share a client: it keeps connections to the Sentinels, and each connection belongs
    /// to the runtime that opened it.
    fn client(&self) -> RedisResult<SentinelClient> {
        let Self { trust, addresses, master, servers, is_encrypted } = self;
        trust.sentinel(addresses.clone(), master.clone(), servers, *is_encrypted)
    }
}

impl Origin {
    /// Returns a client of the server that takes writes.
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Host(client) => Ok(client.clone()),
            Self::Sentinel(sentinels) => sentinels.client()?.async_get_client().await,
        }
    }
}

impl Connect for Server {
    type Connection = MultiplexedConnection;

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.origin.client().await?.get_multiplexed_async_connection_with_config(&self.config).await
    }
}

impl Single {
    pub(super) async fn open(origin: Origin, config: AsyncConnectionConfig) -> RedisResult<Self> {
        let connections = Connections::new(Server { origin, config });
        connections.get().await?;
        Ok(Self(connections))
    }

    pub(super) fn is_by_sentinel(&self) -> bool {
        matches!(self.0.origin().origin, Origin::Sentinel(_))
    }

    /// Returns the id of the current runtime's connection. Opens it if there is none.
    pub(super) async fn connection_id(&self) -> RedisResult<u64> {
        Ok(self.0.get().await?.0.id)
    }

    /// Returns whether this connection is still the one of the current runtime.
    pub(super) fn still_uses(&self, connection: u64) -> bool {
        self.0.still_uses(connection)
    }

    /// Returns a client of the server that takes writes.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        self.0.origin().origin.client().await
    }

    /// Returns the server's answer. If the connection is broken, or another server may be the right one by now, sends the
    /// question once more over a new connection. After a timeout it only replaces the connection, for later questions.
    pub(super) async fn put(&self, question: Question<'_>) -> RedisResult<Value> {
        let mut is_second = false;
        loop {
            let (attempt, connection) = self.0.get().await?;
            let mut call = Call { single: self, began: Instant::now(), is_answered: false };
            let answer = question.put_over(&connection).await;
            call.is_answered = true;
            let Err(error) = &answer else { return answer };
            let is_over = is_broken(error) || is_wrong_server(error) && attempt.since.elapsed() >= SETTLED;
            if is_over {
                self.0.replace(call.began);
            }
            if !is_over || is_second || error.is_timeout() {
                return answer;
            }
            is_second = true;
        }
    }
}

/// A call in progress.
struct Call<'a> {
    single: &'a Single,
    began: Instant,
    is_answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.began.elapsed() >= SUSPICIOUS {
            self.single.0.replace(self.began);
        }
    }
}

/// Returns whether the connection is unusable.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// Returns whether another server may be the right one by now.
fn is_wrong_server(error: &RedisError) -> bool {
    let kinds = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown, ServerErrorKind::BusyLoading];
    kinds.map(ErrorKind::Server).contains(&error.kind())
}
