//! The demonstration shop, run as a newcomer runs it and visited over the network: separate visitors, restarts, several
//! servers on one folder, hostile cookies, crowds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowds;
mod input;
mod servers;
mod start;
mod visitors;

use tempfile::TempDir;
use tests::{http::Client, shop::Shop};

/// A shop in a folder of its own, and a visitor.
fn open() -> (TempDir, Shop, Client) {
    let folder = TempDir::new().unwrap();
    let shop = Shop::open(folder.path());
    let visitor = Client::of(&shop);
    (folder, shop, visitor)
}
