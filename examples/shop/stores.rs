//! The store of the sessions, by URL, and the keys that sign their cookies.

use std::{fs, io, path::Path};

use session_runtime::{KeyRing, store::StoreUrl};

use super::options::Failure;

/// The folder for everything that the shop keeps by default.
const FOLDER: &str = ".sessions";

/// Parses `url`, and creates the shop's own folder if the store is in it.
pub(crate) fn named(url: &str) -> Result<StoreUrl, Failure> {
    let wrong = |error: session_runtime::Error| {
        Failure::usage(format!("{error} (`--help` lists the stores of the shop, and their features)"))
    };
    let store = url.parse().map_err(wrong)?;
    let path = url.split_once(':').map_or(url, |(_, path)| path);
    if Path::new(path).starts_with(FOLDER) {
        make_folder()?;
    }
    Ok(store)
}

/// Returns the key ring, and where it is kept: in the environment, otherwise in a file that all shops in this folder share.
pub(crate) fn keys() -> Result<(KeyRing, &'static str), Failure> {
    const VARIABLE: &str = "SESSION_KEYS";
    const FILE: &str = ".sessions/keys";
    if std::env::var_os(VARIABLE).is_some() {
        return Ok((KeyRing::from_env(VARIABLE)?, VARIABLE));
    }
    make_folder()?;
    Ok((KeyRing::open_or_create(FILE)?, FILE))
}

/// Creates the folder, which only this user may open.
fn make_folder() -> Result<(), Failure> {
    let mut folder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    match folder.create(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !Path::new(FOLDER).is_dir() => {
            Err(Failure::start(format!(
                "cannot create the folder `{FOLDER}` here ({error}): start the shop in a folder that it may write to"
            )))
        }
        _ => Ok(()),
    }
}
