//! The requirements of the security guide (`session-runtime/docs/security.md`), seen from the attacker's side. One file for
//! each chapter; a test names its requirement (`// S31`). What other suites test already is not repeated here: they name
//! the number too, and `guide` holds all of it together.
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
