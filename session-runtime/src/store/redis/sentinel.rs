//! The server that Sentinel says is the master, asked for anew when it no longer is, or no longer answers.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection,
    sentinel::SentinelClient,
};

use super::connect::Question;

/// A call that waited for this long in vain has Sentinel asked: a master that hangs breaks no connection.
const SUSPICIOUS: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Sentinel(Arc<Inner>);

struct Inner {
    client: tokio::sync::Mutex<SentinelClient>,
    config: AsyncConnectionConfig,
    current: Mutex<Option<Master>>,
    connections: AtomicU64,
}

#[derive(Clone)]
struct Master {
    number: u64,
    connection: MultiplexedConnection,
}

impl Sentinel {
    pub(super) async fn open(client: SentinelClient, config: AsyncConnectionConfig) -> RedisResult<Self> {
        let inner = Inner {
            client: tokio::sync::Mutex::new(client),
            config,
            current: Mutex::new(None),
            connections: AtomicU64::new(0),
        };
        inner.master().await?;
        Ok(Self(Arc::new(inner)))
    }

    /// Asks the master; once more, if it turns out to be none.
    pub(super) async fn put(&self, question: Question<'_>) -> RedisResult<Value> {
        match self.put_once(question).await {
            Err(error) if is_no_master(&error) => self.put_once(question).await,
            answer => answer,
        }
    }

    async fn put_once(&self, question: Question<'_>) -> RedisResult<Value> {
        let Master { number, connection } = self.0.master().await?;
        let mut call = Call { inner: &self.0, number, since: Instant::now(), is_answered: false };
        let answer = question.put_to(connection).await;
        call.is_answered = true;
        if answer.as_ref().is_err_and(is_no_master) {
            self.0.forget(number);
        }
        answer
    }
}

impl Inner {
    async fn master(&self) -> RedisResult<Master> {
        if let Some(master) = self.current() {
            return Ok(master);
        }
        let mut client = self.client.lock().await;
        // Somebody else may have asked meanwhile.
        if let Some(master) = self.current() {
            return Ok(master);
        }
        // In a box, as in `Link::open`: every call could come to this.
        let connection = Box::pin(client.get_async_connection_with_config(&self.config)).await?;
        let master = Master { number: self.connections.fetch_add(1, Ordering::Relaxed), connection };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(master.clone());
        Ok(master)
    }

    fn current(&self) -> Option<Master> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|master| master.number == number) {
            *current = None;
        }
    }
}

/// A call under way. Dropped without an answer: whoever made it does not wait any more.
struct Call<'a> {
    inner: &'a Inner,
    number: u64,
    since: Instant,
    is_answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.since.elapsed() >= SUSPICIOUS {
            self.inner.forget(self.number);
        }
    }
}

/// Whether the server is gone, or has become a replica.
fn is_no_master(error: &RedisError) -> bool {
    let role = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
    error.is_io_error() || error.is_unrecoverable_error() || role.contains(&error.kind())
}
