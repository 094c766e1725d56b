//! Input that the derive accepts, and the result. `tests/refused` has the input that it rejects.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::type_complexity)]

mod attributes;
mod handles;
mod hygiene;
mod lock;
mod macro_rules;
mod readers;
mod views;
mod visibility;
