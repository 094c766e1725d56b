//! Handles one request's session, from the request's cookie to the response's cookie: opens it, collects its changes, and commits
//! them. This module knows records, stores and cookies, but no application types and no web framework.
//!
//! Nouns:
//! - [`Engine`]: the state that all requests share. [`Backend`]: keeps the sessions.
//! - [`Request`]: one request's session. [`Presented`](presented::Presented): the session that its cookie names.
//! - [`Pending`](pending::Pending), [`Step`], [`Op`]: changes that are not yet applied to a record.
//!   [`Attempt`](attempt::Attempt): the same changes while a commit stores them.
//! - [`Claim`](claim::Claim), [`Queues`](queue::Queues): one key, held by one commit at a time.
//!
//! Verbs, in the order of a request:
//! - `open`: turns cookies into a session; `several`: handles a browser that sends more than one. `read`: turns a stored value
//!   into a session.
//! - `next` and `write`: apply the pending changes to a session. They are pure, as are their parts `intent`, `lifetime` and
//!   `renewal`.
//! - `commit`: the compare-and-swap loop; `look`: checks whether the stored value already holds the commit's write; `adopt`:
//!   updates the request after a commit; `undo`: undoes a sign-in that is not listed. `group`: stores the changes of several
//!   commits in one swap. `update`: changes one field immediately, without waiting for the request's commit.
//! - `criterion`: what sessions are found by: their user, or a value of an `index` field. `enter`: adds a session to a user's
//!   list, `index`: to the lists of its values. `lists`: lists and ends the sessions of a list; `edit`: changes the fields of
//!   listed sessions. `reload`: reloads a session for handles that outlive their response. `leave`: ends a request. `stale`:
//!   removes the cookies of sessions that have ended.
//! - `impersonation`: lets one user act as another.
//! - `report`: the events of sign-ins, sign-outs and ended sessions. `span`: the spans and counts of loads and commits.
//!   `expired`: which expired sessions were reported.
//! - `watch`: learns that a session ended, for streams and sockets that stay open.
//! - `codec`, `secrets`, `sealer`, `migrate`: translate between a stored record and a request's view of it.
//! - `neighbours`: finds kinds of sessions whose cookies overwrite each other.
//! - `client`: opens and commits sessions that are kept in their visitors' cookies.

mod adopt;
mod attempt;
mod backend;
mod claim;
mod client;
mod codec;
mod commit;
mod criterion;
mod deadline;
mod edit;
mod enter;
mod everyone;
mod expired;
mod group;
mod impersonation;
mod index;
mod intent;
mod items;
mod leave;
mod lifetime;
mod lists;
mod look;
mod marker;
mod migrate;
pub(crate) mod neighbours;
mod next;
mod open;
mod pending;
mod presented;
mod put;
mod queue;
mod read;
mod reload;
mod renewal;
mod report;
mod request;
mod sealer;
mod secrets;
mod several;
mod snapshot;
mod span;
mod stale;
mod undo;
mod update;

mod watch;
mod write;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::AbortHandle;

#[cfg(feature = "testing")]
pub(crate) use self::migrate::as_of_today;
pub(crate) use self::open::GRACE;
pub(crate) use self::{
    backend::Backend,
    client::Client,
    codec::Codec,
    commit::{CookieChange, Outcome},
    criterion::Criterion,
    edit::Ops,
    expired::Expirations,
    items::Items,
    lists::Listing,
    pending::{Op, Standing, Step, Terms},
    presented::Lost,
    queue::Queues,
    request::Request,
    secrets::Secrets,
    snapshot::Snapshot,
    update::Start,
    watch::Watches,
};
use crate::{
    clock::{Clock, Timestamp},
    cookie::{Attributes, TokenSigner, Writer},
    event::{Events, Readers},
    id::{Digest, Digester, Selector, Verifier},
    key::Scope,
    record::Lifetime,
    schema::{Meta, SessionLimit},
};

/// The state that all requests of one kind of session share.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Meta],
    /// The application and the kind of session.
    pub(crate) scope: Scope,
    pub(crate) digester: Digester,
    pub(crate) backend: Backend,
    /// The fields by which sessions are found, apart from the user.
    pub(crate) indexes: Box<[&'static Meta]>,
    /// Whether the store keeps a list of each user's sessions.
    pub(crate) listed: bool,
    pub(crate) limit: SessionLimit,
    /// How many more sessions to end, in addition to the surplus, when a sign-in exceeds the limit. The following sign-ins then
    /// need not load all of the user's sessions.
    pub(crate) spare: usize,
    /// How many bytes the fields of a session may take, names included.
    pub(crate) max_bytes: usize,
    pub(crate) signer: TokenSigner,
    pub(crate) codec: Codec,
    pub(crate) cookie: Attributes,
    /// Only for a cookie without `Secure`: whether requests for any host get a session, rather than only requests for localhost.
    pub(crate) plain_http: bool,
    /// One writer for each cookie that a session may be in.
    pub(crate) writers: Box<[Writer]>,
    /// The headers that remove cookies with a former domain or path.
    pub(crate) former_removals: Box<[String]>,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    /// The streams of events that the application reads.
    pub(crate) readers: Arc<Readers>,
    pub(crate) lifetimes: Lifetimes,
    /// How long one call of the store may take.
    pub(crate) store_timeout: Duration,
    /// How long one commit may take, with its waits and retries.
    pub(crate) commit_timeout: Duration,
    pub(crate) store_down: StoreDown,
    /// Whether a session ends when a request presents one of its verifiers that was replaced long ago.
    pub(crate) end_replayed: bool,
    pub(crate) queues: Queues,
    /// Whether the error that another layer around a route cannot be combined with that of this engine has been logged.
    pub(crate) collided: AtomicBool,
    /// How often expired sessions are removed. Zero: never.
    pub(crate) clean_every: Duration,
    pub(crate) watches: Watches,
    pub(crate) expirations: Expirations,
    /// The task that removes expired sessions. Empty until there is a runtime; `None` if no task is to run.
    pub(crate) cleaner: OnceLock<Option<AbortHandle>>,
}

impl Engine {
    /// Returns the digest of a verifier, as it is stored. A session in a cookie has no verifier, so its digest is zero.
    fn digest(&self, selector: Selector, verifier: &Verifier) -> Digest {
        match self.backend {
            Backend::Store(_) => self.digester.digest(selector, verifier),
            Backend::Cookie(_) => Digest::from([0; 16]),
        }
    }
}

impl Engine {
    /// Logs, the first time only, that another kind of session uses the same cookie: each kind would overwrite the other's
    /// sessions.
    #[cfg(feature = "web")]
    pub(crate) fn report_collision(&self, other: &Self) {
        let (name, path) = (&self.cookie.name, &self.cookie.path);
        self.report_once(format_args!(
            "the `{}` and the `{}` sessions of one request both use the cookie `{name}` with the path `{path}`, so the request \
             is answered 500: give one of them another name, with `cookie = \"…\"` on its struct or in its settings",
            self.name, other.name,
        ));
    }

    /// Logs, the first time only, that a route is within two layers that were made from different `Sessions` of this struct:
    /// handlers would get the inner one's session, and the outer one's would silently be left out.
    #[cfg(feature = "web")]
    pub(crate) fn report_rival(&self) {
        self.report_once(format_args!(
            "a route is within two layers of different `Sessions<{name}>`, so its requests are answered 500: build the `{name}` \
             sessions once, and make every layer from that value or from a clone of it",
            name = self.name,
        ));
    }

    #[cfg(feature = "web")]
    fn report_once(&self, sentence: std::fmt::Arguments<'_>) {
        if !self.collided.swap(true, Ordering::Relaxed) {
            tracing::error!(target: "session_runtime", "{sentence}");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(Some(cleaner)) = self.cleaner.get() {
            cleaner.abort();
        }
        self.watches.stop();
    }
}

/// How a request is answered while the store is down.
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
    /// Every request that loads its session is answered 503. The default.
    #[default]
    Unavailable,
    /// A request that only reads its session sees an anonymous visitor. A request that changes it, or signs out, is answered
    /// 503, and the visitor's cookie stays as it is.
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
    /// Returns the deadlines of a session that starts now.
    pub(crate) fn starting(&self, now: Timestamp, remembered: bool) -> Lifetime {
        let (idle, absolute) = if remembered { (self.remember, self.remember) } else { (self.idle, self.absolute) };
        Lifetime { idle_until: now + idle, ends_at: now + absolute, remembered }
    }
}
