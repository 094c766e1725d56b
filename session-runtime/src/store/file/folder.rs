//! The folder of a store: what is checked when it is opened, so that a wrong one is noticed at start and not at the
//! first log-in.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{advice::refused, format::USERS, os, shard};
use crate::{error::Error, id::Nonce};

pub(super) struct Folder {
    path: PathBuf,
    fsync: bool,
}

/// Where files go that cannot be read.
pub(super) const CORRUPT: &str = "corrupt";

impl Folder {
    pub(super) fn open(path: &Path, fsync: bool) -> Result<Self, Error> {
        create_if_missing(path)?;
        // From here on under its full name, wherever the process may go.
        let path = fs::canonicalize(path).map_err(|source| refused("open the session folder", path, source))?;
        let folder = Self { path, fsync };
        folder.try_out()?;
        folder.close_to_others()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fsync(&self) -> bool {
        self.fsync
    }

    /// Writes and locks a file, as every change will, and looks whose folder it is.
    fn try_out(&self) -> Result<(), Error> {
        let path = self.path.join(format!("trial-{:016x}.tmp", Nonce::next().0));
        let metadata = os::open_options()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|file| {
                let tried = file.try_lock().map_err(io::Error::from).and_then(|()| file.metadata());
                fs::remove_file(&path).and(tried)
            })
            .and_then(|mine| Ok((fs::metadata(&self.path)?, mine)));
        let (folder, mine) = metadata.map_err(|source| refused("write and lock files in", &self.path, source))?;
        if let Some(owner) = os::other_owner(&folder, &mine) {
            return Err(Error::setup(format!(
                "the session folder `{0}` belongs to user {owner}, who could change the sessions in it; chown it to this \
                 process's user, or choose a folder inside it, such as `{0}/sessions`",
                self.path.display(),
            )));
        }
        Ok(())
    }

    fn close_to_others(&self) -> Result<(), Error> {
        let doing = "look at the session folder";
        let metadata = fs::metadata(&self.path).map_err(|source| refused(doing, &self.path, source))?;
        if !os::is_open_to_others(&metadata) {
            return Ok(());
        }
        let mut entries = fs::read_dir(&self.path).map_err(|source| refused(doing, &self.path, source))?;
        // Whoever names /tmp here does not want it closed.
        if entries.all(|entry| entry.is_ok_and(|entry| is_ours(&entry.file_name().to_string_lossy()))) {
            return os::close_to_others(&self.path).map_err(|source| refused("chmod 700", &self.path, source));
        }
        tracing::warn!(
            target: "session_runtime",
            folder = %self.path.display(),
            "others may enter the session folder, and it holds more than sessions; choose a folder of its own"
        );
        Ok(())
    }
}

fn is_ours(name: &str) -> bool {
    [CORRUPT, USERS].contains(&name) || name.ends_with(".tmp") || shard::names().any(|shard| shard == name)
}

fn create_if_missing(path: &Path) -> Result<(), Error> {
    let missing = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(Error::setup(format!(
                "`{}` is a file; give the sessions a folder of their own",
                path.display()
            )));
        }
        Err(source) => source,
    };
    if path.as_os_str().is_empty() {
        return Err(Error::setup("the path of the session folder is empty; name a folder, such as `sessions`"));
    }
    if missing.kind() != ErrorKind::NotFound {
        return Err(refused("open the session folder", path, missing));
    }
    match os::create_dir(path) {
        Ok(()) => Ok(()),
        // Another process was first.
        Err(source) if source.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(source) if source.kind() == ErrorKind::NotFound => Err(Error::setup(format!(
            "the folder `{}` does not exist, so the session folder `{}` cannot be made in it; create it first, \
                 or correct the path",
            path.parent().unwrap_or(path).display(),
            path.display(),
        ))),
        Err(source) => Err(refused("create the session folder", path, source)),
    }
}
