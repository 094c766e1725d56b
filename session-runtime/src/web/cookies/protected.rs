//! [`ProtectedCookies`]: cookies whose values are signed, or sealed.

use std::fmt;

use super::Cookies;
use crate::{
    cookie::{Place, PlainCookie, Protection},
    error::{Error, Kind},
};

/// Signed or private cookies of a request: from [`Cookies::signed`] or [`Cookies::private`]. To remove one, call
/// [`Cookies::remove`].
///
/// A value is good for one name in one application, and for as long as its `max_age`, or else 400 days: the server checks
/// that, whatever the browser does. What was changed, cut, moved to another name, signed by a key that is gone, or is over,
/// reads as none. What an older key of the ring wrote still reads, and what is set again is written with the newest.
///
/// Whoever has the browser can still copy a value and bring it back later. What must be true only once, or must end when you
/// say so, belongs in the session.
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

    /// What the cookie says, if it is ours: set in this request, or else brought by the browser. `None` if it is not, or if
    /// there are two that are ours and differ. Without keys there is none, and the log says what to add.
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

    /// Sets a cookie, in place of whatever was set or removed under its name in this request before.
    ///
    /// # Errors
    /// As [`Cookies::set`]; and if the layer has no keys, or the operating system gives no random bytes.
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

    fn place<'a>(&'a self, name: &'a str) -> Place<'a> {
        Place { app: &self.cookies.options.app, name }
    }
}

const NO_KEYS: &str =
    "signed and private cookies need keys: write `CookiesLayer::new().keys(&keys)?`, where `keys` is a `KeyRing`";

impl fmt::Debug for ProtectedCookies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProtectedCookies").field(&self.protection).finish()
    }
}
