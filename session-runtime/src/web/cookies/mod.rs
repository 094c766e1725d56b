//! The application's own cookies. `layer` gives each request a `jar` and sends what handlers put into it; [`Cookies`] is
//! how they do, and `protected` the same for values that are signed or sealed.

mod jar;
mod layer;
mod protected;
mod rejection;

use std::{fmt, sync::Arc};

use http::{Extensions, request::Parts};

use self::{jar::Jar, layer::Options};
pub use self::{
    layer::{CookiesFuture, CookiesLayer, CookiesService},
    protected::ProtectedCookies,
    rejection::CookiesRejection,
};
use crate::{
    cookie::{PlainCookie, encode},
    error::Error,
};

/// The cookies of a request, apart from the session's: for what a browser may know and keep by itself, such as a theme, a
/// language, or that a banner was closed. Comes with a [`CookiesLayer`].
///
/// | Flask | here |
/// |---|---|
/// | `request.cookies.get("theme")` | `cookies.get("theme")` |
/// | `response.set_cookie("theme", "dark", max_age=3600)` | `cookies.set(PlainCookie::new("theme").max_age(HOUR), "dark")?` |
/// | `response.delete_cookie("theme")` | `cookies.remove("theme")?` |
/// | `URLSafeSerializer(key).dumps(…)` by hand | `cookies.signed().set("cart", …)?` |
///
/// ```
/// use axum::{Router, response::Redirect, routing::{get, post}};
/// use session_runtime::{Cookies, CookiesLayer, Error};
///
/// async fn home(cookies: Cookies) -> String {
///     format!("in {}", cookies.get("theme").unwrap_or("light".into()))
/// }
///
/// async fn dark(cookies: Cookies) -> Result<Redirect, Error> {
///     cookies.set("theme", "dark")?;
///     Ok(Redirect::to("/"))
/// }
///
/// let app: Router =
///     Router::new().route("/", get(home)).route("/dark", post(dark)).layer(CookiesLayer::new());
/// ```
///
/// **Values** are any text: what a cookie may not hold (blanks, `"`, `%`, `,`, `;`, `\`, control characters, all beyond
/// ASCII) is percent-encoded on the way out and decoded on the way in, as JavaScript's `decodeURIComponent` does. A value
/// that something else wrote is decoded where that makes sense, keeps its quotes, and reads as none if it is no UTF-8. Names
/// are never decoded. Whoever has the browser can read and write a plain cookie: believe only what is [signed](Self::signed).
///
/// **Two cookies of one name** that differ, from two paths or domains, read as none, since their order says nothing
/// (SECURITY S32); so do any two of a `__Host-` name, of which no browser holds more than one.
///
/// **Within a request**, all `Cookies` share what was set, the last one for a name counts, and `get` sees it. The response
/// has one `Set-Cookie` for each name. If the handler answers 5xx, what it set is dropped; what it removed stays removed, as
/// with sessions.
///
/// **In the response's head** stands `Vary: Cookie` once a cookie was read, and `Cache-Control: no-store` beside a
/// `Set-Cookie`.
#[derive(Clone)]
pub struct Cookies {
    jar: Arc<Jar>,
    options: Arc<Options>,
}

/// What the layer leaves in a request's extensions. The cookies that came are not in it yet, so it is of no use to others.
#[derive(Clone)]
struct InRequest(Cookies);

impl Cookies {
    /// The cookies of a request that came through [`CookiesLayer`], for services without axum's extractors.
    ///
    /// # Errors
    /// [`CookiesRejection`] if there is no layer around.
    ///
    /// ```
    /// # use session_runtime::{Cookies, CookiesRejection};
    /// async fn theme(request: http::Request<String>) -> Result<Option<String>, CookiesRejection> {
    ///     let (parts, _body) = request.into_parts();
    ///     Ok(Cookies::from_parts(&parts)?.get("theme"))
    /// }
    /// ```
    pub fn from_parts(parts: &Parts) -> Result<Self, CookiesRejection> {
        let Some(InRequest(cookies)) = parts.extensions.get() else { return Err(CookiesRejection::no_layer()) };
        cookies.jar.came_with(&parts.headers);
        Ok(cookies.clone())
    }

    /// What the cookie says: set in this request, or else brought by the browser. `None` if there is none, if it is no text,
    /// or if there are two that differ.
    ///
    /// ```
    /// # use session_runtime::Cookies;
    /// async fn home(cookies: Cookies) -> String {
    ///     format!("in {}", cookies.get("theme").unwrap_or("light".into()))
    /// }
    /// ```
    #[must_use]
    pub fn get<'a>(&self, cookie: impl Into<PlainCookie<'a>>) -> Option<String> {
        self.jar.plain(cookie.into().name)
    }

    /// Sets a cookie, in place of whatever was set or removed under its name in this request before.
    ///
    /// # Errors
    /// A sentence that names the mistake, and a 500 if a handler returns it: a name, path or domain that would break the
    /// header, attributes with which browsers refuse the cookie, a `max_age` of zero, the name of a session's cookie, more
    /// than 4,096 bytes ([`Error::is_too_large`]), or a response that has left.
    ///
    /// ```
    /// # use session_runtime::{Cookies, Error};
    /// async fn dark(cookies: Cookies) -> Result<(), Error> {
    ///     cookies.set("theme", "dark")
    /// }
    /// ```
    pub fn set<'a>(&self, cookie: impl Into<PlainCookie<'a>>, value: impl AsRef<str>) -> Result<(), Error> {
        self.write(cookie.into(), |_| Ok(encode(value.as_ref())))
    }

    /// Removes a cookie from the browser, whether plain, signed or private. It goes only if name, path and domain are
    /// those that it was set with, so give the same [`PlainCookie`] where these are not the defaults.
    ///
    /// # Errors
    /// As [`Cookies::set`], as far as it applies.
    ///
    /// ```
    /// # use session_runtime::{Cookies, Error, PlainCookie};
    /// const STEP: PlainCookie<'_> = PlainCookie::new("step").path("/checkout");
    ///
    /// async fn done(cookies: Cookies) -> Result<(), Error> {
    ///     cookies.remove("coupon")?;
    ///     cookies.remove(STEP)
    /// }
    /// ```
    pub fn remove<'a>(&self, cookie: impl Into<PlainCookie<'a>>) -> Result<(), Error> {
        let cookie = cookie.into();
        let line = cookie.writer()?.remove();
        self.jar.write(cookie.name, None, &line)
    }

    /// Cookies whose values nobody else can write: each carries a signature that covers its name and the application.
    /// Whoever has the browser can read them. They take keys: [`CookiesLayer::keys`].
    ///
    /// ```
    /// # use session_runtime::{Cookies, Error};
    /// async fn add(cookies: Cookies) -> Result<(), Error> {
    ///     let cart = cookies.signed().get("cart").unwrap_or_default();
    ///     cookies.signed().set("cart", cart + "apple ")
    /// }
    /// ```
    #[must_use]
    pub fn signed(&self) -> ProtectedCookies<'_> {
        ProtectedCookies::signed(self)
    }

    /// Cookies whose values nobody else can read or write: encrypted, and bound to name and application. They take keys:
    /// [`CookiesLayer::keys`].
    ///
    /// ```
    /// # use session_runtime::{Cookies, Error};
    /// async fn invite(cookies: Cookies) -> Result<(), Error> {
    ///     cookies.private().set("coupon", "TEN-PERCENT")
    /// }
    /// ```
    #[must_use]
    pub fn private(&self) -> ProtectedCookies<'_> {
        ProtectedCookies::private(self)
    }

    /// Sets a cookie to the value that `value` makes for it.
    fn write(
        &self,
        cookie: PlainCookie<'_>,
        value: impl FnOnce(PlainCookie<'_>) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let writer = cookie.writer()?;
        cookie.check_age()?;
        let value = value(cookie)?;
        cookie.check_size(&value)?;
        let line = writer.set(&value, cookie.max_age);
        self.jar.write(cookie.name, Some(value), &line)
    }
}

impl fmt::Debug for Cookies {
    /// No name and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

/// Keeps the name of a session's cookie from being used for another, once both the session and the jar are known.
pub(super) fn reserve<'a>(extensions: &Extensions, names: impl Iterator<Item = &'a str>) {
    if let Some(InRequest(cookies)) = extensions.get() {
        names.for_each(|name| cookies.jar.reserve(name));
    }
}
