//! What sessions and cookies add to a response's headers.

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, VARY},
};

/// The bytes of all `Cookie` lines: HTTP/2 may send several (RFC 9113, section 8.2.3).
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes)
}

/// Says that the response depends on the cookie, once, whatever else it depends on (B2, SECURITY S35).
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    // Mostly nothing else does.
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

/// Keeps a response that depends on a session out of shared caches, unless the handler says something itself (B2).
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    if let Entry::Vacant(caching) = headers.entry(CACHE_CONTROL) {
        caching.insert(HeaderValue::from_static("private"));
    }
}

/// Adds our `Set-Cookie`, the only one under that name (RFC 6265bis, section 4.1), and keeps the response out of caches:
/// whoever got it from one would be somebody else.
///
/// The value is marked as sensitive: `Debug` of the headers, as a trace of responses prints it, hides it, and HTTP/2 enters
/// it into no table of headers.
pub(crate) fn set_cookie(headers: &mut HeaderMap, name: &str, mut cookie: HeaderValue) {
    cookie.set_sensitive(true);
    forbid_caching(headers);
    // Mostly nobody else sets any.
    if let Entry::Vacant(cookies) = headers.entry(SET_COOKIE) {
        cookies.insert(cookie);
        return;
    }
    let ours = |line: &HeaderValue| name_of(line) == name.as_bytes();
    if headers.get_all(SET_COOKIE).iter().any(ours) {
        warn_limited!(cookie = name, "a response set this cookie already, by a header of its own; it was replaced");
        let others: Vec<_> = headers.get_all(SET_COOKIE).iter().filter(|line| !ours(line)).cloned().collect();
        headers.remove(SET_COOKIE);
        for other in others {
            headers.append(SET_COOKIE, other);
        }
    }
    headers.append(SET_COOKIE, cookie);
}

/// The name in a `Set-Cookie`, as browsers read it.
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
    // A layer within says `private` where the handler says nothing.
    if let Some(weaker) = headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        && weaker != "private"
    {
        warn_limited!(was = ?weaker, "a response that sets a cookie must not be cached; it now says no-store");
    }
}
