//! Reads and writes the bytes of a value. `docs/format.md` documents the format: change both together.
//!
//! | bytes | |
//! |---|---|
//! | 8 | revision |
//! | 1 | version, 1 |
//! | 1 | class |
//! | 8 | when it expires, in milliseconds since 1970, big-endian; all ones for never |
//! | 8 | scope: the kind of session and the application |
//! | 4 | length of the content, big-endian; without it, truncated content would read as fewer fields or list entries |
//! | n | the content, which depends on the class |

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
/// The shortest bytes of a newer version: a revision, and the highest version number.
#[cfg(feature = "file")]
pub(super) const NEWER: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, u8::MAX];
/// The offset of the content's length; the content follows it.
const LENGTH: usize = 26;
pub(super) const CONTENT: usize = LENGTH + 4;

/// The reason why bytes are not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A newer version wrote the bytes.
    Newer,
    /// The bytes were truncated or overwritten, or never were a value.
    Corrupt,
}

const CLASSES: [(u8, Class); 6] = [
    (0, Class::Guest),
    (1, Class::User),
    (2, Class::List),
    (3, Class::Revocation),
    (4, Class::Tombstone),
    (5, Class::Marker),
];

const REASONS: [EndReason; 5] =
    [EndReason::Ended, EndReason::Revoked, EndReason::Displaced, EndReason::Replayed, EndReason::Unsettled];

// The flags of a session.
const REMEMBERED: u8 = 1;
const SIGNED_IN: u8 = 2;
const REPLACED_BY_PRIVILEGE: u8 = 4;
const REPLACED_BY_TIMER: u8 = 8;
/// Both flags: the verifier before the previous one is stored too.
const REPLACED_TWICE: u8 = REPLACED_BY_PRIVILEGE | REPLACED_BY_TIMER;
const PRESENTED: u8 = 16;
const PROOF: u8 = 32;
const CAPPED: u8 = 64;
const IMPERSONATION: u8 = 128;
/// In the byte that counts the nonces: the digest of the session's lists follows them.
const ENTERED: u8 = 128;

/// Reads the header. If the bytes have none, returns a header with their revision, so that a store can still replace them.
pub(super) fn head(bytes: &[u8]) -> Head {
    let mut revision = [0; 8];
    revision.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let revision = u64::from_be_bytes(revision);
    let unknown = Head { revision, class: Class::Unknown, expires_at: Timestamp::NEVER, scope: 0, is_critical: false };
    let mut rest = Rest(bytes);
    let mut parts = || {
        let parts = (rest.array::<8>()?, rest.byte()?, rest.byte()?, rest.array::<8>()?, rest.array::<8>()?);
        let _length = rest.array::<4>()?;
        Some(parts)
    };
    match parts() {
        Some((_, VERSION, class, expires_at, scope)) => Head {
            revision,
            class: CLASSES.iter().find(|(byte, _)| *byte == class).map_or(Class::Unknown, |(_, class)| *class),
            expires_at: Timestamp::from_millis(u64::from_be_bytes(*expires_at)),
            scope: u64::from_be_bytes(*scope),
            is_critical: false,
        },
        // A newer version keeps the deadline and the scope in the same places.
        Some((_, version, _, expires_at, scope)) if version > VERSION => Head {
            expires_at: Timestamp::from_millis(u64::from_be_bytes(*expires_at)),
            scope: u64::from_be_bytes(*scope),
            ..unknown
        },
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
    bytes.push(VERSION);
    bytes.push(CLASSES.iter().find(|(_, class)| *class == head.class).map_or(u8::MAX, |(byte, _)| *byte));
    bytes.extend_from_slice(&head.expires_at.as_millis().to_be_bytes());
    bytes.extend_from_slice(&head.scope.to_be_bytes());
    bytes.extend_from_slice(&[0; CONTENT - LENGTH]);
    match content {
        Content::Session(record) => write_session(&mut bytes, record),
        Content::List(list) => write_list(&mut bytes, list),
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
        Content::Marker(marker) => marker.keys.iter().for_each(|key| bytes.extend_from_slice(key)),
        Content::Bytes(_) => {}
    }
    let length = u32::try_from(bytes.len() - CONTENT).unwrap_or(u32::MAX);
    bytes[LENGTH..CONTENT].copy_from_slice(&length.to_be_bytes());
    bytes.into()
}

fn write_session(bytes: &mut Vec<u8>, record: &Record) {
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
    bytes.push(by | flag(record.remembered, REMEMBERED) | flag(record.user.is_some(), SIGNED_IN) | rare_flags(record));
    bytes.extend_from_slice(record.verifier.as_bytes());
    varint::write(bytes, record.generation);
    varint::write(bytes, record.writes);
    let nonces = record.nonces.as_slice();
    bytes.push(nonces.len() as u8 | flag(record.entered != 0, ENTERED));
    nonces.iter().for_each(|nonce| bytes.extend_from_slice(&nonce.0.to_be_bytes()));
    if record.entered != 0 {
        bytes.extend_from_slice(&record.entered.to_be_bytes());
    }
    let from = record.created_at;
    varint::write(bytes, from.as_millis());
    for moment in [record.seen_at, record.renewed_at, record.idle_until, record.ends_at] {
        write_moment(bytes, from, moment);
    }
    if let Some(user) = &record.user {
        write_moment(bytes, from, record.signed_in_at);
        varint::write(bytes, user.len() as u64);
        bytes.extend_from_slice(user);
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

fn write_list(bytes: &mut Vec<u8>, list: &UserList) {
    for entry in &list.entries {
        bytes.extend_from_slice(&entry.key.digest());
        varint::write(bytes, entry.at.as_millis() << 1 | u64::from(entry.is_impersonation));
        write_moment(bytes, entry.at, entry.ends_at);
    }
}

fn write_moment(bytes: &mut Vec<u8>, from: Timestamp, moment: Timestamp) {
    varint::write(bytes, zigzag(moment.as_millis().wrapping_sub(from.as_millis()).cast_signed()));
}

pub(super) fn read(bytes: &[u8]) -> Result<Decoded, Damage> {
    let head = head(bytes);
    match bytes.get(8) {
        Some(version) if *version > VERSION => return Err(Damage::Newer),
        Some(&VERSION) if head.class == Class::Unknown && bytes.len() >= CONTENT => return Err(Damage::Newer),
        _ => {}
    }
    let mut rest = Rest(bytes.get(LENGTH..).unwrap_or_default());
    let length = rest.array().map(|length| u32::from_be_bytes(*length) as usize);
    if length != Some(rest.0.len()) {
        return Err(Damage::Corrupt);
    }
    match head.class {
        Class::Guest | Class::User => read_session(&mut rest)
            .filter(|record| record.user.is_some() == (head.class == Class::User))
            .map(|record| Decoded::Session(Arc::new(record))),
        Class::List => read_list(&mut rest).map(|list| Decoded::List(Arc::new(list))),
        Class::Tombstone => read_tombstone(&mut rest).map(Decoded::Tombstone),
        Class::Revocation => read_revocation(&mut rest).map(Decoded::Revocation),
        Class::Marker => read_marker(&mut rest).map(|marker| Decoded::Marker(Arc::new(marker))),
        Class::Unknown => None,
    }
    .ok_or(Damage::Corrupt)
}

fn read_session(rest: &mut Rest<'_>) -> Option<Record> {
    let flags = rest.byte()?;
    let is_set = |flag: u8| flags & flag != 0;
    let contradicts = is_set(PRESENTED) && !is_set(REPLACED_BY_TIMER)
        || flags & (PROOF | CAPPED | IMPERSONATION) != 0 && !is_set(SIGNED_IN);
    if contradicts {
        return None;
    }
    let verifier = Digest::from(*rest.array()?);
    let (generation, writes) = (rest.number()?, rest.number()?);
    let count = rest.byte()?;
    let (count, is_entered) = (usize::from(count & !ENTERED), count & ENTERED != 0);
    if count > NONCES {
        return None;
    }
    let mut nonces = Nonces::NONE;
    for _ in 0..count {
        nonces.push(Nonce(u64::from_be_bytes(*rest.array()?)));
    }
    let entered = if is_entered { u32::from_be_bytes(*rest.array()?) } else { 0 };
    let from = Timestamp::from_millis(rest.number()?);
    let (seen_at, renewed_at) = (rest.moment(from)?, rest.moment(from)?);
    let (idle_until, ends_at) = (rest.moment(from)?, rest.moment(from)?);
    let (mut signed_in_at, mut user, mut rare) = (from, None, None);
    if is_set(SIGNED_IN) {
        signed_in_at = rest.moment(from)?;
        user = Some(rest.text()?.into());
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
    let fields = Fields::from_bytes(rest.0.to_vec()).ok()?;
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

fn read_list(rest: &mut Rest<'_>) -> Option<UserList> {
    let mut entries = Vec::new();
    while !rest.0.is_empty() {
        let key = Key::from_digest(*rest.array()?);
        let at = rest.number()?;
        let (at, is_impersonation) = (Timestamp::from_millis(at >> 1), at & 1 == 1);
        entries.push(ListEntry { key, at, ends_at: rest.moment(at)?, is_impersonation });
    }
    Some(UserList { entries })
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
    let mut keys = Vec::new();
    while !rest.0.is_empty() {
        keys.push(*rest.array()?);
    }
    Some(Marker { keys })
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
