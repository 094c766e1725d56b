//! Clean-up: expired records, entries without a record, and what killed processes left behind. It never waits for a
//! lock, and holds one only for a few files at a time.

use std::{
    collections::HashSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    super::{Record, StoreError},
    advice::failed,
    folder::Folder,
    format::{Entries, Kept},
    shard::{self, Found, Locked, Shard},
};
use crate::clock::Timestamp;

/// How many files are seen to under one lock.
const BATCH: usize = 16;

/// How old a temporary file is before it counts as left behind. Those that are being written are seconds old.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

impl Folder {
    /// Removes what has expired, and says how many records that were. Ends early once `wanted` says no.
    pub(super) fn delete_expired(&self, now: Timestamp, wanted: &dyn Fn() -> bool) -> Result<u64, StoreError> {
        for path in list(self.path())?.filter(|path| is_left_behind(path)) {
            // Trials of a start that was killed. Another process may be faster.
            let _ = fs::remove_file(path);
        }
        let mut sweep = Sweep { folder: self, now, wanted, removed: HashSet::new(), trouble: None };
        for name in shard::names() {
            sweep.records(&name);
        }
        for name in shard::names() {
            sweep.users(&name);
        }
        match sweep.trouble {
            Some(error) => Err(error),
            None => Ok(sweep.removed.len() as u64),
        }
    }
}

struct Sweep<'a> {
    folder: &'a Folder,
    now: Timestamp,
    wanted: &'a dyn Fn() -> bool,
    /// The records that had expired.
    removed: HashSet<String>,
    trouble: Option<StoreError>,
}

impl<'a> Sweep<'a> {
    fn records(&mut self, shard: &str) {
        let is_due = |sweep: &Self, found: &Found<Record>| match found {
            Found::Nothing => false,
            Found::Kept(record) => !record.is_live(sweep.now),
            Found::Corrupt(_) => true,
        };
        self.shard(shard, is_due, |sweep, locked, name| {
            // Written to meanwhile?
            if locked.read(name)?.is_some_and(|record| !record.is_live(sweep.now)) && locked.remove(name)? {
                sweep.removed.insert(name.to_owned());
            }
            Ok(())
        });
    }

    fn users(&mut self, shard: &str) {
        // One that cannot be read is made anew by whoever needs it.
        let is_due = |sweep: &Self, found: &Found<Entries>| matches!(found, Found::Kept(entries) if sweep.folder.is_due(entries, &sweep.removed, sweep.now));
        self.shard(shard, is_due, |sweep, locked, name| sweep.folder.tidy(locked, name, &sweep.removed, sweep.now));
    }

    /// Cleans a shard. A bad one keeps nobody from cleaning the others.
    fn shard<T: Kept>(
        &mut self,
        name: &str,
        is_due: impl Fn(&Self, &Found<T>) -> bool,
        clean: impl Fn(&mut Self, &Locked<'_, T>, &str) -> Result<(), StoreError>,
    ) {
        let shard = Shard::new(self.folder, name);
        if let Err(error) = self.batches(&shard, is_due, clean) {
            self.trouble.get_or_insert(error);
        }
    }

    fn batches<T: Kept>(
        &mut self,
        shard: &Shard<'_, T>,
        is_due: impl Fn(&Self, &Found<T>) -> bool,
        clean: impl Fn(&mut Self, &Locked<'_, T>, &str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if !(self.wanted)() || !shard.exists()? {
            return Ok(());
        }
        let mut files = list(shard.path())?;
        loop {
            // Looking takes no lock; most files are as they should be.
            let due = files.by_ref().filter(|path| self.looks_due(shard, path, &is_due)).take(BATCH);
            let due: Vec<PathBuf> = due.collect();
            if due.is_empty() || !(self.wanted)() {
                return Ok(());
            }
            // A shard that is busy is left for the next time.
            let Some(locked) = shard.try_lock()? else { return Ok(()) };
            for path in due {
                if let Some(name) = shard::file_name(&path) {
                    clean(self, &locked, name)?;
                } else {
                    fs::remove_file(&path).map_err(|source| failed("delete the leftover", &path, source))?;
                }
            }
        }
    }

    fn looks_due<T: Kept>(
        &mut self,
        shard: &Shard<'_, T>,
        path: &Path,
        is_due: &impl Fn(&Self, &Found<T>) -> bool,
    ) -> bool {
        if !(self.wanted)() {
            return false;
        }
        let Some(name) = shard::file_name(path) else { return is_left_behind(path) };
        match shard.read(name) {
            Ok(found) => is_due(self, &found),
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

fn is_left_behind(path: &Path) -> bool {
    // By the file system's own clock, which dated it.
    path.extension().is_some_and(|extension| extension == "tmp")
        && fs::symlink_metadata(path)
            .and_then(|there| there.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age >= LEFT_BEHIND))
}
