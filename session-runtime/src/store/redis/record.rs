//! A session as a hash: how its header is packed, and how it is read back.
//!
//! Redis keeps a hash compact while no value is longer than 64 bytes, so the header is four values. Their names are
//! single bytes that occur in no UTF-8 text, so no field can be called the same:
//!
//! | name | value |
//! |---|---|
//! | `ff` | the guard, 58 bytes: version, remembered, generation, verifier, idle and absolute deadline, last seen, and a moment before which no field expires |
//! | `fe` | born, renewed, and the verifier before: `p` verifier moment, `t` verifier, or `T` verifier moment |
//! | `fd` | the nonces of the last changes, 8 bytes each, oldest first |
//! | `fc` | when somebody signed in, and who; none of a guest |
//!
//! A field is 0 and its value, or 1, its deadline and its value. Numbers are big-endian.

use redis::Value;

use super::super::{Digest, Entry, Fields, NONCES, Nonce, Previous, Record, Replaced};
use crate::clock::Timestamp;

pub(super) const GUARD: &[u8] = &[0xff];
const BIRTH: &[u8] = &[0xfe];
const SEEN_NONCES: &[u8] = &[0xfd];
pub(super) const USER: &[u8] = &[0xfc];

const VERSION: u8 = 1;

/// What is stored is no session of this version.
#[derive(Debug)]
pub(super) struct Garbage {
    /// The guard that was found, by which it is removed.
    pub(super) guard: Vec<u8>,
}

/// The session in the answer to HGETALL; none if there is nothing.
pub(super) fn read(reply: Value) -> Result<Option<Record>, Garbage> {
    let mut header: [Option<Vec<u8>>; 4] = Default::default();
    let mut fields = Fields::default();
    let mut broken = false;
    for (name, value) in pairs(reply) {
        let slot = match &*name {
            GUARD => Some(0),
            BIRTH => Some(1),
            SEEN_NONCES => Some(2),
            USER => Some(3),
            _ => None,
        };
        match (slot, str::from_utf8(&name), stored(&value)) {
            (Some(slot), ..) => header[slot] = Some(value),
            (None, Ok(name), Some((expires, value))) => fields.push(Entry { name, value, expires }),
            _ => broken = true,
        }
    }
    let is_empty = header.iter().all(Option::is_none) && fields.as_bytes().is_empty() && !broken;
    if is_empty {
        return Ok(None);
    }
    let record = if broken { None } else { with_header(&header, fields) };
    record.map(Some).ok_or_else(|| Garbage { guard: header[0].take().unwrap_or_default() })
}

fn with_header([guard, birth, nonces, user]: &[Option<Vec<u8>>; 4], fields: Fields) -> Option<Record> {
    let guard = Guard::read(guard.as_ref()?)?;
    let mut birth = Bytes(birth.as_ref()?);
    let (nonces, rest) = nonces.as_ref()?.as_chunks();
    let (created_at, renewed_at, previous) = (birth.moment()?, birth.moment()?, birth.previous()?);
    let user = match user {
        Some(user) => Some(Bytes(user).user()?),
        None => None,
    };
    let is_whole = rest.is_empty() && nonces.len() <= NONCES;
    is_whole.then(|| Record {
        verifier: guard.verifier,
        previous,
        generation: guard.generation,
        created_at,
        seen_at: guard.seen_at,
        renewed_at,
        authenticated_at: user.map(|(at, _)| at),
        idle_until: guard.idle_until,
        ends_at: guard.ends_at,
        remembered: guard.remembered,
        user: user.map(|(_, user)| user.into()),
        nonces: nonces.iter().map(|nonce| Nonce(u64::from_be_bytes(*nonce))).collect(),
        fields,
    })
}

/// The value that says whether a change may be made.
struct Guard {
    remembered: bool,
    generation: u64,
    verifier: Digest,
    idle_until: Timestamp,
    ends_at: Timestamp,
    seen_at: Timestamp,
}

impl Guard {
    fn read(guard: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(guard);
        if bytes.take()? != [VERSION] {
            return None;
        }
        let [remembered] = bytes.take()?;
        let guard = Self {
            remembered: remembered != 0,
            generation: u64::from_be_bytes(bytes.take()?),
            verifier: bytes.take()?.into(),
            idle_until: bytes.moment()?,
            ends_at: bytes.moment()?,
            seen_at: bytes.moment()?,
        };
        let _no_field_expires_before = bytes.moment()?;
        bytes.0.is_empty().then_some(guard)
    }
}

/// What the header says of whose session it is, without its fields.
#[derive(Debug, PartialEq)]
pub(super) enum Whose {
    /// Nobody's: there is no session, or none that can be read.
    None,
    /// It has expired.
    Expired,
    /// A guest's.
    Guest,
    /// This user's.
    User(Box<[u8]>),
}

/// Whose session this is, by its guard and user.
pub(super) fn whose(guard: Option<&[u8]>, user: Option<&[u8]>, now: Timestamp) -> Whose {
    let Some(guard) = guard.and_then(Guard::read) else { return Whose::None };
    if guard.idle_until.min(guard.ends_at).passed(now) {
        return Whose::Expired;
    }
    user.and_then(|user| Bytes(user).user()).map_or(Whose::Guest, |(_, user)| Whose::User(user.into()))
}

/// A value as it is stored, with its deadline.
pub(super) fn store(value: &[u8], expires: Timestamp) -> Vec<u8> {
    let mut stored = prefix(expires);
    stored.extend_from_slice(value);
    stored
}

/// What stands before a value.
pub(super) fn prefix(expires: Timestamp) -> Vec<u8> {
    match expires {
        Timestamp::NEVER => vec![0],
        _ => [&[1][..], &moment(expires)].concat(),
    }
}

pub(super) fn moment(moment: Timestamp) -> [u8; 8] {
    moment.as_millis().to_be_bytes()
}

fn stored(value: &[u8]) -> Option<(Timestamp, &[u8])> {
    match value.split_first()? {
        (0, value) => Some((Timestamp::NEVER, value)),
        (1, rest) => {
            let mut bytes = Bytes(rest);
            Some((bytes.moment()?, bytes.0))
        }
        _ => None,
    }
}

/// The names and values in an answer of either version of the protocol.
fn pairs(reply: Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = |value| match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into(),
        _ => Vec::new(),
    };
    match reply {
        Value::Map(pairs) => pairs.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
        Value::Array(items) => {
            let mut items = items.into_iter().map(text);
            std::iter::from_fn(|| items.next().zip(items.next())).collect()
        }
        _ => Vec::new(),
    }
}

/// Bytes still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn moment(&mut self) -> Option<Timestamp> {
        self.take().map(|bytes| Timestamp::from_millis(u64::from_be_bytes(bytes)))
    }

    fn previous(mut self) -> Option<Option<Previous>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let [kind] = self.take()?;
        let verifier = self.take()?.into();
        let replaced = match kind {
            b'p' => Replaced::ByPrivilege { at: self.moment()? },
            b't' => Replaced::ByTimer { presented_at: None },
            b'T' => Replaced::ByTimer { presented_at: Some(self.moment()?) },
            _ => return None,
        };
        self.0.is_empty().then_some(Some(Previous { verifier, replaced }))
    }

    fn user(mut self) -> Option<(Timestamp, &'a [u8])> {
        Some((self.moment()?, self.0))
    }
}
