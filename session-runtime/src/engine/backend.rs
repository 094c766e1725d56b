//! [`Backend`]: keeps the sessions. Each call to a store outside this process has a time limit, except the removal of expired
//! values.

use std::{sync::Arc, time::Duration};

use tokio::task::yield_now;

use super::{Client, Engine, deadline::Deadline, lists::on_slow_clock};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    event::Events,
    key::Key,
    meter::{self, Timer},
    store::{DynStore, Position, Scanned, StoreError},
    timeout::{Elapsed, timeout},
    value::{Swapped, Value, Versioned},
};

const CANNOT_LIST: &str = "the store of these sessions cannot list its values, so its sessions can be listed and ended only by \
                           user: implement `session_runtime::store::Store::scan` for the store";
const IN_COOKIES: &str = "each of these sessions is in its visitor's cookie, so no server can list or end them: to sign out \
                          every visitor, set `CookieStore::issued_after` to the present, or replace the keys of the ring";

/// The place where sessions are kept.
pub(crate) enum Backend {
    /// In a store. The cookie names a session and proves the right to it.
    Store(Arc<dyn DynStore>),
    /// In their visitors' cookies.
    Cookie(Box<Client>),
}

impl Backend {
    /// Returns the store that holds the sessions or, for sessions in cookies, the revocations.
    pub(super) fn store(&self) -> Option<&dyn DynStore> {
        match self {
            Self::Store(store) => Some(&**store),
            Self::Cookie(client) => client.revocations(),
        }
    }

    /// Returns the store that holds the sessions.
    ///
    /// # Errors
    /// If the sessions are in their visitors' cookies.
    pub(super) fn sessions(&self) -> Result<&dyn DynStore, Error> {
        match self {
            Self::Store(store) => Ok(&**store),
            Self::Cookie(_) => Err(Error::new(Kind::NotListed(IN_COOKIES))),
        }
    }

    /// Returns a shared handle to the same store as [`store`](Self::store).
    pub(super) fn shared_store(&self) -> Option<Arc<dyn DynStore>> {
        match self {
            Self::Store(store) => Some(Arc::clone(store)),
            Self::Cookie(client) => client.shared_revocations(),
        }
    }

    /// Returns whether the store is in this process, so that no other process uses it.
    pub(super) fn is_in_process(&self) -> bool {
        self.store().is_some_and(|store| store.in_process().is_some())
    }

    /// Returns whether sessions are in their visitors' cookies.
    pub(super) const fn is_cookie(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }

    /// Passes `events` to the store, which reports its own events there.
    pub(crate) fn observe(&self, events: Events) {
        if let Some(store) = self.store() {
            store.observe(events);
        }
    }
}

impl Engine {
    /// Removes expired values. Returns how many.
    pub(crate) async fn delete_expired(&self) -> Result<u64, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(0) };
        let timer = Timer::start();
        let deleted = store.delete_expired(self.clock.now()).await;
        timer.stop(self.kind(), "delete_expired", &deleted);
        deleted
    }

    /// Loads the value under `key`. Returns `None` if sessions are in cookies and no store keeps revocations.
    pub(super) async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.load_before(key, now, None).await
    }

    /// Loads the value under `key`, as [`load`](Self::load) does, but no later than the deadline.
    pub(super) async fn load_before(
        &self,
        key: &Key,
        now: Timestamp,
        deadline: Option<&Deadline>,
    ) -> Result<Option<Versioned>, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(None) };
        let timer = Timer::start();
        let loaded = match store.in_process() {
            Some(store) => Ok(store.load_now(key)),
            None => in_time(timeout(|| self.limit(deadline), store.load(key, now)).await),
        };
        timer.stop(self.kind(), "load", &loaded);
        loaded
    }

    /// Loads the values under these keys, in their order.
    pub(super) async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        self.load_many_before(keys, now, None).await
    }

    /// Loads the values under these keys, as [`load_many`](Self::load_many) does, but no later than the deadline.
    pub(super) async fn load_many_before(
        &self,
        keys: &[Key],
        now: Timestamp,
        deadline: Option<&Deadline>,
    ) -> Result<Vec<Option<Versioned>>, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(vec![None; keys.len()]) };
        let timer = Timer::start();
        let loaded = match store.in_process() {
            Some(store) => Ok(keys.iter().map(|key| store.load_now(key)).collect()),
            None => in_time(timeout(|| self.limit(deadline), store.load_many(keys, now)).await),
        };
        timer.stop(self.kind(), "load_many", &loaded);
        loaded
    }

    /// Returns the next batch of the store's values, from a position on. A batch may take as long as a commit, since it loads
    /// several hundred values.
    ///
    /// # Errors
    /// If the store cannot list its values, or does not know the position. [`Error::is_unavailable`] if it does not answer.
    pub(super) async fn scan(&self, from: &Position) -> Result<Scanned, Error> {
        let store = self.backend.sessions()?;
        // A store in this process answers without waiting, so other tasks get no turn during its answer.
        yield_now().await;
        let scan =
            async || in_time(timeout(|| self.commit_timeout, store.scan(from, on_slow_clock(self.clock.now()))).await);
        let scanned = match scan().await {
            Err(error) if !error.is_timeout() && !error.is_unknown_position() => scan().await,
            scanned => scanned,
        };
        match scanned {
            Ok(scanned) => scanned.ok_or_else(|| Error::new(Kind::NotListed(CANNOT_LIST))),
            Err(error) if error.is_unknown_position() => Err(Error::new(Kind::UnknownPosition)),
            Err(error) => Err(error.into()),
        }
    }

    /// Does one compare-and-swap within the deadline.
    pub(super) async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
        deadline: Option<&Deadline>,
    ) -> Result<Swapped, StoreError> {
        let Some(store) = self.backend.store() else { return Ok(Swapped::Stale(None)) };
        let timer = Timer::start();
        let swapped = match store.in_process() {
            Some(store) => store.swap_now(key, before, after, now),
            None => in_time(timeout(|| self.limit(deadline), store.swap(key, before, after, now)).await),
        };
        timer.stop(self.kind(), "swap", &swapped);
        if let (Ok(Swapped::Done(_)), Some(bytes)) = (&swapped, after.and_then(Value::field_bytes)) {
            meter::size(self.kind(), bytes);
        }
        // The store may have applied the write even if it returned an error.
        if after.is_none_or(Value::is_critical) && !matches!(swapped, Ok(Swapped::Stale(_))) {
            self.watches.hint(key);
        }
        swapped
    }

    /// Returns how long a call may take.
    fn limit(&self, deadline: Option<&Deadline>) -> Duration {
        deadline.map_or(self.store_timeout, |deadline| deadline.left().min(self.store_timeout))
    }
}

/// Returns the store's answer, or an error if the call exceeded its time limit (B33).
fn in_time<T>(answered: Result<Result<T, StoreError>, Elapsed>) -> Result<T, StoreError> {
    answered.unwrap_or_else(|Elapsed(limit)| Err(StoreError::timeout(limit)))
}
