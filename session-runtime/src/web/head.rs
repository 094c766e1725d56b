//! [`RequestHead`]: the part of a request that sessions read, and functions that interpret it.

use http::{
    HeaderName, HeaderValue, Request,
    header::{HOST, UPGRADE},
    request::Parts,
    uri::PathAndQuery,
};

/// The head of a request, in the types of any web framework.
///
/// ```
/// use http::{HeaderName, uri::PathAndQuery};
/// use session_runtime::web::RequestHead;
///
/// struct Head<'a> {
///     target: &'a str,
///     headers: &'a [(&'a str, &'a str)],
/// }
///
/// impl RequestHead for Head<'_> {
///     fn method(&self) -> &str {
///         "GET"
///     }
///
///     fn target(&self) -> Option<PathAndQuery> {
///         self.target.parse().ok()
///     }
///
///     fn authority(&self) -> Option<&str> {
///         None
///     }
///
///     fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
///         self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_bytes())
///     }
/// }
/// ```
pub trait RequestHead {
    /// Returns the method, such as `GET`.
    fn method(&self) -> &str;

    /// Returns the path and the query as the client sent them, even if a router has shortened the path since.
    fn target(&self) -> Option<PathAndQuery>;

    /// Returns the host in the request's URI, with its port. HTTP/2 sends it as `:authority`, instead of a `Host` header.
    fn authority(&self) -> Option<&str>;

    /// Returns each value of a header, in the order in which the client sent them.
    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;
}

impl RequestHead for Parts {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn target(&self) -> Option<PathAndQuery> {
        self.uri.path_and_query().cloned()
    }

    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(|authority| authority.as_str())
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

impl<B> RequestHead for Request<B> {
    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn target(&self) -> Option<PathAndQuery> {
        self.uri().path_and_query().cloned()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(|authority| authority.as_str())
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// Returns whether the request's method is safe: GET and HEAD should change nothing.
pub(super) fn is_safe(head: &impl RequestHead) -> bool {
    matches!(head.method(), "GET" | "HEAD")
}

/// Returns the first value of a header.
pub(super) fn first<'a>(head: &'a impl RequestHead, name: &HeaderName) -> Option<&'a [u8]> {
    head.header(name).next()
}

/// Returns the host that the request is for, from the URI (HTTP/2) or the `Host` header (HTTP/1).
pub(super) fn host(head: &impl RequestHead) -> Option<&str> {
    head.authority().or_else(|| std::str::from_utf8(first(head, &HOST)?).ok())
}

/// Returns the host that the request is for. `None` if the request came through a proxy, since the host may then be the proxy's.
pub(super) fn direct_host(head: &impl RequestHead) -> Option<&str> {
    const BY_PROXIES: [HeaderName; 6] = [
        HeaderName::from_static("forwarded"),
        HeaderName::from_static("x-forwarded-for"),
        HeaderName::from_static("x-forwarded-host"),
        HeaderName::from_static("x-forwarded-proto"),
        HeaderName::from_static("x-real-ip"),
        HeaderName::from_static("via"),
    ];
    if BY_PROXIES.iter().any(|name| first(head, name).is_some()) {
        return None;
    }
    host(head)
}

/// Returns the values of the `Upgrade` headers.
pub(super) fn upgrades(head: &impl RequestHead) -> impl Iterator<Item = &[u8]> {
    head.header(&UPGRADE)
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// Returns whether the request loads a page, as opposed to a script, a frame, an image or a prefetched page. Browsers say so
/// over HTTPS and on localhost (Fetch Metadata). Returns false for requests without these headers.
pub(super) fn is_navigation(head: &impl RequestHead) -> bool {
    let says = |name: &HeaderName, value: &str| first(head, name).is_some_and(|said| said == value.as_bytes());
    says(&SEC_FETCH_MODE, "navigate") && says(&SEC_FETCH_DEST, "document") && first(head, &SEC_PURPOSE).is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_loading_a_top_level_page_is_a_navigation() {
        let (mode, dest, purpose) = ("sec-fetch-mode", "sec-fetch-dest", "sec-purpose");
        for (headers, expected) in [
            (&[(mode, "navigate"), (dest, "document")][..], true),
            (&[], false),
            (&[(mode, "navigate")], false),
            (&[(dest, "document")], false),
            (&[(mode, "navigate"), (dest, "iframe")], false),
            (&[(mode, "cors"), (dest, "empty")], false),
            (&[(mode, "no-cors"), (dest, "image")], false),
            (&[(mode, "navigate"), (dest, "document"), (purpose, "prefetch")], false),
            (&[(mode, "navigate"), (dest, "document"), (purpose, "prefetch;prerender")], false),
        ] {
            let request =
                headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            assert_eq!(is_navigation(&request.body(()).unwrap()), expected, "{headers:?}");
        }
    }
}
