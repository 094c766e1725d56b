//! [`OriginRefusal`]: why a request was refused, and the log line for it.

use std::fmt;

use crate::words::Quoted;

/// How many characters of an origin are stored. Browsers send shorter origins, but a program can send one of any length.
const LONGEST: usize = 300;

/// Why [`SameOriginLayer`](super::SameOriginLayer) refused a request. `Display` is a sentence for operators.
///
/// It is also in the extensions of the response, where a middleware around the layer can find it.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use session_runtime::OriginRefusal;
///
/// async fn count(response: Response) -> Response {
///     if let Some(refusal) = response.extensions().get::<OriginRefusal>() {
///         eprintln!("refused: {refusal}");
///     }
///     response
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRefusal {
    reason: OriginReason,
    origin: Option<Box<str>>,
    site: Option<Box<str>>,
    host: Option<Box<str>>,
}

/// The rule that a request broke.
///
/// ```
/// # use session_runtime::{OriginReason, OriginRefusal};
/// fn is_program(refusal: &OriginRefusal) -> bool {
///     refusal.reason() == OriginReason::NoOrigin
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginReason {
    /// The browser says that the page is of another origin (`Sec-Fetch-Site`), and that origin is not trusted.
    OtherSite,
    /// The request's `Origin` (without one, its `Referer`) names neither the requested host nor a trusted origin.
    OtherOrigin,
    /// The request does not say where it comes from: it has none of `Sec-Fetch-Site`, `Origin` and `Referer`.
    NoOrigin,
}

impl OriginRefusal {
    pub(super) fn new(reason: OriginReason, origin: Option<&str>, site: Option<&[u8]>, host: Option<&str>) -> Self {
        let keep = |text: &str| text.chars().take(LONGEST).collect();
        Self {
            reason,
            origin: origin.map(keep),
            site: site.map(|site| keep(&String::from_utf8_lossy(site))),
            host: host.map(keep),
        }
    }

    /// Returns the rule that the request broke.
    ///
    /// ```
    /// # use session_runtime::{OriginReason, OriginRefusal};
    /// # fn show(refusal: &OriginRefusal) {
    /// if refusal.reason() == OriginReason::NoOrigin {
    ///     eprintln!("a program without an `Origin` header");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub const fn reason(&self) -> OriginReason {
        self.reason
    }

    /// Returns the origin that the request names, as it was sent: a client can send any text. `None` if it names none.
    ///
    /// ```
    /// # fn show(refusal: &session_runtime::OriginRefusal) {
    /// eprintln!("{:?}", refusal.origin());
    /// # }
    /// ```
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns the sentence that the sender of the request gets.
    pub(crate) const fn sentence(&self) -> &'static str {
        match self.reason {
            OriginReason::OtherSite | OriginReason::OtherOrigin => {
                "This request came from a page of another site, or from one that hides its origin, so it was not carried \
                 out. Please use the page of this site itself."
            }
            OriginReason::NoOrigin => {
                "This request does not say which page sent it, so it was not carried out. A program must send an `Origin` \
                 header with the address of this site."
            }
        }
    }

    /// Logs the refusal. Each rule has its own log statement, so that the rate limit of one does not suppress the others.
    pub(super) fn log(&self, method: &str, path: &str) {
        let path = Quoted(path);
        match self.reason {
            OriginReason::OtherSite => warn_limited!(
                method,
                %path,
                "a request from another site was refused: {self}; if the origin is yours, add it with `.trust(\"…\")`"
            ),
            OriginReason::OtherOrigin => warn_limited!(
                method,
                %path,
                "a request from another origin was refused: {self}; if the origin is yours, add it with `.trust(\"…\")`; if \
                 it is this site's own, let the proxy pass the `Host` header on"
            ),
            OriginReason::NoOrigin => warn_limited!(
                method,
                %path,
                "a request without an origin was refused: {self}; if programs may send such requests, add `.allow_programs()`"
            ),
        }
    }
}

impl fmt::Display for OriginRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &'_ Option<Box<str>>| text.as_deref().map(|text| Quoted(text).to_string());
        let (origin, host) = (quoted(&self.origin), quoted(&self.host));
        match self.reason {
            OriginReason::OtherSite => {
                let site = quoted(&self.site).unwrap_or_default();
                match origin {
                    Some(origin) => write!(f, "`Sec-Fetch-Site` is {site}, and the origin {origin} is not trusted"),
                    None => write!(f, "`Sec-Fetch-Site` is {site}, and the request names no origin"),
                }
            }
            OriginReason::OtherOrigin => {
                let Some(origin) = origin else {
                    return f.write_str("the request has no `Origin`, and its `Referer` names no valid origin");
                };
                match host {
                    Some(host) => write!(f, "the origin {origin} is neither that of this host, {host}, nor trusted"),
                    None => write!(
                        f,
                        "the origin {origin} is not trusted, and the request names no host to compare it with"
                    ),
                }
            }
            OriginReason::NoOrigin => f.write_str("the request has none of `Sec-Fetch-Site`, `Origin` and `Referer`"),
        }
    }
}
