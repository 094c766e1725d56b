//! The bytes of a file: four that say what it keeps, a version, CRC-32 of the rest, and the rest: a record, or the
//! sessions of a user.

use super::super::{Record, StoreError};
use crate::clock::Timestamp;

const VERSION: u8 = 1;

/// Where it is kept whose the sessions are.
pub(super) const USERS: &str = "users";

/// No file is larger: what is, was not written here, and is not read into memory.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// What is kept in files of its own.
pub(super) trait Kept: Sized {
    const MAGIC: &'static [u8; 4];
    /// The folder that its shards are in, if not the store's own.
    const WITHIN: Option<&'static str>;
    /// What such a file is called.
    const FILE: &'static str;
    /// What happens when one cannot be read.
    const LOSS: &'static str;
    /// What to do when it gets larger than a file may be.
    const TOO_LARGE: &'static str;

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error>;
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Kept for Record {
    const MAGIC: &'static [u8; 4] = b"SESS";
    const WITHIN: Option<&'static str> = None;
    const FILE: &'static str = "session file";
    const LOSS: &'static str = "its visitor starts anew";
    const TOO_LARGE: &'static str = "keep such data elsewhere, and its name in the session";

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        self.encode(bytes)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes)
    }
}

/// The sessions of a user, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entries(pub(super) Vec<Entry>);

/// A session, by the digest of its key, and when it was entered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) session: [u8; 16],
    pub(super) at: Timestamp,
}

/// 24 bytes each.
impl Kept for Entries {
    const MAGIC: &'static [u8; 4] = b"SESU";
    const WITHIN: Option<&'static str> = Some(USERS);
    const FILE: &'static str = "user file";
    const LOSS: &'static str = "it is made anew from the sessions";
    const TOO_LARGE: &'static str = "limit how many sessions a user may have";

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        bytes.reserve(24 * self.0.len());
        for entry in &self.0 {
            bytes.extend_from_slice(&entry.session);
            bytes.extend_from_slice(&entry.at.as_millis().to_le_bytes());
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let entry = |bytes: &[u8]| {
            let (session, at) = bytes.split_first_chunk()?;
            Some(Entry { session: *session, at: Timestamp::from_millis(u64::from_le_bytes(at.try_into().ok()?)) })
        };
        bytes.chunks(24).map(entry).collect::<Option<_>>().map(Self)
    }
}

pub(super) fn seal<T: Kept>(kept: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(T::MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&[0; 4]);
    let head = bytes.len();
    kept.write(&mut bytes).map_err(|source| {
        StoreError::new(format!("cannot encode the {}; this is a defect", T::FILE)).because(source)
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        let size = bytes.len() >> 20;
        return Err(StoreError::new(format!(
            "the {} would be {size} MiB large, more than it may be; {}",
            T::FILE,
            T::TOO_LARGE
        )));
    }
    let crc = crc32fast::hash(&bytes[head..]);
    bytes[head - 4..head].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// What is kept, or what is wrong with the bytes.
pub(super) fn unseal<T: Kept>(bytes: &[u8]) -> Result<T, &'static str> {
    let bytes = bytes.strip_prefix(T::MAGIC).ok_or("it does not begin as such a file does")?;
    let (&version, bytes) = bytes.split_first().ok_or(TRUNCATED)?;
    if version != VERSION {
        return Err("it is of another version");
    }
    let (crc, bytes) = bytes.split_first_chunk().ok_or(TRUNCATED)?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return Err(TRUNCATED);
    }
    T::read(bytes).ok_or("its checksum is right, but its content is not")
}

const TRUNCATED: &str = "it is truncated or overwritten";
