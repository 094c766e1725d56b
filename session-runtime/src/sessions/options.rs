//! The options for lifetimes, the cookie, and safety. An option overrides the struct's attribute of the same name, if there is
//! one.

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
    /// Sets the idle timeout: a session without a request for this long ends. Default: the attribute, otherwise 30 minutes.
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

    /// Sets the absolute timeout: a session ends this long after it began, however active it is. A sign-in starts the timeout
    /// again. Default: the attribute, otherwise 12 hours.
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

    /// Sets the lifetime that `session.remember(true)` uses in place of `idle` and `absolute`. Default: the attribute, otherwise
    /// 30 days.
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

    /// Sets how stale the idle deadline may get before a request moves it, which costs a write. Default: the attribute,
    /// otherwise a twentieth of `idle`, at most a minute.
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

    /// Sets how often the id is renewed (OWASP Session Management Cheat Sheet, "Renewal Timeout"). Default: the attribute,
    /// otherwise never.
    ///
    /// Requests with the previous id still work until a minute after the first request with the new one. Within that minute,
    /// the id is not renewed again, so an interval shorter than a minute is an error.
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
    /// Sets the cookie's name, without adding a prefix. Default: the attribute, otherwise `__Host-` and the struct's name.
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

    /// Sets whether the cookie outlives the browser: its Max-Age is then the remaining time of the session. Default: the
    /// attribute, otherwise `false`. The cookie of a remembered session always outlives the browser.
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

    /// Sets which requests from other sites carry the cookie. Default: the attribute, otherwise [`SameSite::Lax`].
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

    /// Sets whether browsers send the cookie over HTTPS only. Default: the attribute, otherwise `true`.
    ///
    /// With `false`, sessions are served only to requests that did not come through a proxy and whose host is `localhost`, a
    /// name that ends with `.localhost`, or a loopback address. So a setting for development does no harm in production
    /// (SECURITY S53). Other requests are answered 500, unless [`SessionsBuilder::plain_http`] is set.
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

    /// Sets whether sessions without a `Secure` cookie are served to every host over plain HTTP: for example in a LAN, between
    /// containers, or behind a proxy without TLS. Default: `false`. It needs [`secure(false)`](Self::secure), and a cookie name
    /// without the `__Host-` prefix.
    /// Any machine between a visitor and the server can then read the cookie and take over the session. A warning at start
    /// says so. Use this option only in a network that you control, never on the internet.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("shop").secure(false).plain_http(true);
    /// ```
    pub fn plain_http(mut self, plain: bool) -> Self {
        self.layers.code.plain_http = Some(plain);
        self
    }

    /// Sets whether the cookie is hidden from scripts. Default: the attribute, otherwise `true`.
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

    /// Sets the path for which browsers send the cookie: this path and those below it. Default: the attribute, otherwise `/`.
    ///
    /// A browser that still has a cookie with a former path keeps it and sends both cookies: see
    /// [`SessionsBuilder::former_path`]. A path does not separate applications, since every page of a host can make the browser
    /// request any other. A name with the prefix `__Host-` allows only `/`. If the name does not start with `__Host-`, other
    /// hosts of the same domain can set a cookie with the same name: see [`SessionsBuilder::domain`].
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

    /// Sets the domain of the cookie: browsers send the cookie to all hosts of this domain. Default: the attribute, otherwise no
    /// domain, so that browsers send the cookie only to the host that set it.
    ///
    /// The name must not have the prefix `__Host-`, which forbids a domain. **Only a `__Host-` name keeps out other hosts of the
    /// domain**: if the name does not start with `__Host-`, they can set a cookie with the same name. A cookie that opens nothing
    /// is ignored. But if another host plants the cookie of someone else's live session, the browser sends two valid cookies. The
    /// visitor then gets no session, because the server cannot tell which one is theirs.
    ///
    /// A browser that still has a cookie with the former domain, or without a domain, keeps it and sends both cookies: see
    /// [`SessionsBuilder::former_domain`].
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

    /// Names the domain that the cookie had before [`SessionsBuilder::domain`] changed, or `host-only` if it had none. Each
    /// response that sets or removes the cookie, such as at a sign-in or a log-out, then also removes the former cookie.
    /// Default: no former domain.
    ///
    /// Without this option, browsers keep both cookies and send both. The server uses the cookie that opens a live session, so
    /// visitors can sign in. But each request costs the store one more look-up. With [`CookieStore`](crate::CookieStore), the
    /// session is in the cookie itself, so after a log-out the former cookie would restore the session.
    ///
    /// Keep the option for as long as former cookies may last: the `remember` lifetime if visitors are remembered, the session's
    /// lifetime with `persistent`, otherwise until browsers have been closed.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// // The cookie had no domain before; now it is for all hosts of example.com.
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").domain("example.com").former_domain("host-only");
    /// ```
    pub fn former_domain(mut self, domain: impl Into<String>) -> Self {
        self.layers.code.former_domain = Some(domain.into());
        self
    }

    /// Names the path that the cookie had before [`SessionsBuilder::path`] changed. As with [`SessionsBuilder::former_domain`],
    /// responses then also remove the former cookie. With both options, they remove the cookies with each combination of the
    /// former or current domain and the former or current path.
    ///
    /// Browsers let a page set and remove a cookie with any path, so the page that signs in need not be below the former path.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// let builder = Sessions::<Shop>::builder().cookie("__Secure-shop").path("/").former_path("/shop");
    /// ```
    pub fn former_path(mut self, path: impl Into<String>) -> Self {
        self.layers.code.former_path = Some(path.into());
        self
    }

    /// Sets whether an embedded page has a separate cookie for each site that embeds it (CHIPS). Default: the attribute,
    /// otherwise `false`.
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
    /// Sets how many sessions a user may have at the same time. Default: the attribute, otherwise 100. A sign-in beyond the limit
    /// ends the oldest session. If no limit is set, it also ends the 20 next-oldest, so that the following sign-ins need not
    /// load all sessions.
    ///
    /// The limit also holds for concurrent sign-ins. Only live sessions count.
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

    /// Sets how many bytes a session's stored fields may take, including their names. Default: 1 MiB.
    ///
    /// A change that would exceed the limit is refused before it reaches the store, so that visitors cannot fill the store. The
    /// result is [`Error::is_too_large`], a 413, and the log names the largest fields. Most sessions have a few hundred bytes.
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

    /// Sets how requests are answered while the store is down. Default: [`StoreDown::Unavailable`], a 503.
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

    /// Sets whether a request that sends an outdated id ends the session. Default: `false`. An outdated id never opens a session,
    /// and is always reported ([`Event::Replayed`](crate::Event::Replayed)).
    ///
    /// An id is outdated a minute after a sign-in, a sign-out or `renew` replaced it. If
    /// [`rotate_every`](SessionsBuilder::rotate_every) or `reauthenticate` replaced it, it is outdated a minute after the first
    /// request with a newer id. A session keeps at most two such ids. An id that a third one displaces counts as late for a
    /// minute, and is outdated after that.
    ///
    /// A cookie with an outdated id may be stolen (OWASP Session Management Cheat Sheet, "Renewal Timeout"). But it may also
    /// come from a browser that was restored from a backup: this option then signs out the rightful user.
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

    /// Sets whether events name users by their identities, rather than by keyed hashes. Default: `false`. It applies to the hook,
    /// to streams, and to the log ([`Report::user`](crate::Report::user)). Set it for an audit log that people read. Check first
    /// who may read the application's log, and for how long it is kept: an identity, such as an e-mail address, is personal
    /// data.
    ///
    /// An identity that is text or a number is shown as it is. Any other identity is shown as JSON, such as
    /// `{"id":7,"tenant":"a"}` for a struct.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// let builder = Sessions::<Shop>::builder()
    ///     .events_name_users(true)
    ///     .on_event(|report| println!("{:?} by {:?}", report.event, report.user));
    /// ```
    pub fn events_name_users(mut self, names: bool) -> Self {
        self.layers.code.events_name_users = Some(names);
        self
    }
}
