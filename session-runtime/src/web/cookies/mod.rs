//! The application's own cookies. `layer` gives each request a `jar`, and sends the jar's cookies with the response. Handlers use
//! the jar through [`Cookies`], and through `protected` for signed or encrypted values.

mod jar;
mod layer;
mod protected;
mod rejection;

use std::{fmt, sync::Arc};

use http::{header::COOKIE, request::Parts};

use self::{jar::Jar, layer::Options};
pub use self::{
    layer::{CookiesCommit, CookiesLayer},
    protected::ProtectedCookies,
    rejection::CookiesRejection,
};
use super::{RequestHead, Visit};
use crate::{
    cookie::{PlainCookie, encode},
    error::Error,
};

/// The cookies of a request, apart from the session's. They are for data that the browser may see and keep, such as a theme, a
/// language, or whether a banner was closed. They need a [`CookiesLayer`].
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
/// **Values** are any text. Characters that a cookie cannot hold (blanks, `"`, `%`, `,`, `;`, `\`, control characters,
/// anything outside ASCII) are percent-encoded when a cookie is sent, and decoded when it is read, as JavaScript's
/// `decodeURIComponent` does. A value that another program wrote is decoded where possible and keeps its quotes; `get` returns
/// `None` if it is not UTF-8. Names are never decoded. The browser's user can read and write a plain cookie, so trust only
/// [signed](Self::signed) ones.
///
/// **Two cookies of one name** with different values, from two paths or domains, read as `None`, since their order does not tell
/// which one is the application's (SECURITY S32). Two cookies of a `__Host-` name read as `None` even if they are equal, since a
/// browser never holds more than one.
///
/// **Within a request**, all `Cookies` share their changes. The last change of a name counts, `get` sees it, and the response
/// has one `Set-Cookie` for each name. If the handler answers 5xx, the cookies that it set are not sent, but the cookies that it
/// removed are still removed.
///
/// **The response** gets `Vary: Cookie` once a cookie was read, and `Cache-Control: no-store` along with any `Set-Cookie`.
#[derive(Clone)]
pub struct Cookies {
    jar: Arc<Jar>,
    options: Arc<Options>,
}

impl Cookies {
    /// Returns the cookies of a request that came through [`CookiesLayer`], for services without axum's extractors.
    ///
    /// # Errors
    /// [`CookiesRejection`] if the route has no layer.
    ///
    /// ```
    /// # use session_runtime::{Cookies, CookiesRejection};
    /// async fn theme(request: http::Request<String>) -> Result<Option<String>, CookiesRejection> {
    ///     let (parts, _body) = request.into_parts();
    ///     Ok(Cookies::from_parts(&parts)?.get("theme"))
    /// }
    /// ```
    pub fn from_parts(parts: &Parts) -> Result<Self, CookiesRejection> {
        Self::of_visit(parts.extensions.get(), parts)
    }

    /// Returns the cookies of a request, for the authors of adapters: see [`web`](crate::web). `visit` is `None` if the request
    /// came through no layer.
    ///
    /// # Errors
    /// Those of [`Cookies::from_parts`].
    pub fn of_visit(visit: Option<&Visit>, head: &impl RequestHead) -> Result<Self, CookiesRejection> {
        let cookies = visit.and_then(|visit| visit.cookies.as_ref()).ok_or_else(CookiesRejection::no_layer)?;
        cookies.jar.came_with(head.header(&COOKIE));
        Ok(cookies.clone())
    }

    /// Reserves the name of a session's cookie, so that the application cannot write that cookie.
    pub(super) fn reserve(&self, name: &str) {
        self.jar.reserve(name);
    }

    /// Returns the cookie's value: the one set in this request, otherwise the one that the browser sent. `None` if the browser
    /// sent none, if the value is not UTF-8, or if the browser sent two that differ.
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

    /// Sets a cookie. It replaces any earlier change of that name in this request.
    ///
    /// # Errors
    /// The message names the mistake; a handler that returns the error answers 500. Mistakes are: a name, path or domain that
    /// would break the header, attributes with which browsers refuse the cookie, a `max_age` of zero, the name of a session's
    /// cookie, more than 4,096 bytes ([`Error::is_too_large`]), or a response that was already sent.
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

    /// Removes a cookie from the browser, whether plain, signed or private. Browsers remove it only if name, path and domain
    /// are those that it was set with, so pass the same [`PlainCookie`] if these are not the defaults.
    ///
    /// # Errors
    /// Those of [`Cookies::set`], except those of the value and of `max_age`.
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

    /// Returns the signed cookies. Only this server can write their values: the signature covers the value, the name and the
    /// application. The browser's user can read them. They need keys: [`CookiesLayer::keys`].
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

    /// Returns the private cookies. Only this server can read or write their values: they are encrypted, and bound to name and
    /// application. They need keys: [`CookiesLayer::keys`].
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

    /// Sets a cookie to the result of `value`.
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
    /// Shows neither names nor values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}
