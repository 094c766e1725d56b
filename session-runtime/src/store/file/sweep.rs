//! Clean-up: expired records and what killed processes left behind. It never waits for a lock, and holds one only for
//! a few files at a time.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    super::StoreError,
    advice::failed,
    folder::Folder,
    shard::{self, Found, Shard},
};
use crate::clock::Timestamp;

/// How many files are removed under one lock.
const BATCH: usize = 16;

/// How old a temporary file is before it counts as left behind. Those that are being written are seconds old.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

impl Folder {
    /// Removes what has expired, and says how many records that were. Ends early once `wanted` says no.
    pub(super) fn delete_expired(&self, now: Timestamp, wanted: &dyn Fn() -> bool) -> Result<u64, StoreError> {
        let mut sweep = Sweep { now, wanted, removed: 0, trouble: None };
        for path in list(self.path())?.filter(|path| is_left_behind(path)) {
            // Trials of a start that was killed. Another process may be faster.
            let _ = fs::remove_file(path);
        }
        for name in shard::names() {
            // One bad shard keeps nobody from cleaning the others.
            if let Err(error) = sweep.shard(&Shard::new(self, &name)) {
                sweep.trouble.get_or_insert(error);
            }
        }
        match sweep.trouble {
            Some(error) => Err(error),
            None => Ok(sweep.removed),
        }
    }
}

struct Sweep<'a> {
    now: Timestamp,
    wanted: &'a dyn Fn() -> bool,
    removed: u64,
    trouble: Option<StoreError>,
}

impl Sweep<'_> {
    fn shard(&mut self, shard: &Shard<'_>) -> Result<(), StoreError> {
        if !shard.exists()? {
            return Ok(());
        }
        let mut files = list(shard.path())?;
        loop {
            // Looking takes no lock; most files are live.
            let due: Vec<PathBuf> = files.by_ref().filter(|path| self.is_due(shard, path)).take(BATCH).collect();
            if due.is_empty() || !(self.wanted)() {
                return Ok(());
            }
            // A shard that is busy is left for the next time.
            let Some(locked) = shard.try_lock()? else { return Ok(()) };
            for path in due {
                if let Some(name) = record_name(&path) {
                    // Written to meanwhile?
                    if locked.read(name)?.is_some_and(|record| !record.is_live(self.now)) && locked.remove(name)? {
                        self.removed += 1;
                    }
                } else {
                    fs::remove_file(&path).map_err(|source| failed("delete the leftover", &path, source))?;
                }
            }
        }
    }

    fn is_due(&mut self, shard: &Shard<'_>, path: &Path) -> bool {
        if !(self.wanted)() {
            return false;
        }
        let Some(name) = record_name(path) else { return is_left_behind(path) };
        match shard.read(name) {
            Ok(Found::Nothing) => false,
            Ok(Found::Record(record)) => !record.is_live(self.now),
            Ok(Found::Corrupt(_)) => true,
            Err(error) => {
                self.trouble.get_or_insert(error);
                false
            }
        }
    }
}

/// What is in `folder`; nothing if it is missing.
fn list(folder: &Path) -> Result<impl Iterator<Item = PathBuf> + use<>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("list the session folder", folder, source)),
    }
    .map(|entries| entries.into_iter().flatten().flatten().map(|entry| entry.path()))
}

fn record_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (name.len() == 32 && name.bytes().all(is_digit)).then_some(name)
}

fn is_left_behind(path: &Path) -> bool {
    // By the file system's own clock, which dated it.
    path.extension().is_some_and(|extension| extension == "tmp")
        && fs::symlink_metadata(path)
            .and_then(|there| there.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age >= LEFT_BEHIND))
}
