//! The derive and views in a crate of the 2018 edition.
#![forbid(warnings, unused, missing_docs, rust_2018_idioms, future_incompatible)]

#[path = "../../shop.rs"]
mod shop;
