//! Scans the values in memory: shard by shard, and within a shard in the order of the keys.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    super::{Position, Scanned},
    BATCH, Key, MemoryStore, StoreError, Timestamp, Versioned,
};

impl MemoryStore {
    /// Returns the next batch of the values: see [`Store::scan`](super::Store::scan).
    pub(super) async fn list_values(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let shards = self.0.shards.len();
        let (index, within) =
            parse(from).filter(|(index, _)| *index < shards).ok_or_else(StoreError::unknown_position)?;
        let listed = within.and_then(|(list, _)| Some((list, self.0.lists.get(list)?)));
        let (list, keys) = listed.unwrap_or_else(|| {
            // Sorted after the shard is unlocked, since sorting takes long.
            let mut keys = self.0.shard(index).keys();
            keys.sort_unstable();
            (self.0.count_use(), keys.into())
        });
        let past = |key: &Key| within.is_some_and(|(_, after)| *key <= after);
        let rest = &keys[keys.partition_point(past)..];
        let (batch, rest) = rest.split_at(rest.len().min(BATCH));
        let next = match batch.last().filter(|_| !rest.is_empty()) {
            Some(last) => {
                self.0.lists.keep(list, &keys);
                Some(position(index, Some((list, last))))
            }
            None => {
                self.0.lists.forget(list);
                (index + 1 < shards).then(|| position(index + 1, None))
            }
        };
        let shard = self.0.shard(index);
        let value = |key: &Key| shard.get(key).filter(|value| !value.expires_at().passed(now)).cloned();
        let values = batch.iter().filter_map(|key| Some((*key, Versioned::new(value(key)?)))).collect();
        Ok(Scanned { values, next })
    }
}

/// The key lists of scans in progress. A list has the keys that a shard held when the scan reached it, sorted, so that they are
/// not collected and sorted for each batch. A scan whose list was dropped gets a new one.
#[derive(Default)]
pub(super) struct Lists(Mutex<VecDeque<(u64, Arc<[Key]>)>>);

impl Lists {
    /// How many concurrent scans keep their lists. A further scan drops the least recently used list.
    const MOST: usize = 4;

    fn get(&self, list: u64) -> Option<Arc<[Key]>> {
        self.all().iter().find(|(kept, _)| *kept == list).map(|(_, keys)| keys.clone())
    }

    /// Stores the list, as the most recently used.
    fn keep(&self, list: u64, keys: &Arc<[Key]>) {
        let mut all = self.all();
        all.retain(|(kept, _)| *kept != list);
        all.push_back((list, keys.clone()));
        if all.len() > Self::MOST {
            all.pop_front();
        }
    }

    fn forget(&self, list: u64) {
        self.all().retain(|(kept, _)| *kept != list);
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<[Key]>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Lists {
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }
}

/// A list, and the key in it after which a scan continues.
type Within = (u64, Key);

fn position(index: usize, within: Option<(u64, &Key)>) -> Position {
    let mut bytes = vec![index as u8];
    if let Some((list, after)) = within {
        bytes.extend(list.to_be_bytes());
        bytes.extend(after.digest());
    }
    Position::new(bytes)
}

/// Returns the shard, and the position within it.
fn parse(from: &Position) -> Option<(usize, Option<Within>)> {
    let Some((index, within)) = from.as_bytes().split_first() else { return Some((0, None)) };
    if within.is_empty() {
        return Some((usize::from(*index), None));
    }
    let (list, after) = within.split_first_chunk()?;
    Some((usize::from(*index), Some((u64::from_be_bytes(*list), Key::from_digest(after.try_into().ok()?)))))
}
