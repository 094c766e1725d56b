//! Going through the sessions in memory: shard by shard, within one in the order of their selectors.

use super::{
    super::{Position, Scan, Scanned},
    BATCH, MemoryStore, Selector, StoreError, Timestamp,
};

impl Scan for MemoryStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let shards = self.0.shards.len();
        let (index, after) = parse(from).filter(|(index, _)| *index < shards).ok_or_else(Position::unknown)?;
        let shard = self.0.shard(index);
        let mut selectors = shard.selectors();
        selectors.retain(|selector| after.is_none_or(|after| selector.0 > after));
        selectors.sort_unstable_by_key(|selector| selector.0);
        let more = selectors.len() > BATCH;
        selectors.truncate(BATCH);
        let next = match selectors.last().filter(|_| more) {
            Some(last) => Some(position(index, Some(last))),
            None => (index + 1 < shards).then(|| position(index + 1, None)),
        };
        let record = |selector: Selector| shard.shared(selector).filter(|record| record.is_live(now));
        let sessions = selectors.into_iter().filter_map(|selector| Some((selector.key(), record(selector)?))).collect();
        Ok(Scanned { sessions, next })
    }
}

fn position(index: usize, after: Option<&Selector>) -> Position {
    let mut bytes = vec![index as u8];
    bytes.extend(after.into_iter().flat_map(|selector| selector.0));
    Position::new(bytes)
}

/// The shard, and the selector behind which to go on.
fn parse(from: &Position) -> Option<(usize, Option<[u8; 16]>)> {
    match from.as_bytes() {
        [] => Some((0, None)),
        [index] => Some((usize::from(*index), None)),
        [index, after @ ..] => Some((usize::from(*index), Some(after.try_into().ok()?))),
    }
}
