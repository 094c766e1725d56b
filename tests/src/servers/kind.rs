//! The kinds of server to test with, and where their programs come from.

use std::{env, path::PathBuf};

use crate::require;

/// A program that speaks Redis's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system's `redis-server`; version 7.0 on Debian 12. It is the only kind that is built with TLS.
    Redis,
    /// Redis 6.2, the oldest supported version: at `REDIS_6`, or where `tests/run` puts it.
    Redis6,
    /// Redis 8.2, the last version before `SET … IFEQ`: at `REDIS_8`, or where `tests/run` puts it.
    Redis8,
    /// Valkey 9.1, which has `SET … IFEQ` and `DELIFEQ`, although it calls itself "Redis 7.2.4": at `VALKEY`, or where
    /// `tests/run` puts it.
    Valkey,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Redis6, Self::Redis, Self::Redis8, Self::Valkey];

    /// Returns the path of the program. Reports a missing program and returns `None`.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Redis => require::program("redis-server"),
            Self::Redis6 => fetched("REDIS_6", "redis-6"),
            Self::Redis8 => fetched("REDIS_8", "redis-8"),
            Self::Valkey => fetched("VALKEY", "valkey"),
        }
    }

    /// Returns whether this program has commands that replace or remove a value only if the value is unchanged.
    pub fn has_ifeq(self) -> bool {
        matches!(self, Self::Valkey)
    }
}

/// Returns the path of the program that `tests/run` fetched under this name, unless the variable gives another path.
fn fetched(variable: &str, name: &str) -> Option<PathBuf> {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers");
    let path = env::var_os(variable).map_or_else(|| PathBuf::from(usual).join(name), PathBuf::from);
    if path.is_file() {
        return Some(path);
    }
    require::skip(&format!("`{name}` is missing; `tests/run` fetches it"));
    None
}
