//! What is done to one record in its shard.

use std::{fs, io::ErrorKind, sync::Arc};

use super::{
    super::{Applied, Change, Record, StoreError},
    advice::failed,
    folder::Folder,
    shard::{self, Found, Shard},
};
use crate::clock::Timestamp;

impl Folder {
    /// The live record.
    pub(super) fn load(&self, name: &str, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        match self.look(name)? {
            Found::Nothing => Ok(None),
            Found::Kept(record) => Ok(record.is_live(now).then(|| Arc::new(record))),
            Found::Corrupt(why) => records(self, name).set_aside(name, why).map(|()| None),
        }
    }

    /// What is there, without making a folder for it.
    pub(super) fn look(&self, name: &str) -> Result<Found<Record>, StoreError> {
        let shard = records(self, name);
        if shard.exists()? { shard.read(name) } else { Ok(Found::Nothing) }
    }

    pub(super) fn apply(&self, name: &str, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let shard = records(self, name);
        let locked = shard.lock()?;
        let current = locked.read(name)?;
        let verdict = change.judge(current.as_ref(), now);
        if let Some(record) = verdict.write {
            locked.write(name, &record)?;
            if let Some(Record { user: Some(user), .. }) = current
                && record.user.as_ref() != Some(&user)
            {
                self.forget_or_warn(&user, name);
            }
        }
        Ok(verdict.answer)
    }

    /// Applies a change that ends the session, by removing it.
    pub(super) fn end(&self, name: &str, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let shard = records(self, name);
        // As without a session, so without a folder for any.
        if !shard.exists()? {
            return Ok(change.judge(None, now).answer);
        }
        let locked = shard.lock()?;
        let current = locked.read(name)?;
        if let Err(answer) = change.admit(current.as_ref(), now) {
            return Ok(answer);
        }
        locked.remove(name)?;
        if let Some(user) = current.and_then(|record| record.user) {
            self.forget_or_warn(&user, name);
        }
        Ok(Applied::Applied { renewed: false })
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), StoreError> {
        let shard = records(self, name);
        let path = shard.path().join(name);
        // What is not there needs no lock, and no folder to lock in.
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("delete the session file", &path, source)),
        }
        let locked = shard.lock()?;
        // What cannot be read is deleted all the same.
        let user = locked.read(name).ok().flatten().and_then(|record| record.user);
        locked.remove(name)?;
        if let Some(user) = user {
            self.forget_or_warn(&user, name);
        }
        Ok(())
    }

    /// The session has ended, whatever becomes of its entry.
    fn forget_or_warn(&self, user: &[u8], name: &str) {
        if let Err(error) = self.forget(user, name) {
            tracing::warn!(target: "session_runtime", %error, "a session that ended stays listed until it is cleaned up");
        }
    }
}

fn records<'a>(folder: &'a Folder, name: &str) -> Shard<'a, Record> {
    Shard::new(folder, &name[..shard::DIGITS])
}
