//! The headers of every response. They forbid scripts other than the shop's own, frames, guesses about the content type, and
//! pages in caches.

pub(crate) const SAFETY: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
];

/// Returns the `Cache-Control` to set in a response instead of the present one, or `None` to keep the present one. Pages are
/// personal, so no cache may store them.
pub(crate) fn caching(present: Option<&[u8]>) -> Option<&'static str> {
    // The session layer sets `private` if the handler sets nothing.
    present.is_none_or(|present| present == b"private").then_some("no-store")
}
