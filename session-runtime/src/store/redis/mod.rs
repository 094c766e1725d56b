//! Sessions on Redis, Valkey and what speaks like them: the store itself and its options. How it gets there is in
//! `connect`, `sentinel`, `trust` and `url`; how a session is stored in `record`, and a field in `value`; how a change is
//! applied in `apply`, `script` and the scripts themselves; whose the sessions are in `users`; what to say of errors in
//! `advice`.

mod advice;
mod apply;
mod connect;
mod record;
mod scan;
mod script;
mod sentinel;
#[cfg(test)]
mod tests;
mod trust;
mod url;
mod users;
mod value;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, RedisResult, Value, aio::ConnectionManager, cluster_async::ClusterConnection};

use self::{
    apply::{Answer, Extras},
    connect::{Link, Wait},
    record::Garbage,
    script::{APPLY, CREATE, DELETE, DISCARD},
    url::Address,
    users::Left,
};
use super::{
    Applied, Change, ENTRY_CALLED_OFF, Ended, Key, Record, Renew, Sign, Store, StoreError, User, UserEntry, UserIndex,
};
use crate::{clock::Timestamp, error::Error};

const PREFIX: &str = "session:";

/// Whether [`RedisStore::open`] would understand this URL.
pub(super) fn check(url: &str) -> Result<(), Error> {
    Address::parse(url).map(drop)
}

/// Sessions on Redis (6.2 or later), Valkey, or what speaks like them, shared by all servers of a service: each load
/// and each commit is one round trip.
///
/// | URL | where to |
/// |---|---|
/// | `redis://user:password@host:6379/2` | one server; user, password, port and database may be left out |
/// | `redis+unix:///run/redis.sock?db=2&user=…&pass=…` | one server, by a socket |
/// | `redis+cluster://host:6379,host:6379` | a cluster, of which one or more nodes are named |
/// | `redis+sentinel://host:26379,host:26379/mymaster/2` | the master of this name, by Sentinels; they themselves are logged in to with `?sentinel_user=…&sentinel_pass=…` |
/// | `rediss://`, `rediss+cluster://`, `rediss+sentinel://` | the same over TLS, with the feature `redis-tls`; certificates that the system trusts, or those of a PEM file: `?ca=/etc/redis/ca.pem` |
///
/// `?prefix=shop:` is [`RedisStore::prefix`], and `?wait_for=1&wait_timeout=500ms` is [`RedisStore::wait_for`]. In each part, what means something in a URL is percent-encoded.
///
/// * **Layout**: each session is a hash named by prefix, `s:` and [`Key::hex`], in which each field is an entry of its
///   own; of each user, prefix, `u:` and [`User::hex`] is a sorted set of sessions. Nothing in it opens a session
///   (SECURITY S2). A list of structs names their fields once, behind a byte `c7` or `c8`; any other value is MessagePack.
///   Keep `hash-max-listpack-value` above the size of your usual fields (default: 64 bytes), and sessions take a third of
///   the room that they would take otherwise.
/// * **A change** is one script on one key, whole or not at all, and the same on a cluster. One that is sent again, by
///   whomever, counts once.
/// * **Every key has a time to live**, so that nothing is left behind and [`Store::delete_expired`] has nothing to do:
///   until its deadline and one minute more, at most 400 days after its last change. It only frees memory; what has
///   expired is told by the runtime's clock. Fields with a deadline of their own are freed in the same way, where the
///   server can do that (Redis 7.4, Valkey 9). On a cluster, behind Sentinel, and where replicas are waited for, the header
///   of a session that has ended stays for a minute, expired, by which a change that is sent again is known.
/// * **What cannot be read** is removed with a warning, and reads as none.
/// * **A server that is down** fails each call at once, and the first call after it is back succeeds. One that is
///   restarted without a disk has forgotten all sessions: everybody is signed out, and nobody is taken for somebody.
/// * **Eviction**: let `maxmemory-policy` be `noeviction`. Under the others a user's list may be evicted before the
///   sessions on it, which `revoke_all` and `max_per_user` then miss; and what is evicted has ended.
/// * **Replicas** are copied to later, so a failover can lose the last writes and bring back a session that has just
///   ended, unless they are waited for: [`RedisStore::wait_for`].
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
    /// Whether the server can expire fields.
    expires_fields: bool,
    wait: Option<Wait>,
    /// The `now` of the latest call that had one, in milliseconds, for those that have none.
    latest: Arc<AtomicU64>,
}

impl RedisStore {
    /// Connects to the server, cluster or Sentinels at `url`.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a sentence that says what to do: the URL is wrong, nobody answers within ten seconds, or
    /// the server refuses the user. No password is repeated.
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

    /// Uses a connection of the application's. Its database, user and time-outs are the application's affair: give it a
    /// response time-out above the runtime's
    /// [`store_timeout`](crate::SessionsBuilder::store_timeout), and RESP3, by which it notices that it is broken before
    /// it is used.
    ///
    /// # Errors
    /// [`Error::is_setup`] if the server refuses what sessions need.
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
        Self::over(Link::Server(connection), "the Redis server").await
    }

    /// The same with a connection to a cluster.
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
        Self::over(Link::Cluster(connection), "the Redis cluster").await
    }

    /// What the names of all keys begin with, so that several applications can share a server. Default: `session:`.
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

    /// Whatever ends a session or replaces its id (log-out, `destroy`, sign-in, `renew`, renewal by the clock) succeeds
    /// only once that many replicas have confirmed it (`WAIT`), and fails if that takes longer than `timeout`. So a
    /// failover to one of these replicas brings nothing back. Default: none is waited for.
    ///
    /// It may be in all the same after such a failure: whoever repeats it gets the same answer. Other requests over the
    /// same connection wait along, so choose a `timeout` well below the runtime's
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
        script::load(&link).await.map_err(|error| advice::refused(place, error))?;
        let expires_fields = can_expire_fields(&link).await;
        let latest = Arc::new(AtomicU64::new(0));
        Ok(Self { link, prefix: PREFIX.into(), expires_fields, wait: None, latest })
    }

    fn session_key(&self, key: &Key) -> String {
        [&*self.prefix, "s:", &key.hex()].concat()
    }

    fn user_key(&self, user: &User) -> String {
        [&*self.prefix, "u:", &user.hex()].concat()
    }

    fn at(&self, now: Timestamp) {
        self.latest.store(now.as_millis(), Ordering::Relaxed);
    }

    /// The time of the latest call: never ahead of the runtime's clock.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Relaxed))
    }

    /// Has the server apply `change`, and says what it answers.
    async fn change(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Answer, StoreError> {
        self.at(now);
        let doing = "change a session";
        let name = self.session_key(key);
        let wait = self.wait.filter(|_| ends_something(change));
        let extras = Extras { expire_fields: self.expires_fields, wait: wait.is_some(), remove: false };
        if let Some(record) = apply::creation(change, now, extras) {
            let arguments = |command: &mut Cmd| {
                command.arg(&record);
            };
            let answer = script::run(&self.link, &CREATE, &name, arguments).await;
            let answer = Answer::read(answer.map_err(|error| advice::failed(doing, error))?);
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        let arguments = |command: &mut Cmd| apply::arguments(command, change, now, extras);
        let answer = match wait {
            Some(wait) => {
                confirmed(script::run_and_wait(&self.link, &APPLY, &name, arguments, wait).await, wait, doing)?
            }
            None => {
                script::run(&self.link, &APPLY, &name, arguments).await.map_err(|error| advice::failed(doing, error))?
            }
        };
        Answer::read(answer).ok_or_else(|| advice::unexpected(doing))
    }

    /// Has the server remove a session by a change that ends it.
    async fn remove(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Answer, StoreError> {
        self.at(now);
        let doing = "end a session";
        let extras = Extras { expire_fields: false, wait: false, remove: true };
        let arguments = |command: &mut Cmd| apply::arguments(command, change, now, extras);
        let answer = script::run_once(&self.link, &APPLY, &self.session_key(key), arguments).await;
        let answer = answer.map_err(|error| advice::failed(doing, error))?;
        Answer::read(answer).ok_or_else(|| advice::unexpected(doing))
    }

    /// Removes what was found under `key` and is no session, unless it is one by now.
    async fn discard(&self, key: &str, guard: &[u8]) -> Result<(), StoreError> {
        tracing::warn!(target: "session_runtime", key, "what is stored here is no session of this version; it is removed");
        let answer = script::run(&self.link, &DISCARD, key, |command| {
            command.arg(guard);
        });
        answer.await.map(|_| ()).map_err(|error| advice::failed("remove a session that cannot be read", error))
    }
}

/// Asked for by name, since products that speak like Redis count their versions differently.
async fn can_expire_fields(link: &Link) -> bool {
    match link.ask(redis::cmd("COMMAND").arg("INFO").arg("HPEXPIRE")).await {
        Ok(Value::Array(commands)) => commands.iter().any(|command| matches!(command, Value::Array(_))),
        _ => false,
    }
}

impl Store for RedisStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.at(now);
        let key = self.session_key(key);
        let found = match self.link.ask(redis::cmd("HGETALL").arg(&key)).await {
            Ok(reply) => record::read(reply),
            Err(error) if error.code() == Some("WRONGTYPE") => Err(Garbage { guard: Vec::new() }),
            Err(error) => return Err(advice::failed("load a session", error)),
        };
        match found {
            Ok(record) => Ok(record.filter(|record| record.is_live(now)).map(Arc::new)),
            Err(Garbage { guard }) => {
                self.discard(&key, &guard).await?;
                Ok(None)
            }
        }
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let Answer { applied, left } = self.change(key, change, now).await?;
        if let Some(left) = left {
            self.forget_left(&left, key, now, Left::MayComeBack).await;
        }
        Ok(applied)
    }

    /// Where it may be sent again on the way, or replicas are waited for, the session's header stays for a minute, expired:
    /// so the change is known.
    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        let can_remove = self.link.can_ask_once() && self.wait.is_none();
        let Answer { applied, left } =
            if can_remove { self.remove(key, change, now).await? } else { self.change(key, change, now).await? };
        if let Some(left) = left {
            self.forget_left(&left, key, now, Left::ForGood).await;
        }
        Ok(applied.into())
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let doing = "end a session";
        let key = self.session_key(key);
        match self.wait {
            Some(wait) => {
                confirmed(script::run_and_wait(&self.link, &DELETE, &key, |_| {}, wait).await, wait, doing)?;
            }
            None => {
                let answer = self.link.ask(redis::cmd("UNLINK").arg(&key)).await;
                answer.map_err(|error| advice::failed(doing, error))?;
            }
        }
        Ok(())
    }

    /// Has nothing to do: the server removes what has expired, a minute after its deadline.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.at(now);
        Ok(0)
    }
}

impl UserIndex for RedisStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        // That is no time, but says that a sign-in is called off.
        if now != ENTRY_CALLED_OFF {
            self.at(now);
        }
        self.enter_session(user, key, now).await
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        self.live_entries(user).await
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        self.leave_sessions(user, keys).await
    }
}

/// Whether something that a visitor held opens nothing, or less, after this change.
fn ends_something(change: &Change) -> bool {
    matches!(change.sign, Some(Sign::Out))
        || matches!(change.renew, Some(Renew::Privilege { .. } | Renew::Timer { .. }))
}

/// The answer, if enough replicas have confirmed it.
fn confirmed(answer: RedisResult<(Value, u32)>, wait: Wait, doing: &str) -> Result<Value, StoreError> {
    let (answer, replicas) = answer.map_err(|error| advice::failed(doing, error))?;
    if replicas >= wait.replicas {
        return Ok(answer);
    }
    Err(StoreError::new(format!(
        "cannot {doing} for sure; {replicas} of {} replicas confirmed it within {:?}: look at `INFO replication`",
        wait.replicas, wait.timeout
    )))
}

impl fmt::Debug for RedisStore {
    // The connection's own would show the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.link {
            Link::Server(_) => "server",
            Link::Cluster(_) => "cluster",
            Link::Sentinel(_) => "sentinel",
        };
        f.debug_struct("RedisStore").field("prefix", &self.prefix).field("at", &kind).finish_non_exhaustive()
    }
}
