//! Lists the values in the folder, in the order of their keys.

use super::{
    super::{Key, Position, Scanned, StoreError},
    FileStore, blocking,
    folder::Folder,
    shard::Shard,
};
use crate::clock::Timestamp;

const BATCH: usize = 256;

impl FileStore {
    /// Returns the next batch of the values: see [`Store::scan`](super::Store::scan).
    pub(super) async fn list_values(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let inner = self.0.clone();
        let after = match from.as_bytes() {
            [] => None,
            digest => Some(digest.try_into().map_err(|_| StoreError::unknown_position())?),
        };
        blocking(move || inner.folder.scan(after, now)).await?
    }
}

impl Folder {
    /// Returns up to [`BATCH`] values, of keys whose digest comes after `after`.
    fn scan(&self, after: Option<[u8; 16]>, now: Timestamp) -> Result<Scanned, StoreError> {
        let mut values = Vec::new();
        for first in after.map_or(0, |[first, ..]| first)..=u8::MAX {
            let shard = Shard::new(self, first);
            if !shard.exists()? {
                continue;
            }
            // Without the lock, some file systems leave out a file that is replaced while the folder is read.
            let mut keys = shard.lock()?.keys()?;
            keys.retain(|key| Some(key.digest()) > after);
            keys.sort_unstable_by_key(Key::digest);
            for key in keys {
                if let Some(found) = shard.load(&key)?
                    && !found.value().expires_at().passed(now)
                {
                    values.push((key, found));
                }
                if values.len() == BATCH {
                    return Ok(Scanned { values, next: Some(Position::new(key.digest())) });
                }
            }
        }
        Ok(Scanned { values, next: None })
    }
}
