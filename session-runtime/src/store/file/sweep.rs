//! Clean-up: removes expired values, and files that killed processes left behind. It never waits for a lock, and holds one
//! only for a few files at a time.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{super::StoreError, advice::failed, folder::Folder, shard::Shard};
use crate::clock::Timestamp;

/// How long a value stays after it has expired. So a process whose clock is ahead by less than this removes no live session.
/// Such a process may run on another machine that shares the disk, or on this machine before its clock is corrected (F27).
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// How many files clean-up removes under one lock.
const BATCH: usize = 16;

/// The age at which a temporary file counts as left behind. A file that is being written is seconds old.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

impl Folder {
    /// Removes the values that expired at least an hour ago. Returns how many. Ends early once `is_wanted` returns false.
    pub(super) fn delete_expired(&self, now: Timestamp, is_wanted: &dyn Fn() -> bool) -> Result<u64, StoreError> {
        for path in list(self.path())?.filter(|path| is_left_behind(path)) {
            // The file of a process that was killed while it opened the folder. The removal may fail, since another process may
            // remove the file first.
            let _ = fs::remove_file(path);
        }
        let due = Timestamp::from_millis(now.as_millis().saturating_sub(MARGIN.as_millis() as u64));
        let mut sweep = Sweep { now: due, is_wanted, removed: 0, trouble: None };
        for first in 0..=u8::MAX {
            // An error in one shard does not keep the others from being cleaned up.
            let swept = sweep.shard(&Shard::new(self, first));
            sweep.note(swept);
        }
        match sweep.trouble {
            Some(error) => Err(error),
            None => Ok(sweep.removed),
        }
    }
}

struct Sweep<'a> {
    now: Timestamp,
    is_wanted: &'a dyn Fn() -> bool,
    removed: u64,
    /// The first error.
    trouble: Option<StoreError>,
}

impl Sweep<'_> {
    fn shard(&mut self, shard: &Shard<'_>) -> Result<(), StoreError> {
        if !(self.is_wanted)() || !shard.exists()? {
            return Ok(());
        }
        let mut files = list(shard.path())?;
        loop {
            // Checking takes no lock, and few files are due.
            let due: Vec<PathBuf> = files.by_ref().filter(|path| self.is_due(shard, path)).take(BATCH).collect();
            if due.is_empty() || !(self.is_wanted)() {
                return Ok(());
            }
            // A busy shard is skipped until the next time.
            let Some(locked) = shard.try_lock()? else { return Ok(()) };
            for path in due {
                match shard.key(&path) {
                    // `remove_expired` checks again, since a swap may have written the value meanwhile.
                    Some(key) => self.removed += u64::from(locked.remove_expired(&key, self.now)?),
                    None => fs::remove_file(&path).map_err(|source| failed("delete the leftover", &path, source))?,
                }
            }
        }
    }

    fn is_due(&mut self, shard: &Shard<'_>, path: &Path) -> bool {
        if !(self.is_wanted)() {
            return false;
        }
        let Some(key) = shard.key(path) else { return is_left_behind(path) };
        let is_due = shard.is_due(&key, self.now);
        self.note(is_due).unwrap_or(false)
    }

    /// Returns the answer. Records an error, if it is the first.
    fn note<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.trouble.get_or_insert(error);
                None
            }
        }
    }
}

/// Returns the files in `folder`; none if it is missing.
fn list(folder: &Path) -> Result<impl Iterator<Item = PathBuf> + use<>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("list the session folder", folder, source)),
    }
    .map(|entries| entries.into_iter().flatten().flatten().map(|entry| entry.path()))
}

fn is_left_behind(path: &Path) -> bool {
    // Compares with the system's clock, since that clock dated the file.
    path.extension().is_some_and(|extension| extension == "tmp")
        && fs::symlink_metadata(path)
            .and_then(|there| there.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age >= LEFT_BEHIND))
}
