//! One of the 256 folders that the files of a store are spread over.
//!
//! Reading takes no lock, since a file is replaced by renaming. Every change of a name takes the shard's lock first,
//! then looks at the file again.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{
    super::{Key, Revision, StoreError, Swapped, Value, Versioned},
    advice::failed,
    folder::{self, Folder},
    frame::{self, Content},
    os,
};
use crate::clock::Timestamp;

/// A shard. It need not exist yet.
pub(super) struct Shard<'a> {
    folder: &'a Folder,
    path: PathBuf,
    /// The first byte of the digests of its keys.
    first: u8,
}

/// The result of reading a value's file.
enum Found {
    Nothing,
    /// The first bytes of the file, as many as were asked for.
    Bytes(Vec<u8>),
    /// Why it is not a file that the store wrote.
    Damaged(&'static str),
}

impl<'a> Shard<'a> {
    pub(super) fn new(folder: &'a Folder, first: u8) -> Self {
        Self { folder, path: folder.path().join(folder::shard_name(first)), first }
    }

    /// The shard of a key.
    pub(super) fn of(folder: &'a Folder, key: &Key) -> Self {
        let [first, ..] = key.digest();
        Self::new(folder, first)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.path.join(key.hex())
    }

    /// The key of a value's file, by the file's name. `None`: this is not the file of a value in this shard.
    pub(super) fn key(&self, path: &Path) -> Option<Key> {
        let name = path.file_name()?.to_str()?;
        let key = Key::from_digest(u128::from_str_radix(name, 16).ok()?.to_be_bytes());
        let [first, ..] = key.digest();
        (first == self.first && key.hex() == name).then_some(key)
    }

    pub(super) fn exists(&self) -> Result<bool, StoreError> {
        self.folder.has(&self.path)
    }

    /// Loads the value under `key`. A damaged file is set aside.
    pub(super) fn load(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        if !self.exists()? {
            return Ok(None);
        }
        match self.content(key)? {
            Some(Content::Value(value)) => Ok(Some(Versioned::new(value))),
            Some(Content::Newer(_)) => {
                self.folder.mention_newer(&self.file(key));
                Ok(None)
            }
            Some(Content::Damaged(why)) => {
                match self.try_lock() {
                    // Looks again, since another process may have written a good file meanwhile.
                    Ok(Some(locked)) => drop(locked.content(key)?),
                    // The next load or swap sets the file aside.
                    Ok(None) => {}
                    Err(error) => folder::warn_unmoved(&self.file(key), why, &error),
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Loads the value under `key` without setting a damaged file aside.
    pub(super) fn look(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        match self.content(key)? {
            Some(Content::Value(value)) => Ok(Some(Versioned::new(value))),
            _ => Ok(None),
        }
    }

    pub(super) fn swap(
        &self,
        key: &Key,
        before: Option<&Revision>,
        after: Option<&Value>,
    ) -> Result<Swapped, StoreError> {
        // Without a shard the key holds nothing, so that only a new value needs one.
        if (before.is_some() || after.is_none()) && !self.exists()? {
            return Ok(if before.is_some() { Swapped::Stale(None) } else { Swapped::done(None) });
        }
        // Encoding needs no lock.
        let bytes = after.map(frame::write).transpose()?;
        let locked = self.lock()?;
        let current = match locked.content(key)? {
            Some(Content::Value(value)) => Some(Versioned::new(value)),
            Some(Content::Newer(version)) => return Err(newer(&self.file(key), version)),
            Some(Content::Damaged(_)) | None => None,
        };
        if current.as_ref().map(Versioned::revision) != before {
            return Ok(Swapped::Stale(current));
        }
        match bytes {
            Some(bytes) => locked.write(key, &bytes)?,
            None if current.is_some() => locked.remove(key)?,
            None => {}
        }
        Ok(Swapped::done(after))
    }

    /// Whether clean-up should look at the whole file under `key`. This reads only its start.
    pub(super) fn is_due(&self, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
        Ok(match self.read(key, frame::START)? {
            Found::Nothing => false,
            Found::Bytes(start) => frame::is_due(&start, now),
            Found::Damaged(_) => true,
        })
    }

    fn content(&self, key: &Key) -> Result<Option<Content>, StoreError> {
        Ok(match self.read(key, frame::MAX_BYTES)? {
            Found::Nothing => None,
            Found::Bytes(bytes) => Some(frame::read(bytes)),
            Found::Damaged(why) => Some(Content::Damaged(why)),
        })
    }

    fn read(&self, key: &Key, most: u64) -> Result<Found, StoreError> {
        let path = self.file(key);
        let unreadable = |source| failed("read the session file", &path, source);
        let mut file = match os::open_options().read(true).open(&path) {
            Ok(file) => file,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            // A symbolic link or a socket: the error depends on the system.
            Err(_) if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) => {
                return Ok(Found::Damaged(NOT_A_FILE));
            }
            Err(source) => return Err(unreadable(source)),
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Ok(Found::Damaged(NOT_A_FILE));
        }
        if let Some(owner) = self.folder.other_owner(&metadata) {
            return Err(StoreError::new(format!(
                "the session file `{}` belongs to user {owner}, so the store did not write it; chown it to this process's \
                 user, or remove it",
                path.display()
            )));
        }
        if metadata.len() > frame::MAX_BYTES {
            return Ok(Found::Damaged("it is larger than any that the store writes"));
        }
        // The store does not write to a file that has its name, so the length stays.
        let mut bytes = vec![0; usize::try_from(metadata.len().min(most)).unwrap_or(usize::MAX)];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Found::Bytes(bytes)),
            Err(source) if source.kind() == ErrorKind::UnexpectedEof => {
                Ok(Found::Damaged("another process is cutting it short"))
            }
            Err(source) => Err(unreadable(source)),
        }
    }

    /// Waits for the lock. Creates the shard, and the whole folder, if they are missing.
    pub(super) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        loop {
            while !self.exists()? {
                self.folder.create(self.folder.path())?;
                self.folder.create(&self.path)?;
            }
            let Some(file) = self.lock_file()? else { continue };
            let waited = loop {
                match file.lock() {
                    Err(source) if source.kind() == ErrorKind::Interrupted => {}
                    waited => break waited,
                }
            };
            waited.map_err(|source| failed("lock", &self.lock_path(), source))?;
            if self.is_in_place(&file)? {
                return Ok(Locked { shard: self, _lock: file });
            }
        }
    }

    /// Takes the lock, if it is free.
    pub(super) fn try_lock(&self) -> Result<Option<Locked<'_>>, StoreError> {
        let Some(file) = self.lock_file()? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(self.is_in_place(&file)?.then_some(Locked { shard: self, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed("lock", &self.lock_path(), source)),
        }
    }

    /// `None`: the shard is gone.
    fn lock_file(&self) -> Result<Option<File>, StoreError> {
        let path = self.lock_path();
        match os::open_options().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("open the lock", &path, source)),
        }
    }

    /// Whether another process that comes for the lock now finds this very file. The folder may have been replaced while
    /// this process waited.
    fn is_in_place(&self, file: &File) -> Result<bool, StoreError> {
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
}

/// A shard while this process holds its lock.
pub(super) struct Locked<'a> {
    shard: &'a Shard<'a>,
    /// Closing the file unlocks it.
    _lock: File,
}

impl Locked<'_> {
    /// Reads the file under `key`. A damaged file is set aside.
    fn content(&self, key: &Key) -> Result<Option<Content>, StoreError> {
        let content = self.shard.content(key)?;
        if let Some(Content::Damaged(why)) = content {
            self.shard.folder.set_aside(&self.shard.file(key), &key.hex(), why);
        }
        Ok(content)
    }

    /// The keys of all values here.
    pub(super) fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let path = &self.shard.path;
        let keys = fs::read_dir(path).and_then(|files| {
            files.filter_map(|file| file.map(|file| self.shard.key(&file.path())).transpose()).collect()
        });
        keys.map_err(|source| failed("list the session folder", path, source))
    }

    /// Removes the value under `key` if it has expired, and says whether it had.
    pub(super) fn remove_expired(&self, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
        match self.content(key)? {
            Some(Content::Value(value)) if value.expires_at().passed(now) => self.remove(key).map(|()| true),
            _ => Ok(false),
        }
    }

    fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.shard.file(key);
        let temporary = path.with_extension("tmp");
        let replaced = self.write_temporary(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        if let Err(source) = replaced {
            // If this fails too, clean-up removes the file later.
            let _ = fs::remove_file(&temporary);
            return Err(failed("write the session file", &path, source));
        }
        self.shard.folder.sync(&self.shard.path)
    }

    fn write_temporary(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let create = || os::open_options().write(true).create_new(true).open(path);
        let mut file = match create() {
            // A process was killed while it held the lock.
            Err(source) if source.kind() == ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                create()?
            }
            created => created?,
        };
        file.write_all(bytes)?;
        if self.shard.folder.fsync() { file.sync_all() } else { Ok(()) }
    }

    fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.shard.file(key);
        match fs::remove_file(&path) {
            // An operator may have removed it just now.
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(failed("delete the session file", &path, source));
            }
            _ => {}
        }
        self.shard.folder.sync(&self.shard.path)
    }
}

fn newer(path: &Path, version: u8) -> StoreError {
    StoreError::new(format!(
        "a newer version wrote the session file `{}` (its format is {version}, this version reads {}), so it stays as it \
         is; upgrade this process, or remove the file",
        path.display(),
        frame::VERSION,
    ))
}

const NOT_A_FILE: &str = "it is not a regular file";
