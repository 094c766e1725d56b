//! Parses `redis://user:password@host:port/2?prefix=shop:` and the other URLs. An error repeats no part that may hold a
//! password.

use std::{fmt, time::Duration};

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo, io::tcp::TcpSettings,
};

use super::super::query::{Query, decode, trimmed};
use crate::{error::Error, words::duration};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// How long the store waits for replicas, unless the URL says otherwise. This is well below the default `store_timeout` of five
/// seconds, which would otherwise end the call first.
const WAIT: Duration = Duration::from_millis(500);

/// A parsed URL.
#[cfg_attr(not(feature = "redis-tls"), allow(dead_code, reason = "without TLS nothing is encrypted"))]
pub(super) struct Address {
    pub(super) place: Servers,
    pub(super) prefix: Option<String>,
    pub(super) is_encrypted: bool,
    /// The file with the certificates to trust instead of the system's.
    pub(super) authority: Option<String>,
    /// Replicas to wait for, and for how long.
    pub(super) wait: Option<(u32, Duration)>,
}

/// The servers that hold the sessions.
pub(super) enum Servers {
    Server(ConnectionInfo),
    Cluster(Vec<ConnectionInfo>),
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String, servers: RedisConnectionInfo, is_encrypted: bool },
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |infos: &[ConnectionInfo]| infos.iter().map(|info| info.addr().to_string()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Server(server) => write!(f, "the Redis server at {}", server.addr()),
            Self::Cluster(nodes) => write!(f, "the Redis cluster at {}", list(nodes)),
            Self::Sentinel { sentinels, master, .. } => {
                write!(f, "the Redis master `{master}` found through the Sentinels at {}", list(sentinels))
            }
        }
    }
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let url = trimmed(url)?;
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(wrong("it has no scheme; write it like redis://localhost:6379"));
        };
        if rest.contains('#') {
            return Err(wrong("a `#` means nothing in it; in a password it is written %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Query::parse(query).map_err(wrong)?;
        let prefix = query.take("prefix");
        let (is_encrypted, kind) = match scheme.strip_prefix("rediss").or_else(|| scheme.strip_prefix("valkeys")) {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").or_else(|| scheme.strip_prefix("valkey")).unwrap_or(scheme)),
        };
        let place = match kind {
            "+unix" | "unix" if !is_encrypted => socket(rest, &mut query)?,
            "" => Authority::parse(rest)?.server(is_encrypted)?,
            "+cluster" => Authority::parse(rest)?.cluster(is_encrypted)?,
            "+sentinel" => Authority::parse(rest)?.sentinel(is_encrypted, &mut query)?,
            _ => {
                return Err(wrong(
                    "its scheme is none of redis, rediss, redis+unix, redis+cluster, rediss+cluster, redis+sentinel and \
                     rediss+sentinel",
                ));
            }
        };
        if is_encrypted && cfg!(not(feature = "redis-tls")) {
            return Err(wrong("TLS needs the feature `redis-tls` of session-runtime"));
        }
        let authority = if is_encrypted { query.take("ca") } else { None };
        let wait = wait(&mut query)?;
        if !query.is_empty() {
            return Err(wrong(
                "it has an unknown or repeated parameter; there are `prefix`, `wait_for`, `wait_timeout`, with TLS `ca`, for a \
                 socket `db`, `user` and `pass`, for Sentinel `sentinel_user` and `sentinel_pass`; in a password, `?` is \
                 written %3F",
            ));
        }
        Ok(Self { place, prefix, is_encrypted, authority, wait })
    }
}

/// The part between scheme and query.
struct Authority<'a> {
    user: Option<String>,
    password: Option<String>,
    hosts: &'a str,
    path: &'a str,
}

impl<'a> Authority<'a> {
    fn parse(rest: &'a str) -> Result<Self, Error> {
        let rest = rest.strip_prefix("//").ok_or_else(|| wrong("`//` is missing after its scheme"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, hosts) = match authority.rsplit_once('@') {
            Some((user_info, hosts)) => (Some(user_info), hosts),
            None => (None, authority),
        };
        let (user, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, password)) => (non_empty(user)?, non_empty(password)?),
            None => (None, None),
        };
        Ok(Self { user, password, hosts, path })
    }

    fn server(self, is_encrypted: bool) -> Result<Servers, Error> {
        let settings = self.settings(database(self.path)?);
        match self.nodes(PORT, is_encrypted, &settings)?.as_slice() {
            [server] => Ok(Servers::Server(server.clone())),
            _ => Err(wrong("several hosts need redis+cluster:// or redis+sentinel://")),
        }
    }

    fn cluster(self, is_encrypted: bool) -> Result<Servers, Error> {
        if database(self.path)? != 0 {
            return Err(wrong("a cluster has no database but number 0"));
        }
        Ok(Servers::Cluster(self.nodes(PORT, is_encrypted, &self.settings(0))?))
    }

    fn sentinel(self, is_encrypted: bool, query: &mut Query) -> Result<Servers, Error> {
        let (master, number) = self.path.split_once('/').unwrap_or((self.path, ""));
        let Some(master) = non_empty(master)? else {
            return Err(wrong("the master's name is missing, as in redis+sentinel://host:26379/mymaster"));
        };
        let (user, password) = (query.take("sentinel_user"), query.take("sentinel_pass"));
        let sentinels = self.nodes(SENTINEL_PORT, is_encrypted, &settings(user.as_deref(), password.as_deref(), 0))?;
        Ok(Servers::Sentinel { sentinels, master, servers: self.settings(database(number)?), is_encrypted })
    }

    fn settings(&self, database: i64) -> RedisConnectionInfo {
        settings(self.user.as_deref(), self.password.as_deref(), database)
    }

    fn nodes(
        &self,
        default_port: u16,
        is_encrypted: bool,
        settings: &RedisConnectionInfo,
    ) -> Result<Vec<ConnectionInfo>, Error> {
        let node = |host: &str| {
            let (host, port) = host_and_port(host, default_port)?;
            let address = match is_encrypted {
                true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
                false => ConnectionAddr::Tcp(host, port),
            };
            info(address, settings.clone())
        };
        self.hosts.split(',').map(node).collect()
    }
}

/// Parses `?wait_for=1&wait_timeout=500ms`.
fn wait(query: &mut Query) -> Result<Option<(u32, Duration)>, Error> {
    let (replicas, timeout) = (query.take("wait_for"), query.take("wait_timeout"));
    let timeout = match &timeout {
        Some(timeout) => duration::parse(timeout).map_err(|_| wrong("`wait_timeout` is a duration such as `500ms`"))?,
        None => WAIT,
    };
    let Some(replicas) = replicas else { return Ok(None) };
    let replicas = replicas.parse().map_err(|_| wrong("`wait_for` is the number of replicas to wait for"))?;
    Ok(Some((replicas, timeout)))
}

fn socket(rest: &str, query: &mut Query) -> Result<Servers, Error> {
    let path = decode(rest.strip_prefix("//").unwrap_or(rest)).map_err(wrong)?;
    if !path.starts_with('/') {
        return Err(wrong("the path of a socket starts with a slash, as in redis+unix:///run/redis.sock"));
    }
    let number = query.take("db").map_or(Ok(0), |number| database(&number))?;
    let settings = settings(query.take("user").as_deref(), query.take("pass").as_deref(), number);
    Ok(Servers::Server(info(ConnectionAddr::Unix(path.into()), settings)?))
}

fn info(address: ConnectionAddr, settings: RedisConnectionInfo) -> Result<ConnectionInfo, Error> {
    let info = address.into_connection_info().map_err(|source| wrong("it names no address").because(source))?;
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

/// Returns settings for RESP3. With RESP3, the client of a cluster notices a broken connection before the next call.
fn settings(user: Option<&str>, password: Option<&str>, database: i64) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_db(database);
    if let Some(user) = user {
        settings = settings.set_username(user);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    settings
}

fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    // Without this time-out, a connection to a host that vanished would stay open for a quarter of an hour.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(Duration::from_secs(10));
    settings
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), Error> {
    // An IPv6 address has brackets.
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, rest))) => (host, rest.strip_prefix(':')),
        Some(None) => return Err(wrong("a `]` is missing after an IPv6 address")),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(wrong("a host is missing, as in redis://localhost:6379"));
    }
    let port = port.map_or(Some(default), |port| port.parse().ok().filter(|port| *port != 0)).ok_or_else(|| {
        wrong("a port is a number from 1 to 65535; in a password, `/` is written %2F, `@` %40 and `:` %3A")
    })?;
    Ok((host.to_owned(), port))
}

fn database(path: &str) -> Result<i64, Error> {
    match path {
        "" => Ok(0),
        number => number.parse().ok().filter(|number| *number >= 0).ok_or_else(|| {
            wrong("its path is the number of a database, as in redis://localhost/2; in a password, `/` is written %2F")
        }),
    }
}

fn non_empty(text: &str) -> Result<Option<String>, Error> {
    Ok(Some(decode(text).map_err(wrong)?).filter(|text| !text.is_empty()))
}

fn wrong(sentence: &str) -> Error {
    Error::setup(format!("the Redis URL is wrong: {sentence}"))
}
