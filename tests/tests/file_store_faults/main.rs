//! The file store when things go wrong: processes killed in the middle of a write, a full or read-only disk, damaged
//! files, planted links, folders and files of other users.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod child;
mod disk;
mod folder;
mod garbage;
mod leftovers;
mod lists;
mod locks;
mod log;
mod newer;
mod owners;
mod processes;
mod swaps;
mod values;
