//! Values for the tests of the file store: the header that a store reads, then fields as JSON. `file_child` includes this file
//! too.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use session_runtime::{
    Timestamp,
    store::{Key, Store, Swapped, Value, Versioned},
};

/// The time of all calls, in 2027.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) type Fields = BTreeMap<String, String>;

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

/// Returns a value that has no fields and does not expire.
pub(crate) fn empty() -> Value {
    value(Timestamp::NEVER, b"{}")
}

/// Returns a value that has no fields and expired long enough ago to be removed.
pub(crate) fn expired() -> Value {
    value(Timestamp::from_millis(NOW.as_millis() - 3_600_000), b"{}")
}

pub(crate) async fn load(store: &impl Store, key: &Key) -> Option<Versioned> {
    store.load(key, NOW).await.unwrap()
}

pub(crate) fn fields(found: Option<&Versioned>) -> Fields {
    found.map_or_else(Fields::new, |found| {
        serde_json::from_slice(&found.value().to_bytes()[Value::HEADER_BYTES..]).unwrap()
    })
}

/// Returns a field of the stored value.
pub(crate) async fn read(store: &impl Store, key: &Key, field: &str) -> Option<String> {
    fields(load(store, key).await.as_ref()).remove(field)
}

/// Loads a key whose file is damaged. Checks that the load returns a damaged value, and returns that value.
pub(crate) async fn damaged(store: &impl Store, key: &Key) -> Versioned {
    let found = load(store, key).await.expect("a damaged value is a value");
    assert!(is_damaged(&found), "{found:?}");
    found
}

/// Whether the value is what a load returns for a damaged file: it has no bytes, but a revision.
pub(crate) fn is_damaged(found: &Versioned) -> bool {
    found.value().to_bytes().is_empty() && found.revision().to_text().is_ok()
}

/// Stores `after`, whatever the key holds; there must be no other writer.
pub(crate) async fn put(store: &impl Store, key: &Key, after: &Value) {
    let before = load(store, key).await;
    let swapped = store.swap(key, before.as_ref(), Some(after), NOW).await;
    assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
}

/// Removes the key's value; there must be no other writer.
pub(crate) async fn remove(store: &impl Store, key: &Key) {
    let before = load(store, key).await;
    let swapped = store.swap(key, before.as_ref(), None, NOW).await;
    assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
}

/// Changes the fields. Retries whenever another writer was first.
pub(crate) async fn edit(store: &impl Store, key: &Key, change: impl Fn(&mut Fields)) {
    let mut before = load(store, key).await;
    loop {
        match store.swap(key, before.as_ref(), Some(&edited(before.as_ref(), &change)), NOW).await.unwrap() {
            Swapped::Done(_) => return,
            Swapped::Stale(newer) => before = newer,
        }
    }
}

/// Returns a value with the fields of `before`, as `change` has changed them.
pub(crate) fn edited(before: Option<&Versioned>, change: impl Fn(&mut Fields)) -> Value {
    let mut fields = fields(before);
    change(&mut fields);
    value(Timestamp::NEVER, &serde_json::to_vec(&fields).unwrap())
}

pub(crate) async fn set(store: &impl Store, key: &Key, field: &str, to: &str) {
    edit(store, key, |fields| drop(fields.insert(field.to_owned(), to.to_owned()))).await;
}

/// Adds one to a field.
pub(crate) fn count(fields: &mut Fields, field: &str) {
    let before: u64 = fields.get(field).map_or(0, |number| number.parse().unwrap());
    fields.insert(field.to_owned(), (before + 1).to_string());
}

/// Returns the file in which a file store in `folder` keeps the value.
pub(crate) fn file(folder: &Path, key: &Key) -> PathBuf {
    folder.join(&key.hex()[..2]).join(key.hex())
}
