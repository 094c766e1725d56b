//! Tests the file store when things go wrong: processes are killed in the middle of a write, the disk is full or read-only, files
//! are damaged, links are planted, or folders and files belong to other users.
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
