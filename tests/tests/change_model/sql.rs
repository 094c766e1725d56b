//! The same histories in SQLite, by one who remembers what it wrote, and by two who take turns: each finds its guess out of
//! date, and judges anew.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use session_runtime::{
    SqlStore, Timestamp,
    store::{Applied, Change, Ended, Key, Record, Store, StoreError},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{chance::step, redis::compare_on};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Two stores in one file, and how often they were asked.
static PLACE: LazyLock<(TempDir, Turns)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let open = || RUNTIME.block_on(async { SqlStore::open(&url).await.unwrap() });
    let stores = [open(), open()];
    RUNTIME.block_on(stores[0].migrate()).unwrap();
    (folder, Turns(stores, AtomicUsize::new(0)))
});

struct Turns([SqlStore; 2], AtomicUsize);

impl Turns {
    fn next(&self) -> &SqlStore {
        &self.0[self.1.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl Store for Turns {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.0[0].load(key, now).await
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        self.next().apply(key, change, now).await
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        self.next().end(key, change, now).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.next().delete(key).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.next().delete_expired(now).await
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_agrees_with_judge(history in prop::collection::vec(step(), 1..40)) {
        let (_, turns) = &*PLACE;
        RUNTIME.block_on(compare_on(&turns.0[0], &history))?;
        RUNTIME.block_on(compare_on(turns, &history))?;
    }
}
