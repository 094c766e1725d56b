//! What the test suites share: a browser without a network, stores to probe, and the session on which behaviours are tested
//! (`app`, `client`, `store`); the session that is measured (`eight`); the shop and the other examples as processes, with a
//! client, a reader of event streams and a browser to visit them (`shop`, `program`, `http`, `events`, `browser`); Redis servers
//! of a test's own (`servers`), PostgreSQL and MariaDB (`databases`), and PgBouncer (`poolers`); a process that works beside a
//! test (`worker`), and two builds that serve the same sessions (`deploy`); the skipping of tests that lack a program
//! (`require`), and the log of a test's thread (`log`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

pub mod app;
pub mod browser;
pub mod client;
pub mod databases;
pub mod deploy;
pub mod eight;
pub mod events;
pub mod http;
pub mod log;
pub mod poolers;
pub mod program;
pub mod records;
pub mod require;
pub mod servers;
pub mod shop;
pub mod store;
pub mod worker;

/// Runs an async test over each store, if its server is installed: `over_stores!(async fn name(store) { … })`. For tests whose
/// result depends on a store: races, faults and lost answers, the life of a session, lists of a user's sessions, stored bytes.
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

            #[tokio::test]
            async fn sqlite() {
                test($crate::store::AnyStore::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(store) = $crate::store::AnyStore::postgres().await {
                    test(store).await;
                }
            }

            #[tokio::test]
            async fn mariadb() {
                if let Some(store) = $crate::store::AnyStore::mariadb().await {
                    test(store).await;
                }
            }
        }
    )*};
}

/// Runs an async test over the store in memory, and over Redis if it is installed: `over_two_stores!(async fn name(store) { … })`.
/// For tests of what the engine, a handle or the web layer decides, whatever the store.
#[macro_export]
macro_rules! over_two_stores {
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
            async fn redis() {
                if let Some(store) = $crate::store::AnyStore::redis().await {
                    test(store).await;
                }
            }
        }
    )*};
}

/// Runs each async test over the stores that send messages about sessions that ended: in memory, on Redis and on PostgreSQL.
#[macro_export]
macro_rules! over_stores_with_feeds {
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
            async fn redis() {
                if let Some(store) = $crate::store::AnyStore::redis().await {
                    test(store).await;
                }
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(store) = $crate::store::AnyStore::postgres().await {
                    test(store).await;
                }
            }
        }
    )*};
}

/// Runs an async test on several threads, over each SQL database, if its server is installed. The test gets a function that makes
/// stores: `over_databases!(async fn name(make) { … make().await? … })`.
#[macro_export]
macro_rules! over_databases {
    ($($(#[$meta:meta])* async fn $name:ident($make:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn test($make: impl AsyncFn() -> Option<$crate::store::AnyStore>) -> Option<()> {
                $body
                Some(())
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                test(async || Some($crate::store::AnyStore::sqlite().await)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                test($crate::store::AnyStore::postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn mariadb() {
                test($crate::store::AnyStore::mariadb).await;
            }
        }
    )*};
}
