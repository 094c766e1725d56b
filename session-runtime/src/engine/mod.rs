//! What happens between a request's cookie and its response's: open, fold, commit. Knows records, stores and cookies, but
//! no type of the user's and no web framework.
//!
//! - [`Engine`]: what all requests share.
//! - [`Request`]: one request's session, as loaded and as changed so far.
//! - [`Pending`], [`Step`], [`Op`]: what changed, not yet applied to anything.
//! - `ask`: how the store is asked.
//! - `plan`: what that comes to, given the record: one [`Change`](crate::record::Change), a deletion, or nothing.
//! - `secrets`: what the store must not see of a record and a change, and `sealer`: how that is hidden.
//! - `migrate`: what of a record older builds stored, as today's fields.
//! - `commit`: has the plan carried out, and plans again where somebody else was first; `work` keeps what is under way.
//! - `send`: asks the store, and does to the request what the answer calls for.
//! - `client`: does both for sessions that are in their visitors' cookies.
//! - `swap`: compare-and-swap of one field, which waits for no commit.
//! - `size`: how large a session may grow.
//! - `users`: whose the sessions are, and how many may be.

mod ask;
mod client;
mod commit;
mod items;
mod migrate;
mod open;
mod pending;
mod plan;
mod request;
mod sealer;
mod secrets;
mod send;
mod size;
mod snapshot;
mod swap;
mod users;
mod work;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::task::AbortHandle;

#[cfg(feature = "testing")]
pub(crate) use self::migrate::as_of_today;
pub(crate) use self::{
    client::Client,
    commit::{CookieChange, Outcome},
    items::Items,
    pending::{Op, Step},
    request::Request,
    secrets::Secrets,
    snapshot::Snapshot,
};
use crate::{
    clock::{Clock, Timestamp},
    cookie::{Attributes, Signer, Writer},
    event::Events,
    id::Digester,
    record::Lifetime,
    schema::{Meta, Migration, SessionLimit},
    store::{DynStore, DynUserIndex, StoreError},
};

/// What all requests of one kind of session share.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Meta],
    pub(crate) migrations: &'static [Migration],
    pub(crate) digester: Digester,
    pub(crate) home: Home,
    /// Stands before each identity in the store: which kind of session it is signed in to.
    pub(crate) kind: [u8; 8],
    pub(crate) limit: Option<SessionLimit>,
    /// How many bytes the fields of a session may have, names included.
    pub(crate) max_bytes: usize,
    /// Whether a field has a length that it may not exceed.
    pub(crate) has_bounds: bool,
    pub(crate) signer: Signer,
    /// None: no field is secret.
    pub(crate) secrets: Option<Secrets>,
    pub(crate) cookie: Attributes,
    /// One for each cookie that a session may be in.
    pub(crate) writers: Box<[Writer]>,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) store_timeout: Duration,
    pub(crate) store_down: StoreDown,
    /// Whether a replaced verifier that comes back ends the session.
    pub(crate) end_replayed: bool,
    /// The task that removes expired sessions.
    pub(crate) cleaner: OnceLock<AbortHandle>,
}

/// Where sessions are.
pub(crate) enum Home {
    /// In a store. The cookie names and proves them.
    Store {
        store: Arc<dyn DynStore>,
        /// The same store, if it is to know whose the sessions are.
        users: Option<Arc<dyn DynUserIndex>>,
    },
    /// In their visitors' cookies.
    Cookie(Box<Client>),
}

impl Home {
    pub(crate) fn users(&self) -> Option<&Arc<dyn DynUserIndex>> {
        match self {
            Self::Store { users, .. } => users.as_ref(),
            Self::Cookie(_) => None,
        }
    }

    /// Told once where to report what happens at the store.
    pub(crate) fn observe(&self, events: Events) {
        match self {
            Self::Store { store, .. } => store.observe(events),
            Self::Cookie(client) => client.observe(events),
        }
    }

    /// Removes what has expired, and says how much that was.
    pub(crate) async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        match self {
            Self::Store { store, .. } => store.delete_expired(now).await,
            Self::Cookie(client) => client.delete_expired(now).await,
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(cleaner) = self.cleaner.get() {
            cleaner.abort();
        }
    }
}

/// What a request gets while the store is down.
///
/// ```
/// use session_runtime::{Session, Sessions, StoreDown};
///
/// #[derive(Session)]
/// struct Shop {
///     theme: String,
/// }
///
/// let builder = Sessions::<Shop>::builder().on_store_down(StoreDown::Anonymous);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreDown {
    /// 503, whatever it wants with its session. The default.
    #[default]
    Unavailable,
    /// Pages that only read see an anonymous visitor. What changes the session, be it a log-out, is answered 503, and
    /// the visitor's cookie stays as it is.
    Anonymous,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) remember: Duration,
    pub(crate) touch: Duration,
    pub(crate) rotate_every: Option<Duration>,
}

impl Lifetimes {
    /// The deadlines of a session that starts now.
    pub(crate) fn starting(&self, now: Timestamp, remembered: bool) -> Lifetime {
        let (idle, absolute) = if remembered { (self.remember, self.remember) } else { (self.idle, self.absolute) };
        Lifetime { idle_until: now + idle, ends_at: now + absolute, remembered }
    }
}
