//! The same histories on Redis: its script comes to the verdict of [`Change::judge`], to the last byte that is stored.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use session_runtime::{
    RedisStore, Timestamp,
    store::{Change, Key, Record, Store},
};
use tests::servers::{Kind, prefix, shared};
use tokio::runtime::Runtime;

use crate::{
    chance::{Step, renewal_step, step},
    digest,
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A store on each kind of server.
static STORES: LazyLock<Vec<RedisStore>> = LazyLock::new(|| {
    let servers = Kind::ALL.into_iter().filter_map(shared);
    servers.map(|server| RUNTIME.block_on(RedisStore::open(&server.url())).unwrap().prefix(prefix())).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn redis_agrees_with_judge(history in prop::collection::vec(step(), 1..40)) {
        compare(history)?;
    }

    #[test]
    fn redis_agrees_with_judge_about_renewals(history in prop::collection::vec(renewal_step(), 1..40)) {
        let create = Change::create(digest(0), Timestamp::from_millis(0), Timestamp::NEVER, Timestamp::NEVER);
        compare([Step::Change(Box::new(create))].into_iter().chain(history).collect())?;
    }
}

fn compare(history: Vec<Step>) -> Result<(), TestCaseError> {
    STORES.iter().try_for_each(|store| RUNTIME.block_on(compare_on(store, &history)))
}

pub(crate) async fn compare_on(store: &impl Store, history: &[Step]) -> Result<(), TestCaseError> {
    let key = Key::random().unwrap();
    let mut record = None::<Arc<Record>>;
    let mut now = Timestamp::from_millis(0);
    for step in history {
        match step {
            Step::Wait(millis) => now = Timestamp::from_millis(now.as_millis() + millis),
            Step::Delete => {
                store.delete(&key).await.unwrap();
                record = None;
            }
            Step::Change(change) => {
                let verdict = change.judge(record.as_deref(), now);
                prop_assert_eq!(store.apply(&key, change, now).await.unwrap(), verdict.answer, "of {:?}", change);
                record = verdict.write.or(record);
                // As of the beginning, when the least had expired.
                let beginning = Timestamp::from_millis(0);
                let stored = store.load(&key, beginning).await.unwrap();
                let expected = record.as_deref().filter(|record| record.is_live(beginning));
                prop_assert_eq!(stored.as_deref().map(parts), expected.map(parts), "after {:?}", change);
            }
        }
    }
    Ok(())
}

/// A record but for the order of its fields, and these in the order of their names.
fn parts(record: &Record) -> (Record, Vec<(String, Vec<u8>, Timestamp)>) {
    let mut fields: Vec<_> =
        record.fields.iter().map(|entry| (entry.name.to_owned(), entry.value.to_vec(), entry.expires)).collect();
    fields.sort();
    (Record { fields: Default::default(), ..record.clone() }, fields)
}
