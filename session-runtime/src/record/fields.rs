//! The encoded fields of a session in one buffer, which is compact, cheap to clone, and quick to search while it is small.
//!
//! A field is: the length of its name, plus 128 if the field has a deadline (1 byte), the length of its value (LEB128), the
//! deadline in milliseconds since 1970 (LEB128, if it has one), name, value.

use std::fmt;

use crate::{
    clock::Timestamp,
    varint::{self, split_number},
};

/// One stored field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// The stored name.
    pub(crate) name: &'a str,
    /// The value in MessagePack.
    pub(crate) value: &'a [u8],
    /// When the value expires; [`Timestamp::NEVER`] if it lasts as long as the session.
    pub(crate) expires: Timestamp,
}

impl Entry<'_> {
    /// Returns whether the value may still be read.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
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
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// Returns an empty buffer with capacity for `bytes` bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Returns how many bytes a field takes.
    pub(crate) fn room_for(name: &str, value: usize, expires: Timestamp) -> usize {
        let has_deadline = expires != Timestamp::NEVER;
        let deadline = if has_deadline { varint::length(expires.as_millis()) } else { 0 };
        1 + varint::length(value as u64) + deadline + name.len() + value
    }

    /// Adds a field. The caller ensures that no other field has its name. A name longer than 127 bytes is cut; the derive rejects
    /// such names.
    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        // Cut between characters, since half a character would make all fields after it unreadable.
        let name = &entry.name.as_bytes()[..entry.name.floor_char_boundary(LONGEST.into())];
        let has_deadline = entry.expires != Timestamp::NEVER;
        self.0.push(name.len() as u8 | if has_deadline { DEADLINE } else { 0 });
        varint::write(&mut self.0, entry.value.len() as u64);
        if has_deadline {
            varint::write(&mut self.0, entry.expires.as_millis());
        }
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(entry.value);
    }

    /// Returns the field of that name, expired or not.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<Entry<'a>> {
        self.find(name).map(|(value, expires)| Entry { name, value, expires })
    }

    /// Returns the value of the field of that name, expired or not.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.find(name).map(|(value, _)| value)
    }

    fn find(&self, name: &str) -> Option<(&[u8], Timestamp)> {
        let is_it = |length: usize, after: &[u8]| length == name.len() && after.starts_with(name.as_bytes());
        let mut rest = self.0.as_slice();
        loop {
            // This runs for every field that a request uses, so it must be quick: the length of the name is enough to skip most
            // fields.
            while let [length, size, after @ ..] = rest
                && is_short(*length, *size)
                && !is_it((*length).into(), after)
            {
                rest = after.get(usize::from(*length) + usize::from(*size)..)?;
            }
            let (head, after) = Head::split(rest)?;
            if is_it(head.name, after) {
                return Some((after.get(head.name..)?.get(..head.value)?, head.expires));
            }
            rest = after.get(head.name.checked_add(head.value)?..)?;
        }
    }

    /// Returns the fields in stored order, including the expired ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (entry, after) = split_entry(rest)?;
            rest = after;
            Some(entry)
        })
    }

    /// Returns the fields as raw bytes. Reads only enough of each field to find its end.
    pub(crate) fn raw(&self) -> impl Iterator<Item = Raw<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (raw, after) = split_raw(rest)?;
            rest = after;
            Some(raw)
        })
    }

    /// Appends raw fields from another buffer.
    pub(crate) fn push_raw(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// Shrinks the buffer if it has more spare room than a small value needs.
    pub(crate) fn forgo_room(&mut self) {
        if self.0.capacity() - self.0.len() > 64 {
            self.0.shrink_to_fit();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the buffer itself.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the bytes that [`Fields::as_bytes`] returned.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, CorruptFields> {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            (_, rest) = split_entry(rest).ok_or(CorruptFields)?;
        }
        Ok(Self(bytes))
    }
}

/// The bit, next to the length of a field's name, which says that the field has a deadline.
const DEADLINE: u8 = 0x80;
/// The length of the longest name, in bytes.
const LONGEST: u8 = 0x7f;

/// Returns whether the first two bytes of a field mean a value of less than 128 bytes and no deadline. Most fields are like that.
const fn is_short(name: u8, size: u8) -> bool {
    (name | size) & 0x80 == 0
}

fn split_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (raw, rest) = split_raw(bytes)?;
    Some((raw.entry()?, rest))
}

/// The parts before a field's name.
struct Head {
    /// The lengths of name and value.
    name: usize,
    value: usize,
    expires: Timestamp,
}

impl Head {
    #[inline]
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match bytes {
            [name, size, rest @ ..] if is_short(*name, *size) => {
                let (name, value) = ((*name).into(), (*size).into());
                Some((Self { name, value, expires: Timestamp::NEVER }, rest))
            }
            _ => Self::split_long(bytes),
        }
    }

    #[inline(never)]
    fn split_long(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&name, rest) = bytes.split_first()?;
        let (size, rest) = split_number(rest)?;
        let value = usize::try_from(size).ok()?;
        let (expires, rest) = match name & DEADLINE {
            0 => (Timestamp::NEVER, rest),
            _ => {
                let (millis, rest) = split_number(rest)?;
                (Timestamp::from_millis(millis), rest)
            }
        };
        Some((Self { name: (name & LONGEST).into(), value, expires }, rest))
    }
}

/// A field's raw bytes in the buffer.
pub(crate) struct Raw<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    expires: Timestamp,
    /// The length of the whole field.
    pub(crate) length: usize,
}

impl<'a> Raw<'a> {
    fn entry(&self) -> Option<Entry<'a>> {
        Some(Entry { name: std::str::from_utf8(self.name).ok()?, value: self.value, expires: self.expires })
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
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

/// The error for stored fields that cannot be read: truncated or overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CorruptFields;
