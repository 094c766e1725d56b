//! What the derive accepts, and what comes of it. What it refuses is in `compile_fail.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::type_complexity)]

mod attributes;
mod handles;
mod hygiene;
mod lock;
mod macro_rules;
mod readers;
mod views;
mod visibility;
