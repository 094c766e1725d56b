//! [`SessionsBuilder`]: takes the struct's attributes as defaults, overrides them with options, and checks the result.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use super::{Sessions, cleaner, config::Layers};
use crate::{
    clock::Clock,
    cookie::{Attributes, FormerScope, LARGEST_PAIR, SessionCookie, TokenSigner, Writer},
    engine::{
        Backend, Client, Codec, Engine, Expirations, GRACE, Lifetimes, Queues, Secrets, StoreDown, Watches, neighbours,
    },
    error::Error,
    event::{Events, Readers, Report, Source},
    id::{Digester, hex},
    key::Scope,
    keys::KeyRing,
    meter,
    schema::{SessionLimit, most_bytes},
    session::Schema,
    store::{Backend as Store, ListsUsers, Place, Requirements as _, SharesFields, cookie::CookieStore},
};

/// 30 days: the limit of NIST SP 800-63B for a sign-in by password alone (AAL1).
const REMEMBER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The default limit of a user's sessions: more than a user needs, and few enough for a sign-in to load them all.
const PER_USER: SessionLimit = SessionLimit::EndOldest(100);

/// How many more sessions than necessary end when a sign-in exceeds the default limit. A limit that the application has set is
/// exact.
const SPARE: usize = 20;

/// The default limit of a session's fields in bytes. A session should be much smaller; the limit bounds how much a visitor can
/// store.
const MAX_BYTES: usize = 1024 * 1024;

/// Builds [`Sessions`]. Each option overrides the attribute of the same name on the struct.
///
/// ```
/// use std::time::Duration;
/// use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
///
/// #[derive(Session)]
/// #[session(idle = 30m)]
/// struct Shop {
///     theme: String,
/// }
///
/// let sessions = Sessions::<Shop>::builder()
///     .store(MemoryStore::new())
///     .keys(KeyRing::generate())
///     .idle(Duration::from_secs(10 * 60))
///     .build()?;
/// # Ok::<(), session_runtime::Error>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionsBuilder<S> {
    pub(super) store: Option<Place>,
    pub(super) keys: Option<KeyRing>,
    pub(super) app: String,
    clock: Clock,
    events: Events,
    pub(super) cookie: Attributes,
    pub(super) plain_http: bool,
    pub(super) former: FormerScope,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) remember: Duration,
    pub(super) touch: Option<Duration>,
    pub(super) rotate_every: Option<Duration>,
    pub(super) clean_every: Duration,
    pub(super) watch_every: Duration,
    pub(super) store_timeout: Duration,
    pub(super) commit_timeout: Duration,
    pub(super) max_per_user: Option<SessionLimit>,
    pub(super) max_bytes: usize,
    pub(super) store_down: StoreDown,
    pub(super) end_replayed: bool,
    pub(super) names_users: bool,
    /// The options that were given. The fields above hold the attributes until `settle` overrides them with these.
    pub(super) layers: Layers,
    kind: PhantomData<fn() -> S>,
}

impl<S: Schema> SessionsBuilder<S> {
    pub(super) fn new() -> Self {
        let spec = S::SPEC;
        Self {
            store: None,
            keys: None,
            app: spec.app.to_owned(),
            clock: Clock::system(),
            events: Events::default(),
            cookie: spec.cookie.into(),
            plain_http: false,
            former: FormerScope::default(),
            idle: spec.idle,
            absolute: spec.absolute,
            remember: spec.remember.unwrap_or(REMEMBER),
            touch: spec.touch,
            rotate_every: spec.rotate_every,
            clean_every: Duration::from_secs(60),
            watch_every: Duration::from_secs(15),
            store_timeout: Duration::from_secs(5),
            commit_timeout: Duration::from_secs(5),
            max_per_user: spec.max_per_user,
            max_bytes: MAX_BYTES,
            store_down: StoreDown::default(),
            end_replayed: false,
            names_users: false,
            layers: Layers::default(),
            kind: PhantomData,
        }
    }

    /// Sets where sessions are kept: in a [`Store`](crate::store::Store), or in their visitors' cookies ([`CookieStore`]).
    /// Required.
    ///
    /// Every store lists and limits the sessions of a user, and shares `atomic` and `counter` fields between requests. A
    /// `CookieStore` can do neither, so a struct that needs one of them does not compile with it.
    ///
    /// ```
    /// # use session_runtime::{MemoryStore, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().store(MemoryStore::new());
    /// ```
    pub fn store<T: Store + ListsUsers<S::Needs> + SharesFields<S::Needs>>(mut self, store: T) -> Self {
        self.store = Some(store.place());
        self.layers.in_code.extend(["store", "store_file"]);
        self
    }

    /// Sets the keys that sign the cookie and encrypt `secret` fields. Required.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().keys(KeyRing::generate());
    /// ```
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self.layers.in_code.extend(["keys", "keys_file"]);
        self
    }

    /// Names the application. Applications with different names may share keys and a store: a cookie of one is not valid in
    /// another, and neither lists or ends the sessions of the other's users (SECURITY S6).
    ///
    /// Default: `app = "…"` on the struct, otherwise the name of the struct's package. Two crates that use the same sessions
    /// must share the struct, or set the same `app`.
    ///
    /// Two deployments of one application, such as staging and production, have the same name by default. If they use the same
    /// store, give each its own `app`, or its own prefix or table in the store. Otherwise a sign-in, a limit or a `revoke_all`
    /// in one deployment ends sessions of the other. If the deployments have no key in common, a warning at start reports that
    /// they share the store.
    ///
    /// Changing the name signs every user out.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().app("shop-staging");
    /// ```
    pub fn app(mut self, app: impl Into<String>) -> Self {
        self.layers.code.app = Some(app.into());
        self
    }

    /// Calls `hook` with a [`Report`] of every [`Event`](crate::Event), within the request that causes the event. So the hook
    /// should return quickly, and must not wait. To write events to a database or a file, read [`Sessions::events`] instead.
    ///
    /// ```
    /// # use session_runtime::{Event, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().on_event(|report| {
    ///     if let Event::Replayed { recently: false } = report.event {
    ///         eprintln!("a request sent an old cookie of session {}", report.session.as_deref().unwrap_or("?"));
    ///     }
    /// });
    /// ```
    pub fn on_event(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.events = Events::new(hook);
        self
    }

    /// Sets the clock. Default: the system's clock. A test can pass a clock that it moves itself.
    ///
    /// ```
    /// # use session_runtime::{Clock, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let clock = Clock::stopped();
    /// let builder = Sessions::<Shop>::builder().clock(clock.clone());
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how often expired sessions are removed from the store. Default: every minute. Zero means never. Expired sessions are
    /// never served, whether they are removed or not.
    ///
    /// A task removes them. It starts when the sessions are built, if that is within a Tokio runtime, otherwise with the first
    /// request. It ends with that runtime, or with the last [`Sessions`]. A program that serves no requests calls
    /// [`Sessions::delete_expired`].
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().clean_every(std::time::Duration::from_secs(600));
    /// ```
    pub fn clean_every(mut self, every: Duration) -> Self {
        self.layers.code.clean_every = Some(every);
        self
    }

    /// Sets how often the sessions of open streams and sockets are loaded, to find those that have ended
    /// ([`Core::ended`](crate::Core::ended)). A stream learns that its session has ended after this time at the latest. One
    /// call of the store loads up to 64 sessions. Default: 15 seconds.
    ///
    /// Usually a stream learns of the end within a second: immediately if the same `Sessions`, or a clone, ends the session,
    /// and otherwise through a message of the store. `MemoryStore`, `RedisStore` and `SqlStore` on PostgreSQL send such
    /// messages. With such a store, a longer interval saves work, and delays a stream only if its message is lost.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().watch_every(std::time::Duration::from_secs(60));
    /// ```
    pub fn watch_every(mut self, every: Duration) -> Self {
        self.layers.code.watch_every = Some(every);
        self
    }

    /// Limits how long one call of the store may take. A slower call counts as failed, as if the store were down: the request
    /// is answered 503. Default: 5 seconds. [`SessionsBuilder::commit_timeout`] limits all calls of a commit together.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().store_timeout(std::time::Duration::from_millis(500));
    /// ```
    pub fn store_timeout(mut self, limit: Duration) -> Self {
        self.layers.code.store_timeout = Some(limit);
        self
    }

    /// Limits how long one commit may take, including its retries and its wait for other commits to the same session. A commit
    /// that takes longer fails: with 409 if other requests kept changing the session, with 503 if the store did not answer.
    /// Default: 5 seconds.
    ///
    /// If another request has changed the session meanwhile, a commit applies its changes again, to the newer session. So a
    /// commit reaches the limit only if many requests change a session at the same time, or if the store is slow.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().commit_timeout(std::time::Duration::from_secs(2));
    /// ```
    pub fn commit_timeout(mut self, limit: Duration) -> Self {
        self.layers.code.commit_timeout = Some(limit);
        self
    }

    /// Checks all options and builds the sessions.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that names the missing or wrong option and what to write instead.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let error = Sessions::<Shop>::builder().keys(KeyRing::generate()).build().unwrap_err();
    /// assert!(error.to_string().contains(".store("));
    /// ```
    pub fn build(mut self) -> Result<Sessions<S>, Error> {
        self.settle()?;
        let name = S::SPEC.name;
        let lifetimes = self.lifetimes()?;
        if self.max_per_user.is_some_and(|limit| limit.most() == 0) {
            return Err(Error::setup(format!(
                "`max_per_user` of the `{name}` sessions is zero, so no user could sign in: give at least 1{}",
                self.layers.whence(&["max_per_user"])
            )));
        }
        let Some(place) = self.store.take() else {
            return Err(self.no_store());
        };
        let Some(keys) = self.keys.take() else {
            return Err(self.no_keys());
        };
        self.warn(matches!(&place, Place::Cookie(store) if store.revoked.is_none()));
        let former = self.former_cookies()?;
        let scope = Scope::new(&self.app, S::SPEC.kind);
        // The application's name and the kind: signed and encrypted values are bound to this text.
        let scoped = hex(&scope.hash);
        let signer = TokenSigner::new(&keys, &scoped, &self.cookie.name)?;
        let names = signer.fingerprints().clone();
        let readers = Arc::<Readers>::default();
        let source =
            Source { kind: S::SPEC.kind, scope, clock: self.clock.clone(), names, names_users: self.names_users };
        let events = self.events.of(source, &readers);
        let (backend, chunks) = match place {
            Place::Store(store) => (Backend::Store(store), 1),
            Place::Cookie(_) if S::Needs::SHARED => return Err(not_in_cookies(name, S::SPEC.is_listed())),
            Place::Cookie(_) if lifetimes.rotate_every.is_some() => {
                return Err(Error::setup(format!(
                    "`rotate_every` of the `{name}` sessions renews ids, and sessions in cookies have none: drop it, or keep \
                     them in a store{}",
                    self.layers.whence(&["rotate_every"])
                )));
            }
            Place::Cookie(_) if self.end_replayed => {
                return Err(Error::setup(format!(
                    "`end_on_replay` of the `{name}` sessions ends the session of an old cookie, and a session in its \
                     visitor's cookie cannot be ended that way: drop it, or keep them in a store{}",
                    self.layers.whence(&["end_on_replay"])
                )));
            }
            Place::Cookie(store) => {
                fits::<S>(&store, &self.cookie.name, &self.layers)?;
                let CookieStore { form, chunks, revoked, issued_after } = store;
                let cookie = SessionCookie::new(form, chunks, &keys, &scoped, &self.cookie.name, name, S::SPEC.fields)?;
                let client = Client::new(cookie.bounded(S::SPEC.bounded), revoked, issued_after);
                (Backend::Cookie(Box::new(client)), chunks)
            }
        };
        // An encrypted cookie protects all fields, including `secret` ones. A session with `secret` fields cannot be in a signed
        // cookie.
        let secrets = match backend {
            Backend::Store(_) => Secrets::new(&keys, &self.app, S::SPEC.fields)?,
            Backend::Cookie(_) => None,
        };
        backend.observe(events.clone());
        let mut removals = Vec::new();
        for cookie in former {
            for chunk in 0..chunks.into() {
                removals.push(Writer::new(&cookie.chunk(chunk))?.remove());
            }
        }
        let engine = Arc::new(Engine {
            name,
            fields: S::SPEC.fields,
            scope,
            indexes: S::SPEC.fields.iter().filter(|meta| meta.index.is_some()).collect(),
            listed: S::SPEC.is_listed() && matches!(backend, Backend::Store(_)),
            backend,
            limit: self.max_per_user.unwrap_or(PER_USER),
            spare: if self.max_per_user.is_some() { 0 } else { SPARE },
            max_bytes: self.max_bytes,
            signer,
            codec: Codec { secrets, migrations: S::SPEC.migrations },
            writers: (0..chunks.into())
                .map(|chunk| Writer::new(&self.cookie.chunk(chunk)))
                .collect::<Result<_, _>>()?,
            former_removals: removals.into(),
            cookie: self.cookie,
            plain_http: self.plain_http,
            digester: Digester::new(&scope),
            clock: self.clock,
            events,
            readers,
            lifetimes,
            store_timeout: self.store_timeout,
            commit_timeout: self.commit_timeout,
            store_down: self.store_down,
            end_replayed: self.end_replayed,
            queues: Queues::default(),
            collided: AtomicBool::new(false),
            clean_every: self.clean_every,
            watches: Watches::new(self.watch_every),
            expirations: Expirations::default(),
            cleaner: OnceLock::new(),
        });
        meter::describe();
        neighbours::add(&engine);
        cleaner::ensure(&engine);
        Ok(Sessions::new(engine))
    }

    pub(super) fn lifetimes(&self) -> Result<Lifetimes, Error> {
        let name = S::SPEC.name;
        let given = [
            ("idle", Some(self.idle)),
            ("absolute", Some(self.absolute)),
            ("remember", Some(self.remember)),
            ("rotate_every", self.rotate_every),
        ];
        for (option, lifetime) in given {
            if lifetime.is_some_and(|lifetime| lifetime.as_millis() == 0) {
                return Err(Error::setup(format!(
                    "`{option}` of the `{name}` sessions is zero, so they would end at once: give at least a millisecond{}",
                    self.layers.whence(&[option])
                )));
            }
        }
        if let Some(every) = self.rotate_every.filter(|every| *every < GRACE) {
            return Err(Error::setup(format!(
                "`rotate_every` of the `{name}` sessions is {every:?}, but an id that was renewed stays good for a minute, for \
                 requests under way: give a minute or more{}",
                self.layers.whence(&["rotate_every"])
            )));
        }
        if self.watch_every.is_zero() {
            return Err(Error::setup(format!(
                "`watch_every` of the `{name}` sessions is zero, so the store would be asked without a pause: give at least a \
                 millisecond{}",
                self.layers.whence(&["watch_every"])
            )));
        }
        if self.idle > self.absolute {
            return Err(Error::setup(format!(
                "`idle` of the `{name}` sessions ({:?}) is longer than `absolute` ({:?}), so it could never take effect: shorten `idle` or lengthen `absolute`{}",
                self.idle,
                self.absolute,
                self.layers.whence(&["idle", "absolute"])
            )));
        }
        let touch = self.touch.unwrap_or_else(|| (self.idle / 20).min(Duration::from_secs(60)));
        if touch >= self.idle {
            return Err(Error::setup(format!(
                "`touch` of the `{name}` sessions ({touch:?}) is not shorter than `idle` ({:?}), so active visitors would be logged out: shorten `touch`{}",
                self.idle,
                self.layers.whence(&["touch", "idle"])
            )));
        }
        Ok(Lifetimes {
            idle: self.idle,
            absolute: self.absolute,
            remember: self.remember,
            touch,
            rotate_every: self.rotate_every,
        })
    }
}

/// Checks that a `bounded` session also fits into a cookie of this store with this name. The compiler has proved that it fits
/// into an encrypted cookie with the name from the attributes.
fn fits<S: Schema>(store: &CookieStore, cookie: &str, layers: &Layers) -> Result<(), Error> {
    let (name, bounded) = (S::SPEC.name, S::SPEC.bounded);
    if bounded && store.is_signed() {
        return Err(Error::setup(format!(
            "the `{name}` sessions are `bounded`, which counts the bytes of an encrypted cookie: use \
             `CookieStore::encrypted()` (as a URL, `cookie:`), or drop `bounded`"
        )));
    }
    match most_bytes(&S::SPEC, cookie.len()) {
        Some(most) if bounded && most > LARGEST_PAIR => Err(Error::setup(format!(
            "under the name `{cookie}` the cookie of a `{name}` session may need {most} bytes, and browsers keep \
             {LARGEST_PAIR}: choose a shorter name{}",
            layers.whence(&["cookie"])
        ))),
        _ => Ok(()),
    }
}

/// Returns the error for sessions that need a shared store, but whose URL names a `CookieStore`. If the application passes a
/// `CookieStore` in code, the compiler reports the mistake.
fn not_in_cookies(name: &str, listed: bool) -> Error {
    const ELSEWHERE: &str = "choose a store such as `file:sessions` or `redis://localhost`";
    Error::setup(if listed {
        format!(
            "the `{name}` sessions cannot be in cookies (`cookie:`): only the visitors have those, so the sessions of \
             a user cannot be listed or ended: {ELSEWHERE}, or write `#[session(identity, unlisted)]`"
        )
    } else {
        format!(
            "the `{name}` sessions cannot be in cookies (`cookie:`): they cannot combine concurrent requests, as `atomic` and \
             `counter` fields need: {ELSEWHERE}, or leave `atomic` and `counter` off"
        )
    })
}

impl<S> fmt::Debug for SessionsBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder").field("told", &self.layers.code).finish_non_exhaustive()
    }
}
