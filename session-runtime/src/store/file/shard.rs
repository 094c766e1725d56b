//! One of the folders that the files of a store are spread over: 256 for the records, as many for the users.
//!
//! Reading takes no lock, since a file is replaced by renaming. Whatever changes a name takes the shard's lock, then
//! looks again.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    iter,
    marker::PhantomData,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    super::StoreError,
    advice::failed,
    folder::{CORRUPT, Folder},
    format::{self, Kept},
    os,
};
use crate::clock::Timestamp;

/// How many of a name's first digits name its shard, and how many shards that makes.
pub(super) const DIGITS: usize = 2;
pub(super) const COUNT: usize = 1 << (4 * DIGITS);

/// The names of all shards.
pub(super) fn names() -> impl Iterator<Item = String> {
    (0..COUNT).map(|index| format!("{index:0DIGITS$x}"))
}

/// Which shard the file `name` is in.
pub(super) fn index(name: &str) -> usize {
    usize::from_str_radix(&name[..DIGITS], 16).unwrap_or_default()
}

/// The name of a file that a shard keeps, as opposed to what else may be there.
pub(super) fn file_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (name.len() == 32 && name.bytes().all(is_digit)).then_some(name)
}

/// A shard of files that each keep a `T`. It need not exist yet.
pub(super) struct Shard<'a, T> {
    folder: &'a Folder,
    path: PathBuf,
    kept: PhantomData<T>,
}

/// What is found under a name.
pub(super) enum Found<T> {
    Nothing,
    Kept(T),
    /// Why it is not what it should be.
    Corrupt(&'static str),
}

impl<'a, T: Kept> Shard<'a, T> {
    pub(super) fn new(folder: &'a Folder, name: &str) -> Self {
        Self { path: Self::all(folder).path.join(name), ..Self::all(folder) }
    }

    /// The folder that all shards are in.
    pub(super) fn all(folder: &'a Folder) -> Self {
        let path = T::WITHIN.map_or_else(|| folder.path().to_owned(), |within| folder.path().join(within));
        Self { folder, path, kept: PhantomData }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is under `name` right now.
    pub(super) fn read(&self, name: &str) -> Result<Found<T>, StoreError> {
        let path = self.path.join(name);
        read(&path).map_err(|source| failed(&format!("read the {}", T::FILE), &path, source))
    }

    /// Sets aside what is under `name`, if it is corrupt. If somebody else holds the lock, the next one to come by does
    /// it.
    pub(super) fn set_aside(&self, name: &str, why: &str) -> Result<(), StoreError> {
        match self.try_lock() {
            // By now there may be a good one.
            Ok(Some(locked)) => locked.read(name).map(drop),
            Ok(None) => Ok(()),
            Err(error) => {
                warn_unmoved::<T>(&self.path.join(name), why, &error);
                Ok(())
            }
        }
    }

    /// Waits for the lock; makes the shard, and the whole folder, if missing.
    pub(super) fn lock(&self) -> Result<Locked<'_, T>, StoreError> {
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
    pub(super) fn try_lock(&self) -> Result<Option<Locked<'_, T>>, StoreError> {
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
        for path in self.levels() {
            match fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => {
                    return Err(StoreError::new(format!(
                        "`{}` is no folder, but a file or a symbolic link, which is not followed; remove it",
                        path.display()
                    )));
                }
                Err(source) if source.kind() == ErrorKind::NotFound => return Ok(false),
                Err(source) => return Err(failed("look at the session folder", path, source)),
            }
        }
        Ok(true)
    }

    /// The shard, after the folder that it is in, if that is not the store's own.
    fn levels(&self) -> impl Iterator<Item = &Path> {
        T::WITHIN.and_then(|_| self.path.parent()).into_iter().chain([self.path.as_path()])
    }

    fn create(&self) -> Result<(), StoreError> {
        for path in iter::once(self.folder.path()).chain(self.levels()) {
            match os::create_dir(path) {
                Ok(()) => path.parent().map_or(Ok(()), |parent| self.sync(parent))?,
                Err(source) if source.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed("create the session folder", path, source)),
            }
        }
        Ok(())
    }

    pub(super) fn sync(&self, path: &Path) -> Result<(), StoreError> {
        if !self.folder.fsync() {
            return Ok(());
        }
        os::sync_dir(path).map_err(|source| failed("make durable what changed in", path, source))
    }
}

/// A shard that only the holder of this changes.
pub(super) struct Locked<'a, T> {
    shard: &'a Shard<'a, T>,
    /// Unlocks when closed.
    _lock: File,
}

impl<T: Kept> Locked<'_, T> {
    /// What is there. What is not as it should be is set aside.
    pub(super) fn read(&self, name: &str) -> Result<Option<T>, StoreError> {
        Ok(match self.shard.read(name)? {
            Found::Nothing => None,
            Found::Kept(kept) => Some(kept),
            Found::Corrupt(why) => {
                self.set_aside(name, why);
                None
            }
        })
    }

    /// What is there, left where it is.
    pub(super) fn look(&self, name: &str) -> Result<Found<T>, StoreError> {
        self.shard.read(name)
    }

    /// The names of all files here.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let names = fs::read_dir(self.shard.path()).and_then(|files| {
            files.map(|file| Ok(file_name(&file?.path()).map(str::to_owned))).filter_map(Result::transpose).collect()
        });
        names.map_err(|source| failed("list the session folder", self.shard.path(), source))
    }

    /// Creates a file that says something by being there.
    pub(super) fn create(&self, name: &str) -> Result<(), StoreError> {
        let path = self.shard.path.join(name);
        let created = os::open_options().write(true).create_new(true).open(&path);
        created.map_err(|source| failed(&format!("write the {}", T::FILE), &path, source))?;
        self.shard.sync(&self.shard.path)
    }

    pub(super) fn write(&self, name: &str, kept: &T) -> Result<(), StoreError> {
        let path = self.shard.path.join(name);
        let bytes = format::seal(kept)?;
        let temporary = self.shard.path.join(format!("{name}.tmp"));
        let replaced = self.write_temporary(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &path));
        if let Err(source) = replaced {
            // If this fails too, the sweep has it later.
            let _ = fs::remove_file(&temporary);
            return Err(failed(&format!("write the {}", T::FILE), &path, source));
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
            // A folder under a file's name is not ours, and is not emptied for it.
            Err(_) if path.is_dir() => self.read(name).map(|_| false),
            Err(source) => Err(failed(&format!("delete the {}", T::FILE), &path, source)),
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
                "a {} could not be read and was set aside; {}", T::FILE, T::LOSS
            ),
            Err(error) => warn_unmoved::<T>(&from, why, &error),
        }
    }
}

fn warn_unmoved<T: Kept>(file: &Path, why: &str, error: &dyn std::error::Error) {
    tracing::warn!(
        target: "session_runtime", file = %file.display(), why, %error,
        "a {} can be neither read nor set aside; {}", T::FILE, T::LOSS
    );
}

fn read<T: Kept>(path: &Path) -> io::Result<Found<T>> {
    let mut file = match os::open_options().read(true).open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        // A symbolic link, a socket: each system has its own words for these.
        Err(_) if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) => return Ok(Found::Corrupt(NO_FILE)),
        Err(source) => return Err(source),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Found::Corrupt(NO_FILE));
    }
    if metadata.len() > format::MAX_BYTES {
        return Ok(Found::Corrupt("it is larger than any that was written here"));
    }
    // A file that has its name is never written to again, so its length stands.
    let mut bytes = vec![0; usize::try_from(metadata.len()).unwrap_or(usize::MAX)];
    match file.read_exact(&mut bytes) {
        Err(source) if source.kind() == ErrorKind::UnexpectedEof => return Ok(Found::Corrupt("it is being cut short")),
        read => read?,
    }
    Ok(format::unseal(&bytes).map_or_else(Found::Corrupt, Found::Kept))
}

const NO_FILE: &str = "it is no regular file";
