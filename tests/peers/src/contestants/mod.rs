//! The contestants, one file each.

pub mod actix_session;
pub mod axum_app;
pub mod axum_session;
mod bare;
pub mod hand_file;
pub mod hand_redis;
pub mod hand_sealed;
#[cfg(feature = "sqlx-0-9")]
pub mod hand_sql;
pub mod hand_stored;
pub mod hand_written;
pub mod in_cookie;
pub mod ours;
pub mod ours_elsewhere;
pub mod poem;
pub mod ruts;
pub mod tower_sessions;

use futures_util::future::LocalBoxFuture;

use crate::{app::App, site::Site};

/// One way to keep sessions.
pub struct Contestant {
    pub name: &'static str,
    /// The package; `Cargo.lock` has its version.
    pub package: &'static str,
    pub framework: Framework,
    /// Where and how it keeps the session.
    pub keeps: &'static str,
    pub cookie: &'static str,
    /// Opens a new application with a store of its own.
    pub open: fn() -> LocalBoxFuture<'static, App>,
    /// Opens two nodes, if the contestant has a store that two nodes can share.
    pub pair: Option<fn() -> LocalBoxFuture<'static, Pair>>,
}

/// Two applications on one store.
pub struct Pair {
    pub nodes: [App; 2],
    /// Returns the number of sessions in the store, if the store can tell.
    pub records: Option<Box<dyn Fn() -> usize>>,
}

/// The framework that a contestant runs in. Its bare handler is the baseline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    Axum,
    Actix,
    Poem,
}

impl Framework {
    pub const ALL: [Self; 3] = [Self::Axum, Self::Actix, Self::Poem];

    /// The framework's package, which is also its name.
    pub fn package(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Actix => "actix-web",
            Self::Poem => "poem",
        }
    }

    /// Returns the same handlers without sessions.
    pub fn bare(self) -> Site {
        match self {
            Self::Axum => bare::axum(),
            Self::Actix => bare::actix(),
            Self::Poem => bare::poem(),
        }
    }
}

pub const HAND_WRITTEN: &Contestant = &hand_written::CONTESTANT;
pub const OURS: &Contestant = &ours::CONTESTANT;
/// The contestant that `--quick` compares with.
pub const BEST_PEER: &Contestant = &tower_sessions::CONTESTANT;

pub const ALL: [&Contestant; 10] = [
    HAND_WRITTEN,
    OURS,
    BEST_PEER,
    &axum_session::CONTESTANT,
    &axum_session::UNSIGNED,
    &ruts::CONTESTANT,
    &actix_session::CONTESTANT,
    &poem::CONTESTANT,
    &ours_elsewhere::IN_ACTIX,
    &ours_elsewhere::IN_POEM,
];

/// Sessions in cookies: the hand-written minimum, this project's, and the others'.
pub const IN_COOKIES: [&Contestant; 4] =
    [&hand_sealed::CONTESTANT, &in_cookie::OURS, &in_cookie::ACTIX_SESSION, &in_cookie::POEM];

/// Measurements that are left out, with the reasons.
pub const LEFT_OUT: [(&str, &str); 2] = [
    ("reads of another node's memory", "all stores here are in memory, so both nodes are in one process"),
    ("records of `axum_session` and `ruts` in memory", "neither store says how many it holds"),
];

/// Returns the contestant with this name.
pub fn named(name: &str) -> Option<&'static Contestant> {
    #[cfg(feature = "sqlx-0-9")]
    let growing = crate::growth::CONTESTANTS;
    #[cfg(not(feature = "sqlx-0-9"))]
    let growing: [&Contestant; 0] = [];
    ALL.into_iter().chain(IN_COOKIES).chain(growing).find(|contestant| contestant.name == name)
}
