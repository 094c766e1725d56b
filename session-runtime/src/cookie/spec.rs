//! What a session's cookie is called and which attributes it has.

use std::borrow::Cow;

/// A cookie's name and attributes, as far as they are known at compile time.
///
/// [`CookieSpec::new`] has the defaults of the OWASP Session Management Cheat Sheet; change what must differ:
///
/// ```
/// # use session_runtime::{CookieSpec, SameSite};
/// const COOKIE: CookieSpec = CookieSpec { same_site: SameSite::Strict, ..CookieSpec::new("__Host-shop") };
/// assert!(COOKIE.secure && COOKIE.http_only && COOKIE.domain.is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    /// The name. Under one that begins with `__Host-`, browsers refuse what another host, also a subdomain, tries to set.
    pub name: &'static str,
    /// The part of the site to which browsers send the cookie: `/`, the only one for a name that begins with `__Host-`.
    pub path: &'static str,
    /// The domain whose hosts all get the cookie; `None`, the default, is this host alone. All of them can set a cookie of
    /// this name, too: only a name that begins with `__Host-`, which takes no domain, keeps them from it.
    pub domain: Option<&'static str>,
    /// Whether browsers send the cookie over HTTPS only: `true`.
    pub secure: bool,
    /// Whether the cookie is hidden from scripts: `true`.
    pub http_only: bool,
    /// Which requests from other sites carry the cookie: [`SameSite::Lax`].
    pub same_site: SameSite,
    /// Whether an embedded page has a cookie of its own for each site that embeds it (CHIPS): `false`.
    pub partitioned: bool,
    /// Whether the cookie outlives the browser: `false`. The session's deadline then becomes its Max-Age.
    pub persistent: bool,
}

impl CookieSpec {
    /// The cookie `name` with the default attributes: `Secure; HttpOnly; SameSite=Lax; Path=/`.
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

/// Which requests from other sites carry a cookie (RFC 6265bis). It is defence in depth, not all of it.
///
/// ```
/// # use session_runtime::SameSite;
/// assert_eq!(SameSite::default(), SameSite::Lax);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// None. Whoever follows a link to the site arrives signed out.
    Strict,
    /// Those that follow a link: top-level navigation by a safe method.
    #[default]
    Lax,
    /// All, which browsers accept of `Secure` cookies only. For pages that other sites embed.
    None,
}

/// A [`CookieSpec`] that a deployment may have changed.
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
    /// Those of the cookie that has a chunk of what the first has no room for: `shop-2` behind `shop`.
    pub(crate) fn chunk(&self, chunk: usize) -> Self {
        Self { name: chunk_name(&self.name, chunk).into_owned().into(), ..self.clone() }
    }
}

/// The name of such a cookie.
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
