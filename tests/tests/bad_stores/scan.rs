//! The same for stores whose sessions can be gone through, and not all of them or for ever.

use std::sync::Arc;

use session_runtime::{
    MemoryStore, Timestamp,
    store::{Applied, Change, Key, Position, Record, Scan, Scanned, Store, StoreError},
    testing::conformance,
};

/// What is wrong with a scan, and the behaviour that this breaks.
const DEFECTS: &[(Defect, &str)] = &[
    (Defect::MakesOneUp, "scan: an empty store has no sessions"),
    (Defect::StopsEarly, "scan: every live session is found as it is"),
    (Defect::SkipsOne, "scan: every live session is found as it is"),
    (Defect::MixesUp, "scan: every live session is found as it is"),
    (Defect::ShowsTheExpired, "scan: what ended is not found"),
    (Defect::BeginsAgain, "scan: an empty store has no sessions"),
    (Defect::TakesAnyPosition, "scan: a position of elsewhere is an error"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    MakesOneUp,
    StopsEarly,
    SkipsOne,
    MixesUp,
    ShowsTheExpired,
    BeginsAgain,
    TakesAnyPosition,
    /// None.
    Sound,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_defect_is_noticed() {
    super::all_are_noticed(DEFECTS, suite).await;
}

/// What the defects are noticed by is them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_defect_nothing_is_noticed() {
    suite(Defect::Sound).await;
}

fn suite(defect: Defect) -> impl Future<Output = ()> + Send + 'static {
    conformance::run_scan(async move || BadScan { inner: MemoryStore::new(), defect })
}

struct BadScan {
    inner: MemoryStore,
    defect: Defect,
}

impl Scan for BadScan {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        let from = match self.defect {
            Defect::TakesAnyPosition if from.as_bytes().first() == Some(&0xff) => &Position::start(),
            _ => from,
        };
        let now = if self.defect == Defect::ShowsTheExpired { Timestamp::from_millis(0) } else { now };
        let mut scanned = self.inner.scan(from, now).await?;
        match self.defect {
            Defect::MakesOneUp if scanned.next.is_none() => {
                let change = Change::create([0; 16].into(), now, Timestamp::NEVER, Timestamp::NEVER);
                let record = change.judge(None, now).write.unwrap();
                scanned.sessions.push((Key::random().unwrap(), record));
            }
            Defect::StopsEarly => scanned.next = None,
            Defect::SkipsOne => drop(scanned.sessions.pop()),
            Defect::MixesUp if scanned.sessions.len() > 1 => {
                let [(_, first), (_, second), ..] = &mut scanned.sessions[..] else { unreachable!() };
                std::mem::swap(first, second);
            }
            Defect::BeginsAgain if scanned.next.is_none() => scanned.next = Some(Position::start()),
            _ => {}
        }
        Ok(scanned)
    }
}

impl Store for BadScan {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        self.inner.load(key, now).await
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        self.inner.apply(key, change, now).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }
}
