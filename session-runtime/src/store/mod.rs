//! The store contract: four calls that a place for sessions must answer, and a fifth that it may answer better. A store
//! never sees a type of the user's.

use std::{pin::Pin, sync::Arc};

pub use self::index::{ENTRY_CALLED_OFF, ENTRY_GRACE, User, UserEntry, UserIndex};
#[doc(hidden)]
pub use self::needs::{Admits, Asks, ByUser, Nothing, Place, Shared, Together};
pub(crate) use self::{index::DynUserIndex, needs::Kept};
pub use self::{
    scan::{Position, Scan, Scanned},
    url::StoreUrl,
};
use crate::{clock::Timestamp, event::Events};
pub use crate::{
    error::StoreError,
    id::{Digest, Key, Nonce},
    record::{
        Add, Applied, Change, Entry, Expect, Fields, Garbled, Lifetime, NONCES, Name, Previous, Record, Renew,
        Replaced, Set, Sign, Target, Verdict,
    },
};

pub(crate) mod cookie;
#[cfg(feature = "file")]
pub mod file;
mod index;
#[cfg(feature = "memory")]
pub mod memory;
mod needs;
mod query;
#[cfg(feature = "redis")]
pub mod redis;
mod scan;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub mod sql;
mod url;

/// A place where sessions are kept.
///
/// Every `now` comes from the runtime's one clock. A store compares deadlines with it and never with a clock of its own,
/// so that a server whose clock is off neither kills sessions nor keeps them.
///
/// A store that can read, judge and write under one lock implements [`Store::apply`] by [`Change::judge`]:
///
/// ```
/// use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use session_runtime::{Timestamp, store::{Applied, Change, Key, Record, Store, StoreError}};
///
/// #[derive(Default)]
/// struct Shelf(Mutex<HashMap<[u8; 16], Arc<Record>>>);
///
/// impl Shelf {
///     fn lock(&self) -> Result<std::sync::MutexGuard<'_, HashMap<[u8; 16], Arc<Record>>>, StoreError> {
///         self.0.lock().map_err(|_| StoreError::new("the shelf broke"))
///     }
/// }
///
/// impl Store for Shelf {
///     async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
///         Ok(self.lock()?.get(&key.digest()).filter(|record| record.is_live(now)).cloned())
///     }
///
///     async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
///         let mut shelf = self.lock()?;
///         let verdict = change.judge(shelf.get(&key.digest()).map(|record| &**record), now);
///         if let Some(record) = verdict.write {
///             shelf.insert(key.digest(), record);
///         }
///         Ok(verdict.answer)
///     }
///
///     async fn delete(&self, key: &Key) -> Result<(), StoreError> {
///         self.lock()?.remove(&key.digest());
///         Ok(())
///     }
///
///     async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
///         let mut shelf = self.lock()?;
///         let before = shelf.len();
///         shelf.retain(|_, record| record.is_live(now));
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
    /// The live record under `key`.
    ///
    /// An expired record is never served, also when it is still there. A record that cannot be read (truncated,
    /// garbage) is set aside or removed with a warning, and reads as none.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell. That there is no record is not an error.
    fn load(&self, key: &Key, now: Timestamp) -> impl Future<Output = Result<Option<Arc<Record>>, StoreError>> + Send;

    /// Applies `change` to the record under `key`, whole or not at all, to the verdict of [`Change::judge`].
    ///
    /// Nothing is written unless the answer is [`Applied::Applied`]: no session comes back to life, no ghost is left.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell whether the change is in. The same change may be sent again.
    fn apply(
        &self,
        key: &Key,
        change: &Change,
        now: Timestamp,
    ) -> impl Future<Output = Result<Applied, StoreError>> + Send;

    /// Applies a change that ends a session, which [`Change::judge`] has expire and forget all it had, and says whether the
    /// record is still to be removed.
    ///
    /// By itself it is [`Store::apply`], and whoever asks removes the record: by [`Store::delete`], or if that fails by
    /// [`Store::delete_expired`]. A store that can do both in one step does. One that is sent again may then be answered
    /// [`Applied::Gone`], since nothing is left that knows its nonce: whoever sends it again reckons with that. The key may
    /// not be free at once. Of a [`UserIndex`] the entry vanishes as that of a deleted session does.
    ///
    /// # Errors
    /// As [`Store::apply`].
    fn end(
        &self,
        key: &Key,
        change: &Change,
        now: Timestamp,
    ) -> impl Future<Output = Result<Ended, StoreError>> + Send {
        async move {
            let answer = self.apply(key, change, now).await?;
            Ok(Ended { answer, remains: matches!(answer, Applied::Applied { .. }) })
        }
    }

    /// Removes the record under `key`. Removing what is missing is fine.
    ///
    /// # Errors
    /// [`StoreError`] if the record may still be there.
    fn delete(&self, key: &Key) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the records that have expired and says how many. Nothing else is removed, and requests are not held up.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be reached; what was removed stays removed.
    fn delete_expired(&self, now: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Told once where to report what it does of its own accord, such as evicting a live session.
    fn observe(&self, _events: Events) {}
}

/// What became of a change that ends a session.
///
/// ```
/// # use session_runtime::store::{Applied, Ended};
/// let gone = Ended::from(Applied::Gone);
/// assert!(!gone.remains);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What [`Store::apply`] would answer.
    pub answer: Applied,
    /// Whether there is still a record, expired, which [`Store::delete`] is to remove.
    pub remains: bool,
}

impl From<Applied> for Ended {
    /// Of this answer, by a store that leaves no record.
    fn from(answer: Applied) -> Self {
        Self { answer, remains: false }
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`Store`] behind a pointer, so that no session type names its store.
pub(crate) trait DynStore: Send + Sync + 'static {
    fn load<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Option<Arc<Record>>>;
    fn apply<'a>(&'a self, key: &'a Key, change: &'a Change, now: Timestamp) -> Answer<'a, Applied>;
    fn end<'a>(&'a self, key: &'a Key, change: &'a Change, now: Timestamp) -> Answer<'a, Ended>;
    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()>;
    fn delete_expired(&self, now: Timestamp) -> Answer<'_, u64>;
    fn observe(&self, events: Events);
}

impl<S: Store> DynStore for S {
    fn load<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Option<Arc<Record>>> {
        Box::pin(Store::load(self, key, now))
    }

    fn apply<'a>(&'a self, key: &'a Key, change: &'a Change, now: Timestamp) -> Answer<'a, Applied> {
        Box::pin(Store::apply(self, key, change, now))
    }

    fn end<'a>(&'a self, key: &'a Key, change: &'a Change, now: Timestamp) -> Answer<'a, Ended> {
        Box::pin(Store::end(self, key, change, now))
    }

    fn delete<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        Box::pin(Store::delete(self, key))
    }

    fn delete_expired(&self, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(Store::delete_expired(self, now))
    }

    fn observe(&self, events: Events) {
        Store::observe(self, events);
    }
}
