//! Encodes a session in as few bytes as possible, for an encrypted cookie.
//!
//! | bytes | |
//! |---|---|
//! | 1 | flags: remembered; signed in; authenticated at another time; never authenticated; must not last longer |
//! | 8 | the session's name |
//! | 5–10 | when it began, in milliseconds since 1970 |
//! | 1–10 each | when it was last written, counted from its beginning; the idle deadline, counted from the last write |
//! | 1–10 each | if signed in: the time of the sign-in, counted from the beginning, and the length of the user; then the user |
//! | 1–10 | if authenticated at another time: when the user last proved who they are, in milliseconds since 1970 |
//! | 1–10 | the absolute deadline, counted from the sign-in, or from the beginning for a guest |
//!
//! Then, for each field that has not expired:
//!
//! | bytes | |
//! |---|---|
//! | 2 | the start of the SHA-256 of its stored name |
//! | 1–5 | its length, whether it has a deadline of its own, and whether it is a [`table`] (never for a `secret` field) |
//! | 0–10 | its deadline, if it has one, counted from the session's beginning |
//! | n | its value |
//!
//! Numbers are in LEB128. Fields that this build does not know keep their two bytes as a name, so that a newer build finds them
//! again (rolling deploys).

use std::time::Duration;

use super::{Carried, Payload, names::Names};
use crate::{
    clock::Timestamp,
    record::{Entry, Fields, Proof, table},
};

const REMEMBERED: u8 = 1;
const SIGNED_IN: u8 = 2;
const PROOF_APART: u8 = 4;
const PROOF_MISSING: u8 = 8;
const CAPPED: u8 = 16;

const HAS_DEADLINE: u64 = 1;
const IS_TABLE: u64 = 2;

/// Encodes the session, without the fields that have expired by `now`.
pub(super) fn write(carried: &Carried, names: &Names, now: Timestamp) -> Vec<u8> {
    let record = &*carried.record;
    let mut bytes = Vec::with_capacity(64 + record.fields.as_bytes().len());
    let signed_in = carried.signed_in();
    let flag = |condition: bool, flag: u8| if condition { flag } else { 0 };
    let proof = if signed_in.is_some() { record.proof() } else { Proof::AtSignIn };
    bytes.push(
        flag(record.remembered, REMEMBERED)
            | flag(signed_in.is_some(), SIGNED_IN)
            | flag(matches!(proof, Proof::At(_)), PROOF_APART)
            | flag(proof == Proof::Missing, PROOF_MISSING)
            | flag(record.is_capped(), CAPPED),
    );
    bytes.extend_from_slice(&carried.name());
    number(&mut bytes, record.created_at.as_millis());
    span(&mut bytes, record.created_at, record.seen_at);
    span(&mut bytes, record.seen_at, record.idle_until);
    if let Some((at, user)) = signed_in {
        span(&mut bytes, record.created_at, at);
        number(&mut bytes, user.len() as u64);
        bytes.extend_from_slice(user);
    }
    if let Proof::At(at) = proof {
        number(&mut bytes, at.as_millis());
    }
    span(&mut bytes, record.signed_in_at().unwrap_or(record.created_at), record.ends_at);
    for entry in carried.fields(now) {
        write_field(&mut bytes, names, entry, record.created_at);
    }
    bytes
}

fn write_field(bytes: &mut Vec<u8>, names: &Names, entry: Entry<'_>, created_at: Timestamp) {
    let short = names.short(entry.name);
    // A cookie's length is visible, and the length of a table reveals whether the maps in a list have the same keys. So the
    // values of secret fields are not packed.
    let table = if names.is_secret(short) { None } else { table::pack(entry.value) };
    let value = table.as_deref().unwrap_or(entry.value);
    let has_deadline = entry.expires != Timestamp::NEVER;
    let kind = if has_deadline { HAS_DEADLINE } else { 0 } | if table.is_some() { IS_TABLE } else { 0 };
    bytes.extend_from_slice(&short);
    number(bytes, (value.len() as u64) << 2 | kind);
    if has_deadline {
        span(bytes, created_at, entry.expires);
    }
    bytes.extend_from_slice(value);
}

/// Returns how many bytes [`write`] takes for a field.
pub(super) fn bytes_of(entry: Entry<'_>, names: &Names, created_at: Timestamp) -> usize {
    let mut bytes = Vec::new();
    write_field(&mut bytes, names, entry, created_at);
    bytes.len()
}

/// Decodes a session; `None` if these bytes are not one.
pub(super) fn read(bytes: &[u8], names: &Names) -> Option<Payload> {
    let mut rest = Rest(bytes);
    let [flags] = *rest.array()?;
    let contradicts = flags & PROOF_APART != 0 && flags & PROOF_MISSING != 0
        || flags & (PROOF_APART | PROOF_MISSING) != 0 && flags & SIGNED_IN == 0;
    if flags & !(REMEMBERED | SIGNED_IN | PROOF_APART | PROOF_MISSING | CAPPED) != 0 || contradicts {
        return None;
    }
    let name = *rest.array()?;
    let created_at = Timestamp::from_millis(rest.number()?);
    let seen_at = rest.moment(created_at)?;
    let idle_until = rest.moment(seen_at)?;
    let mut signed_in = None;
    if flags & SIGNED_IN != 0 {
        let at = rest.moment(created_at)?;
        let length = rest.number()?;
        signed_in = Some((at, rest.bytes(length)?.into()));
    }
    let proof = match flags & (PROOF_APART | PROOF_MISSING) {
        0 => Proof::AtSignIn,
        PROOF_APART => Proof::At(Timestamp::from_millis(rest.number()?)),
        _ => Proof::Missing,
    };
    let ends_at = rest.moment(signed_in.as_ref().map_or(created_at, |(at, _)| *at))?;
    // Decoded names and deadlines take more room than their encoding.
    let mut fields = Fields::with_capacity(2 * rest.0.len());
    while !rest.0.is_empty() {
        let short = *rest.array()?;
        let kind = rest.number()?;
        let expires = if kind & HAS_DEADLINE != 0 { rest.moment(created_at)? } else { Timestamp::NEVER };
        let value = rest.bytes(kind >> 2)?;
        if kind & IS_TABLE != 0 {
            names.push(&mut fields, short, &table::unpack(value)?, expires);
        } else {
            names.push(&mut fields, short, value, expires);
        }
    }
    let (remembered, is_capped) = (flags & REMEMBERED != 0, flags & CAPPED != 0);
    Some(Payload { name, created_at, seen_at, idle_until, ends_at, remembered, signed_in, proof, is_capped, fields })
}

/// Writes the time from `from` to the later `to`. Uses seconds if they are exact, as for most lifetimes, and milliseconds
/// otherwise.
fn span(bytes: &mut Vec<u8>, from: Timestamp, to: Timestamp) {
    let millis = if to == Timestamp::NEVER { u64::MAX } else { to.as_millis().saturating_sub(from.as_millis()) };
    let seconds = millis / 1000;
    if millis.is_multiple_of(1000) {
        wide(bytes, u128::from(seconds) << 1)
    } else {
        wide(bytes, u128::from(millis) << 1 | 1)
    }
}

fn number(bytes: &mut Vec<u8>, number: u64) {
    wide(bytes, number.into());
}

fn wide(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.wide()?.try_into().ok()
    }

    fn wide(&mut self) -> Option<u128> {
        let mut number = 0_u128;
        for shift in (0..70).step_by(7) {
            let [byte] = *self.array()?;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn moment(&mut self, from: Timestamp) -> Option<Timestamp> {
        let span = self.wide()?;
        let millis = if span & 1 == 1 { span >> 1 } else { (span >> 1) * 1000 };
        Some(from + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests;
