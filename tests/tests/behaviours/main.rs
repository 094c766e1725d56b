//! Tests the behaviours that `session-runtime/docs/behaviours.md` numbers, through HTTP requests. The comment above a test names
//! the numbers that the test covers. `over_stores!` runs a test on every store, `over_two_stores!` in memory and on Redis.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod change;
mod checked_sign_in;
mod concurrency;
mod cookie;
mod crowds;
mod developer;
mod edited_rights;
mod everyone;
mod faults;
mod faulty;
mod feeds;
mod former_scope;
mod fresh;
mod frozen;
mod handles;
mod impersonation;
mod indexes;
mod interleaving;
mod late_changes;
mod late_handles;
mod lifetime;
mod limits;
mod migrate;
mod ordinary;
mod privilege;
mod proof;
mod reports;
mod resent;
mod reviewed;
mod scopes;
mod secret;
mod shapes;
mod sign;
mod stale;
mod store_down;
mod stored;
mod together;
mod user_races;
mod users;
mod views;
mod watch;
mod web;
