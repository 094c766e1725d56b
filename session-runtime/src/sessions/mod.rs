//! [`Sessions`]: all sessions of one kind. Each request opens its own session.

mod all;
mod builder;
mod cleaner;
mod config;
mod handle;
mod listed;
mod lookup;
mod options;
mod sessions_of;

use std::{fmt, ops::Deref, sync::Arc};

#[cfg(feature = "testing")]
pub(crate) use self::config::read_variables;
pub use self::{
    all::AllSessions,
    builder::SessionsBuilder,
    config::Config,
    handle::{NoHandle, SessionHandle},
    listed::ListedSession,
    lookup::{Lookup, NoIndex},
    sessions_of::SessionsOf,
};
use crate::{
    engine::{Engine, Request},
    error::Error,
    event::EventStream,
    session::Schema,
};

/// All sessions of the struct `S`: their store, keys and cookie. Build it once at start, and clone it freely.
///
/// ```
/// use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
///
/// #[derive(Session)]
/// struct Shop {
///     theme: String,
/// }
///
/// let sessions = Sessions::<Shop>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()?;
/// # Ok::<(), session_runtime::Error>(())
/// ```
pub struct Sessions<S: Schema> {
    pub(crate) engine: Arc<Engine>,
    lookup: S::Lookup,
}

impl<S: Schema> Sessions<S> {
    /// Returns a builder whose defaults are the struct's attributes. The builder still needs a store and keys.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let sessions = Sessions::<Shop>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()?;
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn builder() -> SessionsBuilder<S> {
        SessionsBuilder::new()
    }

    /// Removes the expired values from the store now, and returns how many. These are sessions, lists of users' sessions, and
    /// the records of ended sessions, which stay for a minute. A task does this every [`SessionsBuilder::clean_every`].
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store cannot be reached.
    ///
    /// ```
    /// # use session_runtime::{Error, KeyRing, MemoryStore, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let removed = sessions.delete_expired().await?;
    /// # Ok(()) }
    /// ```
    pub async fn delete_expired(&self) -> Result<u64, Error> {
        Ok(self.engine.delete_expired().await?)
    }

    /// Stops the task that removes expired sessions, if there is one. Call it at shutdown, before you close the store's
    /// connections. A removal in progress still finishes its current batch. Without this call, the task ends when the last
    /// [`Sessions`] is dropped.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn shut_down(sessions: &Sessions<Shop>) {
    /// sessions.stop_cleaning();
    /// # }
    /// ```
    pub fn stop_cleaning(&self) {
        if let Some(task) = self.engine.cleaner.get_or_init(|| None) {
            task.abort();
        }
    }

    /// Returns a stream of the events from now on: what happens to sessions of this kind, on this server. Any number of streams
    /// may be open. A stream that is dropped costs nothing.
    ///
    /// ```
    /// # use session_runtime::{Event, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn audit(sessions: Sessions<Shop>) {
    /// let mut events = sessions.events();
    /// tokio::spawn(async move {
    ///     while let Some(report) = events.next().await {
    ///         println!("{:?}: {:?} of {:?}", report.at, report.event, report.session);
    ///     }
    /// });
    /// # }
    /// ```
    #[must_use = "dropping the stream closes it"]
    pub fn events(&self) -> EventStream {
        self.engine.readers.add()
    }

    /// Creates the [`Request`] for one HTTP request. `is_shown`: whether the visitor sees the response. It is false for a HEAD
    /// request, so that a flash message is not used up.
    pub(crate) fn request(&self, is_shown: bool) -> Request {
        cleaner::ensure(&self.engine);
        Request::new(Arc::clone(&self.engine), is_shown)
    }
}

impl<S: Schema> Sessions<S> {
    fn new(engine: Arc<Engine>) -> Self {
        Self { lookup: Lookup::<S>::of(&engine), engine }
    }
}

impl<S: Schema> Clone for Sessions<S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.engine))
    }
}

/// `sessions.by_x(…)` finds sessions by their field `x`, if that is an `index`.
impl<S: Schema> Deref for Sessions<S> {
    type Target = S::Lookup;

    fn deref(&self) -> &S::Lookup {
        &self.lookup
    }
}

impl<S: Schema> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("of", &self.engine.name)
            .field("lifetimes", &self.engine.lifetimes)
            .finish_non_exhaustive()
    }
}
