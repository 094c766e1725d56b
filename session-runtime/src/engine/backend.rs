//! [`Backend`]: where sessions are, and how a store is asked: within a time limit.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use super::{Client, Engine, deadline::Deadline};
use crate::{
    clock::Timestamp,
    event::Events,
    key::Key,
    store::{Answer, DynStore, StoreError},
    value::{Swapped, Value, Versioned},
};

/// Where sessions are.
pub(crate) enum Backend {
    /// In a store. The cookie names and proves them.
    Store(Arc<dyn DynStore>),
    /// In their visitors' cookies.
    Cookie(Box<Client>),
}

impl Backend {
    /// The store that is asked: that of the sessions, or of the revocations of those in cookies.
    pub(super) fn store(&self) -> Option<&dyn DynStore> {
        match self {
            Self::Store(store) => Some(&**store),
            Self::Cookie(client) => client.revocations(),
        }
    }

    /// Whether the store is in this process, so that no other asks it.
    pub(super) fn is_in_process(&self) -> bool {
        self.store().is_some_and(|store| store.in_process().is_some())
    }

    /// Whether sessions are in their visitors' cookies.
    pub(super) const fn is_cookie(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }

    /// Tells the store where to report what happens there.
    pub(crate) fn observe(&self, events: Events) {
        if let Some(store) = self.store() {
            store.observe(events);
        }
    }

    /// Removes what has expired, and says how much that was.
    pub(crate) async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        match self.store() {
            Some(store) => store.delete_expired(now).await,
            None => Ok(0),
        }
    }
}

impl Engine {
    /// What the store holds under `key`; nothing if there is no store.
    pub(super) async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.load_before(key, now, None).await
    }

    /// The same, before the deadline.
    pub(super) async fn load_before(
        &self,
        key: &Key,
        now: Timestamp,
        deadline: Option<&Deadline>,
    ) -> Result<Option<Versioned>, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(None) };
        match store.in_process() {
            Some(store) => Ok(store.load_now(key)),
            None => within(|| self.limit(deadline), store.load(key, now)).await,
        }
    }

    /// One compare-and-swap, before the deadline.
    pub(super) async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
        deadline: Option<&Deadline>,
    ) -> Result<Swapped, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(Swapped::Stale(None)) };
        match store.in_process() {
            Some(store) => store.swap_now(key, before, after, now),
            None => within(|| self.limit(deadline), store.swap(key, before, after, now)).await,
        }
    }

    /// How long a call may take.
    fn limit(&self, deadline: Option<&Deadline>) -> Duration {
        deadline.map_or(self.store_timeout, |deadline| deadline.left().min(self.store_timeout))
    }
}

/// Waits for an answer, but not for ever (B33). One that is there at once needs no timer.
async fn within<T>(limit: impl FnOnce() -> Duration, mut answer: Answer<'_, T>) -> Result<T, StoreError> {
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
        return answer;
    }
    let limit = limit();
    // In a box, since every request would have room for a timer otherwise, also where none is ever set.
    Box::pin(tokio::time::timeout(limit, answer)).await.unwrap_or_else(|_| Err(StoreError::timeout(limit)))
}
