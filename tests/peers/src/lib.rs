//! This project's sessions beside those of others: what the programs here share.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

pub mod allocations;
pub mod app;
pub mod bars;
pub mod contestants;
pub mod correctness;
pub mod figures;
pub mod gate;
pub mod growth;
pub mod instructions;
pub mod keys;
pub mod lines;
pub mod load;
pub mod plot;
pub mod report;
pub mod sealed;
pub mod session;
pub mod tables;
pub mod works;
