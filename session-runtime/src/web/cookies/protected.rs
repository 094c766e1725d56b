//! [`ProtectedCookies`]: cookies with signed or encrypted values.

use std::fmt;

use super::Cookies;
use crate::{
    cookie::{CookiePlace, PlainCookie, Protection},
    error::{Error, Kind},
};

/// The signed or private cookies of a request, from [`Cookies::signed`] or [`Cookies::private`]. To remove one, call
/// [`Cookies::remove`].
///
/// A value is valid for one name in one application, and for its `max_age`, or 400 days without one. The server checks this,
/// whatever the browser does. A value reads as `None` if it was changed, truncated or moved to another name, if its key was
/// removed, or if it has expired. Values that an older key of the ring wrote are still read; new values are written with the
/// newest key.
///
/// The browser's user can still copy a value and send it again later. If something is valid only once, or if you must be able
/// to revoke it, keep it in the session.
///
/// ```
/// # use session_runtime::{Cookies, Error, PlainCookie};
/// # use std::time::Duration;
/// const COUPON: PlainCookie<'_> = PlainCookie::new("coupon").max_age(Duration::from_secs(3600));
///
/// async fn invite(cookies: Cookies) -> Result<(), Error> {
///     cookies.private().set(COUPON, "TEN-PERCENT")
/// }
/// async fn basket(cookies: Cookies) -> String {
///     cookies.private().get(COUPON).unwrap_or_default()
/// }
/// ```
#[derive(Clone, Copy)]
pub struct ProtectedCookies<'c> {
    cookies: &'c Cookies,
    protection: Protection,
}

impl<'c> ProtectedCookies<'c> {
    pub(super) const fn signed(cookies: &'c Cookies) -> Self {
        Self { cookies, protection: Protection::Signed }
    }

    pub(super) const fn private(cookies: &'c Cookies) -> Self {
        Self { cookies, protection: Protection::Private }
    }

    /// Returns the cookie's value if its protection is valid: the one set in this request, otherwise the one that the browser
    /// sent. `None` if the protection is not valid, or if the browser sent two valid values that differ. If the layer has no
    /// keys, this is always `None`, and the log says what to add.
    ///
    /// ```
    /// # use session_runtime::Cookies;
    /// async fn basket(cookies: Cookies) -> String {
    ///     cookies.signed().get("cart").unwrap_or_default()
    /// }
    /// ```
    #[must_use]
    pub fn get<'a>(&self, cookie: impl Into<PlainCookie<'a>>) -> Option<String> {
        let name = cookie.into().name;
        let Some(protector) = &self.cookies.options.protector else {
            error_limited!(cookie = name, "{NO_KEYS}");
            return None;
        };
        let (place, now) = (self.place(name), self.cookies.options.clock.now());
        self.cookies.jar.opened(name, |value| protector.read(self.protection, place, value, now))
    }

    /// Sets a cookie. It replaces any earlier change of that name in this request.
    ///
    /// # Errors
    /// Those of [`Cookies::set`]. It also fails if the layer has no keys, or if the operating system gives no random bytes.
    ///
    /// ```
    /// # use session_runtime::{Cookies, Error};
    /// async fn add(cookies: Cookies) -> Result<(), Error> {
    ///     cookies.signed().set("cart", "apple")
    /// }
    /// ```
    pub fn set<'a>(&self, cookie: impl Into<PlainCookie<'a>>, value: impl AsRef<str>) -> Result<(), Error> {
        let Some(protector) = &self.cookies.options.protector else {
            return Err(Error::new(Kind::Cookie(NO_KEYS.into())));
        };
        let now = self.cookies.options.clock.now();
        self.cookies.write(cookie.into(), |cookie| {
            protector.write(self.protection, self.place(cookie.name), value.as_ref(), now, cookie.max_age)
        })
    }

    fn place<'a>(&'a self, name: &'a str) -> CookiePlace<'a> {
        CookiePlace { app: &self.cookies.options.app, name }
    }
}

const NO_KEYS: &str =
    "signed and private cookies need keys: write `CookiesLayer::new().keys(&keys)?`, where `keys` is a `KeyRing`";

impl fmt::Debug for ProtectedCookies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProtectedCookies").field(&self.protection).finish()
    }
}
