//! One of the 256 folders over which a store spreads its files.
//!
//! Reading takes no lock, since a file is replaced by renaming. An operation that replaces or removes a file first takes the
//! shard's lock, and then reads the file again.

use std::{
    fs::{self, File, Metadata, TryLockError},
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

/// A shard. Its folder may not exist yet.
pub(super) struct Shard<'a> {
    folder: &'a Folder,
    path: PathBuf,
    /// The first byte of the digests of its keys.
    first: u8,
}

/// The result of reading a value's file.
enum ReadFile {
    Nothing,
    /// The first bytes of the file, as many as requested.
    Bytes(Vec<u8>, Metadata),
    /// The reason why it is not a file that the store wrote.
    Damaged(&'static str, Metadata),
}

/// The stored value of a key.
struct HeldFile {
    versioned: Versioned,
    is_damaged: bool,
}

impl<'a> Shard<'a> {
    pub(super) fn new(folder: &'a Folder, first: u8) -> Self {
        Self { folder, path: folder.path().join(folder::shard_name(first)), first }
    }

    /// Returns the shard of a key.
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

    /// Returns the key of a value's file, from the file's name. `None`: this is not the file of a value in this shard.
    pub(super) fn key(&self, path: &Path) -> Option<Key> {
        let name = path.file_name()?.to_str()?;
        let key = Key::from_digest(u128::from_str_radix(name, 16).ok()?.to_be_bytes());
        let [first, ..] = key.digest();
        (first == self.first && key.hex() == name).then_some(key)
    }

    pub(super) fn exists(&self) -> Result<bool, StoreError> {
        self.folder.has(&self.path)
    }

    /// Loads the value under `key`.
    pub(super) fn load(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        if !self.exists()? {
            return Ok(None);
        }
        Ok(self.held(key)?.map(|held| held.versioned))
    }

    pub(super) fn swap(
        &self,
        key: &Key,
        before: Option<&Revision>,
        after: Option<&Value>,
    ) -> Result<Swapped, StoreError> {
        // Without a shard the key holds nothing, so only writing a new value needs one.
        if (before.is_some() || after.is_none()) && !self.exists()? {
            return Ok(if before.is_some() { Swapped::Stale(None) } else { Swapped::removed() });
        }
        // Encoding needs no lock.
        let bytes = after.map(frame::write).transpose()?;
        let locked = self.lock()?;
        let held = self.held(key)?;
        if held.as_ref().map(|held| held.versioned.revision()) != before {
            return Ok(Swapped::Stale(held.map(|held| held.versioned)));
        }
        match (bytes, &held) {
            (Some(bytes), _) => locked.write(key, &bytes, held.is_some_and(|held| held.is_damaged))?,
            (None, Some(held)) => locked.remove(key, held.is_damaged)?,
            (None, None) => {}
        }
        Ok(after.map_or_else(Swapped::removed, Swapped::written))
    }

    /// Returns whether the value under `key` seems to have expired. Reads only the start of its file.
    pub(super) fn is_due(&self, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
        let is_due = match self.read(key, frame::START)? {
            ReadFile::Nothing => Ok(false),
            ReadFile::Bytes(start, _) => frame::is_due(&start, now),
            ReadFile::Damaged(why, _) => Err(why),
        };
        Ok(is_due.unwrap_or_else(|why| {
            self.folder.mention_damaged(key, &self.file(key), why);
            false
        }))
    }

    /// Reads the file under `key`. For a file without a readable value, returns a value that the engine decodes as damaged or
    /// newer.
    ///
    /// The revision of such a value is the file's identity. The file's bytes could not serve as the revision: after a power cut,
    /// damaged files that were written one after the other are often all empty. The identity is a text, so it never equals a
    /// written value's revision.
    fn held(&self, key: &Key) -> Result<Option<HeldFile>, StoreError> {
        let (content, metadata) = match self.read(key, frame::MAX_BYTES)? {
            ReadFile::Nothing => return Ok(None),
            ReadFile::Bytes(bytes, metadata) => (frame::read(bytes), metadata),
            ReadFile::Damaged(why, metadata) => (Content::Damaged(why), metadata),
        };
        let is_damaged = matches!(content, Content::Damaged(_));
        let versioned = match content {
            Content::Value(value) => Versioned::new(value),
            Content::Newer => {
                self.folder.mention_newer(&self.file(key));
                Versioned::with_revision(Value::newer(), os::identity(&metadata))
            }
            Content::Damaged(why) => {
                self.folder.mention_damaged(key, &self.file(key), why);
                Versioned::with_revision(Value::damaged(), os::identity(&metadata))
            }
        };
        Ok(Some(HeldFile { versioned, is_damaged }))
    }

    fn read(&self, key: &Key, most: u64) -> Result<ReadFile, StoreError> {
        let path = self.file(key);
        let unreadable = |source| failed("read the session file", &path, source);
        let mut file = match os::open_options().read(true).open(&path) {
            Ok(file) => file,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(ReadFile::Nothing),
            // The path may be a symbolic link or a socket. The kind of error depends on the system.
            Err(source) => {
                return match fs::symlink_metadata(&path) {
                    Ok(there) if !there.is_file() => Ok(ReadFile::Damaged(NOT_A_FILE, there)),
                    _ => Err(unreadable(source)),
                };
            }
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Ok(ReadFile::Damaged(NOT_A_FILE, metadata));
        }
        if let Some(owner) = self.folder.other_owner(&metadata) {
            return Err(StoreError::new(format!(
                "the session file `{}` belongs to user {owner}, so the store did not write it; chown it to this process's \
                 user, or remove it",
                path.display()
            )));
        }
        if metadata.len() > frame::MAX_BYTES {
            return Ok(ReadFile::Damaged("it is larger than any that the store writes", metadata));
        }
        // The store never writes to a file under its final name, so the length does not change.
        let mut bytes = vec![0; usize::try_from(metadata.len().min(most)).unwrap_or(usize::MAX)];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(ReadFile::Bytes(bytes, metadata)),
            Err(source) if source.kind() == ErrorKind::UnexpectedEof => {
                Ok(ReadFile::Damaged("another process is cutting it short", metadata))
            }
            Err(source) => Err(unreadable(source)),
        }
    }

    /// Waits for the lock. Creates the shard, and the whole folder, if they are missing.
    pub(super) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        loop {
            while !self.exists()? {
                self.folder.restore()?;
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

    /// Takes the lock if it is free.
    pub(super) fn try_lock(&self) -> Result<Option<Locked<'_>>, StoreError> {
        let Some(file) = self.lock_file()? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(self.is_in_place(&file)?.then_some(Locked { shard: self, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed("lock", &self.lock_path(), source)),
        }
    }

    /// Opens the lock's file. `None`: the shard is gone.
    fn lock_file(&self) -> Result<Option<File>, StoreError> {
        let path = self.lock_path();
        match os::open_options().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("open the lock", &path, source)),
        }
    }

    /// Returns whether another process that takes the lock now would open this same file. The folder may have been replaced
    /// while this process waited.
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
    /// Returns the keys of all values in the shard.
    pub(super) fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let path = &self.shard.path;
        let keys = fs::read_dir(path).and_then(|files| {
            files.filter_map(|file| file.map(|file| self.shard.key(&file.path())).transpose()).collect()
        });
        keys.map_err(|source| failed("list the session folder", path, source))
    }

    /// Removes the value under `key` if it has expired. Returns whether it had.
    pub(super) fn remove_expired(&self, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
        match self.shard.held(key)? {
            // A damaged value does not expire, since its deadline may be wrong.
            Some(held) if held.versioned.value().expires_at().passed(now) => self.remove(key, false).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Replaces the file under `key`. Sets the old file aside first if it is damaged.
    fn write(&self, key: &Key, bytes: &[u8], was_damaged: bool) -> Result<(), StoreError> {
        let path = self.shard.file(key);
        let temporary = path.with_extension("tmp");
        let failed = |source| failed("write the session file", &path, source);
        let set_aside = || if was_damaged { self.shard.folder.set_aside(key, &path) } else { Ok(()) };
        let replaced = self
            .write_temporary(&temporary, bytes)
            .map_err(failed)
            .and_then(|()| set_aside())
            .and_then(|()| fs::rename(&temporary, &path).map_err(failed));
        if replaced.is_err() {
            // If this fails too, clean-up removes the file later.
            let _ = fs::remove_file(&temporary);
            return replaced;
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

    /// Removes the file under `key`, or sets it aside if it is damaged.
    fn remove(&self, key: &Key, is_damaged: bool) -> Result<(), StoreError> {
        let path = self.shard.file(key);
        if is_damaged {
            self.shard.folder.set_aside(key, &path)?;
        } else if let Err(source) = fs::remove_file(&path)
            // An operator may have removed it just now.
            && source.kind() != ErrorKind::NotFound
        {
            return Err(failed("delete the session file", &path, source));
        }
        self.shard.folder.sync(&self.shard.path)
    }
}

const NOT_A_FILE: &str = "it is not a regular file";
