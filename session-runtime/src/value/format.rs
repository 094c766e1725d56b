//! Reads and writes the bytes of a value. `docs/format.md` documents the format: change both together.
//!
//! | bytes | |
//! |---|---|
//! | 8 | revision |
//! | 1 | version, 1, in the upper four bits, and class in the lower four |
//! | 6 | when it expires, in milliseconds since 1970, big-endian; all ones for never |
//! | 4 | scope: the kind of session and the application |
//! | n | the content, which depends on the class |
//!
//! Everything that can repeat (fields, list entries, keys) has a count. Otherwise truncated content would read as content with
//! fewer items.

use std::sync::Arc;

use bytes::Bytes;

use super::{Class, Content, Decoded, EndReason, Head, ListEntry, Marker, Revocation, Tombstone, UserList};
use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
    key::Key,
    record::{Fields, Impersonation, NONCES, Nonces, Older, Previous, Proof, Rare, Record, Replaced},
    varint::{self, split_number, unzigzag, zigzag},
};

const VERSION: u8 = 1;
/// The shortest bytes of a newer version: a revision, and the highest version number and class.
#[cfg(feature = "file")]
pub(super) const NEWER: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, u8::MAX];
/// The length of the header; the content follows it.
pub(super) const CONTENT: usize = 19;
/// The expiry of a value that never expires. This time, in the year 10889, and all later ones count as never.
const NEVER: u64 = (1 << 48) - 1;

/// The reason why bytes are not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A newer version wrote the bytes.
    Newer,
    /// The bytes were truncated or overwritten, or never were a value.
    Corrupt,
}

/// The classes; the number of each is its position.
const CLASSES: [Class; 6] =
    [Class::Guest, Class::User, Class::List, Class::Revocation, Class::Tombstone, Class::Marker];

const REASONS: [EndReason; 5] =
    [EndReason::Ended, EndReason::Revoked, EndReason::Displaced, EndReason::Replayed, EndReason::Unsettled];

// The flags of a session.
const REMEMBERED: u8 = 1;
/// The first field's value is the user's identity, so it is not stored a second time.
const IDENTITY_FIRST: u8 = 2;
const REPLACED_BY_PRIVILEGE: u8 = 4;
const REPLACED_BY_TIMER: u8 = 8;
/// Both flags: the verifier before the previous one is stored too.
const REPLACED_TWICE: u8 = REPLACED_BY_PRIVILEGE | REPLACED_BY_TIMER;
const PRESENTED: u8 = 16;
const PROOF: u8 = 32;
const CAPPED: u8 = 64;
const IMPERSONATION: u8 = 128;

// The byte after the verifier: in the lowest three bits the number of nonces, and flags for what need not be stored.
const COUNT: u8 = 7;
/// The generation is zero, and the session was written as often as it has nonces.
const NEW: u8 = 8;
const SEEN_AT_CREATION: u8 = 16;
const RENEWED_AT_CREATION: u8 = 32;
const SIGNED_IN_AT_CREATION: u8 = 64;
/// The value expires at the absolute deadline, otherwise at the idle deadline.
const ENDS_FIRST: u8 = 128;

/// Returns the time as a header stores it: a time beyond the header's range becomes [`Timestamp::NEVER`].
pub(super) const fn storable(at: Timestamp) -> Timestamp {
    if at.as_millis() < NEVER { at } else { Timestamp::NEVER }
}

/// Reads the header. If the bytes have none, returns a header with their revision, so that a store can still replace them.
pub(super) fn head(bytes: &[u8]) -> Head {
    let mut revision = [0; 8];
    revision.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let revision = u64::from_be_bytes(revision);
    let unknown = Head { revision, class: Class::Unknown, expires_at: Timestamp::NEVER, scope: 0, is_critical: false };
    let Some([_, _, _, _, _, _, _, _, kind, e0, e1, e2, e3, e4, e5, scope @ ..]) = bytes.first_chunk::<CONTENT>()
    else {
        return unknown;
    };
    let expires_at = storable(Timestamp::from_millis(u64::from_be_bytes([0, 0, *e0, *e1, *e2, *e3, *e4, *e5])));
    match kind >> 4 {
        VERSION => Head {
            class: CLASSES.get(usize::from(kind & 15)).copied().unwrap_or(Class::Unknown),
            expires_at,
            scope: u32::from_be_bytes(*scope),
            ..unknown
        },
        // A newer version keeps the deadline and the scope in the same places.
        version if version > VERSION => Head { expires_at, scope: u32::from_be_bytes(*scope), ..unknown },
        _ => unknown,
    }
}

/// Returns the same bytes with another revision.
pub(super) fn with_revision(revision: u64, bytes: &[u8]) -> Bytes {
    [&revision.to_be_bytes()[..], bytes.get(8..).unwrap_or_default()].concat().into()
}

pub(super) fn write(head: &Head, content: &Content) -> Bytes {
    let room = match content {
        Content::Bytes(bytes) => return Bytes::clone(bytes),
        Content::Session(record) => 128 + record.fields.as_bytes().len(),
        Content::List(list) => 4 + 30 * list.entries.len(),
        _ => 32,
    };
    let mut bytes = Vec::with_capacity(CONTENT + room);
    bytes.extend_from_slice(&head.revision.to_be_bytes());
    let class = CLASSES.iter().position(|class| *class == head.class).map_or(15, |position| position as u8);
    bytes.push(VERSION << 4 | class);
    let [_, _, expires_at @ ..] = storable(head.expires_at).as_millis().to_be_bytes();
    bytes.extend_from_slice(&expires_at);
    bytes.extend_from_slice(&head.scope.to_be_bytes());
    match content {
        Content::Session(record) => write_session(&mut bytes, record, storable(head.expires_at)),
        Content::List(list) => write_list(&mut bytes, list, storable(head.expires_at)),
        Content::Tombstone(Tombstone { nonce, reason }) => {
            bytes.extend_from_slice(&nonce.0.to_be_bytes());
            bytes.push(REASONS.iter().position(|known| known == reason).unwrap_or_default() as u8);
        }
        Content::Revocation(revocation) => {
            let Revocation { nonce, at, renewed } = &**revocation;
            bytes.extend_from_slice(&nonce.0.to_be_bytes());
            bytes.push((*renewed).into());
            varint::write(&mut bytes, at.as_millis());
        }
        Content::Marker(marker) => {
            varint::write(&mut bytes, marker.keys.len() as u64);
            marker.keys.iter().for_each(|key| bytes.extend_from_slice(key));
        }
        Content::Bytes(_) => {}
    }
    bytes.into()
}

/// Writes a session. `expires` is the earlier of its deadlines, which is in the header.
fn write_session(bytes: &mut Vec<u8>, record: &Record, expires: Timestamp) {
    let (previous, by) = match record.previous.as_deref() {
        None => (None, 0),
        Some(Previous { verifier, replaced: Replaced::ByPrivilege { at } }) => {
            (Some((verifier, Some(*at), None)), REPLACED_BY_PRIVILEGE)
        }
        Some(Previous { verifier, replaced: Replaced::ByTimer { presented_at, older } }) => {
            let presented = if presented_at.is_some() { PRESENTED } else { 0 };
            let by = if older.is_some() { REPLACED_TWICE } else { REPLACED_BY_TIMER };
            (Some((verifier, *presented_at, *older)), by | presented)
        }
    };
    let flag = |condition: bool, flag: u8| if condition { flag } else { 0 };
    let first = record.fields.iter().next();
    let is_first = first.is_some_and(|field| record.user.as_deref() == Some(field.value));
    bytes.push(by | flag(record.remembered, REMEMBERED) | flag(is_first, IDENTITY_FIRST) | rare_flags(record));
    bytes.extend_from_slice(record.verifier.as_bytes());
    let (from, nonces) = (record.created_at, record.nonces.as_slice());
    let is_new = record.generation == 0 && record.writes == nonces.len() as u64;
    let is_signed_in_later = record.user.is_some() && record.signed_in_at != from;
    bytes.push(
        nonces.len() as u8
            | flag(is_new, NEW)
            | flag(record.seen_at == from, SEEN_AT_CREATION)
            | flag(record.renewed_at == from, RENEWED_AT_CREATION)
            | flag(!is_signed_in_later, SIGNED_IN_AT_CREATION)
            | flag(storable(record.ends_at) < storable(record.idle_until), ENDS_FIRST),
    );
    if !is_new {
        varint::write(bytes, record.generation);
        varint::write(bytes, record.writes);
    }
    nonces.iter().for_each(|nonce| bytes.extend_from_slice(&nonce.0.to_be_bytes()));
    write_before(bytes, expires, from);
    write_after(bytes, expires, storable(record.idle_until.max(record.ends_at)));
    for (moment, is_stored) in [
        (record.seen_at, record.seen_at != from),
        (record.renewed_at, record.renewed_at != from),
        (record.signed_in_at, is_signed_in_later),
    ] {
        if is_stored {
            write_moment(bytes, from, moment);
        }
    }
    if let Some(user) = &record.user {
        if !is_first {
            varint::write(bytes, user.len() as u64);
            bytes.extend_from_slice(user);
        }
        if let Some(rare) = &record.rare {
            write_rare(bytes, from, rare);
        }
    }
    if let Some((verifier, at, older)) = previous {
        bytes.extend_from_slice(verifier.as_bytes());
        if let Some(at) = at {
            write_moment(bytes, from, at);
        }
        if let Some(Older { verifier, presented_at }) = older {
            bytes.extend_from_slice(verifier.as_bytes());
            write_moment(bytes, from, presented_at.unwrap_or(Timestamp::NEVER));
        }
    }
    varint::write(bytes, (record.fields.iter().count() as u64) << 1 | u64::from(record.entered != 0));
    if record.entered != 0 {
        bytes.extend_from_slice(&record.entered.to_be_bytes());
    }
    bytes.extend_from_slice(record.fields.as_bytes());
}

/// Returns which rare parts follow the user.
fn rare_flags(record: &Record) -> u8 {
    let Some(rare) = record.rare.as_deref().filter(|_| record.user.is_some()) else { return 0 };
    let flag = |condition: bool, flag: u8| if condition { flag } else { 0 };
    flag(rare.proof != Proof::AtSignIn, PROOF)
        | flag(rare.is_capped, CAPPED)
        | flag(rare.impersonation.is_some(), IMPERSONATION)
}

fn write_rare(bytes: &mut Vec<u8>, from: Timestamp, rare: &Rare) {
    write_proof(bytes, from, rare.proof);
    if let Some(Impersonation { by, ends_at, signed_in_at, proof, fields }) = &rare.impersonation {
        bytes.push(u8::from(*proof != Proof::AtSignIn));
        write_moment(bytes, from, *ends_at);
        write_moment(bytes, from, *signed_in_at);
        write_proof(bytes, from, *proof);
        varint::write(bytes, by.len() as u64);
        bytes.extend_from_slice(by);
        varint::write(bytes, fields.as_bytes().len() as u64);
        bytes.extend_from_slice(fields.as_bytes());
    }
}

/// Writes the time of a proof; [`Timestamp::NEVER`] if the proof is missing. Writes nothing for a proof at the sign-in, which a
/// flag indicates.
fn write_proof(bytes: &mut Vec<u8>, from: Timestamp, proof: Proof) {
    match proof {
        Proof::AtSignIn => {}
        Proof::At(at) => write_moment(bytes, from, at),
        Proof::Missing => write_moment(bytes, from, Timestamp::NEVER),
    }
}

fn write_list(bytes: &mut Vec<u8>, list: &UserList, expires: Timestamp) {
    varint::write(bytes, list.entries.len() as u64);
    let from = origin(expires);
    // Most sessions of a user have the same lifetime, so a difference of lifetimes is short.
    let mut former = None;
    for entry in &list.entries {
        bytes.extend_from_slice(&entry.key.digest());
        let at = zigzag(entry.at.as_millis().wrapping_sub(from.as_millis()).cast_signed());
        varint::write(bytes, at << 1 | u64::from(entry.is_impersonation));
        let lifetime = entry.ends_at.as_millis().wrapping_sub(entry.at.as_millis());
        let expected = former.unwrap_or_else(|| expires.as_millis().wrapping_sub(entry.at.as_millis()));
        varint::write(bytes, zigzag(lifetime.wrapping_sub(expected).cast_signed()));
        former = Some(lifetime);
    }
}

/// Returns the time that the sign-ins in a list are relative to: when the list expires, or 1970 if it never does.
fn origin(expires: Timestamp) -> Timestamp {
    if expires == Timestamp::NEVER { Timestamp::from_millis(0) } else { expires }
}

/// Writes how long before `from` the moment is.
fn write_before(bytes: &mut Vec<u8>, from: Timestamp, moment: Timestamp) {
    varint::write(bytes, from.as_millis().wrapping_sub(moment.as_millis()));
}

/// Writes how long after `from` the moment is.
fn write_after(bytes: &mut Vec<u8>, from: Timestamp, moment: Timestamp) {
    varint::write(bytes, moment.as_millis().wrapping_sub(from.as_millis()));
}

fn write_moment(bytes: &mut Vec<u8>, from: Timestamp, moment: Timestamp) {
    varint::write(bytes, zigzag(moment.as_millis().wrapping_sub(from.as_millis()).cast_signed()));
}

pub(super) fn read(bytes: &[u8]) -> Result<Decoded, Damage> {
    let head = head(bytes);
    match bytes.get(8).map(|kind| kind >> 4) {
        Some(version) if version > VERSION => return Err(Damage::Newer),
        Some(VERSION) if head.class == Class::Unknown && bytes.len() >= CONTENT => return Err(Damage::Newer),
        _ => {}
    }
    let mut rest = Rest(bytes.get(CONTENT..).unwrap_or_default());
    match head.class {
        Class::Guest | Class::User => read_session(&mut rest, &head).map(|record| Decoded::Session(Arc::new(record))),
        Class::List => read_list(&mut rest, head.expires_at).map(|list| Decoded::List(Arc::new(list))),
        Class::Tombstone => read_tombstone(&mut rest).map(Decoded::Tombstone),
        Class::Revocation => read_revocation(&mut rest).map(Decoded::Revocation),
        Class::Marker => read_marker(&mut rest).map(|marker| Decoded::Marker(Arc::new(marker))),
        Class::Unknown => None,
    }
    .ok_or(Damage::Corrupt)
}

fn read_session(rest: &mut Rest<'_>, head: &Head) -> Option<Record> {
    let (expires, is_user) = (head.expires_at, head.class == Class::User);
    let flags = rest.byte()?;
    let is_set = |flag: u8| flags & flag != 0;
    let contradicts = is_set(PRESENTED) && !is_set(REPLACED_BY_TIMER)
        || flags & (IDENTITY_FIRST | PROOF | CAPPED | IMPERSONATION) != 0 && !is_user;
    if contradicts {
        return None;
    }
    let verifier = Digest::from(*rest.array()?);
    let marks = rest.byte()?;
    let is_marked = |mark: u8| marks & mark != 0;
    let count = usize::from(marks & COUNT);
    if count > NONCES || !is_user && !is_marked(SIGNED_IN_AT_CREATION) {
        return None;
    }
    let (generation, writes) = if is_marked(NEW) { (0, count as u64) } else { (rest.number()?, rest.number()?) };
    let mut nonces = Nonces::NONE;
    for _ in 0..count {
        nonces.push(Nonce(u64::from_be_bytes(*rest.array()?)));
    }
    let from = Timestamp::from_millis(expires.as_millis().wrapping_sub(rest.number()?));
    // A sum that overflows would be a deadline before `expires`, which contradicts the header.
    let later = Timestamp::from_millis(expires.as_millis().checked_add(rest.number()?)?);
    let (idle_until, ends_at) = if is_marked(ENDS_FIRST) { (later, expires) } else { (expires, later) };
    if is_marked(ENDS_FIRST) && later == expires || storable(later) != later {
        return None;
    }
    let mut moment = |mark: u8| if is_marked(mark) { Some(from) } else { rest.moment(from) };
    let (seen_at, renewed_at) = (moment(SEEN_AT_CREATION)?, moment(RENEWED_AT_CREATION)?);
    let signed_in_at = moment(SIGNED_IN_AT_CREATION)?;
    let (mut user, mut rare) = (None, None);
    if is_user {
        if !is_set(IDENTITY_FIRST) {
            user = Some(rest.text()?.into());
        }
        if flags & (PROOF | CAPPED | IMPERSONATION) != 0 {
            let proof = read_proof(rest, from, is_set(PROOF))?;
            let impersonation = if is_set(IMPERSONATION) { Some(read_impersonation(rest, from)?) } else { None };
            rare = Some(Rare { proof, is_capped: is_set(CAPPED), impersonation, expired: None }.into());
        }
    }
    let mut previous = None;
    if is_set(REPLACED_BY_TIMER) {
        let verifier = Digest::from(*rest.array()?);
        let presented_at = if is_set(PRESENTED) { Some(rest.moment(from)?) } else { None };
        let older = if flags & REPLACED_TWICE == REPLACED_TWICE { Some(read_older(rest, from)?) } else { None };
        previous = Some(Previous { verifier, replaced: Replaced::ByTimer { presented_at, older } }.into());
    } else if is_set(REPLACED_BY_PRIVILEGE) {
        let verifier = Digest::from(*rest.array()?);
        previous = Some(Previous { verifier, replaced: Replaced::ByPrivilege { at: rest.moment(from)? } }.into());
    }
    let count = rest.number()?;
    let entered = if count & 1 == 1 { u32::from_be_bytes(*rest.array()?) } else { 0 };
    let fields = Fields::from_bytes(rest.0.to_vec()).ok()?;
    if fields.iter().count() as u64 != count >> 1 {
        return None;
    }
    if is_set(IDENTITY_FIRST) {
        user = Some(fields.iter().next()?.value.into());
    }
    Some(Record {
        verifier,
        previous,
        generation,
        created_at: from,
        seen_at,
        renewed_at,
        signed_in_at,
        idle_until,
        ends_at,
        remembered: is_set(REMEMBERED),
        user,
        writes,
        nonces,
        fields,
        entered,
        rare,
    })
}

fn read_older(rest: &mut Rest<'_>, from: Timestamp) -> Option<Older> {
    let verifier = Digest::from(*rest.array()?);
    let at = rest.moment(from)?;
    Some(Older { verifier, presented_at: (at != Timestamp::NEVER).then_some(at) })
}

fn read_proof(rest: &mut Rest<'_>, from: Timestamp, is_apart: bool) -> Option<Proof> {
    if !is_apart {
        return Some(Proof::AtSignIn);
    }
    let at = rest.moment(from)?;
    Some(if at == Timestamp::NEVER { Proof::Missing } else { Proof::At(at) })
}

fn read_impersonation(rest: &mut Rest<'_>, from: Timestamp) -> Option<Impersonation> {
    let is_apart = match rest.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let (ends_at, signed_in_at) = (rest.moment(from)?, rest.moment(from)?);
    let proof = read_proof(rest, from, is_apart)?;
    let by = rest.text()?.into();
    let fields = Fields::from_bytes(rest.text()?.to_vec()).ok()?;
    Some(Impersonation { by, ends_at, signed_in_at, proof, fields })
}

fn read_list(rest: &mut Rest<'_>, expires: Timestamp) -> Option<UserList> {
    let (count, from) = (rest.number()?, origin(expires));
    let (mut entries, mut former) = (Vec::new(), None);
    for _ in 0..count {
        let key = Key::from_digest(*rest.array()?);
        let at = rest.number()?;
        let is_impersonation = at & 1 == 1;
        let at = from.as_millis().wrapping_add(unzigzag(at >> 1).cast_unsigned());
        let expected = former.unwrap_or_else(|| expires.as_millis().wrapping_sub(at));
        let lifetime = expected.wrapping_add(unzigzag(rest.number()?).cast_unsigned());
        former = Some(lifetime);
        let ends_at = Timestamp::from_millis(at.wrapping_add(lifetime));
        entries.push(ListEntry { key, at: Timestamp::from_millis(at), ends_at, is_impersonation });
    }
    rest.0.is_empty().then_some(UserList { entries })
}

fn read_tombstone(rest: &mut Rest<'_>) -> Option<Tombstone> {
    let nonce = Nonce(u64::from_be_bytes(*rest.array()?));
    let reason = *REASONS.get(usize::from(rest.byte()?))?;
    rest.0.is_empty().then_some(Tombstone { nonce, reason })
}

fn read_revocation(rest: &mut Rest<'_>) -> Option<Revocation> {
    let nonce = Nonce(u64::from_be_bytes(*rest.array()?));
    let renewed = match rest.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let at = Timestamp::from_millis(rest.number()?);
    rest.0.is_empty().then_some(Revocation { nonce, at, renewed })
}

fn read_marker(rest: &mut Rest<'_>) -> Option<Marker> {
    let (count, mut keys) = (rest.number()?, Vec::new());
    for _ in 0..count {
        keys.push(*rest.array()?);
    }
    rest.0.is_empty().then_some(Marker { keys })
}

/// The bytes still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| *byte)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Reads a length, and returns that many bytes.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = split_number(self.0)?;
        self.0 = rest;
        Some(number)
    }

    fn moment(&mut self, from: Timestamp) -> Option<Timestamp> {
        let difference = unzigzag(self.number()?);
        Some(Timestamp::from_millis(from.as_millis().wrapping_add(difference.cast_unsigned())))
    }
}
