//! What happens between a request's cookie and its response's: open, fold, commit. Knows records, stores and cookies, but
//! no type of the user's and no web framework.
//!
//! - [`Engine`]: what all requests share.
//! - [`Request`]: one request's session, as loaded and as changed so far.
//! - [`Pending`], [`Step`], [`Op`]: what changed, not yet applied to anything.
//! - `ask`: how the store is asked.
//! - `plan`: what that comes to, given the record: one [`Change`](crate::record::Change), a deletion, or nothing.
//! - `secrets`: what the store must not see of a record and a change, and `sealer`: how that is hidden.
//! - `commit`: carries the plan out, and tries again where somebody else was first.

mod ask;
mod commit;
mod items;
mod open;
mod pending;
mod plan;
mod request;
mod sealer;
mod secrets;
mod snapshot;

use std::{sync::OnceLock, time::Duration};

use tokio::task::AbortHandle;

pub(crate) use self::{
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
    schema::Meta,
    store::DynStore,
};

/// What all requests of one kind of session share.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Meta],
    pub(crate) digester: Digester,
    pub(crate) store: Box<dyn DynStore>,
    pub(crate) signer: Signer,
    /// None: no field is secret.
    pub(crate) secrets: Option<Secrets>,
    pub(crate) cookie: Attributes,
    pub(crate) writer: Writer,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) store_timeout: Duration,
    /// The task that removes expired sessions.
    pub(crate) cleaner: OnceLock<AbortHandle>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(cleaner) = self.cleaner.get() {
            cleaner.abort();
        }
    }
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
