//! [`PlainCookie`]: the name and attributes of an application's cookie.

use std::time::Duration;

use super::{
    rules::LARGEST_PAIR,
    spec::{Attributes, SameSite},
    writer::Writer,
};
use crate::{
    error::{Error, Kind},
    words::Quoted,
};

/// The name and attributes of an application's cookie. The value is not part of it, so one constant serves to set, read and
/// remove the cookie: browsers remove a cookie only if its name, path and domain are the same as when it was set.
///
/// The defaults are `Secure; HttpOnly; SameSite=Lax; Path=/`, until the browser closes. If they suffice, the name alone is
/// enough: every method of `Cookies` takes a `&str` as well.
///
/// ```
/// use std::time::Duration;
/// use session_runtime::{Cookies, Error, PlainCookie};
///
/// /// Scripts can read it too, and it stays for a year.
/// const THEME: PlainCookie<'_> =
///     PlainCookie::new("theme").http_only(false).max_age(Duration::from_secs(365 * 24 * 3600));
///
/// async fn dark(cookies: Cookies) -> Result<(), Error> {
///     cookies.set(THEME, "dark")
/// }
/// async fn plain(cookies: Cookies) -> Result<(), Error> {
///     cookies.remove(THEME)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainCookie<'a> {
    pub(crate) name: &'a str,
    path: &'a str,
    domain: Option<&'a str>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
    partitioned: bool,
    pub(crate) max_age: Option<Duration>,
}

impl<'a> PlainCookie<'a> {
    /// Creates the cookie `name` with the default attributes. If the name begins with `__Host-`, browsers do not let other
    /// hosts, including subdomains, set it.
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// const THEME: PlainCookie<'_> = PlainCookie::new("theme");
    /// assert_eq!(THEME, "theme".into());
    /// ```
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            path: "/",
            domain: None,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            partitioned: false,
            max_age: None,
        }
    }

    /// Sets how long browsers keep the cookie. Default: until the browser closes. At most 400 days, the longest that browsers
    /// allow; a fraction of a second is rounded up. Zero is an error when the cookie is set: use `remove` to remove it.
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// # use std::time::Duration;
    /// const SEEN: PlainCookie<'_> = PlainCookie::new("seen").max_age(Duration::from_secs(3600));
    /// ```
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Sets the path for which browsers send the cookie: this path and those below it. Default: `/`.
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// const STEP: PlainCookie<'_> = PlainCookie::new("step").path("/checkout");
    /// ```
    #[must_use]
    pub const fn path(mut self, path: &'a str) -> Self {
        self.path = path;
        self
    }

    /// Sets the domain of the cookie: all of its hosts get it, and all can set it. Default: none, so that only this host gets it.
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// const LANGUAGE: PlainCookie<'_> = PlainCookie::new("language").domain("example.com");
    /// ```
    #[must_use]
    pub const fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets whether browsers send the cookie over HTTPS only. Default: `true`. (Chromium and Firefox treat `http://localhost`
    /// like HTTPS, so development needs no exception.)
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// const THEME: PlainCookie<'_> = PlainCookie::new("theme").secure(false);
    /// ```
    #[must_use]
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Sets whether the cookie is hidden from scripts. Default: `true`.
    ///
    /// ```
    /// # use session_runtime::PlainCookie;
    /// const THEME: PlainCookie<'_> = PlainCookie::new("theme").http_only(false);
    /// ```
    #[must_use]
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Sets which requests from other sites carry the cookie. Default: [`SameSite::Lax`].
    ///
    /// ```
    /// # use session_runtime::{PlainCookie, SameSite};
    /// const STEP: PlainCookie<'_> = PlainCookie::new("step").same_site(SameSite::Strict);
    /// ```
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets whether an embedded page has a separate cookie for each site that embeds it (CHIPS). Default: `false`. Embedded
    /// pages also need [`SameSite::None`].
    ///
    /// ```
    /// # use session_runtime::{PlainCookie, SameSite};
    /// const EMBEDDED: PlainCookie<'_> =
    ///     PlainCookie::new("__Host-widget").same_site(SameSite::None).partitioned(true);
    /// ```
    #[must_use]
    pub const fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Returns the writer of this cookie's headers.
    ///
    /// # Errors
    /// If browsers would reject the cookie, or one of its parts would break the header (SECURITY S25, S28).
    pub(crate) fn writer(self) -> Result<Writer, Error> {
        let attributes = Attributes {
            name: self.name.to_owned().into(),
            path: self.path.to_owned().into(),
            domain: self.domain.map(|domain| domain.to_owned().into()),
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site,
            partitioned: self.partitioned,
            persistent: self.max_age.is_some(),
        };
        match attributes.flaw() {
            Some(flaw) => Err(Error::new(Kind::Cookie(attributes.explain(flaw)))),
            None => Writer::new(&attributes),
        }
    }

    /// Checks the cookie's lifetime.
    ///
    /// # Errors
    /// If the lifetime is zero.
    pub(crate) fn check_age(self) -> Result<(), Error> {
        if self.max_age.is_some_and(|max_age| max_age.is_zero()) {
            let sentence = format!(
                "the cookie {} has a `max_age` of zero, which would remove it; give at least a second, or call `remove`",
                Quoted(self.name)
            );
            return Err(Error::new(Kind::Cookie(sentence)));
        }
        Ok(())
    }

    /// Checks the size of the cookie with this value.
    ///
    /// # Errors
    /// If browsers would silently drop the cookie with this value (SECURITY S27).
    pub(crate) fn check_size(self, value: &str) -> Result<(), Error> {
        let bytes = self.name.len() + value.len();
        if bytes > LARGEST_PAIR {
            let name = Quoted(self.name).to_string();
            return Err(Error::new(Kind::CookieTooLarge { name, bytes, allowed: LARGEST_PAIR }));
        }
        Ok(())
    }
}

/// A cookie with the default attributes.
impl<'a> From<&'a str> for PlainCookie<'a> {
    fn from(name: &'a str) -> Self {
        Self::new(name)
    }
}

/// A cookie with the default attributes.
impl<'a> From<&'a String> for PlainCookie<'a> {
    fn from(name: &'a String) -> Self {
        Self::new(name)
    }
}
