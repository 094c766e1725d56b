//! Sessions on Redis, Valkey and compatible servers: [`RedisStore`].

// - `url`, `trust`: parsing a URL, and the certificates to trust.
// - `connect`, `single`, `cluster`: the connection to one server or to a cluster; `connections`: one for each runtime;
//   `question`: one round trip over a connection.
// - `swap`, `script`: compare-and-swap, by commands or by scripts.
// - `feed`: messages about sessions that ended.
// - `scan`: lists all values.
// - `advice`: the messages of errors.

mod advice;
mod cluster;
mod connect;
mod connections;
mod feed;
mod question;
mod scan;
mod script;
mod single;
mod swap;
#[cfg(test)]
mod tests;
mod trust;
mod url;

use std::{fmt, sync::Arc, time::Duration};

use redis::{aio::ConnectionManager, cluster_async::ClusterConnection};

use self::{
    cluster::Cluster,
    connect::{Link, Wait},
    script::DISCARD,
    swap::{Change, Ifeq, New, Outcome, Swap},
    url::Address,
};
use super::{Feed, Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned};
use crate::{clock::Timestamp, error::Error};

const PREFIX: &str = "session:";

/// Checks that [`RedisStore::open`] would accept this URL.
pub(super) fn check(url: &str) -> Result<(), Error> {
    Address::parse(url).map(drop)
}

/// Sessions on Redis (6.2 or later), Valkey or a compatible server, shared by all servers of a service. A load is one round
/// trip, and so is a write.
///
/// | URL | server |
/// |---|---|
/// | `redis://user:password@host:6379/2` | one server; user, password, port and database may be left out |
/// | `redis+unix:///run/redis.sock?db=2&user=…&pass=…` | one server, by a socket |
/// | `redis+cluster://host:6379,host:6379` | a cluster, with one or more of its nodes |
/// | `redis+sentinel://host:26379,host:26379/mymaster/2` | the master of this name, found through Sentinels, which may require `?sentinel_user=…&sentinel_pass=…` |
/// | `rediss://`, `rediss+cluster://`, `rediss+sentinel://` | the same over TLS, with the feature `redis-tls`. The store trusts the system's certificates, or those of a PEM file: `?ca=/etc/redis/ca.pem` |
///
/// `valkey://`, `valkeys://` and so on are the same as `redis://`, `rediss://` and so on.
///
/// `?prefix=shop:` is [`RedisStore::prefix`], and `?wait_for=1&wait_timeout=500ms` is [`RedisStore::wait_for`]. Characters
/// with a meaning in URLs are percent-encoded in each part.
///
/// * **Layout**: each value is a string, named by the prefix and [`Key::base64url`]. Neither the name nor the value opens a
///   session (SECURITY S2).
/// * **A write** compares and replaces in one command: `SET … IFEQ` if the server has it (Valkey 8.1, Redis 8.4), otherwise a
///   short script. A write that ends a session or replaces its id always uses a script. It changes one key, whole or not at all,
///   on a cluster too.
/// * **Every key has a time to live**, so [`Store::delete_expired`] has nothing to do. The time is [`Value::time_to_live`], at
///   most 400 days and a minute. It only serves to free memory: the runtime's clock decides when a session expires.
/// * **Keys that do not hold a string** are removed with a warning when they are loaded.
/// * **A server that is down** makes each call fail immediately. The first call after the server is back succeeds. A server
///   that does not save to disk has lost all sessions after a restart, so every user is signed out.
/// * **A failover behind one host name** is followed within seconds: the store resolves the name again when the connection
///   breaks, and when the server says that it is a replica.
/// * **The end of a session** is announced in the channel named by the prefix and `ended`, for streams that watch the session
///   ([`Core::ended`](crate::Core::ended)). A process with such streams keeps one more connection, which subscribes to the
///   channel. A Redis user with an ACL needs `+publish +subscribe &session:ended`. A store over the application's own
///   connection announces the ends of sessions too, but does not subscribe.
/// * **Eviction**: set `maxmemory-policy noeviction`. Under another policy, the server may evict a user's list before the
///   sessions on it: `revoke_all` and a limit of sessions then miss these sessions. It may also evict a session, which then
///   has ended.
/// * **Replicas** lag behind. A failover can lose the last writes, and so restore a session that has just ended, unless the
///   store waits for replicas: [`RedisStore::wait_for`].
/// * **Connections**: a store opens one connection for each Tokio runtime that uses it; in a cluster, each runtime has one to
///   each node. A program under `#[tokio::main]` has one runtime, whatever its number of threads. actix-web has a runtime for
///   each worker, and each `#[tokio::test]` has its own. A connection is closed when its runtime shuts down. The application's
///   own connection ([`RedisStore::from_connection`]) serves all runtimes.
///
/// Calls need a Tokio runtime with timer and network.
///
/// ```no_run
/// use session_runtime::RedisStore;
///
/// # async fn open() -> Result<(), session_runtime::Error> {
/// let store = RedisStore::open("redis://localhost:6379").await?.prefix("shop:");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    link: Link,
    prefix: Arc<str>,
    ifeq: Ifeq,
    wait: Option<Wait>,
}

impl RedisStore {
    /// Connects to the server, cluster or Sentinels at `url`.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that says what to do: the URL is wrong, the server does not answer within ten
    /// seconds, or it refuses the user. The message contains no password.
    ///
    /// ```
    /// # use session_runtime::RedisStore;
    /// # async fn open() {
    /// let error = RedisStore::open("redis://:secret@localhost:port").await.unwrap_err();
    /// assert!(error.to_string().starts_with("the Redis URL is wrong: a port is a number"));
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(open());
    /// ```
    pub async fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let (prefix, wait) = (address.prefix.clone(), address.wait);
        let place = address.place.to_string();
        let store = Self::over(Link::open(address).await?, &place).await?;
        let store = match prefix {
            Some(prefix) => store.prefix(prefix),
            None => store,
        };
        Ok(match wait {
            Some((replicas, timeout)) => store.wait_for(replicas, timeout),
            None => store,
        })
    }

    /// Uses the application's own connection, with its database, user and time-outs. Give it a response time-out above the
    /// runtime's [`store_timeout`](crate::SessionsBuilder::store_timeout). Use RESP3, with which the client immediately
    /// notices that the connection is broken. If a failover makes the server a replica, this store stays with it until the
    /// server closes the connection; a store from [`RedisStore::open`] changes to the new master.
    ///
    /// The connection works only while the runtime that made it runs. Calls from other runtimes, such as the workers of
    /// actix-web, wake a thread of that runtime; a store from [`RedisStore::open`] has a connection for each runtime.
    ///
    /// # Errors
    /// [`Error::is_setup`] if the server refuses a command that sessions need.
    ///
    /// ```no_run
    /// use redis::{Client, aio::ConnectionManager};
    /// use session_runtime::RedisStore;
    ///
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::open("redis://localhost/?protocol=resp3")?;
    /// let store = RedisStore::from_connection(ConnectionManager::new(client).await?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn from_connection(connection: ConnectionManager) -> Result<Self, Error> {
        Self::over(Link::Manager(connection), "the Redis server").await
    }

    /// Uses the application's own connection to a cluster, as [`RedisStore::from_connection`] uses one to a single server.
    ///
    /// # Errors
    /// As [`RedisStore::from_connection`].
    ///
    /// ```no_run
    /// use redis::cluster::ClusterClient;
    /// use session_runtime::RedisStore;
    ///
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = ClusterClient::new(["redis://host-1:6379", "redis://host-2:6379"])?;
    /// let store = RedisStore::from_cluster(cluster.get_async_connection().await?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn from_cluster(connection: ClusterConnection) -> Result<Self, Error> {
        Self::over(Link::Cluster(Cluster::Given(connection)), "the Redis cluster").await
    }

    /// Sets the prefix of all keys, so that several applications can share a server. Default: `session:`.
    ///
    /// Staging and production on one server need different prefixes, or different
    /// [`app`](crate::SessionsBuilder::app)s. Otherwise each of them would end sessions of the other's users.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), session_runtime::Error> {
    /// let store = session_runtime::RedisStore::open("redis://localhost").await?.prefix("shop:");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into().into();
        self
    }

    /// Makes every write that ends a session or replaces its id (sign-out, `destroy`, sign-in, `renew`, renewal by the timer)
    /// wait until this many replicas have confirmed it (`WAIT`), and fail if that takes longer than `timeout`. So a failover to
    /// one of these replicas brings no ended session back. Default: the store does not wait.
    ///
    /// After such a failure the write may still have happened. A caller that repeats it gets an answer as soon as the replicas
    /// have confirmed it. Other requests over the same connection wait too, so choose a `timeout` well below the runtime's
    /// [`store_timeout`](crate::SessionsBuilder::store_timeout).
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// # async fn open() -> Result<(), session_runtime::Error> {
    /// let store = session_runtime::RedisStore::open("redis+sentinel://host-1,host-2,host-3/mymaster").await?;
    /// let store = store.wait_for(1, Duration::from_millis(500));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wait_for(mut self, replicas: u32, timeout: Duration) -> Self {
        self.wait = (replicas > 0).then_some(Wait { replicas, timeout });
        self
    }

    async fn over(link: Link, place: &str) -> Result<Self, Error> {
        let probe = [PREFIX, "probe"].concat();
        let ifeq = Ifeq::probe(&link, &probe).await.map_err(|error| advice::refused(place, error))?;
        Ok(Self { link, prefix: PREFIX.into(), ifeq, wait: None })
    }

    fn name(&self, key: &Key) -> String {
        [&*self.prefix, &key.base64url()].concat()
    }

    /// Loads the value of this name.
    async fn value(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        match self.link.ask(redis::cmd("GET").arg(name)).await {
            Ok(reply) => swap::value(reply),
            Err(error) if error.code() == Some("WRONGTYPE") => self.discard(name).await.map(|()| None),
            Err(error) => Err(advice::failed("load a value", error)),
        }
    }

    /// Removes a key that does not hold a string, unless it has been replaced by a string meanwhile.
    async fn discard(&self, name: &str) -> Result<(), StoreError> {
        warn_limited!(
            key = name,
            "the session store removes a key that another application must have written, since it does not hold a string"
        );
        let answer = script::run(&self.link, &DISCARD, name, &[]).await;
        answer.map(drop).map_err(|error| advice::failed("remove what is not a value", error))
    }
}

impl Store for RedisStore {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.value(&self.name(key)).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let name = &*self.name(key);
        let current = |before: &Versioned| before.value().to_bytes();
        let change = match (before, after) {
            (None, Some(after)) => Change::Create(New::of(after, now)),
            (Some(before), Some(after)) => Change::Replace(current(before), New::of(after, now)),
            (Some(before), None) => Change::Remove(current(before)),
            (None, None) => {
                return Ok(match self.value(name).await? {
                    None => Swapped::removed(),
                    current => Swapped::Stale(current),
                });
            }
        };
        let wait = self.wait.filter(|_| after.is_none_or(Value::is_critical));
        let channel = after.is_none_or(Value::is_critical).then(|| feed::channel(&self.prefix));
        let swap = Swap { name, change, wait, message: channel.map(|channel| (channel, key.digest())) };
        Ok(match self.ifeq.send(&self.link, &swap).await? {
            Outcome::Done => after.map_or_else(Swapped::removed, Swapped::written),
            Outcome::Holds(current) if wait.is_none() => Swapped::Stale(current),
            Outcome::Holds(_) | Outcome::Refused => Swapped::Stale(match wait {
                None => self.value(name).await?,
                // The key may hold this caller's own write, whose answer was lost.
                Some(wait) => swap::confirmed(&self.link, name, wait).await?,
            }),
        })
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        feed::listen(&self.link, &feed::channel(&self.prefix), &feed).await
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.list_values(from, now).await.map(Some)
    }
}

impl fmt::Debug for RedisStore {
    // The connection's own `Debug` would show the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.link {
            Link::Cluster(_) => "cluster",
            Link::Single(single) if single.is_by_sentinel() => "sentinel",
            Link::Single(_) | Link::Manager(_) => "server",
        };
        f.debug_struct("RedisStore").field("prefix", &self.prefix).field("at", &kind).finish_non_exhaustive()
    }
}
