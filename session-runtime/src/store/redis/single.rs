//! One connection to the server that takes writes. It is replaced when that server no longer answers or no longer takes writes.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection, sentinel::SentinelClient,
};
use tokio::{runtime::Handle, sync::OnceCell};

use super::question::Question;

/// If a caller gives up after it has waited for this long, the connection is dropped: a server that hangs does not close its
/// connections.
const SUSPICIOUS: Duration = Duration::from_secs(1);
/// A connection of this age is replaced if its server is a replica, or is loading. A younger one is not: until the failover
/// is over, a new connection would lead to the same server.
const SETTLED: Duration = Duration::from_secs(1);

/// How many connections were attempted.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone)]
pub(super) struct Single(Arc<Inner>);

struct Inner {
    origin: Origin,
    config: AsyncConnectionConfig,
    current: Mutex<Option<Arc<Attempt>>>,
}

/// Where the server's address comes from, each time a connection is made.
pub(super) enum Origin {
    /// A host name, which is resolved again, or an address.
    Host(Client),
    /// Sentinels, which are queried again.
    Sentinel(tokio::sync::Mutex<SentinelClient>),
}

/// A connection, or an attempt to make one.
struct Attempt {
    /// Distinguishes this connection from all others.
    id: u64,
    since: Instant,
    connection: OnceCell<RedisResult<MultiplexedConnection>>,
}

impl Single {
    pub(super) async fn open(origin: Origin, config: AsyncConnectionConfig) -> RedisResult<Self> {
        let single = Self(Arc::new(Inner { origin, config, current: Mutex::new(None) }));
        let attempt = single.attempt();
        single.0.connection(&attempt).await?;
        Ok(single)
    }

    pub(super) fn is_by_sentinel(&self) -> bool {
        matches!(self.0.origin, Origin::Sentinel(_))
    }

    /// Returns the id of the connection in use.
    pub(super) fn connection_id(&self) -> Option<u64> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|attempt| attempt.id)
    }

    /// Returns a client of the server that takes writes.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        match &self.0.origin {
            Origin::Host(client) => Ok(client.clone()),
            Origin::Sentinel(client) => client.lock().await.async_get_client().await,
        }
    }

    /// Returns the server's answer. If the connection is broken, or another server may be the right one by now, sends the
    /// question once more over a new connection.
    pub(super) async fn put(&self, question: Question<'_>) -> RedisResult<Value> {
        let mut is_second = false;
        loop {
            let attempt = self.attempt();
            let connection = match self.0.connection(&attempt).await {
                Ok(connection) => connection,
                Err(error) => {
                    self.forget(&attempt);
                    return Err(error);
                }
            };
            let mut call = Call { single: self, attempt: &attempt, since: Instant::now(), is_answered: false };
            let answer = question.put_over(&connection).await;
            call.is_answered = true;
            let Err(error) = &answer else { return answer };
            let is_over = is_broken(error) || is_wrong_server(error) && attempt.since.elapsed() >= SETTLED;
            if is_over {
                self.forget(&attempt);
            }
            if !is_over || is_second || error.is_timeout() {
                return answer;
            }
            is_second = true;
        }
    }

    /// Returns the connection in use, or the attempt to make one, which all calls share.
    fn attempt(&self) -> Arc<Attempt> {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = &*current {
            return Arc::clone(attempt);
        }
        let id = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let attempt = Arc::new(Attempt { id, since: Instant::now(), connection: OnceCell::new() });
        *current = Some(Arc::clone(&attempt));
        drop(current);
        // The attempt continues even if every call that waits for it is given up.
        if let Ok(runtime) = Handle::try_current() {
            let (single, attempt) = (self.clone(), Arc::clone(&attempt));
            runtime.spawn(async move {
                if single.0.connection(&attempt).await.is_err() {
                    single.forget(&attempt);
                }
            });
        }
        attempt
    }

    fn forget(&self, attempt: &Arc<Attempt>) {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, attempt)) {
            *current = None;
        }
    }
}

impl Inner {
    async fn connection(&self, attempt: &Attempt) -> RedisResult<MultiplexedConnection> {
        attempt.connection.get_or_init(|| self.connect()).await.clone()
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        // Boxed, so that the future of every call stays small.
        match &self.origin {
            Origin::Host(client) => Box::pin(client.get_multiplexed_async_connection_with_config(&self.config)).await,
            Origin::Sentinel(client) => {
                Box::pin(client.lock().await.get_async_connection_with_config(&self.config)).await
            }
        }
    }
}

/// A call in progress.
struct Call<'a> {
    single: &'a Single,
    attempt: &'a Arc<Attempt>,
    since: Instant,
    is_answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.since.elapsed() >= SUSPICIOUS {
            self.single.forget(self.attempt);
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
