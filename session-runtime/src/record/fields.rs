//! The encoded fields of a record in one buffer: compact to hold, cheap to clone, quick to search while small.
//!
//! An entry is: length of the name (1 byte), length of the value (4, little-endian), deadline (8, little-endian,
//! all ones for none), name, value.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::Timestamp;

/// One stored field.
///
/// ```
/// # use session_runtime::{Timestamp, store::Entry};
/// let entry = Entry { name: "theme", value: b"\xa4dark", expires: Timestamp::NEVER };
/// assert!(entry.is_live(Timestamp::from_millis(0)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The stored name.
    pub name: &'a str,
    /// The value in MessagePack.
    pub value: &'a [u8],
    /// When the value ceases to be readable; [`Timestamp::NEVER`] if it lasts as long as the session.
    pub expires: Timestamp,
}

impl Entry<'_> {
    /// Whether the value may still be read.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Entry};
    /// let at = Timestamp::from_millis(7);
    /// assert!(!Entry { name: "code", value: b"", expires: at }.is_live(at));
    /// ```
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.expires.passed(now)
    }
}

impl fmt::Debug for Entry<'_> {
    // Values may be secret: B12.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} bytes", self.name, self.value.len())
    }
}

/// All stored fields of a session.
///
/// ```
/// # use session_runtime::{Timestamp, store::{Entry, Fields}};
/// let mut fields = Fields::default();
/// fields.push(Entry { name: "theme", value: b"\xa4dark", expires: Timestamp::NEVER });
/// assert_eq!(fields.get("theme").map(|entry| entry.value), Some(&b"\xa4dark"[..]));
/// assert_eq!(fields.iter().count(), 1);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Room for `bytes` bytes of entries.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// The bytes that a field takes.
    pub(crate) const fn room_for(name: usize, value: usize) -> usize {
        HEAD + name + value
    }

    /// Gives back room that was left for what has gone, where that is more than a small value.
    pub(super) fn forgo_room(&mut self) {
        if self.0.capacity() - self.0.len() > 64 {
            self.0.shrink_to_fit();
        }
    }

    /// Adds a field. The caller sees to it that no other has its name. A name is cut at 255 bytes, which the derive
    /// does not let happen.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::{Entry, Fields}};
    /// let mut fields = Fields::default();
    /// fields.push(Entry { name: "n", value: &[1], expires: Timestamp::NEVER });
    /// ```
    pub fn push(&mut self, entry: Entry<'_>) {
        // Between characters, since half of one would make all fields after it unreadable.
        let name = &entry.name.as_bytes()[..entry.name.floor_char_boundary(u8::MAX.into())];
        let Ok(length) = u32::try_from(entry.value.len()) else { return };
        self.0.push(name.len() as u8);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(&entry.expires.as_millis().to_le_bytes());
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(entry.value);
    }

    /// The field of that name, expired or not.
    ///
    /// ```
    /// # use session_runtime::store::Fields;
    /// assert!(Fields::default().get("theme").is_none());
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Entry<'_>> {
        let mut rest = self.0.as_slice();
        // Most names are passed by for their lengths: this runs for every field that a request touches.
        while let Some((head, after)) = Head::split(rest) {
            if head.name == name.len() && after.starts_with(name.as_bytes()) {
                return split_entry(rest).map(|(entry, _)| entry);
            }
            rest = after.get(head.name + head.value..)?;
        }
        None
    }

    /// The fields in stored order, the expired too.
    ///
    /// ```
    /// # use session_runtime::store::Fields;
    /// assert!(Fields::default().iter().next().is_none());
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (entry, after) = split_entry(rest)?;
            rest = after;
            Some(entry)
        })
    }

    /// The fields as they stand in the buffer: nothing of them is looked at but where they end.
    pub(super) fn raw(&self) -> impl Iterator<Item = Raw<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (raw, after) = split_raw(rest)?;
            rest = after;
            Some(raw)
        })
    }

    /// Adds fields as they stood in another buffer, one after the other.
    pub(super) fn push_raw(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// The buffer itself, for a store that keeps all fields in one value.
    ///
    /// ```
    /// # use session_runtime::store::Fields;
    /// assert!(Fields::default().as_bytes().is_empty());
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads back what [`Fields::as_bytes`] gave.
    ///
    /// # Errors
    /// [`Garbled`] if the bytes are anything else.
    ///
    /// ```
    /// # use session_runtime::store::Fields;
    /// assert!(Fields::from_bytes(vec![9, 9]).is_err());
    /// assert!(Fields::from_bytes(vec![]).is_ok());
    /// ```
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Garbled> {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            (_, rest) = split_entry(rest).ok_or(Garbled)?;
        }
        Ok(Self(bytes))
    }
}

fn split_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (raw, rest) = split_raw(bytes)?;
    Some((raw.entry()?, rest))
}

/// The bytes before a field's name.
const HEAD: usize = 1 + 4 + 8;

/// What they say.
struct Head {
    /// The lengths of name and value.
    name: usize,
    value: usize,
    expires: Timestamp,
}

impl Head {
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[name, v0, v1, v2, v3, expires @ ..], rest) = bytes.split_first_chunk::<HEAD>()?;
        let value = u32::from_le_bytes([v0, v1, v2, v3]) as usize;
        let expires = Timestamp::from_millis(u64::from_le_bytes(expires));
        Some((Self { name: name.into(), value, expires }, rest))
    }
}

/// A field as it stands in the buffer.
pub(super) struct Raw<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    expires: Timestamp,
    /// The bytes of all of it.
    pub(super) length: usize,
}

impl<'a> Raw<'a> {
    fn entry(&self) -> Option<Entry<'a>> {
        Some(Entry { name: std::str::from_utf8(self.name).ok()?, value: self.value, expires: self.expires })
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        !self.expires.passed(now)
    }
}

fn split_raw(bytes: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (head, rest) = Head::split(bytes)?;
    let (name, rest) = rest.split_at_checked(head.name)?;
    let (value, rest) = rest.split_at_checked(head.value)?;
    Some((Raw { name, value, expires: head.expires, length: bytes.len() - rest.len() }, rest))
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Stored fields that do not read as such: truncated, or overwritten.
///
/// ```
/// # use session_runtime::store::Fields;
/// assert_eq!(Fields::from_bytes(vec![1]).unwrap_err().to_string(), "the stored fields are truncated or overwritten");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored fields are truncated or overwritten")]
pub struct Garbled;

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::from_bytes(bytes.0.into_vec()).map_err(de::Error::custom)
    }
}

/// Bytes read as MessagePack binary.
pub(super) struct Bytes(pub(super) Box<[u8]>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.into()))
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes.into()))
            }
        }

        deserializer.deserialize_byte_buf(Visitor)
    }
}
