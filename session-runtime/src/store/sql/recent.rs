//! What was loaded or written last, so that a save need not look up again what its request has just loaded. It is only ever
//! a guess: what is written on its ground is refused by the database if it is out of date, and no load is answered by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use super::super::Record;

/// How many bytes of fields are kept in all: 16 MiB, thousands of requests under way.
const MOST: usize = 16 << 20;
/// How many bytes one record counts for besides its fields.
const HEADER: usize = 512;

pub(super) struct Recent(Mutex<Records>);

struct Records {
    by_id: LruCache<[u8; 16], Arc<Record>>,
    bytes: usize,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Records { by_id: LruCache::new_unbounded(), bytes: 0 }))
    }

    pub(super) fn get(&self, id: &[u8; 16]) -> Option<Arc<Record>> {
        self.records().by_id.get(id).cloned()
    }

    pub(super) fn put(&self, id: [u8; 16], record: Arc<Record>) {
        let mut records = self.records();
        records.bytes += size(&record);
        if let Some(before) = records.by_id.insert(id, record) {
            records.bytes -= size(&before);
        }
        while records.bytes > MOST
            && let Some((_, oldest)) = records.by_id.remove_lru()
        {
            records.bytes -= size(&oldest);
        }
    }

    pub(super) fn forget(&self, id: &[u8; 16]) {
        let mut records = self.records();
        if let Some(record) = records.by_id.remove(id) {
            records.bytes -= size(&record);
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(record: &Record) -> usize {
    HEADER + record.fields.as_bytes().len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::{MOST, Recent};
    use crate::{
        clock::Timestamp,
        store::{Change, Digest, Set},
    };

    #[test]
    fn the_oldest_make_room() {
        let now = Timestamp::from_millis(0);
        let mut change = Change::create(Digest::from([0; 16]), now, Timestamp::NEVER, Timestamp::NEVER);
        change.set.push(Set { name: "large".into(), value: vec![0; MOST / 4], expires: Timestamp::NEVER });
        let record = change.judge(None, now).write.unwrap();
        let recent = Recent::new();
        for id in 0..3 {
            recent.put([id; 16], Arc::clone(&record));
        }
        assert!(recent.get(&[0; 16]).is_some(), "and was looked at last");
        recent.put([3; 16], Arc::clone(&record));
        recent.put([3; 16], Arc::clone(&record));
        assert!(recent.get(&[1; 16]).is_none());
        assert!([0, 2, 3].iter().all(|id| recent.get(&[*id; 16]).is_some()));
        recent.forget(&[2; 16]);
        recent.put([4; 16], record);
        assert!([0, 3, 4].iter().all(|id| recent.get(&[*id; 16]).is_some()));
    }
}
