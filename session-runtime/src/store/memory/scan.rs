//! Going through the sessions in memory: shard by shard, within one in the order of their selectors.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    super::{Position, Scan, Scanned},
    BATCH, MemoryStore, Selector, StoreError, Timestamp,
};

impl Scan for MemoryStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let shards = self.0.shards.len();
        let (index, within) = parse(from).filter(|(index, _)| *index < shards).ok_or_else(Position::unknown)?;
        let listed = within.and_then(|(list, _)| Some((list, self.0.lists.get(list)?)));
        let (list, selectors) = listed.unwrap_or_else(|| {
            // Not while the shard is locked.
            let mut selectors = self.0.shard(index).selectors();
            selectors.sort_unstable_by_key(|selector| selector.0);
            (self.0.count_use(), selectors.into())
        });
        let past = |selector: &Selector| within.is_some_and(|(_, after)| selector.0 <= after);
        let rest = &selectors[selectors.partition_point(past)..];
        let (batch, rest) = rest.split_at(rest.len().min(BATCH));
        let next = match batch.last().filter(|_| !rest.is_empty()) {
            Some(last) => {
                self.0.lists.keep(list, &selectors);
                Some(position(index, Some((list, last))))
            }
            None => {
                self.0.lists.forget(list);
                (index + 1 < shards).then(|| position(index + 1, None))
            }
        };
        let shard = self.0.shard(index);
        let record = |selector: Selector| shard.shared(selector).filter(|record| record.is_live(now));
        let sessions = batch.iter().filter_map(|selector| Some((selector.key(), record(*selector)?))).collect();
        Ok(Scanned { sessions, next })
    }
}

/// What was in a shard when a scan came to it, in order, so that it is not looked up and sorted for each batch. Whose list is
/// no longer here gets a new one.
#[derive(Default)]
pub(super) struct Lists(Mutex<VecDeque<(u64, Arc<[Selector]>)>>);

impl Lists {
    /// How many scans may be under way before they cost each other their lists.
    const MOST: usize = 4;

    fn get(&self, list: u64) -> Option<Arc<[Selector]>> {
        self.all().iter().find(|(kept, _)| *kept == list).map(|(_, selectors)| selectors.clone())
    }

    /// Keeps the list, as the last that was used.
    fn keep(&self, list: u64, selectors: &Arc<[Selector]>) {
        let mut all = self.all();
        all.retain(|(kept, _)| *kept != list);
        all.push_back((list, selectors.clone()));
        if all.len() > Self::MOST {
            all.pop_front();
        }
    }

    fn forget(&self, list: u64) {
        self.all().retain(|(kept, _)| *kept != list);
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<[Selector]>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Lists {
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }
}

/// A list, and the selector in it behind which to go on.
type Within = (u64, [u8; 16]);

fn position(index: usize, within: Option<(u64, &Selector)>) -> Position {
    let mut bytes = vec![index as u8];
    if let Some((list, after)) = within {
        bytes.extend(list.to_be_bytes());
        bytes.extend(after.0);
    }
    Position::new(bytes)
}

/// The shard, and where in it.
fn parse(from: &Position) -> Option<(usize, Option<Within>)> {
    let Some((index, within)) = from.as_bytes().split_first() else { return Some((0, None)) };
    if within.is_empty() {
        return Some((usize::from(*index), None));
    }
    let (list, after) = within.split_first_chunk()?;
    Some((usize::from(*index), Some((u64::from_be_bytes(*list), after.try_into().ok()?))))
}
