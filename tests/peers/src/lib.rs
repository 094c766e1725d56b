//! Compares this project's sessions with those of other projects. This library is the code that the programs share.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

pub mod allocations;
pub mod app;
pub mod at_once;
pub mod bars;
pub mod contestants;
pub mod correctness;
pub mod figures;
pub mod gate;
#[cfg(feature = "sqlx-0-9")]
pub mod growth;
pub mod in_process;
pub mod instructions;
#[cfg(feature = "sqlx-0-9")]
pub mod kept;
pub mod keys;
pub mod lines;
pub mod load;
#[cfg(feature = "sqlx-0-9")]
pub mod loopback;
pub mod parts;
pub mod plot;
pub mod report;
pub mod sealed;
pub mod serve;
pub mod session;
pub mod site;
pub mod tables;
pub mod works;
