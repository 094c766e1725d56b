//! Rules that make browsers accept the cookie: for its name and the name's prefix (RFC 6265bis §4.1.3, SECURITY S25), for
//! `Secure`, and for its path and domain.

use quote::ToTokens;

use crate::{
    attr::{Given, SameSite, StructAttrs, keys::StructKey},
    context::Context,
    model::Session,
};

// cookie = "my shop"
pub(super) fn name(session: &Session, cx: &mut Context) {
    match &session.attrs.cookie {
        Some(name) if name.value.is_empty() => {
            cx.error_at(name.at_value(), "the cookie's name is empty; write one such as `__Host-shop`")
        }
        Some(name) => {
            if let Some(bad) = name.value.chars().find(|c| !is_token(*c)) {
                cx.error_at(
                    name.at_value(),
                    format!("{bad:?} cannot be part of a cookie's name; use letters, digits, `-`, `_` and `.`"),
                );
            }
        }
        // struct Übersicht { … }
        None if !session.attrs.written.contains(&StructKey::Cookie) => {
            let kebab = session.kebab();
            if kebab.is_empty() || !kebab.chars().all(is_token) {
                let name = &session.ident;
                cx.error_at(
                    name,
                    format!("a cookie cannot be named after `{name}`; name it yourself: `#[session(cookie = \"…\")]`"),
                );
            }
        }
        None => {}
    }
}

/// Returns whether a character is allowed in a token (RFC 9110 §5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// The requirements of a name prefix.
struct Prefix {
    name: &'static str,
    /// Forbids `Domain`, and requires `Path=/`.
    host: bool,
    http_only: bool,
}

/// All prefixes require `Secure`. Browsers ignore their case. The longer ones come first, since `__Host-Http-` also starts with
/// `__Host-`.
const PREFIXES: [Prefix; 4] = [
    Prefix { name: "__Host-Http-", host: true, http_only: true },
    Prefix { name: "__Host-", host: true, http_only: false },
    Prefix { name: "__Http-", host: false, http_only: true },
    Prefix { name: "__Secure-", host: false, http_only: false },
];

// cookie = "__Host-sid", secure = false
// domain = "example.com" (and the default name)
pub(super) fn prefix(session: &Session, cx: &mut Context) {
    let attrs = &session.attrs;
    let given = attrs.cookie.is_some();
    if !given && attrs.written.contains(&StructKey::Cookie) {
        return;
    }
    let name = session.cookie_name();
    let starts =
        |prefix: &&Prefix| name.get(..prefix.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.name));
    let Some(prefix) = PREFIXES.iter().find(starts) else { return };
    let kebab = session.kebab();
    let mut refuse = |key: &dyn ToTokens, without: &str, wrong: &str| {
        let named = if given { "is named" } else { "is by default named" };
        let way_out = match (given, prefix.host) {
            (true, _) => format!("drop {wrong} or the prefix"),
            (false, _) => format!("drop {wrong}, or name the cookie: `cookie = \"{kebab}\"`"),
        };
        cx.error_at(
            key.to_token_stream(),
            format!("the cookie {named} `{name}`: browsers reject the `{}` prefix {without}; {way_out}", prefix.name),
        );
    };
    if let Some(secure) = off(&attrs.secure) {
        refuse(secure.at_key(), "without `Secure`", "`secure = false`");
    }
    if let (true, Some(http_only)) = (prefix.http_only, off(&attrs.http_only)) {
        refuse(http_only.at_key(), "without `HttpOnly`", "`http_only = false`");
    }
    if let (true, Some(domain)) = (prefix.host, &attrs.domain) {
        refuse(domain.at_key(), "with a `Domain`", "`domain`");
    }
    if let (true, Some(path)) = (prefix.host, attrs.path.as_ref().filter(|path| path.value != "/")) {
        refuse(path.at_key(), "with a `Path` other than `/`", "`path`");
    }
}

// same_site = none, secure = false
// partitioned, secure = false
pub(super) fn needs_secure(session: &Session, cx: &mut Context) {
    let attrs = &session.attrs;
    if StructAttrs::is_on(&attrs.secure) {
        return;
    }
    if let Some(same_site) = attrs.same_site.as_ref().filter(|same_site| same_site.value == SameSite::None) {
        let key = same_site.at_key();
        cx.error_at(key, "browsers reject a cookie with `SameSite=None` and without `Secure`; drop `secure = false`");
    }
    if let Some(partitioned) = attrs.partitioned.as_ref().filter(|partitioned| partitioned.value) {
        let key = partitioned.at_key();
        cx.error_at(key, "browsers reject a cookie that is `Partitioned` and not `Secure`; drop `secure = false`");
    }
}

/// The most bytes in the value of a cookie attribute. Browsers ignore an attribute with a longer value.
const LARGEST_ATTRIBUTE: usize = 1024;

// path = "shop"
// path = "/a;b"
pub(super) fn path(session: &Session, cx: &mut Context) {
    let Some(path) = &session.attrs.path else { return };
    if !path.value.starts_with('/') {
        cx.error_at(path.at_value(), format!("a cookie's path begins with `/`; did you mean `\"/{}\"`?", path.value));
    } else if let Some(bad) =
        path.value.chars().find(|c| !matches!(c, '!'..='~') || matches!(c, ';' | ',' | '"' | '\\'))
    {
        cx.error_at(path.at_value(), format!("{bad:?} cannot be part of a cookie's path; percent-encode it"));
    } else if path.value.len() > LARGEST_ATTRIBUTE {
        cx.error_at(
            path.at_value(),
            format!("browsers ignore a path of more than {LARGEST_ATTRIBUTE} bytes; shorten it"),
        );
    }
}

// domain = "https://example.com:8080"
// domain = ".example.com"
pub(super) fn domain(session: &Session, cx: &mut Context) {
    let Some(domain) = &session.attrs.domain else { return };
    let host = domain.value.as_str();
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if host.split('.').all(label) {
        if host.len() > LARGEST_ATTRIBUTE {
            cx.error_at(
                domain.at_value(),
                format!("browsers ignore a domain of more than {LARGEST_ATTRIBUTE} bytes; shorten it"),
            );
        }
        return;
    }
    let meant = host.split("://").last().unwrap_or(host);
    let meant = meant.split(['/', ':']).next().unwrap_or(meant).trim_matches('.');
    let advice = match meant.split('.').all(label) {
        true => format!("did you mean `\"{meant}\"`?"),
        false if host.is_ascii() => "write a host name, such as `\"example.com\"`".to_owned(),
        false => "write it in Punycode, such as `\"xn--bcher-kva.example\"`".to_owned(),
    };
    cx.error_at(domain.at_value(), format!("{host:?} is not a valid cookie domain; {advice}"));
}

fn off(flag: &Option<Given<bool>>) -> Option<&Given<bool>> {
    flag.as_ref().filter(|given| !given.value)
}
