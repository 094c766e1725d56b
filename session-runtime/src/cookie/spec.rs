//! The name and attributes of a session's cookie.

use std::borrow::Cow;

/// A cookie's name and attributes, as far as they are known at compile time.
///
/// [`CookieSpec::new`] has the defaults of the OWASP Session Management Cheat Sheet. Change only what must differ:
///
/// ```
/// # use session_runtime::{CookieSpec, SameSite};
/// const COOKIE: CookieSpec = CookieSpec { same_site: SameSite::Strict, ..CookieSpec::new("__Host-shop") };
/// assert!(COOKIE.secure && COOKIE.http_only && COOKIE.domain.is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    /// The name. If it begins with `__Host-`, browsers do not let other hosts, including subdomains, set it.
    pub name: &'static str,
    /// The path for which browsers send the cookie: this path and those below it. `/` by default, and always for a `__Host-`
    /// name.
    pub path: &'static str,
    /// The domain whose hosts all get the cookie. `None`, the default: only this host gets it. All hosts of the domain can also
    /// set the cookie. Only a `__Host-` name prevents that, but it does not allow a domain.
    pub domain: Option<&'static str>,
    /// Whether browsers send the cookie over HTTPS only. `true` by default.
    pub secure: bool,
    /// Whether the cookie is hidden from scripts. `true` by default.
    pub http_only: bool,
    /// Which requests from other sites carry the cookie. [`SameSite::Lax`] by default.
    pub same_site: SameSite,
    /// Whether an embedded page has a separate cookie for each site that embeds it (CHIPS). `false` by default.
    pub partitioned: bool,
    /// Whether the cookie outlives the browser. `false` by default. If so, the session's deadline becomes its Max-Age.
    pub persistent: bool,
}

impl CookieSpec {
    /// Creates the cookie `name` with the default attributes: `Secure; HttpOnly; SameSite=Lax; Path=/`.
    ///
    /// ```
    /// # use session_runtime::{CookieSpec, SameSite};
    /// const COOKIE: CookieSpec = CookieSpec::new("__Host-shop");
    /// assert_eq!((COOKIE.path, COOKIE.same_site), ("/", SameSite::Lax));
    /// ```
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            path: "/",
            domain: None,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            partitioned: false,
            persistent: false,
        }
    }
}

/// Which requests from other sites carry a cookie (RFC 6265bis). It is one layer of defence and is not sufficient on its own.
///
/// ```
/// # use session_runtime::SameSite;
/// assert_eq!(SameSite::default(), SameSite::Lax);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// No request from another site. A visitor who follows a link to the site arrives signed out.
    Strict,
    /// Requests that follow a link: top-level navigation by a safe method.
    #[default]
    Lax,
    /// All requests. Browsers accept this only for `Secure` cookies. It is for pages that other sites embed.
    None,
}

/// The name and attributes of a cookie: those of a [`CookieSpec`] with the changes from a deployment's settings, or those of an
/// application's cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) name: Cow<'static, str>,
    pub(crate) path: Cow<'static, str>,
    pub(crate) domain: Option<Cow<'static, str>>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: SameSite,
    pub(crate) partitioned: bool,
    pub(crate) persistent: bool,
}

impl Attributes {
    /// Returns the attributes of the cookie for a further chunk: `shop-2` for `shop`.
    pub(crate) fn chunk(&self, chunk: usize) -> Self {
        Self { name: chunk_name(&self.name, chunk).into_owned().into(), ..self.clone() }
    }
}

/// Returns the name of the cookie for a chunk, counted from 0.
pub(crate) fn chunk_name(name: &str, chunk: usize) -> Cow<'_, str> {
    if chunk == 0 { name.into() } else { format!("{name}-{}", chunk + 1).into() }
}

impl From<CookieSpec> for Attributes {
    fn from(spec: CookieSpec) -> Self {
        Self {
            name: spec.name.into(),
            path: spec.path.into(),
            domain: spec.domain.map(Cow::from),
            secure: spec.secure,
            http_only: spec.http_only,
            same_site: spec.same_site,
            partitioned: spec.partitioned,
            persistent: spec.persistent,
        }
    }
}
