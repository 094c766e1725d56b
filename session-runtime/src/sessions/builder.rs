//! [`SessionsBuilder`]: the struct's attributes as defaults, what the deployment changes, and the checks at start.

use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{Sessions, cleaner};
use crate::{
    clock::Clock,
    cookie::{Attributes, SameSite, Signer, Writer},
    engine::{Engine, Lifetimes},
    error::Error,
    event::{Event, Events},
    id::Digester,
    keys::KeyRing,
    session::Schema,
    store::{DynStore, Store},
};

/// 30 days, NIST SP 800-63B's limit where a password alone is asked for (AAL1).
const REMEMBER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Makes [`Sessions`]. Each option overrides the attribute of the same name on the struct.
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
    store: Option<Box<dyn DynStore>>,
    keys: Option<KeyRing>,
    app: String,
    clock: Clock,
    events: Events,
    cookie: Attributes,
    idle: Duration,
    absolute: Duration,
    remember: Duration,
    touch: Option<Duration>,
    rotate_every: Option<Duration>,
    clean_every: Duration,
    store_timeout: Duration,
    kind: PhantomData<fn() -> S>,
}

impl<S: Schema> SessionsBuilder<S> {
    pub(super) fn new() -> Self {
        let spec = S::SPEC;
        Self {
            store: None,
            keys: None,
            app: String::new(),
            clock: Clock::system(),
            events: Events::default(),
            cookie: spec.cookie.into(),
            idle: spec.idle,
            absolute: spec.absolute,
            remember: spec.remember.unwrap_or(REMEMBER),
            touch: spec.touch,
            rotate_every: None,
            clean_every: Duration::from_secs(60),
            store_timeout: Duration::from_secs(5),
            kind: PhantomData,
        }
    }

    /// Where the sessions are kept. Required.
    ///
    /// ```
    /// # use session_runtime::{MemoryStore, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().store(MemoryStore::new());
    /// ```
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// The keys that sign the cookie. Required.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().keys(KeyRing::generate());
    /// ```
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// A name that keeps applications apart which share keys: a cookie of one opens nothing in another (SECURITY S6).
    /// Empty by default. Changing it ends all sessions.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().app("shop-staging");
    /// ```
    pub fn app(mut self, app: impl Into<String>) -> Self {
        self.app = app.into();
        self
    }

    /// Calls `hook` for every [`Event`], within the request that causes it.
    ///
    /// ```
    /// # use session_runtime::{Event, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().on_event(|event| {
    ///     if let Event::Replayed { recently: false } = event {
    ///         eprintln!("somebody came back with a replaced cookie");
    ///     }
    /// });
    /// ```
    pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.events = Events::new(hook);
        self
    }

    /// The clock; the system's by default, one to turn in tests.
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

    /// Silence ends the session after this. Default: the attribute, else 30 minutes.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().idle(std::time::Duration::from_secs(900));
    /// ```
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// The session ends after this, whatever happens; counts anew from a sign-in. Default: the attribute, else 12 hours.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().absolute(std::time::Duration::from_secs(8 * 3600));
    /// ```
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// What `session.remember(true)` replaces both by. Default: the attribute, else 30 days.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().remember(std::time::Duration::from_secs(14 * 86_400));
    /// ```
    pub fn remember(mut self, remember: Duration) -> Self {
        self.remember = remember;
        self
    }

    /// How stale the idle deadline may get before a request moves it, which costs a write. Default: the attribute, else
    /// a twentieth of `idle`, at most a minute.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().touch(std::time::Duration::from_secs(10));
    /// ```
    pub fn touch(mut self, touch: Duration) -> Self {
        self.touch = Some(touch);
        self
    }

    /// Renews the id by the clock (OWASP Session Management Cheat Sheet, "Renewal Timeout"). Off by default.
    ///
    /// Requests that were under way with the id before go on, until a minute after the new one first came back.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().rotate_every(std::time::Duration::from_secs(900));
    /// ```
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = Some(every);
        self
    }

    /// How often expired sessions are removed from the store, by a task that ends with the last [`Sessions`]. Default: a
    /// minute; zero: never. An expired session is never served, removed or not.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().clean_every(std::time::Duration::from_secs(600));
    /// ```
    pub fn clean_every(mut self, every: Duration) -> Self {
        self.clean_every = every;
        self
    }

    /// How long a request waits for the store before it is answered as if the store were down: 503. Default: 5 seconds.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().store_timeout(std::time::Duration::from_millis(500));
    /// ```
    pub fn store_timeout(mut self, limit: Duration) -> Self {
        self.store_timeout = limit;
        self
    }

    /// The cookie's name, taken as given. Default: the attribute, else `__Host-` and the struct's name.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Host-staging");
    /// ```
    pub fn cookie(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.cookie.name = name.into();
        self
    }

    /// Whether the cookie outlives the browser: its Max-Age is then what is left of the session. Default: `false`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().persistent(true);
    /// ```
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.cookie.persistent = persistent;
        self
    }

    /// Which requests from other sites carry the cookie. Default: [`SameSite::Lax`].
    ///
    /// ```
    /// # use session_runtime::{SameSite, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().same_site(SameSite::Strict);
    /// ```
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Whether the cookie is for HTTPS alone. Default: `true`. Without it sessions are served to this very machine only
    /// (`localhost`, 127.0.0.1), so that a setting for development cannot reach the world (SECURITY S53).
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("shop").secure(false);
    /// ```
    pub fn secure(mut self, secure: bool) -> Self {
        self.cookie.secure = secure;
        self
    }

    /// Whether the cookie is hidden from scripts. Default: `true`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().http_only(true);
    /// ```
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// The part of the site that the cookie is sent to. Default: `/`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").path("/shop");
    /// ```
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// A domain whose hosts all get the cookie. Default: this host alone.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").domain("example.com");
    /// ```
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Whether an embedded page has one cookie for each site that embeds it (CHIPS). Default: `false`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().partitioned(true);
    /// ```
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.cookie.partitioned = partitioned;
        self
    }

    /// Checks everything and puts it together.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a sentence that names what is missing or wrong and what to write instead.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let error = Sessions::<Shop>::builder().keys(KeyRing::generate()).build().unwrap_err();
    /// assert!(error.to_string().contains(".store("));
    /// ```
    pub fn build(self) -> Result<Sessions<S>, Error> {
        let name = S::SPEC.name;
        let lifetimes = self.lifetimes()?;
        let Some(store) = self.store else {
            return Err(Error::setup(format!(
                "the `{name}` sessions have no store: add `.store(…)`, for example `.store(MemoryStore::new())`"
            )));
        };
        let Some(keys) = self.keys else {
            return Err(Error::setup(format!(
                "the `{name}` sessions have no keys: add `.keys(…)`, for example `.keys(KeyRing::from_env(\"SESSION_KEYS\")?)`"
            )));
        };
        store.observe(self.events.clone());
        let engine = Arc::new(Engine {
            name,
            fields: S::SPEC.fields,
            store,
            signer: Signer::new(&keys, &self.app, &self.cookie.name)?,
            writer: Writer::new(&self.cookie)?,
            cookie: self.cookie,
            digester: Digester::new(&self.app),
            clock: self.clock,
            events: self.events,
            lifetimes,
            store_timeout: self.store_timeout,
            cleaner: OnceLock::new(),
        });
        if !self.clean_every.is_zero() {
            cleaner::start(&engine, self.clean_every);
        }
        Ok(Sessions { engine, kind: PhantomData })
    }

    fn lifetimes(&self) -> Result<Lifetimes, Error> {
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
                    "`{option}` of the `{name}` sessions is zero, so they would end at once: give at least a millisecond"
                )));
            }
        }
        if self.idle > self.absolute {
            return Err(Error::setup(format!(
                "`idle` of the `{name}` sessions ({:?}) is longer than `absolute` ({:?}), so it could never take effect: shorten `idle` or lengthen `absolute`",
                self.idle, self.absolute
            )));
        }
        let touch = self.touch.unwrap_or_else(|| (self.idle / 20).min(Duration::from_secs(60)));
        if touch >= self.idle {
            return Err(Error::setup(format!(
                "`touch` of the `{name}` sessions ({touch:?}) is not shorter than `idle` ({:?}), so active visitors would be logged out: shorten `touch`",
                self.idle
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

impl<S> fmt::Debug for SessionsBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}
