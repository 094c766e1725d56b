//! Facts about a request that sessions depend on. Pure functions.

use http::HeaderMap;

/// Returns whether the request loads a page, as opposed to a script, a frame, an image or a prefetched page. Browsers say so
/// over HTTPS and on localhost (Fetch Metadata). Returns false for requests without these headers.
pub(super) fn is_navigation(headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said.as_bytes() == value.as_bytes());
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document") && !headers.contains_key("sec-purpose")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_page_that_is_gone_to_is_a_navigation() {
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
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect();
            assert_eq!(is_navigation(&headers), expected, "{headers:?}");
        }
    }
}
