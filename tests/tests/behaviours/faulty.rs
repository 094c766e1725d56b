//! A store whose calls fail, lose their answer or wait, as the test plans.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use session_runtime::{
    Clock, KeyRing, SessionsBuilder, Timestamp,
    store::{Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{Server, Site},
    store::AnyStore,
};
use tokio::sync::Semaphore;

/// The fault of one call.
#[derive(Clone)]
pub(crate) enum Fault {
    None,
    /// The call does not reach the store.
    Down,
    /// The call reaches the store, but the answer is lost.
    Lost,
    /// The call reaches the store immediately. Its answer arrives after the gate opens.
    Slow(Gate),
    /// The call reaches the store after the gate opens.
    Late(Gate),
    /// The call does not reach the store, and fails after the gate opens.
    SlowlyDown(Gate),
    /// The swap is never answered. It is applied after the gate opens, even if its caller has given up. A second call of
    /// [`Gate::wait`] returns after the swap is applied.
    AfterAll(Gate),
}

/// Returns a plan: `calls` successful calls, followed by the faults in `then`.
pub(crate) fn after(calls: usize, then: impl IntoIterator<Item = Fault>) -> Vec<Fault> {
    std::iter::repeat_n(Fault::None, calls).chain(then).collect()
}

/// A gate at which a call waits.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }

    /// Returns once a call waits.
    pub(crate) async fn wait(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.opened.acquire().await.unwrap().forget();
    }
}

/// Wraps a store, and causes the planned faults.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: AnyStore,
    plan: Arc<Mutex<VecDeque<Fault>>>,
    swaps: Arc<Mutex<Vec<Key>>>,
}

impl Faulty {
    pub(crate) fn new(inner: &AnyStore) -> Self {
        Self { inner: inner.clone(), plan: Arc::default(), swaps: Arc::default() }
    }

    /// Returns a server that uses a `Faulty` around `store`, and that `Faulty`.
    pub(crate) fn server(
        store: &AnyStore,
        options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
    ) -> (Server, Self) {
        let faulty = Self::new(store);
        let under = faulty.clone();
        (Server::with(store.clone(), |builder| options(builder.store(under))), faulty)
    }

    /// Returns the servers of two processes that serve the same sessions, and the `Faulty` that each of them uses.
    pub(crate) fn two_servers(
        store: &AnyStore,
        options: impl Fn(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
    ) -> [(Server, Self); 2] {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        [(); 2].map(|()| {
            let faulty = Self::new(store);
            let under = faulty.clone();
            let on = |builder: SessionsBuilder<Site>| options(builder.store(under));
            (Server::made(store.clone(), keys.clone(), clock.clone(), on), faulty)
        })
    }

    /// Returns the keys of the swaps since the last call.
    pub(crate) fn swapped(&self) -> Vec<Key> {
        std::mem::take(&mut self.swaps.lock().unwrap())
    }

    /// Sets the faults of the next calls; all calls after them succeed.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.plan.lock().unwrap() = faults.into_iter().collect();
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let fault = self.plan.lock().unwrap().pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => call.await,
            Fault::Down => Err(StoreError::new("the store is down")),
            Fault::Lost => {
                call.await?;
                Err(StoreError::new("the connection broke before the answer came"))
            }
            Fault::Late(gate) => {
                gate.pass().await;
                call.await
            }
            Fault::Slow(gate) => {
                let answer = call.await;
                gate.pass().await;
                answer
            }
            Fault::SlowlyDown(gate) => {
                gate.pass().await;
                Err(StoreError::new("the store is down"))
            }
            Fault::AfterAll(_) => panic!("only a swap can be applied later"),
        }
    }

    /// Returns the gate of the next fault if that is [`Fault::AfterAll`], and removes the fault from the plan.
    fn next_is_after_all(&self) -> Option<Gate> {
        let mut plan = self.plan.lock().unwrap();
        match plan.front() {
            Some(Fault::AfterAll(gate)) => {
                let gate = gate.clone();
                plan.pop_front();
                Some(gate)
            }
            _ => None,
        }
    }
}

impl Store for Faulty {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.call(self.inner.load(key, now)).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.swaps.lock().unwrap().push(*key);
        if let Some(gate) = self.next_is_after_all() {
            let (inner, key, before, after) = (self.inner.clone(), *key, before.cloned(), after.cloned());
            tokio::spawn(async move {
                gate.pass().await;
                inner.swap(&key, before.as_ref(), after.as_ref(), now).await.unwrap();
                gate.arrived.add_permits(1);
            });
            return std::future::pending().await;
        }
        self.call(self.inner.swap(key, before, after, now)).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.call(self.inner.scan(from, now)).await
    }
}
