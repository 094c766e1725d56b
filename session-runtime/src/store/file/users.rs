//! Whose the sessions are: a file for each user, with the sessions that were entered.
//!
//! These files say no more than the records do, so they can be made anew from them, and are, whenever they might miss a
//! session: in a folder that had sessions before it had users, when one of them cannot be read, when somebody removed
//! them. The file `users/whole` says that none is missing.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::ErrorKind,
};

use super::{
    super::{ENTRY_GRACE, Key, Record, StoreError, User, UserEntry},
    advice::failed,
    folder::Folder,
    format::{Entries, Entry},
    shard::{self, Found, Locked, Shard},
};
use crate::{clock::Timestamp, id::hex};

const WHOLE: &str = "whole";

impl Folder {
    pub(super) fn enter(&self, user: &str, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let new = Entry { session: key.digest(), at: now };
        self.with_entries(user, |locked, Entries(mut entries)| {
            entries.retain(|entry| entry.session != new.session);
            // Whose session is gone is looked for now and then, so that they do not pile up between two clean-ups.
            if entries.len() >= 8 && entries.len().is_power_of_two() {
                entries.retain(|entry| !self.is_dead(user, entry, now));
            }
            entries.push(new);
            locked.write(user, &Entries(entries))
        })
    }

    pub(super) fn entries(&self, user: &str) -> Result<Vec<UserEntry>, StoreError> {
        self.with_entries(user, |_, Entries(entries)| {
            let list = |entry: Entry| UserEntry { key: Key::from_digest(entry.session), at: entry.at };
            Ok(entries.into_iter().map(list).collect())
        })
    }

    pub(super) fn leave(&self, user: &str, sessions: &HashSet<[u8; 16]>) -> Result<(), StoreError> {
        self.with_entries(user, |locked, Entries(mut entries)| {
            let before = entries.len();
            entries.retain(|entry| !sessions.contains(&entry.session));
            if entries.len() < before { put(locked, user, entries) } else { Ok(()) }
        })
    }

    /// Takes out the entry of a record that is the user's no more. Whoever calls this holds the record's lock, so that
    /// the record is not the user's again by now.
    pub(super) fn forget(&self, user: &[u8], record: &str) -> Result<(), StoreError> {
        let user = User::new(user).hex();
        let shard = users(self, &user);
        if !shard.exists()? {
            return Ok(());
        }
        let locked = shard.lock()?;
        // One that cannot be read is made anew by whoever needs it whole.
        let Found::Kept(Entries(mut entries)) = shard.read(&user)? else { return Ok(()) };
        let before = entries.len();
        entries.retain(|entry| hex(&entry.session) != record);
        if entries.len() < before { put(&locked, &user, entries) } else { Ok(()) }
    }

    /// Whether clean-up has anything to do with these entries. `removed`: the records that it has just removed.
    pub(super) fn is_due(&self, entries: &Entries, removed: &HashSet<String>, now: Timestamp) -> bool {
        entries.0.is_empty() || entries.0.iter().any(|entry| self.is_left_alone(entry, removed, now))
    }

    /// Takes out the entries whose record is gone.
    pub(super) fn tidy(
        &self,
        locked: &Locked<'_, Entries>,
        user: &str,
        removed: &HashSet<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Found::Kept(Entries(mut entries)) = locked.look(user)? else { return Ok(()) };
        entries.retain(|entry| !self.is_left_alone(entry, removed, now));
        put(locked, user, entries)
    }

    /// Whether there is no record to this entry, nor one about to come. This does not look into the record: if it is
    /// another user's since a process was killed before [`Folder::forget`], the entry goes with the record.
    fn is_left_alone(&self, entry: &Entry, removed: &HashSet<String>, now: Timestamp) -> bool {
        let name = hex(&entry.session);
        let path = Shard::<Record>::new(self, &name[..shard::DIGITS]).path().join(&name);
        let missing = fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        missing && ((entry.at + ENTRY_GRACE).passed(now) || removed.contains(&name))
    }

    /// Whether this entry stands for no session of the user's, nor one about to come.
    fn is_dead(&self, user: &str, entry: &Entry, now: Timestamp) -> bool {
        let name = hex(&entry.session);
        match self.look(&name) {
            Ok(Found::Kept(record)) if !record.is_live(now) => true,
            Ok(Found::Kept(Record { user: Some(its), .. })) if User::new(its.clone()).hex() == user => false,
            Ok(_) => (entry.at + ENTRY_GRACE).passed(now),
            // There is no telling.
            Err(_) => false,
        }
    }

    /// Runs `work` on the entries of `user`, while nobody else changes them.
    fn with_entries<T>(
        &self,
        user: &str,
        work: impl FnOnce(&Locked<'_, Entries>, Entries) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let shard = users(self, user);
        for _ in 0..3 {
            let locked = shard.lock()?;
            if self.is_whole()? {
                match shard.read(user)? {
                    Found::Nothing => return work(&locked, Entries::default()),
                    Found::Kept(entries) => return work(&locked, entries),
                    Found::Corrupt(_) => {}
                }
            }
            // All others are locked on the way.
            drop(locked);
            self.make_whole(user)?;
        }
        Err(StoreError::new(format!(
            "the user file `{}` is damaged again and again; check its disk, and who else writes there",
            shard.path().join(user).display()
        )))
    }

    fn is_whole(&self) -> Result<bool, StoreError> {
        let path = Shard::<Entries>::all(self).path().join(WHOLE);
        match fs::symlink_metadata(&path) {
            Ok(there) => Ok(there.is_file()),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("look at the session folder", &path, source)),
        }
    }

    /// Looks into every record and enters what is missing; where that was interrupted, the next one begins again. Who
    /// wants to sign in meanwhile waits: a record that this has passed by was entered before, or is entered after.
    fn make_whole(&self, suspect: &str) -> Result<(), StoreError> {
        let all = Shard::<Entries>::all(self);
        let alone = all.lock()?;
        // Somebody else may have done it meanwhile.
        if self.is_whole()? && !matches!(users(self, suspect).read(suspect)?, Found::Corrupt(_)) {
            return Ok(());
        }
        alone.remove(WHOLE)?;
        tracing::info!(target: "session_runtime", folder = %all.path().display(), "gathering whose the sessions are");
        for (shard, found) in shard::names().zip(self.signed_in()?) {
            let shard = Shard::<Entries>::new(self, &shard);
            if !found.is_empty() || shard.exists()? {
                add(&shard.lock()?, found)?;
            }
        }
        alone.create(WHOLE)
    }

    /// The entries of all records, by user; the users by shard.
    fn signed_in(&self) -> Result<Vec<HashMap<String, Vec<Entry>>>, StoreError> {
        let mut all = vec![HashMap::<String, Vec<Entry>>::new(); shard::COUNT];
        for shard in shard::names() {
            let shard = Shard::<Record>::new(self, &shard);
            if !shard.exists()? {
                continue;
            }
            // Without the lock, a record that is replaced while the folder is read may be missed on some file systems.
            let names = shard.lock()?.names()?;
            for name in names {
                let Found::Kept(record) = shard.read(&name)? else { continue };
                let (Some(user), Some(session)) = (record.user, unhex(&name)) else { continue };
                let user = User::new(user).hex();
                let at = record.authenticated_at.unwrap_or(record.created_at);
                all[shard::index(&user)].entry(user).or_default().push(Entry { session, at });
            }
        }
        Ok(all)
    }
}

fn users<'a>(folder: &'a Folder, user: &str) -> Shard<'a, Entries> {
    Shard::new(folder, &user[..shard::DIGITS])
}

/// Adds what was found to the users of a shard. Those of its files that cannot be read are set aside.
fn add(locked: &Locked<'_, Entries>, mut found: HashMap<String, Vec<Entry>>) -> Result<(), StoreError> {
    for user in locked.names()? {
        found.entry(user).or_default();
    }
    for (user, found) in found {
        let Entries(mut entries) = locked.read(&user)?.unwrap_or_default();
        let there: HashSet<_> = entries.iter().map(|entry| entry.session).collect();
        let before = entries.len();
        entries.extend(found.into_iter().filter(|entry| !there.contains(&entry.session)));
        if entries.len() > before {
            entries.sort_by_key(|entry| entry.at);
            locked.write(&user, &Entries(entries))?;
        }
    }
    Ok(())
}

fn put(locked: &Locked<'_, Entries>, user: &str, entries: Vec<Entry>) -> Result<(), StoreError> {
    if entries.is_empty() { locked.remove(user).map(drop) } else { locked.write(user, &Entries(entries)) }
}

fn unhex(name: &str) -> Option<[u8; 16]> {
    u128::from_str_radix(name, 16).ok().map(u128::to_be_bytes)
}
