//! Applies the ops of a request to a session's fields. The code is pure.

use std::borrow::Cow;

use super::pending::{Op, stays_stored};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    record::{Entry, Fields},
    schema::{Exceeded, Meta, Stays},
};

/// The result of applying ops.
pub(super) struct Written<'a> {
    /// The first write. Usually it is the only one, and needs no allocation here.
    first: Option<Write<'a>>,
    rest: Vec<Write<'a>>,
    before: &'a Fields,
    now: Timestamp,
}

/// A field that is written, with its new value; `None` if it returns to its default.
type Write<'a> = (&'static Meta, Option<Cow<'a, [u8]>>);

impl<'a> Written<'a> {
    /// Applies the ops to `before`. Returns `None` if an op does not fit the stored value and cannot be run again.
    pub(super) fn of(ops: &'a [(&'static Meta, Op)], before: &'a Fields, now: Timestamp) -> Option<Self> {
        let rest = Vec::with_capacity(ops.len().saturating_sub(1));
        let mut written = Self { first: None, rest, before, now };
        for (meta, op) in ops {
            let found = meta.find(before).filter(|entry| entry.is_live(now));
            let old = found.map(|entry| entry.value);
            match op {
                Op::Swap { seen, .. } if seen.as_deref() != old => return None,
                Op::Contested => return None,
                _ => {}
            }
            let new = op.on(old);
            let moves_nothing = match op {
                Op::Take { .. } | Op::List { .. } => new.as_deref() == old,
                Op::Hold { .. } => new.as_deref() == old,
                // An equal value is still a write if it is stored under an older name, or if its deadline moves.
                Op::Set { .. } => {
                    new.as_deref() == old
                        && meta.expires.is_none()
                        && found.is_some_and(|found| found.name == meta.name)
                }
                _ => false,
            };
            if !moves_nothing && (new.is_some() || found.is_some()) {
                match &written.first {
                    None => written.first = Some((*meta, new)),
                    Some(_) => written.rest.push((*meta, new)),
                }
            }
        }
        Some(written)
    }

    /// Returns the index of the write to the field stored under this name.
    fn index_of(&self, name: &[u8]) -> Option<usize> {
        let is_to = |(meta, _): &Write<'_>| is_stored_as(meta, name);
        if self.first.as_ref().is_some_and(is_to) {
            return Some(0);
        }
        self.rest.iter().position(is_to).map(|at| at + 1)
    }

    fn writes(&self) -> impl Iterator<Item = &Write<'a>> {
        self.first.iter().chain(&self.rest)
    }

    /// Returns whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Returns whether a written field is `rotates`.
    pub(super) fn rotates(&self) -> bool {
        self.writes().any(|(meta, _)| meta.rotates)
    }

    /// Returns the fields after the writes, without expired ones. A value under an older name of a written field is dropped.
    /// Otherwise it would be read again after the value under the current name is removed.
    pub(super) fn fields(&self) -> Fields {
        let (before, now) = (self.before, self.now);
        let new = |meta: &Meta, value: &[u8]| Fields::room_for(meta.name, value.len(), meta.deadline(now));
        let added: usize = self.writes().map(|(meta, value)| value.as_ref().map_or(0, |value| new(meta, value))).sum();
        let mut fields = Fields::with_capacity(before.as_bytes().len() + added);
        // Unchanged fields are copied as they are, in the longest runs possible.
        let bytes = before.as_bytes();
        let (mut copied, mut at, mut placed) = (0, 0, 0_u64);
        for raw in before.raw() {
            let from = at;
            at += raw.length;
            let by = self.index_of(raw.name);
            if by.is_none() && raw.is_live(now) {
                continue;
            }
            fields.push_raw(bytes.get(copied..from).unwrap_or_default());
            copied = at;
            // A write replaces the old value in place, so that the fields keep their order. From the 65th write on, the new value
            // goes to the end.
            let Some(index) = by.filter(|index| *index < 64 && placed & 1 << index == 0) else { continue };
            if let Some((meta, Some(value))) = self.writes().nth(index) {
                fields.push(Entry { name: meta.name, value, expires: meta.deadline(now) });
            }
            placed |= 1 << index;
        }
        fields.push_raw(bytes.get(copied..at).unwrap_or_default());
        for (index, (meta, value)) in self.writes().enumerate() {
            let is_placed = index < 64 && placed & 1 << index != 0;
            if let Some(value) = value.as_ref().filter(|_| !is_placed) {
                fields.push(Entry { name: meta.name, value, expires: meta.deadline(now) });
            }
        }
        fields.forgo_room();
        fields
    }

    /// Rejects a value that is longer than its field allows (`max_len`, [`Bounded`](crate::Bounded)), or than an `index` may be.
    pub(super) fn check_lengths(&self) -> Result<(), Error> {
        for (meta, value) in self.writes() {
            if let Some(value) = value {
                meta.check_index(value)?;
            }
            let exceeded = meta.bound.zip(value.as_ref()).and_then(|(bound, value)| bound.exceeded(value));
            return Err(Error::new(match exceeded {
                None => continue,
                Some(Exceeded::Length { length, most }) => Kind::FieldTooLong { field: meta.name, length, most },
                Some(Exceeded::Bytes { bytes, most }) => Kind::Unbounded { field: meta.name, bytes, most },
            }));
        }
        Ok(())
    }
}

fn is_stored_as(meta: &Meta, name: &[u8]) -> bool {
    meta.name.as_bytes() == name || meta.aliases.iter().any(|alias| alias.as_bytes() == name)
}

/// Returns the stored fields that are live and that `stays` retains.
pub(super) fn kept(stored: &Fields, metas: &[Meta], stays: Stays, now: Timestamp) -> Fields {
    let mut kept = Fields::default();
    for entry in stored.iter().filter(|entry| entry.is_live(now) && stays_stored(entry.name, stays, metas)) {
        kept.push(entry);
    }
    kept
}

/// Rejects fields that take more bytes than a session may (SECURITY S46), so that a visitor cannot fill the store. Fields that
/// did not grow pass, even if they exceed a limit that was lowered.
pub(super) fn check_size(after: &Fields, before: &Fields, allowed: usize) -> Result<(), Error> {
    if after.as_bytes().len() <= allowed {
        return Ok(()); // the usual case: the buffer is at least as long as the names and values in it
    }
    let sizes = |fields: &Fields| fields.iter().map(|entry| entry.name.len() + entry.value.len()).sum::<usize>();
    let bytes = sizes(after);
    if bytes <= allowed || bytes <= sizes(before) {
        return Ok(());
    }
    let mut largest: Vec<_> = after.iter().map(|entry| (entry.name, entry.value.len())).collect();
    largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let largest: Vec<_> = largest.iter().take(3).map(|(name, bytes)| format!("`{name}` ({bytes})")).collect();
    Err(Error::new(Kind::TooLarge { bytes, allowed, largest: largest.join(", ") }))
}
