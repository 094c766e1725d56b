//! The rules for names and attributes of cookies that browsers keep, and the messages for those that break one.
//!
//! The derive checks the same rules at compile time, with similar messages. All checks are `const`; only the messages are not.

use std::fmt;

use super::{
    base64,
    spec::{Attributes, SameSite},
};
use crate::words::Quoted;

/// The most bytes of name and value together: browsers silently drop larger cookies (RFC 6265bis on `Set-Cookie`, SECURITY
/// S27).
pub(crate) const LARGEST_PAIR: usize = 4096;
/// The most bytes of an attribute's value: browsers ignore larger ones (same section).
const LARGEST_ATTRIBUTE: usize = 1024;

/// Why browsers or proxies would reject a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NameEmpty,
    NameCharacter,
    NameLength,
    Prefix { prefix: &'static str, clash: Clash },
    SameSiteNone,
    Partitioned,
    PathStart,
    PathCharacter,
    PathLength,
    DomainDot,
    DomainShape,
    DomainLength,
}

/// The attribute that conflicts with a name's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    Secure,
    HttpOnly,
    Path,
    Domain,
}

impl Flaw {
    /// Returns the options that the flaw concerns.
    pub(crate) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::NameEmpty | Self::NameCharacter | Self::NameLength => &["cookie"],
            Self::Prefix { clash: Clash::Secure, .. } => &["cookie", "secure"],
            Self::Prefix { clash: Clash::HttpOnly, .. } => &["cookie", "http_only"],
            Self::Prefix { clash: Clash::Path, .. } => &["cookie", "path"],
            Self::Prefix { clash: Clash::Domain, .. } => &["cookie", "domain"],
            Self::SameSiteNone => &["secure", "same_site"],
            Self::Partitioned => &["secure", "partitioned"],
            Self::PathStart | Self::PathCharacter | Self::PathLength => &["path"],
            Self::DomainDot | Self::DomainShape | Self::DomainLength => &["domain"],
        }
    }
}

impl Attributes {
    /// Returns the first rule that these attributes break.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        name_flaw(&self.name)
            .or_else(|| path_flaw(&self.path))
            .or_else(|| self.domain.as_deref().and_then(domain_flaw))
            .or_else(|| prefix_flaw(self.prefix(), &self.path, self.domain.is_some(), self.secure, self.http_only))
            .or_else(|| security_flaw(self.secure, self.same_site, self.partitioned))
    }

    /// Returns the message for `flaw`.
    pub(crate) fn explain(&self, flaw: Flaw) -> String {
        Explanation { attributes: self, flaw }.to_string()
    }

    fn prefix(&self) -> Option<&'static str> {
        prefix(&self.name)
    }
}

/// Returns the prefix of a cookie's name, if browsers have conditions for it. Like browsers, it ignores case.
pub(crate) const fn prefix(name: &str) -> Option<&'static str> {
    // The longest first: `__Host-Http-` begins with `__Host-`.
    if begins_with(name, "__Host-Http-") {
        Some("__Host-Http-")
    } else if begins_with(name, "__Host-") {
        Some("__Host-")
    } else if begins_with(name, "__Secure-") {
        Some("__Secure-")
    } else if begins_with(name, "__Http-") {
        Some("__Http-")
    } else {
        None
    }
}

/// Returns whether browsers hold at most one cookie of this name for a host (SECURITY S32).
pub(crate) const fn is_exclusive(name: &str) -> bool {
    begins_with(name, "__Host-")
}

/// A name must be a token of RFC 9110, and short enough to leave room for the value.
const fn name_flaw(name: &str) -> Option<Flaw> {
    let (bytes, mut at) = (name.as_bytes(), 0);
    while at < bytes.len() {
        if !is_token(bytes[at]) {
            return Some(Flaw::NameCharacter);
        }
        at += 1;
    }
    if bytes.is_empty() {
        Some(Flaw::NameEmpty)
    } else if bytes.len() + base64::LENGTH > LARGEST_PAIR {
        Some(Flaw::NameLength)
    } else {
        None
    }
}

/// Checks the conditions of RFC 6265bis, section 4.1.3, and of the later `__Http-` prefixes.
const fn prefix_flaw(
    prefix: Option<&'static str>,
    path: &str,
    domain: bool,
    secure: bool,
    http_only: bool,
) -> Option<Flaw> {
    let Some(prefix) = prefix else { return None };
    let (host, http) = (begins_with(prefix, "__Host-"), ends_with(prefix, "Http-"));
    let clash = if !secure {
        Clash::Secure
    } else if http && !http_only {
        Clash::HttpOnly
    } else if host && domain {
        Clash::Domain
    } else if host && (path.len() != 1 || path.as_bytes()[0] != b'/') {
        Clash::Path
    } else {
        return None;
    };
    Some(Flaw::Prefix { prefix, clash })
}

const fn security_flaw(secure: bool, same_site: SameSite, partitioned: bool) -> Option<Flaw> {
    if secure {
        None
    } else if matches!(same_site, SameSite::None) {
        Some(Flaw::SameSiteNone)
    } else if partitioned {
        Some(Flaw::Partitioned)
    } else {
        None
    }
}

/// A path is printable ASCII without header delimiters (SECURITY S28), and begins with `/`: browsers ignore any other path.
const fn path_flaw(path: &str) -> Option<Flaw> {
    let (bytes, mut at) = (path.as_bytes(), 0);
    while at < bytes.len() {
        if !matches!(bytes[at], b'!'..=b'~') || matches!(bytes[at], b';' | b',' | b'"' | b'\\') {
            return Some(Flaw::PathCharacter);
        }
        at += 1;
    }
    if bytes.is_empty() || bytes[0] != b'/' {
        Some(Flaw::PathStart)
    } else if bytes.len() > LARGEST_ATTRIBUTE {
        Some(Flaw::PathLength)
    } else {
        None
    }
}

/// A domain is labels of letters, digits and hyphens between single dots.
const fn domain_flaw(domain: &str) -> Option<Flaw> {
    let (bytes, mut at, mut dot) = (domain.as_bytes(), 0, true);
    if bytes.len() > 1 && bytes[0] == b'.' {
        return Some(Flaw::DomainDot);
    }
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'.' && dot || !(byte == b'.' || byte == b'-' || byte.is_ascii_alphanumeric()) {
            return Some(Flaw::DomainShape);
        }
        dot = byte == b'.';
        at += 1;
    }
    if dot {
        Some(Flaw::DomainShape)
    } else if bytes.len() > LARGEST_ATTRIBUTE {
        Some(Flaw::DomainLength)
    } else {
        None
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

const fn begins_with(text: &str, start: &str) -> bool {
    matches_at(text.as_bytes(), start.as_bytes(), 0)
}

const fn ends_with(text: &str, end: &str) -> bool {
    text.len() >= end.len() && matches_at(text.as_bytes(), end.as_bytes(), text.len() - end.len())
}

const fn matches_at(text: &[u8], part: &[u8], from: usize) -> bool {
    let mut at = 0;
    while at < part.len() {
        if from + at >= text.len() || !text[from + at].eq_ignore_ascii_case(&part[at]) {
            return false;
        }
        at += 1;
    }
    true
}

struct Explanation<'a> {
    attributes: &'a Attributes,
    flaw: Flaw,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, path) = (Quoted(&self.attributes.name), Quoted(&self.attributes.path));
        let domain = Quoted(self.attributes.domain.as_deref().unwrap_or_default());
        match self.flaw {
            Flaw::NameEmpty => f.write_str("the cookie has no name; write one such as `__Host-shop`"),
            Flaw::NameCharacter => write!(
                f,
                "the cookie's name {name} has a character that no cookie's name may have; use letters, digits, `-` and `_`"
            ),
            Flaw::NameLength => write!(
                f,
                "the cookie's name {name} and its value have more than the {LARGEST_PAIR} bytes that browsers keep; \
                 choose a shorter name"
            ),
            Flaw::Prefix { prefix, clash } => {
                let (what, cure) = match clash {
                    Clash::Secure => ("without `Secure`", "`secure = false`"),
                    Clash::HttpOnly => ("without `HttpOnly`", "`http_only = false`"),
                    Clash::Path => ("with a path other than `/`", "the path"),
                    Clash::Domain => ("with a domain", "the domain"),
                };
                write!(
                    f,
                    "the cookie is named {name}: browsers reject the `{prefix}` prefix {what}; drop {cure} or the prefix"
                )
            }
            Flaw::SameSiteNone => f.write_str(
                "browsers reject a cookie with `SameSite=None` and without `Secure`; drop `secure = false` or `same_site`",
            ),
            Flaw::Partitioned => f.write_str(
                "browsers reject a cookie with `Partitioned` and without `Secure`; drop `secure = false` or `partitioned`",
            ),
            Flaw::PathStart => write!(f, "the cookie's path {path} does not begin with `/`; write `/` or `/shop`"),
            Flaw::PathCharacter => write!(
                f,
                "the cookie's path {path} has a character that a cookie's path may not have; \
                 use printable ASCII without blanks and `;` `,` `\"` `\\`"
            ),
            Flaw::PathLength => write!(
                f,
                "the cookie's path {path} has more than the {LARGEST_ATTRIBUTE} bytes that browsers heed; shorten it"
            ),
            Flaw::DomainDot => {
                write!(f, "the cookie's domain {domain} begins with a dot, which browsers ignore; drop it")
            }
            Flaw::DomainShape => write!(
                f,
                "the cookie's domain {domain} is not a host name; write it like `example.com`, in ASCII and without a port"
            ),
            Flaw::DomainLength => write!(
                f,
                "the cookie's domain {domain} has more than the {LARGEST_ATTRIBUTE} bytes that browsers heed; shorten it"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
