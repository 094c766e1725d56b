//! What a deployment may say differently from the struct's attributes: lifetimes and the cookie.

use std::time::Duration;

use super::SessionsBuilder;
use crate::{
    cookie::SameSite,
    engine::StoreDown,
    schema::SessionLimit,
    session::{Listed, Schema},
};

/// Lifetimes.
impl<S: Schema> SessionsBuilder<S> {
    /// Silence ends the session after this. Default: the attribute, else 30 minutes.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().idle(std::time::Duration::from_secs(900));
    /// ```
    pub fn idle(mut self, idle: Duration) -> Self {
        self.layers.code.idle = Some(idle);
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
        self.layers.code.absolute = Some(absolute);
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
        self.layers.code.remember = Some(remember);
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
        self.layers.code.touch = Some(touch);
        self
    }

    /// Renews the id by the clock (OWASP Session Management Cheat Sheet, "Renewal Timeout"). Default: the attribute,
    /// else off.
    ///
    /// Requests that were under way with the id before go on, until a minute after the new one first came back.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().rotate_every(std::time::Duration::from_secs(900));
    /// ```
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.layers.code.rotate_every = Some(every);
        self
    }
}

/// The cookie.
impl<S: Schema> SessionsBuilder<S> {
    /// The cookie's name, taken as given. Default: the attribute, else `__Host-` and the struct's name.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Host-staging");
    /// ```
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.layers.code.cookie = Some(name.into());
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
        self.layers.code.persistent = Some(persistent);
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
        self.layers.code.same_site = Some(same_site);
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
        self.layers.code.secure = Some(secure);
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
        self.layers.code.http_only = Some(http_only);
        self
    }

    /// The part of the site that the cookie is sent to. Default: `/`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").path("/shop");
    /// ```
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.layers.code.path = Some(path.into());
        self
    }

    /// A domain whose hosts all get the cookie. Default: this host alone.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").domain("example.com");
    /// ```
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.layers.code.domain = Some(domain.into());
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
        self.layers.code.partitioned = Some(partitioned);
        self
    }
}

/// Safety.
impl<S: Schema> SessionsBuilder<S> {
    /// How many sessions a user may have at once. Default: the attribute, else any number.
    ///
    /// ```
    /// # use session_runtime::{Session, SessionLimit, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// let builder = Sessions::<Shop>::builder().max_per_user(5); // one more ends the oldest
    /// let builder = Sessions::<Shop>::builder().max_per_user(SessionLimit::Refuse(5)); // one more is refused
    /// ```
    pub fn max_per_user(mut self, limit: impl Into<SessionLimit>) -> Self
    where
        S: Listed,
    {
        self.layers.code.max_per_user = Some(limit.into());
        self
    }

    /// How many bytes the stored fields of a session may have, their names included. Default: 1 MiB.
    ///
    /// A change that would make more of them is refused before it reaches the store ([`Error::is_too_large`], a 500 that
    /// names the largest fields), so that no visitor fills it. Most sessions have a few hundred bytes.
    ///
    /// [`Error::is_too_large`]: crate::Error::is_too_large
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().max_bytes(16 * 1024);
    /// ```
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.layers.code.max_bytes = Some(bytes);
        self
    }

    /// What a request gets while the store is down. Default: [`StoreDown::Unavailable`], a 503.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions, StoreDown};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().on_store_down(StoreDown::Anonymous);
    /// ```
    pub fn on_store_down(mut self, answer: StoreDown) -> Self {
        self.layers.code.on_store_down = Some(answer);
        self
    }

    /// Whether a cookie ends the session if its verifier was replaced more than a minute ago. Default: no; such a cookie
    /// opens nothing, and is an event ([`Event::Replayed`](crate::Event::Replayed)).
    ///
    /// It may be a stolen one (OWASP Session Management Cheat Sheet, "Renewal Timeout"), or one that a browser restored
    /// from a backup: then its owner is logged out.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().end_on_replay(true);
    /// ```
    pub fn end_on_replay(mut self, end: bool) -> Self {
        self.layers.code.end_on_replay = Some(end);
        self
    }
}
