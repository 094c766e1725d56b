//! Going through the sessions in the folder: in the order of their names.

use std::sync::Arc;

use super::{
    super::{Key, Position, Record, Scan, Scanned, StoreError},
    FileStore, blocking,
    folder::Folder,
    shard::{self, Found, Shard},
};
use crate::clock::Timestamp;

const BATCH: usize = 256;

impl Scan for FileStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let (inner, after) = (self.0.clone(), from.as_bytes().to_vec());
        blocking(move || {
            let after = String::from_utf8(after).ok().filter(|after| after.is_empty() || digest(after).is_some());
            inner.folder.scan(&after.ok_or_else(Position::unknown)?, now)
        })
        .await?
    }
}

impl Folder {
    /// Up to [`BATCH`] sessions behind this name.
    fn scan(&self, after: &str, now: Timestamp) -> Result<Scanned, StoreError> {
        let mut sessions = Vec::new();
        let first = if after.is_empty() { 0 } else { shard::index(after) };
        for shard in shard::names().skip(first) {
            let shard = Shard::<Record>::new(self, &shard);
            if !shard.exists()? {
                continue;
            }
            // Without the lock, a record that is replaced while the folder is read may be missed on some file systems.
            let mut names = shard.lock()?.names()?;
            names.retain(|name| **name > *after);
            names.sort_unstable();
            for name in names {
                if let (Found::Kept(record), Some(digest)) = (shard.read(&name)?, digest(&name))
                    && record.is_live(now)
                {
                    sessions.push((Key::from_digest(digest), Arc::new(record)));
                }
                if sessions.len() == BATCH {
                    return Ok(Scanned { sessions, next: Some(Position::new(name)) });
                }
            }
        }
        Ok(Scanned { sessions, next: None })
    }
}

/// What a file of this name holds the session of.
fn digest(name: &str) -> Option<[u8; 16]> {
    let digits = name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u128::from_str_radix(name, 16).ok()).flatten().map(u128::to_be_bytes)
}
