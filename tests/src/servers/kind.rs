//! Which servers there are to test with, and where their programs come from.

use std::{env, path::PathBuf};

use crate::require;

/// A program that speaks Redis's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `redis-server` as the system has it; Debian 12's is 7.0. The one with TLS.
    Redis,
    /// Redis 6.2, the oldest that is supported: `REDIS_6`, or where `tests/run` puts it.
    Redis6,
    /// Redis 8.2, the last before `SET … IFEQ`: `REDIS_8`, or where `tests/run` puts it.
    Redis8,
    /// Valkey 9.1, which has `SET … IFEQ` and `DELIFEQ`, and is at the same time "Redis 7.2.4": `VALKEY`, or where `tests/run`
    /// puts it.
    Valkey,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Redis6, Self::Redis, Self::Redis8, Self::Valkey];

    /// Where the program is; None, once that has been reported, if the test must do without.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Redis => require::program("redis-server"),
            Self::Redis6 => fetched("REDIS_6", "redis-6"),
            Self::Redis8 => fetched("REDIS_8", "redis-8"),
            Self::Valkey => fetched("VALKEY", "valkey"),
        }
    }

    /// Whether this program has commands that replace or remove a value only if it is still what it was.
    pub fn has_ifeq(self) -> bool {
        matches!(self, Self::Valkey)
    }
}

/// What `tests/run` fetched under this name, unless the variable says that it is elsewhere.
fn fetched(variable: &str, name: &str) -> Option<PathBuf> {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers");
    let path = env::var_os(variable).map_or_else(|| PathBuf::from(usual).join(name), PathBuf::from);
    if path.is_file() {
        return Some(path);
    }
    require::skip(&format!("`{name}` is not here, which tests/run fetches"));
    None
}
