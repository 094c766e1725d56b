//! A store that records its calls, and answers slowly if the test wants that.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use session_runtime::{
    SessionsBuilder, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{Server, Site},
    store::AnyStore,
};

/// A call of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Load,
    Swap,
    /// A load of this many keys.
    LoadMany(usize),
}

/// Wraps a store, and records its calls.
#[derive(Clone)]
pub(crate) struct Counted {
    inner: AnyStore,
    calls: Arc<Mutex<Vec<Call>>>,
    delay: Arc<Mutex<Duration>>,
}

impl Counted {
    /// Returns a server that uses a `Counted` around `store`, and that `Counted`.
    pub(crate) fn server(
        store: &AnyStore,
        options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
    ) -> (Server, Self) {
        let counted = Self { inner: store.clone(), calls: Arc::default(), delay: Arc::default() };
        let under = counted.clone();
        (Server::with(store.clone(), |builder| options(builder.store(under))), counted)
    }

    /// Returns the calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Delays each call from now on.
    pub(crate) fn delay(&self, by: Duration) {
        *self.delay.lock().unwrap() = by;
    }

    async fn note(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

impl Store for Counted {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.note(Call::Load).await;
        self.inner.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.note(Call::Swap).await;
        self.inner.swap(key, before, after, now).await
    }

    async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        self.note(Call::LoadMany(keys.len())).await;
        self.inner.load_many(keys, now).await
    }
}
