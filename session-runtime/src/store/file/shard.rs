//! One of the 256 folders that the records are spread over, and what is done to one record in it.
//!
//! Reading takes no lock, since a record is replaced by renaming. Whatever changes a name takes the shard's lock, then
//! looks again.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::{
    super::{Applied, Change, Record, StoreError},
    advice::failed,
    folder::{CORRUPT, Folder},
    format, os,
};
use crate::clock::Timestamp;

/// How many of a name's first digits name its shard, and how many shards that makes.
pub(super) const DIGITS: usize = 2;
pub(super) const COUNT: usize = 1 << (4 * DIGITS);

/// The names of all shards.
pub(super) fn names() -> impl Iterator<Item = String> {
    (0..COUNT).map(|index| format!("{index:0DIGITS$x}"))
}

/// Which shard the record `name` is in.
pub(super) fn index(name: &str) -> usize {
    usize::from_str_radix(&name[..DIGITS], 16).unwrap_or_default()
}

/// A shard, which need not exist yet.
pub(super) struct Shard<'a> {
    folder: &'a Folder,
    path: PathBuf,
}

/// What is found under a record's name.
pub(super) enum Found {
    Nothing,
    Record(Record),
    /// Why it is no record.
    Corrupt(&'static str),
}

impl<'a> Shard<'a> {
    pub(super) fn new(folder: &'a Folder, name: &str) -> Self {
        Self { folder, path: folder.path().join(name) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The live record.
    pub(super) fn load(&self, name: &str, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        if !self.exists()? {
            return Ok(None);
        }
        match self.read(name)? {
            Found::Nothing => Ok(None),
            Found::Record(record) => Ok(record.is_live(now).then(|| Arc::new(record))),
            Found::Corrupt(why) => {
                // Set aside under the lock, since by now there may be a good record. If somebody else holds it, the
                // next one to come by does it.
                match self.try_lock() {
                    Ok(Some(locked)) => drop(locked.read(name)?),
                    Ok(None) => {}
                    Err(error) => warn_unmoved(&self.path.join(name), why, &error),
                }
                Ok(None)
            }
        }
    }

    pub(super) fn apply(&self, name: &str, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let locked = self.lock()?;
        let current = locked.read(name)?;
        let verdict = change.judge(current.as_ref(), now);
        if let Some(record) = verdict.write {
            locked.write(name, &record)?;
        }
        Ok(verdict.answer)
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path.join(name);
        // What is not there needs no lock, and no folder to lock in.
        match fs::symlink_metadata(&path) {
            Ok(_) => self.lock()?.remove(name).map(drop),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed("delete the session file", &path, source)),
        }
    }

    /// What is under `name` right now.
    pub(super) fn read(&self, name: &str) -> Result<Found, StoreError> {
        let path = self.path.join(name);
        read(&path).map_err(|source| failed("read the session file", &path, source))
    }

    /// Waits for the lock; makes the shard, and the whole folder, if missing.
    fn lock(&self) -> Result<Locked<'_>, StoreError> {
        loop {
            if !self.exists()? {
                self.create()?;
            }
            let Some(file) = self.lock_file()? else { continue };
            let waited = loop {
                match file.lock() {
                    Err(source) if source.kind() == ErrorKind::Interrupted => {}
                    waited => break waited,
                }
            };
            waited.map_err(|source| failed("lock", &self.lock_path(), source))?;
            if self.still_at_its_place(&file)? {
                return Ok(Locked { shard: self, _lock: file });
            }
        }
    }

    /// The lock, if it is free.
    pub(super) fn try_lock(&self) -> Result<Option<Locked<'_>>, StoreError> {
        let Some(file) = self.lock_file()? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(self.still_at_its_place(&file)?.then_some(Locked { shard: self, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed("lock", &self.lock_path(), source)),
        }
    }

    /// None: the shard is gone.
    fn lock_file(&self) -> Result<Option<File>, StoreError> {
        let path = self.lock_path();
        match os::open_options().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("open the lock", &path, source)),
        }
    }

    /// Whether others who come for the lock now find this very file: the folder may have been replaced while we waited.
    fn still_at_its_place(&self, file: &File) -> Result<bool, StoreError> {
        let path = self.lock_path();
        let same = match fs::symlink_metadata(&path) {
            Ok(there) => file.metadata().map(|here| os::same_file(&here, &there)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(source),
        };
        same.map_err(|source| failed("look at the lock", &path, source))
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Whether there is such a folder.
    pub(super) fn exists(&self) -> Result<bool, StoreError> {
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(StoreError::new(format!(
                "`{}` is no folder, but a file or a symbolic link, which is not followed; remove it",
                self.path.display()
            ))),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("look at the session folder", &self.path, source)),
        }
    }

    fn create(&self) -> Result<(), StoreError> {
        for path in [self.folder.path(), &self.path] {
            match os::create_dir(path) {
                Ok(()) => path.parent().map_or(Ok(()), |parent| self.sync(parent))?,
                Err(source) if source.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed("create the session folder", path, source)),
            }
        }
        Ok(())
    }

    fn sync(&self, path: &Path) -> Result<(), StoreError> {
        if !self.folder.fsync() {
            return Ok(());
        }
        os::sync_dir(path).map_err(|source| failed("make durable what changed in", path, source))
    }
}

/// A shard that only the holder of this changes.
pub(super) struct Locked<'a> {
    shard: &'a Shard<'a>,
    /// Unlocks when closed.
    _lock: File,
}

impl Locked<'_> {
    /// The record, expired or not. What is no record is set aside.
    pub(super) fn read(&self, name: &str) -> Result<Option<Record>, StoreError> {
        Ok(match self.shard.read(name)? {
            Found::Nothing => None,
            Found::Record(record) => Some(record),
            Found::Corrupt(why) => {
                self.set_aside(name, why);
                None
            }
        })
    }

    fn write(&self, name: &str, record: &Record) -> Result<(), StoreError> {
        let path = self.shard.path.join(name);
        let bytes = format::encode(record)
            .map_err(|source| StoreError::new("cannot encode the session; this is a defect").because(source))?;
        if bytes.len() as u64 > format::MAX_BYTES {
            return Err(StoreError::new(format!(
                "the session is {} MiB large, more than a file may have; keep such data elsewhere, and its name in the \
                 session",
                bytes.len() >> 20
            )));
        }
        let temporary = self.shard.path.join(format!("{name}.tmp"));
        let replaced = self.write_temporary(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &path));
        if let Err(source) = replaced {
            // If this fails too, the sweep has it later.
            let _ = fs::remove_file(&temporary);
            return Err(failed("write the session file", &path, source));
        }
        self.shard.sync(&self.shard.path)
    }

    fn write_temporary(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let create = || os::open_options().write(true).create_new(true).open(path);
        let mut file = match create() {
            // A process was killed here, under the lock that is ours now.
            Err(source) if source.kind() == ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                create()?
            }
            created => created?,
        };
        file.write_all(bytes)?;
        if self.shard.folder.fsync() { file.sync_all() } else { Ok(()) }
    }

    /// Whether there was one.
    pub(super) fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.shard.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => self.shard.sync(&self.shard.path).map(|()| true),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            // A folder under a record's name is no record, and is not emptied for it.
            Err(_) if path.is_dir() => self.read(name).map(|_| false),
            Err(source) => Err(failed("delete the session file", &path, source)),
        }
    }

    fn set_aside(&self, name: &str, why: &str) {
        let folder = self.shard.folder.path().join(CORRUPT);
        let at = Timestamp::from(SystemTime::now()).as_millis();
        let (from, to) = (self.shard.path.join(name), folder.join(format!("{name}.{at}")));
        // An error shows in the renaming.
        let _ = os::create_dir(&folder);
        match fs::rename(&from, &to) {
            Ok(()) => tracing::warn!(
                target: "session_runtime", file = %from.display(), moved_to = %to.display(), why,
                "a session file could not be read and was set aside; its visitor starts anew"
            ),
            Err(error) => warn_unmoved(&from, why, &error),
        }
    }
}

fn warn_unmoved(file: &Path, why: &str, error: &dyn std::error::Error) {
    tracing::warn!(
        target: "session_runtime", file = %file.display(), why, %error,
        "a session file can be neither read nor set aside; its visitor starts anew"
    );
}

fn read(path: &Path) -> io::Result<Found> {
    let mut file = match os::open_options().read(true).open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        // A symbolic link, a socket: each system has its own words for these.
        Err(_) if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) => return Ok(NO_FILE),
        Err(source) => return Err(source),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(NO_FILE);
    }
    if metadata.len() > format::MAX_BYTES {
        return Ok(Found::Corrupt("it is larger than any session"));
    }
    // A file that has its name is never written to again, so its length stands.
    let mut bytes = vec![0; usize::try_from(metadata.len()).unwrap_or(usize::MAX)];
    match file.read_exact(&mut bytes) {
        Err(source) if source.kind() == ErrorKind::UnexpectedEof => return Ok(Found::Corrupt("it is being cut short")),
        read => read?,
    }
    Ok(format::decode(&bytes).map_or_else(Found::Corrupt, Found::Record))
}

const NO_FILE: Found = Found::Corrupt("it is no regular file");
