//! The frame around a value in its file. It tells a whole file from a torn or overwritten one.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `SESS` |
//! | 1 | version, 1 |
//! | 4 | CRC-32 of the version and the value, little-endian |
//! | n | the value |
//!
//! Newer versions of the frame must keep this head and its checksum, so that an older process can tell a newer file from a
//! damaged one.

use bytes::Bytes;

use super::super::{StoreError, Value};
use crate::clock::Timestamp;

const MAGIC: &[u8; 4] = b"SESS";
pub(super) const VERSION: u8 = 1;
const HEAD: usize = 9;

/// The largest file that the store writes or reads.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// How many bytes of a file [`is_due`] needs: the heads of the frame and of the value.
pub(super) const START: u64 = 64;

/// The content of a file.
pub(super) enum Content {
    Value(Value),
    /// A later version of this library wrote the file, in a frame that this version does not know.
    Newer,
    /// The reason why the file is not as the store wrote it.
    Damaged(&'static str),
}

/// Returns the bytes of the file for `value`.
pub(super) fn write(value: &Value) -> Result<Vec<u8>, StoreError> {
    let value = value.to_bytes();
    if (HEAD + value.len()) as u64 > MAX_BYTES {
        return Err(StoreError::new(format!(
            "the session would take a file of {} MiB, and the file store writes at most {} MiB; keep such data elsewhere, \
             and only a reference to it in the session",
            value.len() >> 20,
            MAX_BYTES >> 20,
        )));
    }
    let mut bytes = Vec::with_capacity(HEAD + value.len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&checksum(VERSION, &value).to_le_bytes());
    bytes.extend_from_slice(&value);
    Ok(bytes)
}

/// Reads a whole file.
pub(super) fn read(bytes: Vec<u8>) -> Content {
    let bytes = Bytes::from(bytes);
    let (version, sum) = match head(&bytes) {
        Ok(head) => head,
        Err(why) => return Content::Damaged(why),
    };
    let value = bytes.slice(HEAD..);
    if checksum(version, &value) != sum {
        return Content::Damaged("it is truncated or overwritten");
    }
    match version {
        VERSION => Content::Value(Value::from_bytes(value)),
        _ => Content::Newer,
    }
}

/// Returns whether the value in the file that starts with these bytes has expired. The rest of the file may still be damaged.
///
/// # Errors
/// The reason why the file is not as the store wrote it.
pub(super) fn is_due(start: &[u8], now: Timestamp) -> Result<bool, &'static str> {
    Ok(match (head(start)?, start.get(HEAD..)) {
        ((VERSION, _), Some(value)) => Value::from_bytes(value.to_vec()).expires_at().passed(now),
        _ => false,
    })
}

/// Returns the version and the checksum.
fn head(bytes: &[u8]) -> Result<(u8, u32), &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a session file does")?;
    match rest.split_first_chunk() {
        Some((&[version, a, b, c, d], _)) if version >= VERSION => Ok((version, u32::from_le_bytes([a, b, c, d]))),
        Some(_) => Err("its version does not exist"),
        None => Err("it is truncated"),
    }
}

fn checksum(version: u8, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[version]);
    hasher.update(value);
    hasher.finalize()
}
