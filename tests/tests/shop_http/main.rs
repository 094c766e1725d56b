//! The demonstration shop, run as a newcomer runs it and visited over the network: separate visitors, restarts, several servers
//! on one folder, one Redis or one database, hostile cookies, crowds, devices that sign each other out, open streams.
//!
//! The shop of each framework passes the same tests. The tests that use Redis or a SQL database as the store run against the axum
//! shop only.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Each framework has a module with the same files.
#![allow(clippy::duplicate_mod)]

mod frameworks;
mod live_stores;
mod redis;
mod sql;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tests::{
    http::Client,
    shop::{Framework, Shop},
};

#[path = "."]
mod axum {
    mod account;
    mod code;
    mod crowds;
    mod input;
    mod live;
    mod servers;
    mod sign_in;
    mod start;
    mod visitors;

    use super::walk;

    pub(super) type Shop = tests::shop::Shop<tests::shop::Axum>;

    fn open() -> (tempfile::TempDir, Shop, tests::http::Client) {
        super::open()
    }
}

#[path = "."]
mod actix {
    mod account;
    mod code;
    mod crowds;
    mod input;
    mod live;
    mod servers;
    mod sign_in;
    mod start;
    mod visitors;

    use super::walk;

    pub(super) type Shop = tests::shop::Shop<tests::shop::Actix>;

    fn open() -> (tempfile::TempDir, Shop, tests::http::Client) {
        super::open()
    }
}

/// Opens a shop in a folder of its own. Returns the folder, the shop and a visitor.
fn open<F: Framework>() -> (TempDir, Shop<F>, Client) {
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
