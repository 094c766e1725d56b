//! [`Connections`]: one connection for each Tokio runtime that uses the store.
//!
//! The task that reads and writes a connection belongs to the runtime that opened it. If another runtime used the connection,
//! each command and each answer would wake a thread, with two system calls each time. And while the first runtime is blocked,
//! the other would get no answer. actix-web, for example, has a runtime for each of its workers.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use redis::RedisResult;
use tokio::{
    runtime::{Handle, Id},
    sync::{oneshot, watch},
};

/// The id of the next attempt.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);

/// Opens connections to the server that is the right one at the time of the call.
pub(super) trait Connect: Send + Sync + 'static {
    type Connection: Clone + Send + Sync + 'static;

    fn connect(&self) -> impl Future<Output = RedisResult<Self::Connection>> + Send;
}

pub(super) struct Connections<O: Connect>(Arc<Inner<O>>);

struct Inner<O: Connect> {
    origin: O,
    /// The connection of each runtime, or the attempt to open it. Entries of runtimes that have shut down are removed.
    attempts: Mutex<Attempts<O::Connection>>,
}

type Attempts<C> = HashMap<Id, Arc<Attempt<C>>>;

/// An attempt to open a connection, and the connection itself.
pub(super) struct Attempt<C> {
    /// Distinguishes this attempt from all others.
    pub(super) id: u64,
    pub(super) since: Instant,
    /// Empty while the connection is being opened, and for ever if the runtime shuts down meanwhile.
    result: OnceLock<RedisResult<C>>,
    /// Closed when the attempt has ended.
    ended: watch::Receiver<()>,
    /// The task ends when this is dropped together with the attempt.
    _task: oneshot::Sender<()>,
}

impl<O: Connect> Connections<O> {
    pub(super) fn new(origin: O) -> Self {
        Self(Arc::new(Inner { origin, attempts: Mutex::new(HashMap::new()) }))
    }

    pub(super) fn origin(&self) -> &O {
        &self.0.origin
    }

    /// Returns the connection of the current runtime. If there is none, opens it. All calls of one runtime share the attempt.
    ///
    /// # Panics
    /// Outside a runtime, as tokio's timers and sockets do.
    pub(super) async fn get(&self) -> RedisResult<(Arc<Attempt<O::Connection>>, O::Connection)> {
        let attempt = self.attempt();
        if attempt.result.get().is_none() {
            // The sender sends nothing, so this waits until the sender is dropped, and then returns an error.
            let _ = attempt.ended.clone().changed().await;
        }
        match attempt.result.get() {
            Some(Ok(connection)) => {
                let connection = connection.clone();
                Ok((attempt, connection))
            }
            Some(Err(error)) => Err(error.clone()),
            None => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
        }
    }

    /// Returns whether this attempt is still the one of the current runtime.
    pub(super) fn still_uses(&self, id: u64) -> bool {
        let current = Handle::try_current().ok();
        current.is_some_and(|runtime| self.0.attempts().get(&runtime.id()).is_some_and(|current| current.id == id))
    }

    /// Forgets the connections of all runtimes whose attempts began no later than `began`, so that the next call on each runtime
    /// opens a connection again. `began`: the start of a call whose server was the wrong one, or did not answer. The other
    /// connections may lead to the same server. Calls in progress keep theirs.
    pub(super) fn replace(&self, began: Instant) {
        let mut attempts = self.0.attempts();
        let former: Vec<_> = attempts.extract_if(|_, attempt| attempt.since <= began).collect();
        drop(attempts);
        // Dropped after the lock is free, since this ends tasks.
        drop(former);
    }

    fn attempt(&self) -> Arc<Attempt<O::Connection>> {
        let runtime = Handle::current();
        let mut attempts = self.0.attempts();
        if let Some(attempt) = attempts.get(&runtime.id()) {
            return Arc::clone(attempt);
        }
        let id = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let (ending, ended) = watch::channel(());
        let (task, forgotten) = oneshot::channel();
        let attempt = Arc::new(Attempt { id, since: Instant::now(), result: OnceLock::new(), ended, _task: task });
        attempts.insert(runtime.id(), Arc::clone(&attempt));
        drop(attempts);
        let entry = Entry { inner: Arc::downgrade(&self.0), runtime: runtime.id(), id };
        let (inner, opened) = (Arc::clone(&self.0), Arc::clone(&attempt));
        // The attempt continues even if every call that waits for it is given up.
        runtime.spawn(async move {
            // Boxed, since the futures of the client are large.
            let result = Box::pin(inner.origin.connect()).await;
            let is_open = result.is_ok();
            let _ = opened.result.set(result);
            drop((inner, opened));
            if is_open {
                drop(ending);
                let _ = forgotten.await;
                drop(entry);
            } else {
                // In this order, so that a call that learns of the failure, and is repeated, makes a new attempt.
                drop(entry);
                drop(ending);
            }
        });
        attempt
    }
}

impl<O: Connect> Clone for Connections<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O: Connect> Inner<O> {
    fn attempts(&self) -> MutexGuard<'_, Attempts<O::Connection>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes an attempt from its [`Connections`] when dropped. The attempt's task drops it when the attempt has failed, when
/// nothing uses the connection any longer, or when the runtime shuts down.
struct Entry<O: Connect> {
    inner: Weak<Inner<O>>,
    runtime: Id,
    id: u64,
}

impl<O: Connect> Drop for Entry<O> {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut attempts = inner.attempts();
        let is_current = attempts.get(&self.runtime).is_some_and(|current| current.id == self.id);
        let former = is_current.then(|| attempts.remove(&self.runtime));
        drop(attempts);
        // Dropped after the lock is free, since this ends tasks.
        drop(former);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicBool, AtomicUsize},
        task::Poll,
    };

    use futures_util::future::join_all;
    use tokio::{runtime::Runtime, sync::Notify, task::yield_now};

    use super::*;

    /// Opens connections that are numbers. A test can make it wait for `reachable`, or fail.
    #[derive(Default)]
    struct Origin {
        opened: AtomicUsize,
        fails: AtomicBool,
        waits: AtomicBool,
        reachable: Notify,
    }

    impl Connect for Arc<Origin> {
        type Connection = Arc<usize>;

        async fn connect(&self) -> RedisResult<Arc<usize>> {
            let number = self.opened.fetch_add(1, Ordering::SeqCst);
            if self.waits.load(Ordering::SeqCst) {
                self.reachable.notified().await;
            }
            if self.fails.load(Ordering::SeqCst) {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            Ok(Arc::new(number))
        }
    }

    fn connections() -> (Arc<Origin>, Connections<Arc<Origin>>) {
        let origin = Arc::new(Origin::default());
        (Arc::clone(&origin), Connections::new(origin))
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    async fn number(connections: &Connections<Arc<Origin>>) -> usize {
        *connections.get().await.unwrap().1
    }

    #[test]
    fn each_runtime_has_its_own_connection_which_is_dropped_when_the_runtime_shuts_down() {
        let (_, connections) = connections();
        let (first, second) = (runtime(), runtime());
        let mut seen = Vec::new();
        for runtime in [&first, &second, &first, &second] {
            seen.push(runtime.block_on(number(&connections)));
        }
        assert_eq!(seen, [0, 1, 0, 1]);
        let connection = first.block_on(connections.get()).unwrap().1;
        drop(first);
        assert_eq!(Arc::strong_count(&connection), 1, "only this test still has the connection");
        assert_eq!(second.block_on(number(&connections)), 1);
        for _ in 0..1000 {
            runtime().block_on(number(&connections));
        }
        assert_eq!(connections.0.attempts().len(), 1);
    }

    #[test]
    fn all_threads_of_a_runtime_share_a_connection() {
        let (origin, connections) = connections();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let connections = connections.clone();
                runtime.spawn(async move {
                    tokio::task::block_in_place(|| Handle::current().block_on(number(&connections)))
                })
            })
            .collect();
        assert!(runtime.block_on(join_all(tasks)).into_iter().all(|number| number.unwrap() == 0));
        assert_eq!(origin.opened.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn concurrent_calls_share_an_attempt_which_continues_when_all_are_given_up() {
        let (origin, connections) = connections();
        origin.waits.store(true, Ordering::SeqCst);
        let mut calls: Vec<_> = (0..10).map(|_| Box::pin(number(&connections))).collect();
        for call in &mut calls {
            assert!(poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_pending());
        }
        yield_now().await;
        let kept = calls.pop().unwrap();
        drop(calls);
        origin.reachable.notify_one();
        assert_eq!(kept.await, 0);
        assert_eq!(origin.opened.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_reaches_all_calls_that_wait_and_the_next_call_tries_again() {
        let (origin, connections) = connections();
        origin.fails.store(true, Ordering::SeqCst);
        let failures = join_all((0..10).map(|_| connections.get())).await;
        assert!(failures.iter().all(|failure| failure.as_ref().is_err_and(redis::RedisError::is_connection_refusal)));
        assert_eq!(origin.opened.load(Ordering::SeqCst), 1);
        assert!(connections.get().await.is_err());
        origin.fails.store(false, Ordering::SeqCst);
        assert_eq!(number(&connections).await, 2);
    }

    #[test]
    fn a_call_that_waits_for_a_runtime_that_shuts_down_gets_an_error() {
        let (origin, connections) = connections();
        origin.waits.store(true, Ordering::SeqCst);
        let (first, second) = (runtime(), runtime());
        let mut call = Box::pin(connections.get());
        first.block_on(async {
            assert!(poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_pending());
            yield_now().await;
        });
        drop(first);
        assert!(second.block_on(call).err().is_some_and(|error| error.is_connection_dropped()));
        assert!(connections.0.attempts().is_empty());
    }

    /// If one runtime finds that its server is the wrong one, the other runtimes may be connected to it too.
    #[test]
    fn a_call_that_fails_replaces_the_connections_that_were_open_when_it_began() {
        let (_, connections) = connections();
        let runtimes = [runtime(), runtime(), runtime()];
        let number_on = |at: usize| runtimes[at].block_on(number(&connections));
        assert_eq!((number_on(0), number_on(1)), (0, 1));
        let (first, _) = runtimes[0].block_on(connections.get()).unwrap();
        let began = Instant::now();
        assert_eq!(number_on(2), 2);
        connections.replace(began);
        assert!(!runtimes[0].block_on(async { connections.still_uses(first.id) }));
        assert_eq!(number_on(2), 2, "this one was opened later");
        assert_eq!((number_on(0), number_on(1)), (3, 4), "the second was younger than the first, but was open");
        connections.replace(began);
        assert_eq!((number_on(0), number_on(1)), (3, 4), "another call that began then replaces no newer connection");
    }

    #[tokio::test]
    async fn a_store_that_is_dropped_closes_its_connections() {
        let (_, connections) = connections();
        let (attempt, connection) = connections.get().await.unwrap();
        let tasks = || Handle::current().metrics().num_alive_tasks();
        assert_eq!((Arc::strong_count(&connection), tasks()), (2, 1));
        drop((connections, attempt));
        yield_now().await;
        assert_eq!((Arc::strong_count(&connection), tasks()), (1, 0));
    }
}
