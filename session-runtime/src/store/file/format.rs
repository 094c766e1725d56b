//! The bytes of one session's file: magic, version, CRC-32 of the rest, then the record in MessagePack.
//!
//! Fields of the record go by name, so that a build can read what its neighbour in a rolling deploy wrote with one more.

use serde::Serialize as _;

use super::super::Record;

const MAGIC: &[u8; 4] = b"SESS";
const VERSION: u8 = 1;

/// No record is larger: what is, was not written here, and is not read into memory.
pub(super) const MAX_BYTES: u64 = 64 << 20;

pub(super) fn encode(record: &Record) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut bytes = Vec::with_capacity(512 + record.fields.as_bytes().len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&[0; 4]);
    let head = bytes.len();
    record.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
    let crc = crc32fast::hash(&bytes[head..]);
    bytes[head - 4..head].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// The record, or what is wrong with the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, &'static str> {
    let bytes = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a session file does")?;
    let (&version, bytes) = bytes.split_first().ok_or(TRUNCATED)?;
    if version != VERSION {
        return Err("it is of another version");
    }
    let (crc, bytes) = bytes.split_first_chunk().ok_or(TRUNCATED)?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return Err(TRUNCATED);
    }
    rmp_serde::from_slice(bytes).map_err(|_| "its checksum is right, but it holds no record")
}

const TRUNCATED: &str = "it is truncated or overwritten";
