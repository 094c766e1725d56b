//! Sessions that are kept in the visitor's cookie: the behaviours that need no store, and those that only these sessions have.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviours;
mod bounded;
mod chunks;
mod fields;
mod former_scope;
mod fresh;
mod lifetime;
mod revocations;
mod sealed;
mod signed;
mod site;
mod size;
mod start;
