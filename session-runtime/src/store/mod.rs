//! The store contract: a store loads a value, and replaces a value if it has not changed since it was loaded. A store knows
//! nothing about sessions.

use std::pin::Pin;

use futures_util::future::try_join_all;

pub(crate) use self::place::Place;
#[doc(hidden)]
pub use self::place::{AnyPlace, Backend, ListsUsers, Requirements, SharedFields, SharesFields, UserLists};
pub use self::{
    feed::Feed,
    register::register,
    scan::{Position, Scanned},
    url::StoreUrl,
};
use crate::{clock::Timestamp, event::Events};
pub use crate::{
    error::StoreError,
    key::Key,
    value::{Class, Revision, Swapped, Value, Versioned},
};

pub(crate) mod cookie;
mod feed;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "memory")]
pub mod memory;
mod place;
mod query;
#[cfg(feature = "redis")]
pub mod redis;
mod register;
mod scan;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub mod sql;
mod url;

/// Keeps values under keys, and replaces a value only if it has not changed since it was loaded.
///
/// A value is a session, a list of the sessions of a user or with a value of an `index` field, or one of the small values of
/// [`Class`]. A store treats all of them alike. So it needs no other operations to list, limit and revoke the sessions of a
/// user.
///
/// * **A store compares and replaces, nothing else.** It reads only the header of a value.
/// * **A value is written as a whole, or not at all.** [`Swapped::Done`] means that it was written, and [`Swapped::Stale`] that
///   nothing was. After an error, either may be true.
/// * **A swap may take effect late**, long after its caller gave up. The comparison keeps a late swap from undoing later writes.
/// * **A store need not retry.** The engine sends a failed swap once more, and recognises its own writes.
/// * **Once a swap has returned, every later load in any process sees its result.**
/// * **Every `now` comes from the runtime's one clock.** A store that removes expired values compares
///   [`Value::expires_at`] with it, and never with a clock of its own.
/// * **An expired value may be returned or left out.** But `swap` must agree with `load` about the key's value: a swap that
///   expects nothing answers `Done` if a load returns nothing, and `Stale` if a load returns the expired value.
/// * **A server may remove expired values** by itself, by a time to live. [`Value::time_to_live`] returns it: counted from
///   `now`, rounded up, with some time to spare.
///
/// [`testing::conformance`](crate::testing::conformance) checks that a store follows these rules.
///
/// ```
/// use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use session_runtime::{Timestamp, store::{Key, Store, StoreError, Swapped, Value, Versioned}};
///
/// #[derive(Clone, Default)]
/// struct Shelf(Arc<Mutex<HashMap<[u8; 16], Value>>>);
///
/// impl Store for Shelf {
///     async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
///         let shelf = self.0.lock().map_err(|_| StoreError::new("the shelf broke"))?;
///         Ok(shelf.get(&key.digest()).cloned().map(Versioned::new))
///     }
///
///     async fn swap(
///         &self,
///         key: &Key,
///         before: Option<&Versioned>,
///         after: Option<&Value>,
///         _now: Timestamp,
///     ) -> Result<Swapped, StoreError> {
///         let mut shelf = self.0.lock().map_err(|_| StoreError::new("the shelf broke"))?;
///         let current = shelf.get(&key.digest()).cloned().map(Versioned::new);
///         if current.as_ref().map(Versioned::revision) != before.map(Versioned::revision) {
///             return Ok(Swapped::Stale(current));
///         }
///         Ok(match after {
///             Some(value) => {
///                 shelf.insert(key.digest(), value.clone());
///                 Swapped::written(value)
///             }
///             None => {
///                 shelf.remove(&key.digest());
///                 Swapped::removed()
///             }
///         })
///     }
///
///     async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
///         let mut shelf = self.0.lock().map_err(|_| StoreError::new("the shelf broke"))?;
///         let before = shelf.len();
///         shelf.retain(|_, value| !value.expires_at().passed(now));
///         Ok((before - shelf.len()) as u64)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    label = "not a store",
    note = "give one, such as `MemoryStore::new()` or `FileStore::open(\"sessions\").await?`, or implement \
            `session_runtime::store::Store` for your own"
)]
pub trait Store: Send + Sync + 'static {
    /// Loads the value under `key`; `None` if there is none. An expired value may be returned or left out.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell what the key holds. A key that holds nothing is not an error. Bytes that make
    /// no sense are not an error either: [`Value::from_bytes`] takes any bytes, and the engine decides what to do with them.
    fn load(&self, key: &Key, now: Timestamp) -> impl Future<Output = Result<Option<Versioned>, StoreError>> + Send;

    /// Replaces `before` by `after`, if the key still holds `before`: compare-and-swap.
    ///
    /// `before` carries the revision to compare. It comes from a load or from [`Swapped::Stale`], or it is a value that the
    /// engine wrote, with the revision from [`Swapped::Done`].
    ///
    /// | `before` | `after` | `Done` |
    /// |---|---|---|
    /// | a value | a value | the key held `before`, and holds `after` now |
    /// | a value | `None` | the key held `before`, and holds nothing now |
    /// | `None` | a value | the key held nothing, and holds `after` now |
    /// | `None` | `None` | the key holds nothing |
    ///
    /// In all other cases nothing is written, and the answer is `Stale` with the key's current value. Some stores, such as one
    /// over an HTTP API, cannot tell whether the comparison failed or two concurrent swaps conflicted. Such a store loads the
    /// value again and answers `Stale` with it. If that value is `before` itself, the engine tries again.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell whether the value was replaced. The engine then sends the swap once more.
    fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// Removes the values that have expired by `now`, and returns how many. The method must not delay requests. The default
    /// removes nothing, for stores whose server removes expired values.
    ///
    /// A request may extend a value after this method has read it. So compare the value's revision or deadline when you remove
    /// it.
    ///
    /// Each process calls this every [`clean_every`](crate::SessionsBuilder::clean_every), so several calls may run at the same
    /// time. No request waits for it, and [`store_timeout`](crate::SessionsBuilder::store_timeout) does not apply.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be reached; values already removed stay removed.
    fn delete_expired(&self, now: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send {
        let _ = now;
        async { Ok(0) }
    }

    /// Loads the values under several keys: one answer for each key, in the order of the keys, even if a key comes twice. The
    /// engine calls this with at most 64 keys, to check the sessions that streams and sockets watch, but a store accepts any
    /// number. Implement it if the store can load them in one query. The default calls [`Store::load`] for each key, concurrently.
    ///
    /// # Errors
    /// As [`Store::load`], if any value cannot be loaded.
    fn load_many(
        &self,
        keys: &[Key],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Option<Versioned>>, StoreError>> + Send {
        try_join_all(keys.iter().map(move |key| self.load(key, now)))
    }

    /// Listens for sessions that end, in any process: calls [`Feed::wrote`] for each critical write ([`Value::is_critical`])
    /// and each removal that succeeded. A critical write may also create a value.
    ///
    /// The future runs until the connection to the server is lost, and then returns an error; after a while, the engine calls
    /// the method again. The engine stops listening by dropping the future.
    ///
    /// The default returns `Ok` immediately, which means that the store has no such feed. With or without a feed, the engine
    /// also loads the watched sessions every [`watch_every`](crate::SessionsBuilder::watch_every). So if a message is lost,
    /// the engine still learns that a session has ended, only later.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot listen, or can no longer do so.
    fn listen(&self, feed: Feed) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = feed;
        async { Ok(()) }
    }

    /// Returns the next batch of the values, from a position on; `None` if the store cannot list its values. The values are
    /// sessions of all applications and kinds, lists of sessions, revocations, tombstones and markers: [`Value::class`] tells
    /// them apart. [`Sessions::all`](crate::Sessions::all) and
    /// [`Sessions::revoke_everyone`](crate::Sessions::revoke_everyone) need this method.
    ///
    /// * A value that is present from the first call to the last is in at least one batch, even if requests replace it
    ///   meanwhile. A value that is added or removed during the scan may be in no batch.
    /// * A batch has at most a few hundred values. It may have none although more batches follow. It may leave out expired
    ///   values.
    /// * A scan does not delay requests.
    ///
    /// The default returns `None`. A store that wraps another one has to pass the call on.
    ///
    /// # Errors
    /// [`StoreError::unknown_position`] if the store did not return this position, or can no longer continue from it. Another
    /// error if the store cannot be reached.
    ///
    /// ```
    /// use session_runtime::{Timestamp, store::{Class, Position, Store, StoreError}};
    ///
    /// /// Returns how many sessions are signed in. A store may include expired ones that were not cleaned up yet.
    /// async fn signed_in(store: &impl Store, now: Timestamp) -> Result<usize, StoreError> {
    ///     let mut keys = std::collections::HashSet::new();
    ///     let mut next = Some(Position::start());
    ///     while let Some(from) = next {
    ///         let Some(batch) = store.scan(&from, now).await? else { break };
    ///         let users = batch.values.into_iter().filter(|(_, found)| found.value().class() == Class::User);
    ///         keys.extend(users.map(|(key, _)| key));
    ///         next = batch.next;
    ///     }
    ///     Ok(keys.len())
    /// }
    /// ```
    fn scan(
        &self,
        from: &Position,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Scanned>, StoreError>> + Send {
        let _ = (from, now);
        async { Ok(None) }
    }

    /// Gives the store the event receivers of the [`Sessions`](crate::Sessions) that are built on it, in one call for each
    /// `Sessions`. The store calls [`Events::evicted`] when it removes a live session on its own.
    fn observe(&self, events: Events) {
        let _ = events;
    }

    /// Returns this store if it answers without waiting, otherwise `None`.
    #[allow(private_interfaces, reason = "only this crate implements it")]
    #[doc(hidden)]
    fn in_process(&self) -> Option<&dyn InProcess> {
        None
    }
}

/// A store in this process that answers without waiting, so the engine calls it without a boxed future.
pub(crate) trait InProcess {
    fn load_now(&self, key: &Key) -> Option<Versioned>;
    fn swap_now(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError>;
}

/// A store's answer, as a boxed future.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`Store`] as a trait object, so that the types of sessions do not depend on the type of their store.
pub(crate) trait DynStore: Send + Sync + 'static {
    fn load<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Option<Versioned>>;
    fn swap<'a>(
        &'a self,
        key: &'a Key,
        before: Option<&'a Versioned>,
        after: Option<&'a Value>,
        now: Timestamp,
    ) -> Answer<'a, Swapped>;
    fn load_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> Answer<'a, Vec<Option<Versioned>>>;
    fn listen(&self, feed: Feed) -> Answer<'_, ()>;
    fn delete_expired(&self, now: Timestamp) -> Answer<'_, u64>;
    fn scan<'a>(&'a self, from: &'a Position, now: Timestamp) -> Answer<'a, Option<Scanned>>;
    fn observe(&self, events: Events);
    fn in_process(&self) -> Option<&dyn InProcess>;
}

impl<S: Store> DynStore for S {
    fn load<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Option<Versioned>> {
        Box::pin(Store::load(self, key, now))
    }

    fn swap<'a>(
        &'a self,
        key: &'a Key,
        before: Option<&'a Versioned>,
        after: Option<&'a Value>,
        now: Timestamp,
    ) -> Answer<'a, Swapped> {
        Box::pin(Store::swap(self, key, before, after, now))
    }

    fn load_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> Answer<'a, Vec<Option<Versioned>>> {
        Box::pin(Store::load_many(self, keys, now))
    }

    fn listen(&self, feed: Feed) -> Answer<'_, ()> {
        Box::pin(Store::listen(self, feed))
    }

    fn delete_expired(&self, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(Store::delete_expired(self, now))
    }

    fn scan<'a>(&'a self, from: &'a Position, now: Timestamp) -> Answer<'a, Option<Scanned>> {
        Box::pin(Store::scan(self, from, now))
    }

    fn observe(&self, events: Events) {
        Store::observe(self, events);
    }

    fn in_process(&self) -> Option<&dyn InProcess> {
        Store::in_process(self)
    }
}
