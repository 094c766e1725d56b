//! The requirements of the security guide (`session-runtime/docs/security.md`), from the attacker's side. There is one file for
//! each chapter, and a test names its requirement (`// S31`). Requirements that other suites test are not repeated here: those
//! tests name the number too, and `guide` checks all of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod caching;
mod cookies;
mod csrf;
mod data;
mod ending;
mod events;
mod fixation;
mod guide;
mod ids;
mod time;
