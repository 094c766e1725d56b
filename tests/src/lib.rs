//! What the test suites share: a browser without a network, stores to probe, and the session that behaviours are tested on
//! (`app`, `client`, `store`), and the one that is measured (`eight`); the shop as a process, a client and a browser to visit it (`shop`, `http`, `browser`); Redis
//! servers of a test's own (`servers`), PostgreSQL and MariaDB (`databases`), and what a test does that lacks a program (`require`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

pub mod app;
pub mod browser;
pub mod client;
pub mod databases;
pub mod eight;
pub mod http;
pub mod records;
pub mod require;
pub mod servers;
pub mod shop;
pub mod store;

/// Runs an async test once over each store, on Redis if there is a server: `over_stores!(async fn name(store) { … })`.
#[macro_export]
macro_rules! over_stores {
    ($($(#[$meta:meta])* async fn $name:ident($store:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($store: $crate::store::AnyStore) $body

            #[tokio::test]
            async fn memory() {
                test($crate::store::AnyStore::memory()).await;
            }

            #[tokio::test]
            async fn file() {
                test($crate::store::AnyStore::file().await).await;
            }

            #[tokio::test]
            async fn redis() {
                if let Some(store) = $crate::store::AnyStore::redis().await {
                    test(store).await;
                }
            }
        }
    )*};
}
