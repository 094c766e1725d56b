//! Where sessions are kept, by URL, and where the keys that sign their cookies are.

use std::{fs, io, path::Path};

use session_runtime::{FileStore, KeyRing, MemoryStore, SessionsBuilder};

use super::{options::Failure, session::Shop};

/// Everything that the shop keeps here unless told otherwise.
const FOLDER: &str = ".sessions";

/// Gives `sessions` the store that `url` names.
pub(crate) async fn open(url: &str, sessions: SessionsBuilder<Shop>) -> Result<SessionsBuilder<Shop>, Failure> {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    match scheme {
        "memory" if rest.is_empty() => Ok(sessions.store(MemoryStore::new())),
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest); // file:///var/lib/shop is the same as file:/var/lib/shop
            if Path::new(path).starts_with(FOLDER) {
                make_folder()?;
            }
            Ok(sessions.store(FileStore::open(path).await?))
        }
        // Also those of a cluster, of Sentinels and of a socket: `redis+cluster`.
        _ => match scheme.split_once('+').map_or(scheme, |(kind, _)| kind) {
            "redis" | "valkey" => redis(url, sessions).await,
            "rediss" | "valkeys" if cfg!(feature = "redis-tls") => redis(url, sessions).await,
            "rediss" | "valkeys" => Err(not_compiled_in(scheme, "redis-tls")),
            "sqlite" if cfg!(feature = "sqlite") => {
                if Path::new(rest).starts_with(FOLDER) {
                    make_folder()?;
                }
                sql(url, sessions).await
            }
            "sqlite" => Err(not_compiled_in(scheme, "sqlite")),
            "postgres" | "postgresql" if cfg!(feature = "postgres") => sql(url, sessions).await,
            "postgres" | "postgresql" => Err(not_compiled_in(scheme, "postgres")),
            "mysql" | "mariadb" if cfg!(feature = "mysql") => sql(url, sessions).await,
            "mysql" | "mariadb" => Err(not_compiled_in(scheme, "mysql")),
            _ => Err(Failure::usage(format!(
                "`{}` names no store: write `memory:`, `file:PATH` or `sqlite:PATH`, or, for one shop on several \
                 machines, `redis://HOST`, `postgres://HOST/DATABASE` or `mysql://HOST/DATABASE`",
                shown(url)
            ))),
        },
    }
}

#[cfg(feature = "redis")]
async fn redis(url: &str, sessions: SessionsBuilder<Shop>) -> Result<SessionsBuilder<Shop>, Failure> {
    Ok(sessions.store(session_runtime::RedisStore::open(url).await?))
}

#[cfg(not(feature = "redis"))]
async fn redis(url: &str, _: SessionsBuilder<Shop>) -> Result<SessionsBuilder<Shop>, Failure> {
    Err(not_compiled_in(url.split_once(':').map_or(url, |(scheme, _)| scheme), "redis"))
}

/// With its tables, which are made if they are not there.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
async fn sql(url: &str, sessions: SessionsBuilder<Shop>) -> Result<SessionsBuilder<Shop>, Failure> {
    let store = session_runtime::SqlStore::open(url).await?;
    store.migrate().await?;
    Ok(sessions.store(store))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
async fn sql(url: &str, _: SessionsBuilder<Shop>) -> Result<SessionsBuilder<Shop>, Failure> {
    Err(not_compiled_in(url.split_once(':').map_or(url, |(scheme, _)| scheme), "sqlite"))
}

/// Each store but the first two is a cargo feature, so that the first run compiles fast. The URL may hold a password, so only
/// its scheme is repeated.
fn not_compiled_in(scheme: &str, feature: &str) -> Failure {
    Failure::usage(format!(
        "the store of `{scheme}:` URLs is the cargo feature `{feature}` of `examples`, which this build does not have: \
         add `--features {feature}`, or write `memory:` or `file:PATH`"
    ))
}

/// `url` as it may be printed: without user, password and parameters, if it is one that may have them.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) =
        url.split_once(':').filter(|(scheme, _)| !matches!(*scheme, "" | "memory" | "file" | "sqlite"))
    else {
        return url.to_owned();
    };
    let (slashes, place) = rest.strip_prefix("//").map_or(("", rest), |place| ("//", place));
    // After the last, since a password that was not escaped may hold anything.
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    format!("{scheme}:{slashes}{place}")
}

/// The key ring, and where it is kept: in the environment, else in a file that all shops of this folder share.
pub(crate) fn keys() -> Result<(KeyRing, &'static str), Failure> {
    const VARIABLE: &str = "SESSION_KEYS";
    const FILE: &str = ".sessions/keys";
    if std::env::var_os(VARIABLE).is_some() {
        return Ok((KeyRing::from_env(VARIABLE)?, VARIABLE));
    }
    make_folder()?;
    Ok((KeyRing::open(FILE)?, FILE))
}

/// Makes the folder, for this user alone.
fn make_folder() -> Result<(), Failure> {
    let mut folder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    match folder.create(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !Path::new(FOLDER).is_dir() => {
            Err(Failure::start(format!(
                "cannot make the folder `{FOLDER}` here ({error}): start the shop in a folder that it may write to"
            )))
        }
        _ => Ok(()),
    }
}
