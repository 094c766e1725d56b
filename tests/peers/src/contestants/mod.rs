//! Who is compared. One file each.

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
pub mod poem;
pub mod ruts;
pub mod tower_sessions;

use futures_util::future::LocalBoxFuture;

use crate::{app::App, site::Site};

/// One way to keep sessions.
pub struct Contestant {
    pub name: &'static str,
    /// The package, whose version is what `Cargo.lock` says.
    pub package: &'static str,
    pub framework: Framework,
    /// Where and how it keeps the session.
    pub keeps: &'static str,
    pub cookie: &'static str,
    /// A new application, with a store of its own.
    pub open: fn() -> LocalBoxFuture<'static, App>,
    /// Two nodes, where there is a store that they could share.
    pub pair: Option<fn() -> LocalBoxFuture<'static, Pair>>,
}

/// Two applications on one store.
pub struct Pair {
    pub nodes: [App; 2],
    /// How many sessions are in the store, where that can be told.
    pub records: Option<Box<dyn Fn() -> usize>>,
}

/// What a contestant runs in, and whose bare handler it is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    Axum,
    Actix,
    Poem,
}

impl Framework {
    pub const ALL: [Self; 3] = [Self::Axum, Self::Actix, Self::Poem];

    /// The package, which is what it is called too.
    pub fn package(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Actix => "actix-web",
            Self::Poem => "poem",
        }
    }

    /// The same handlers without any session.
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
/// The one that `--quick` compares with.
pub const BEST_PEER: &Contestant = &tower_sessions::CONTESTANT;

pub const ALL: [&Contestant; 8] = [
    HAND_WRITTEN,
    OURS,
    BEST_PEER,
    &axum_session::CONTESTANT,
    &axum_session::UNSIGNED,
    &ruts::CONTESTANT,
    &actix_session::CONTESTANT,
    &poem::CONTESTANT,
];

/// Sessions in cookies: the least possible, this project's, and the others'.
pub const IN_COOKIES: [&Contestant; 4] =
    [&hand_sealed::CONTESTANT, &in_cookie::OURS, &in_cookie::ACTIX_SESSION, &in_cookie::POEM];

/// What is not measured, and why.
pub const LEFT_OUT: [(&str, &str); 2] = [
    ("reads of another node's memory", "all stores here are in memory, so both nodes are in one process"),
    ("records of `axum_session` and `ruts` in memory", "neither store says how many it holds"),
];

/// By its name.
pub fn named(name: &str) -> Option<&'static Contestant> {
    #[cfg(feature = "sqlx-0-9")]
    let growing = crate::growth::CONTESTANTS;
    #[cfg(not(feature = "sqlx-0-9"))]
    let growing: [&Contestant; 0] = [];
    ALL.into_iter().chain(IN_COOKIES).chain(growing).find(|contestant| contestant.name == name)
}
