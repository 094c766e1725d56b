//! Values for the tests of the SQL store: the header that a store reads, then a content. `sql_child` includes this file too.

use std::collections::BTreeMap;

use session_runtime::{
    Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};

/// The time of all calls, in 2027.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Numbers by name.
pub(crate) type Counters = BTreeMap<String, u64>;

/// Returns a value of a guest's session, under a new revision.
pub(crate) fn value(expires_at: Timestamp, content: &[u8]) -> Value {
    let revision = Key::random().unwrap().digest();
    let (version_and_class, scope) = (0x10, [0; 4]);
    let head = [&revision[..8], &[version_and_class], &expires_at.as_millis().to_be_bytes()[2..], &scope].concat();
    assert_eq!(head.len(), Value::HEADER_BYTES);
    let value = Value::from_bytes([&head, content].concat());
    assert_eq!(value.expires_at(), expires_at);
    value
}

/// Returns a value that has no counters and does not expire.
pub(crate) fn empty() -> Value {
    value(Timestamp::NEVER, b"{}")
}

pub(crate) fn content(found: &Versioned) -> Vec<u8> {
    found.value().to_bytes()[Value::HEADER_BYTES..].to_vec()
}

pub(crate) fn counters(found: Option<&Versioned>) -> Counters {
    found.map_or_else(Counters::new, |found| serde_json::from_slice(&content(found)).unwrap())
}

pub(crate) async fn load(store: &impl Store, key: &Key) -> Option<Versioned> {
    store.load(key, NOW).await.unwrap()
}

/// Returns a counter of the stored value.
pub(crate) async fn read(store: &impl Store, key: &Key, name: &str) -> Option<u64> {
    counters(load(store, key).await.as_ref()).remove(name)
}

/// Stores a value under a new key.
pub(crate) async fn create(store: &impl Store, value: &Value) -> Key {
    let key = Key::random().unwrap();
    put(store, &key, value).await;
    key
}

/// Stores a value under a key that holds nothing.
pub(crate) async fn put(store: &impl Store, key: &Key, value: &Value) {
    let swapped = store.swap(key, None, Some(value), NOW).await;
    assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
}

/// Changes the counters as a commit does: retries whenever another writer was first. After a lost answer, the revision shows
/// whether the write is stored.
pub(crate) async fn edit(store: &impl Store, key: &Key, change: impl Fn(&mut Counters)) -> Result<(), StoreError> {
    let mut before = store.load(key, NOW).await?;
    loop {
        let mut counters = counters(before.as_ref());
        change(&mut counters);
        let after = value(Timestamp::NEVER, &serde_json::to_vec(&counters).unwrap());
        match store.swap(key, before.as_ref(), Some(&after), NOW).await? {
            Swapped::Done(_) => return Ok(()),
            Swapped::Stale(Some(newer)) if newer.value().revision() == after.revision() => return Ok(()),
            Swapped::Stale(newer) => before = newer,
        }
    }
}

/// Adds one to a counter.
pub(crate) async fn count(store: &impl Store, key: &Key, name: &str) {
    edit(store, key, |counters| *counters.entry(name.to_owned()).or_default() += 1).await.unwrap();
}
