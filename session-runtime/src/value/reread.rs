//! The check that tests and fuzzers run on the reader of values.

use std::sync::Arc;

use super::{Content, Decoded, Value};

/// Panics unless a [`Value`] returns the bytes unchanged, and the content that it decodes from them round-trips.
pub(crate) fn reads_or_is_damaged(bytes: &[u8]) {
    let value = Value::from_bytes(bytes.to_vec());
    assert_eq!(value.to_bytes(), bytes);
    let rewritten = value.rewritten();
    assert_eq!(Value::from_bytes(rewritten.to_bytes()).revision(), rewritten.revision());
    let Ok(decoded) = value.decode() else { return };
    let content = match &decoded {
        Decoded::Session(record) => Content::Session(Arc::clone(record)),
        Decoded::List(list) => Content::List(Arc::clone(list)),
        Decoded::Tombstone(tombstone) => Content::Tombstone(*tombstone),
        Decoded::Revocation(revocation) => Content::Revocation(Arc::new(*revocation)),
        Decoded::Marker(marker) => Content::Marker(Arc::clone(marker)),
    };
    let again = Value { head: value.head, content };
    let again = Value::from_bytes(again.to_bytes());
    assert_eq!((again.head, again.decode()), (value.head, Ok(decoded)));
}
