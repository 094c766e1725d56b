//! Guides: what is longer than one item's documentation. They hold no code.

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/evolution.md")]
pub mod evolution {}
