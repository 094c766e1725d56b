//! The headers that sessions and cookies add to a response.

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, Entry, SET_COOKIE, VARY},
};

/// Adds `Cookie` to `Vary`, unless it is already there, and keeps the other names (B2, SECURITY S35).
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    // The usual case: there is no `Vary` yet.
    if let Entry::Vacant(vary) = headers.entry(VARY) {
        vary.insert(HeaderValue::from_static("Cookie"));
        return;
    }
    let listed = |line: &HeaderValue| {
        line.as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"))
    };
    if headers.get_all(VARY).iter().any(listed) {
        return;
    }
    match headers.get(VARY).and_then(|line| line.to_str().ok()).map(|line| format!("{line}, Cookie")) {
        Some(merged) if headers.get_all(VARY).iter().count() == 1 => {
            if let Ok(merged) = HeaderValue::try_from(merged) {
                headers.insert(VARY, merged);
            }
        }
        _ => {
            headers.append(VARY, HeaderValue::from_static("Cookie"));
        }
    }
}

/// Keeps a response that depends on a session out of shared caches, unless the handler sets `Cache-Control` itself (B2).
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    if let Entry::Vacant(caching) = headers.entry(CACHE_CONTROL) {
        caching.insert(HeaderValue::from_static("private"));
    }
}

/// Adds our `Set-Cookie` as the only one under that name (RFC 6265bis, section 4.1), and forbids caching: a cached response
/// would give this cookie to other visitors.
///
/// The value is marked as sensitive. So the `Debug` output of the headers, as in a trace of responses, hides it, and HTTP/2
/// keeps it out of its compression table.
pub(crate) fn set_cookie(headers: &mut HeaderMap, name: &str, mut cookie: HeaderValue) {
    cookie.set_sensitive(true);
    forbid_caching(headers);
    // The usual case: there is no other cookie.
    if let Entry::Vacant(cookies) = headers.entry(SET_COOKIE) {
        cookies.insert(cookie);
        return;
    }
    let ours = |line: &HeaderValue| name_of(line) == name.as_bytes();
    if headers.get_all(SET_COOKIE).iter().any(ours) {
        warn_limited!(cookie = name, "a response already had a `Set-Cookie` of this name; it was replaced");
        let others: Vec<_> = headers.get_all(SET_COOKIE).iter().filter(|line| !ours(line)).cloned().collect();
        headers.remove(SET_COOKIE);
        for other in others {
            headers.append(SET_COOKIE, other);
        }
    }
    headers.append(SET_COOKIE, cookie);
}

/// Returns the name in a `Set-Cookie`, as browsers read it.
fn name_of(line: &HeaderValue) -> &[u8] {
    let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let name = pair.iter().position(|byte| *byte == b'=').map_or(&[][..], |end| &pair[..end]);
    name.trim_ascii()
}

fn forbid_caching(headers: &mut HeaderMap) {
    if let Entry::Vacant(caching) = headers.entry(CACHE_CONTROL) {
        caching.insert(HeaderValue::from_static("no-store"));
        return;
    }
    let forbids = |line: &HeaderValue| {
        line.as_bytes()
            .split(|byte| *byte == b',')
            .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
    };
    if headers.get_all(CACHE_CONTROL).iter().any(forbids) {
        return;
    }
    // An inner layer may have set `private`, so replacing it needs no warning.
    if let Some(weaker) = headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        && weaker != "private"
    {
        warn_limited!(was = ?weaker, "a response that sets a cookie must not be cached; it now says no-store");
    }
}
