//! The place of the contestants' sessions: a server or a folder, with a part for each contestant.

use std::{fs, net::SocketAddr};

use tempfile::TempDir;
use tests::{
    databases::{DatabaseServer, Engine},
    servers::{Kind, Options, Proxy, RedisServer},
};

use crate::kept::{Kept, Store};

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Place {
    /// In the applications' own memory, or in the visitors' cookies.
    Nowhere,
    Redis(RedisServer),
    Postgres(DatabaseServer),
    Sqlite(TempDir),
    Files(TempDir),
}

impl Place {
    /// Reports a missing server and returns `None`.
    pub fn open(store: Store) -> Option<Self> {
        Some(match store {
            Store::Memory | Store::Cookie => Self::Nowhere,
            // Prefers the newer server, because some contestants cannot use the older one.
            Store::Redis => Self::Redis(
                RedisServer::start(Kind::Redis8, Options::default())
                    .or_else(|| RedisServer::start(Kind::Redis, Options::default()))?,
            ),
            Store::Valkey => Self::Redis(RedisServer::start(Kind::Valkey, Options::default())?),
            Store::Postgres => {
                let server = DatabaseServer::start(Engine::Postgres)?;
                (0..store.kept().len()).for_each(|at| drop(server.ask(&format!("CREATE DATABASE {}", part(at)))));
                Self::Postgres(server)
            }
            Store::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Store::Files => {
                let folder = tempfile::tempdir().unwrap();
                (0..store.kept().len()).for_each(|at| fs::create_dir(folder.path().join(part(at))).unwrap());
                Self::Files(folder)
            }
        })
    }

    /// Returns the URL or the folder of a contestant's part.
    pub fn url(&self, store: Store, kept: &Kept) -> String {
        let part = part(store.kept().iter().position(|of| of.name == kept.name).unwrap());
        match self {
            Self::Nowhere => String::new(),
            Self::Redis(server) => server.url(),
            Self::Postgres(server) => database(&server.url(), &part),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join(part).display()),
            Self::Files(folder) => folder.path().join(part).display().to_string(),
        }
    }

    /// Returns the URL of a contestant's part through this proxy.
    pub fn url_through(&self, proxy: &Proxy, store: Store, kept: &Kept) -> String {
        self.url(store, kept)
            .replace(&format!(":{}", self.addr().unwrap().port()), &format!(":{}", proxy.addr().port()))
    }

    pub fn addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Redis(server) => Some(server.addr()),
            Self::Postgres(server) => Some(server.addr()),
            _ => None,
        }
    }

    /// Returns the processor time that the server has taken so far, in seconds.
    pub fn processor_time(&self) -> Option<f64> {
        match self {
            Self::Redis(server) => Some(
                ["used_cpu_user", "used_cpu_sys"]
                    .iter()
                    .map(|field| server.info("cpu", field).unwrap().parse::<f64>().unwrap())
                    .sum(),
            ),
            Self::Postgres(server) => Some(server.processor_time()),
            _ => None,
        }
    }

    pub fn version(&self) -> Option<String> {
        match self {
            Self::Redis(server) => {
                server.info("server", "valkey_version").or_else(|| server.info("server", "redis_version"))
            }
            Self::Postgres(server) => Some(server.ask("SHOW server_version")),
            _ => None,
        }
    }
}

fn part(at: usize) -> String {
    format!("part_{at}")
}

fn database(url: &str, name: &str) -> String {
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}
