//! What only the Redis store shows: how it is reached, what it leaves on the server, and what befalls it there. That it is
//! a store at all is tested in `stores.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod memory;
