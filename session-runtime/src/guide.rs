//! Guides: documentation that is too long for one item. These modules contain no items.

#[doc = include_str!("../docs/configuration.md")]
pub mod configuration {}

#[doc = include_str!("../docs/flask.md")]
pub mod flask {}

#[doc = include_str!("../docs/expansion.md")]
pub mod expansion {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/sign_ins.md")]
pub mod sign_ins {}

#[doc = include_str!("../docs/events.md")]
pub mod events {}

#[doc = include_str!("../docs/back_channel_logout.md")]
pub mod back_channel_logout {}

#[doc = include_str!("../docs/cost.md")]
pub mod cost {}

#[doc = include_str!("../docs/evolution.md")]
pub mod evolution {}

#[doc = include_str!("../docs/behaviours.md")]
pub mod behaviours {}

#[doc = include_str!("../docs/format.md")]
pub mod format {}

#[doc = include_str!("../docs/values.md")]
pub mod values {}

#[doc = include_str!("../docs/frameworks.md")]
pub mod frameworks {}
