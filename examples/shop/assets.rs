//! The files that the pages refer to.

pub(crate) struct Asset {
    pub(crate) kind: &'static str,
    pub(crate) content: &'static str,
}

pub(crate) const STYLE: Asset = Asset { kind: "text/css; charset=utf-8", content: include_str!("style.css") };
pub(crate) const LIVE: Asset = Asset { kind: "text/javascript; charset=utf-8", content: include_str!("live.js") };
pub(crate) const ICONS: Asset = Asset { kind: "image/svg+xml", content: include_str!("icons.svg") };
pub(crate) const LOGO: Asset = Asset { kind: "image/svg+xml", content: include_str!("logo.svg") };

/// The `Cache-Control` of these files.
pub(crate) const CACHING: &str = "public, max-age=300";
