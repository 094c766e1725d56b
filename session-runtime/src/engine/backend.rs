//! [`Backend`]: where sessions are, and how a store is asked: within a time limit.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use super::{Client, Engine};
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
        let Some(store) = self.backend.store() else { return Ok(None) };
        within(self.store_timeout, store.load(key, now)).await
    }

    /// One compare-and-swap, within `limit` and the time that a call may take.
    pub(super) async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        limit: Duration,
    ) -> Result<Swapped, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(Swapped::Stale(None)) };
        within(self.store_timeout.min(limit), store.swap(key, before, after, self.clock.now())).await
    }
}

/// Waits for an answer, but not for ever (B33). One that is there at once, as from memory, needs no timer.
pub(super) async fn within<T>(limit: Duration, mut answer: Answer<'_, T>) -> Result<T, StoreError> {
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
        return answer;
    }
    // In a box, since every request would have room for a timer otherwise, also where none is ever set.
    Box::pin(tokio::time::timeout(limit, answer)).await.unwrap_or_else(|_| Err(StoreError::timeout(limit)))
}
