//! The demonstration shop, run as a newcomer runs it and visited over the network: separate visitors, restarts, several servers
//! on one folder, one Redis or one database, hostile cookies, crowds, devices that sign each other out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod code;
mod crowds;
mod input;
mod redis;
mod servers;
mod sign_in;
mod sql;
mod start;
mod visitors;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tests::{http::Client, shop::Shop};

/// Opens a shop in a folder of its own. Returns a visitor too.
fn open() -> (TempDir, Shop, Client) {
    let folder = TempDir::new().unwrap();
    let shop = Shop::open(folder.path());
    let visitor = Client::of(&shop);
    (folder, shop, visitor)
}

/// Returns all files below the folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
