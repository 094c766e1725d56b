//! The contestants that are served over HTTP, with their stores. One file for each store.

mod files;
mod in_cookies;
mod in_memory;
mod postgres;
mod redis;
mod sqlite;

use futures_util::future::LocalBoxFuture;

use crate::{
    contestants::{Contestant, Framework, axum_session},
    site::Site,
};

/// Says that axum_session signs in threads of its own. Over HTTP, the work of these threads is measured too.
const AXUM_SESSION: Contestant = Contestant { cookie: "signed, by threads of its own", ..axum_session::CONTESTANT };

/// The place of the sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Memory,
    Cookie,
    /// A server without `SET … IFEQ`, so this project's store compares in a script.
    Redis,
    /// A server with `SET … IFEQ`.
    Valkey,
    Postgres,
    Sqlite,
    Files,
}

impl Store {
    pub const ALL: [Self; 7] =
        [Self::Memory, Self::Cookie, Self::Redis, Self::Valkey, Self::Postgres, Self::Sqlite, Self::Files];

    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cookie => "encrypted cookie",
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::Files => "files",
        }
    }

    /// Returns all contestants with this store: first the hand-written one, then this project.
    pub fn kept(self) -> &'static [Kept] {
        match self {
            Self::Memory => &in_memory::KEPT,
            Self::Cookie => &in_cookies::KEPT,
            Self::Redis | Self::Valkey => &redis::KEPT,
            Self::Postgres => &postgres::KEPT,
            Self::Sqlite => &sqlite::KEPT,
            Self::Files => &files::KEPT,
        }
    }

    pub fn frameworks(self) -> impl Iterator<Item = Framework> {
        Framework::ALL.into_iter().filter(move |framework| self.kept().iter().any(|of| of.framework == *framework))
    }
}

/// Makes an application that keeps its sessions at this URL or in this folder. An application with sessions in memory or in
/// cookies ignores the argument.
pub type Open = fn(String) -> LocalBoxFuture<'static, Site>;

/// A contestant with a store.
pub struct Kept {
    pub name: &'static str,
    /// The packages; `Cargo.lock` has their versions.
    pub packages: &'static [&'static str],
    pub framework: Framework,
    pub keeps: &'static str,
    pub cookie: &'static str,
    /// `None` if the program in `older` opens it.
    pub open: Option<Open>,
}

impl Kept {
    /// Gives a contestant of the in-process comparison another store.
    const fn of(contestant: &Contestant, packages: &'static [&'static str], keeps: &'static str, open: Open) -> Self {
        Self { open: Some(open), ..Self::by_older(contestant, packages, keeps) }
    }

    const fn by_older(contestant: &Contestant, packages: &'static [&'static str], keeps: &'static str) -> Self {
        let Contestant { name, framework, cookie, .. } = *contestant;
        Self { name, packages, framework, keeps, cookie, open: None }
    }
}

/// Comparisons that are left out, with the reasons.
pub const LEFT_OUT: [(&str, &str); 7] = [
    ("Redis, SQL and files for `tower-sessions` 0.15", "its stores are published for 0.14, which is measured there"),
    ("SQL for `actix-session` and `poem`", "they bring no store for it"),
    ("SQLite for `ruts`", "it brings no store for it"),
    ("files for all others", "they bring no store for it"),
    ("MySQL and MariaDB", "not part of this benchmark"),
    ("statements on SQLite", "they pass no wire on which to count them"),
    ("cookies for `tower-sessions`, `axum_session` and `ruts`", "they keep no session in one"),
];
