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
        "redis" | "rediss" | "valkey" => Err(not_compiled_in(url, "redis")),
        "sqlite" => Err(not_compiled_in(url, "sqlite")),
        "postgres" | "postgresql" => Err(not_compiled_in(url, "postgres")),
        "mysql" | "mariadb" => Err(not_compiled_in(url, "mysql")),
        _ => Err(Failure::usage(format!("`{url}` names no store: write `memory:` or `file:PATH`"))),
    }
}

/// Each store but these two is a cargo feature, so that the first run compiles fast. The URL may hold a password, so only its
/// scheme is repeated.
fn not_compiled_in(url: &str, feature: &str) -> Failure {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    Failure::usage(format!(
        "the store of `{scheme}:` URLs is the cargo feature `{feature}` of `examples`, which this build does not have: \
         add `--features {feature}` in a version that offers it, or write `memory:` or `file:PATH`"
    ))
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
