//! The file store when things go wrong: processes killed in the middle of a write, a full or read-only disk, garbage,
//! planted links, a folder that is not as it should be.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod child;
mod disk;
mod folder;
mod garbage;
mod leftovers;
mod locks;
mod log;
mod processes;
mod users;
mod whole;
