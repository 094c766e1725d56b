//! The headers of every response: no scripts but the shop's own, no frames, no guessing of types, and no pages in caches.

pub(crate) const SAFETY: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
];

/// Returns the `Cache-Control` of a response, if it must replace the present one. Pages are personal, so no cache may store them.
pub(crate) fn caching(present: Option<&[u8]>) -> Option<&'static str> {
    // The session layer sets `private` if the handler sets nothing.
    present.is_none_or(|present| present == b"private").then_some("no-store")
}
