//! Code that the test suites share:
//!
//! * `app` is the session on which behaviours are tested, `client` a browser without a network, and `store` has stores to probe;
//! * `eight` is the session that the benchmarks measure;
//! * `shop` and `program` run the shop and the other examples as processes; `http`, `events` and `browser` visit them;
//! * `servers` starts Redis servers of a test's own, `databases` PostgreSQL and MariaDB, and `poolers` PgBouncer;
//! * `worker` is a process that works beside a test, and `deploy` runs two builds that serve the same sessions;
//! * `require` skips tests that lack a program, and `log` captures what a test logs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// Compiles the README's code as doc tests.
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

/// Runs an async test over each store, if its server is installed: `over_stores!(async fn name(store) { … })`. It is for tests
/// whose result depends on the store: races, faults and lost answers, the life of a session, lists of a user's sessions, stored
/// bytes.
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

/// Runs an async test over the store in memory, and over Redis if it is installed:
/// `over_two_stores!(async fn name(store) { … })`. It is for tests of the engine, the handles and the web layer, which give the
/// same results with every store.
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
