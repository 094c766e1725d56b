//! [`CookieJar`]: a visitor's cookies between the requests of a test.

use std::time::Duration;

use cookie::Cookie;
#[cfg(feature = "tower")]
use http::{
    HeaderValue, Request, Response,
    header::{COOKIE, SET_COOKIE},
};
#[cfg(feature = "tower")]
use tower_service::Service;

use crate::{
    clock::{Clock, Timestamp},
    error::Error,
    session::{Schema, Session},
    sessions::Sessions,
};

/// The cookies of one visitor. Sends requests with them, and stores the cookies that responses set, as a browser does.
///
/// The jar takes any `tower` service, such as an axum `Router`, and opens no port. For other applications,
/// [`header`](Self::header) returns the `Cookie` header to send, and [`keep`](Self::keep) takes a `Set-Cookie` header of the
/// response. The jar tells cookies apart by name, domain and path, sends them by path, and drops those whose Max-Age has
/// passed. It checks neither the host nor the scheme. A clone is another browser with the same cookies.
///
/// ```
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, StatusCode};
/// use session_runtime::{Clock, KeyRing, MemoryStore, Session, Sessions, View, testing::CookieJar, view};
///
/// #[derive(Session)]
/// #[session(idle = 30m)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// #[view(Shop)]
/// struct SignedIn {
///     user_id: u64,
/// }
///
/// async fn account(View(me): View<SignedIn>) -> String {
///     format!("user {}", me.user_id)
/// }
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::stopped();
/// let sessions = Sessions::<Shop>::builder()
///     .store(MemoryStore::new())
///     .keys(KeyRing::generate())
///     .clock(clock.clone())
///     .build()?;
/// let app = Router::new().route("/account", get(account)).layer(sessions.layer());
/// let account = || Request::get("/account").body(Body::empty());
///
/// let mut jar = CookieJar::new().clock(clock.clone());
/// assert_eq!(jar.send(&app, account()?).await?.status(), StatusCode::UNAUTHORIZED);
///
/// jar.session(&sessions, |session| session.user_id_mut().log_in(7)).await?;
/// assert_eq!(jar.send(&app, account()?).await?.status(), StatusCode::OK);
///
/// clock.advance(std::time::Duration::from_secs(31 * 60));
/// assert_eq!(jar.send(&app, account()?).await?.status(), StatusCode::UNAUTHORIZED);
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test()).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    /// The cookies, oldest first.
    cookies: Vec<Kept>,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Kept {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    until: Timestamp,
}

impl CookieJar {
    /// Returns an empty jar that uses the system's clock.
    ///
    /// ```
    /// let jar = session_runtime::testing::CookieJar::new();
    /// assert_eq!(jar.value("__Host-shop"), None);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock by which cookies expire. Default: the system's clock.
    ///
    /// ```
    /// # use session_runtime::{Clock, testing::CookieJar};
    /// let clock = Clock::stopped();
    /// let jar = CookieJar::new().clock(clock.clone());
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sends a request with the cookies for its path, and stores the cookies that the response sets. This method needs the
    /// feature `tower`.
    ///
    /// # Errors
    /// The errors of the service. An axum `Router` has none.
    ///
    /// ```
    /// # use session_runtime::testing::CookieJar;
    /// # async fn test(app: axum::Router, mut jar: CookieJar) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = http::Request::get("/").body(axum::body::Body::empty())?;
    /// let response = jar.send(&app, request).await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tower")]
    pub async fn send<App, ReqBody, ResBody>(
        &mut self,
        app: &App,
        mut request: Request<ReqBody>,
    ) -> Result<Response<ResBody>, App::Error>
    where
        App: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    {
        let line = self.line(request.uri().path());
        if let Some(line) = HeaderValue::try_from(line).ok().filter(|line| !line.is_empty()) {
            request.headers_mut().append(COOKIE, line);
        }
        let mut app = app.clone();
        std::future::poll_fn(|cx| app.poll_ready(cx)).await?;
        let response = app.call(request).await?;
        for line in response.headers().get_all(SET_COOKIE) {
            self.keep(&String::from_utf8_lossy(line.as_bytes()));
        }
        Ok(response)
    }

    /// Changes the visitor's session, or begins one, without a request: signs in, or fills fields. Once this returns, the
    /// closure's changes are stored, and the cookie is in the jar.
    ///
    /// # Errors
    /// The errors of [`Core::save`](crate::Core::save), such as that the store does not answer.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions, testing::CookieJar};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64>, theme: String }
    /// # async fn test(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let mut ada = CookieJar::new();
    /// ada.session(&sessions, |session| {
    ///     session.user_id_mut().log_in(7);
    ///     session.theme_mut().set("dark".into());
    /// })
    /// .await?;
    /// # Ok(()) }
    /// ```
    pub async fn session<S: Schema>(
        &mut self,
        sessions: &Sessions<S>,
        change: impl FnOnce(&mut Session<S>),
    ) -> Result<(), Error> {
        let request = std::sync::Arc::new(sessions.request(true));
        let line = self.line(&sessions.engine.cookie.path);
        request.open(|| [line.as_bytes()].into_iter(), || false).await?;
        let mut session = Session::of(&request);
        change(&mut session);
        drop(session);
        for line in request.leave_for_test().await? {
            self.keep(&line);
        }
        Ok(())
    }

    /// Returns the value of the cookie with this name. If there are several, returns that of the one with the longest path.
    ///
    /// ```
    /// # use session_runtime::testing::CookieJar;
    /// # fn test(jar: &CookieJar) {
    /// assert!(jar.value("__Host-shop").is_some());
    /// # }
    /// ```
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let named = self.live().filter(|cookie| cookie.name == name);
        named.max_by_key(|cookie| cookie.path.len()).map(|cookie| cookie.value.as_str())
    }

    /// Applies a `Set-Cookie` line to the jar. [`CookieJar::send`] does this by itself.
    ///
    /// ```
    /// # use session_runtime::testing::CookieJar;
    /// let mut jar = CookieJar::new();
    /// jar.keep("theme=dark; Path=/");
    /// assert_eq!(jar.value("theme"), Some("dark"));
    /// jar.keep("theme=; Path=/; Max-Age=0");
    /// assert_eq!(jar.value("theme"), None);
    /// ```
    pub fn keep(&mut self, line: &str) {
        let Ok(cookie) = Cookie::parse(line) else { return };
        let now = self.clock.now();
        let max_age = cookie.max_age().map(|max_age| Duration::try_from(max_age).unwrap_or_default());
        let kept = Kept {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            domain: cookie.domain().map(str::to_ascii_lowercase),
            path: cookie.path().unwrap_or("/").to_owned(),
            until: max_age.map_or(Timestamp::NEVER, |max_age| now + max_age),
        };
        let is_same =
            |known: &Kept| (&known.name, &known.domain, &known.path) == (&kept.name, &kept.domain, &kept.path);
        match self.cookies.iter().position(is_same) {
            // Keeps the position: browsers send the oldest cookie first, and a new value does not change a cookie's age.
            Some(at) => {
                if let Some(known) = self.cookies.get_mut(at) {
                    *known = kept;
                }
            }
            None => self.cookies.push(kept),
        }
        self.cookies.retain(|cookie| !cookie.until.passed(now));
    }

    /// Returns the value of the `Cookie` header for a path, to test applications that are not tower services.
    ///
    /// ```
    /// # let jar = session_runtime::testing::CookieJar::new();
    /// assert_eq!(jar.header("/account"), "");
    /// ```
    #[must_use]
    pub fn header(&self, path: &str) -> String {
        self.line(path)
    }

    /// Returns the `Cookie` header for a path: longer paths first, then older cookies (RFC 6265bis, section 5.8.3).
    fn line(&self, path: &str) -> String {
        let mut sent: Vec<_> = self.live().filter(|cookie| is_within(path, &cookie.path)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        pairs.join("; ")
    }

    fn live(&self) -> impl Iterator<Item = &Kept> {
        let now = self.clock.now();
        self.cookies.iter().filter(move |cookie| !cookie.until.passed(now))
    }
}

/// Returns whether a cookie with the path `cookie` is sent to `path` (RFC 6265bis, section 5.1.4).
fn is_within(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_sent_to_its_path_and_to_paths_below_it() {
        for (path, cookie, sent) in [
            ("/", "/", true),
            ("/app", "/", true),
            ("/app", "/app", true),
            ("/app/a", "/app", true),
            ("/apple", "/app", false),
            ("/", "/app", false),
        ] {
            assert_eq!(is_within(path, cookie), sent, "{path} {cookie}");
        }
    }

    #[test]
    fn cookies_of_one_name_differ_by_domain_and_path() {
        let mut jar = CookieJar::new();
        jar.keep("sid=a; Path=/");
        jar.keep("sid=b; Path=/; Domain=example.com");
        jar.keep("sid=c; Path=/app");
        jar.keep("sid=d; Path=/");
        assert_eq!(jar.line("/app/x"), "sid=c; sid=d; sid=b");
        assert_eq!(jar.line("/"), "sid=d; sid=b");
        jar.keep("sid=; Path=/; Domain=EXAMPLE.com; Max-Age=0");
        assert_eq!(jar.line("/"), "sid=d");
    }

    #[test]
    fn a_cookie_expires_when_its_max_age_has_passed() {
        let clock = Clock::stopped();
        let mut jar = CookieJar::new().clock(clock.clone());
        jar.keep("sid=a; Path=/; Max-Age=60");
        clock.advance(Duration::from_secs(59));
        assert_eq!(jar.value("sid"), Some("a"));
        clock.advance(Duration::from_secs(1));
        assert_eq!(jar.value("sid"), None);
    }
}
