//! Values as stores keep them. Their content is arbitrary, because a store does not interpret it.

use std::sync::atomic::{AtomicU64, Ordering};

use session_runtime::{
    Timestamp,
    store::{Class, Key, Store, Swapped, Value, Versioned},
};

/// The time of all calls, in 2027.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Returns a session that does not expire, with this content, under a revision of its own.
pub(crate) fn value(content: impl AsRef<[u8]>) -> Value {
    value_until(Timestamp::NEVER, content)
}

/// Returns a session that expires at this time.
pub(crate) fn value_until(end: Timestamp, content: impl AsRef<[u8]>) -> Value {
    made(Class::Guest, end, content.as_ref())
}

/// Returns the tombstone of a session that has ended.
pub(crate) fn tombstone(end: Timestamp) -> Value {
    made(Class::Tombstone, end, &[0; 9])
}

/// Encodes a value as described in `docs/format.md`.
fn made(class: Class, end: Timestamp, content: &[u8]) -> Value {
    static WRITES: AtomicU64 = AtomicU64::new(1);
    // A revision can contain any byte, even bytes that are not text.
    let revision = WRITES.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let class_byte = if class == Class::Tombstone { 4 } else { 0 };
    let mut bytes = revision.to_be_bytes().to_vec();
    bytes.push(0x10 | class_byte);
    bytes.extend_from_slice(&end.as_millis().to_be_bytes()[2..]);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(content);
    let value = Value::from_bytes(bytes);
    assert_eq!((value.class(), value.expires_at(), value.revision()), (class, end, revision));
    value
}

/// Writes to a key that holds nothing.
pub(crate) async fn create(store: &impl Store, key: &Key, value: &Value) -> Versioned {
    done(store.swap(key, None, Some(value), NOW).await, value)
}

/// Replaces the key's value.
pub(crate) async fn replace(store: &impl Store, key: &Key, before: &Versioned, value: &Value) -> Versioned {
    done(store.swap(key, Some(before), Some(value), NOW).await, value)
}

/// Removes the key's value.
pub(crate) async fn remove(store: &impl Store, key: &Key, before: &Versioned) {
    let answer = store.swap(key, Some(before), None, NOW).await;
    assert!(matches!(answer, Ok(Swapped::Done(_))), "{answer:?}");
}

/// Returns the bytes that the store has.
pub(crate) async fn load(store: &impl Store, key: &Key) -> Option<Vec<u8>> {
    let found = store.load(key, NOW).await.expect("a store that answers");
    found.map(|found| found.value().to_bytes().to_vec())
}

/// Returns the current value that a refusal reports.
pub(crate) fn refused<E: std::fmt::Debug>(answer: Result<Swapped, E>) -> Option<Vec<u8>> {
    match answer {
        Ok(Swapped::Stale(current)) => current.map(|current| current.value().to_bytes().to_vec()),
        other => panic!("the swap was not refused: {other:?}"),
    }
}

pub(crate) fn done<E: std::fmt::Debug>(answer: Result<Swapped, E>, value: &Value) -> Versioned {
    match answer {
        Ok(Swapped::Done(revision)) => Versioned::with_revision(value.clone(), revision),
        other => panic!("the value was not written: {other:?}"),
    }
}
