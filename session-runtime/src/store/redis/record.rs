//! A session as a hash: how its header is packed, and how it is read back.
//!
//! Redis keeps a hash compact while no value is longer than 64 bytes, so the header is four values. Their names are
//! single bytes that occur in no UTF-8 text, so no field can be called the same:
//!
//! | name | value |
//! |---|---|
//! | `ff` | the guard: flags and version, generation, verifier, idle and absolute deadline, last seen, and, if a field has a deadline, a moment before which none expires |
//! | `fe` | born, renewed, and the verifier before: `p` verifier, if replaced at that renewal by privilege; by the timer, `t` verifier, or `T` verifier and when the new one was presented |
//! | `fd` | the nonces of the last changes, 8 bytes each, oldest first |
//! | `fc` | when somebody signed in, and who; none of a guest |
//!
//! Numbers are big-endian, of 8 bytes; in the guard, unless it is flagged as wide, a generation has 4 and a moment 6, which
//! reach into the year 10889. How a field is stored is in `value`.

use redis::Value;

use super::{
    super::{Digest, Entry, Fields, NONCES, Nonce, Previous, Record, Replaced, User},
    value::{moment, store, stored},
};
use crate::clock::Timestamp;

pub(super) const GUARD: &[u8] = &[0xff];
const BIRTH: &[u8] = &[0xfe];
const SEEN_NONCES: &[u8] = &[0xfd];
pub(super) const USER: &[u8] = &[0xfc];

/// The first byte of a guard: the version in the low half, and flags.
const VERSION: u8 = 1;
const REMEMBERED: u8 = 0x10;
const WIDE: u8 = 0x20;
const DEADLINE: u8 = 0x40;
const FLAGS: u8 = REMEMBERED | WIDE | DEADLINE;

/// What is stored is no session of this version.
#[derive(Debug)]
pub(super) struct Garbage {
    /// The guard that was found, by which it is removed.
    pub(super) guard: Vec<u8>,
}

/// The session in the answer to HGETALL; none if there is nothing.
pub(super) fn read(reply: Value) -> Result<Option<Record>, Garbage> {
    let mut header: [Option<Vec<u8>>; 4] = Default::default();
    let pairs = pairs(reply);
    // At least what it takes; a table takes more than it is stored in.
    let room = pairs.iter().map(|(name, value)| Fields::room_for(name.len(), value.len())).sum();
    let mut fields = Fields::with_capacity(room);
    let mut broken = false;
    for (name, value) in pairs {
        let slot = match &*name {
            GUARD => Some(0),
            BIRTH => Some(1),
            SEEN_NONCES => Some(2),
            USER => Some(3),
            _ => None,
        };
        match (slot, str::from_utf8(&name), stored(&value)) {
            (Some(slot), ..) => header[slot] = Some(value),
            (None, Ok(name), Some((expires, value))) => fields.push(Entry { name, value: &value, expires }),
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
    let (created_at, renewed_at) = (birth.moment()?, birth.moment()?);
    let previous = birth.previous(renewed_at)?;
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

/// The names and values of a record that was never renewed, as they are stored.
pub(super) fn write_new(record: &Record) -> Vec<(&[u8], Vec<u8>)> {
    let first_deadline = record.fields.iter().map(|entry| entry.expires).min().unwrap_or(Timestamp::NEVER);
    let birth = [moment(record.created_at), moment(record.renewed_at)].concat();
    let nonces = record.nonces.iter().flat_map(|nonce| nonce.0.to_be_bytes()).collect();
    let mut pairs = vec![(GUARD, Guard::of(record).write(first_deadline)), (BIRTH, birth), (SEEN_NONCES, nonces)];
    if let (Some(user), Some(at)) = (&record.user, record.authenticated_at) {
        pairs.push((USER, [&moment(at)[..], user].concat()));
    }
    pairs.extend(record.fields.iter().map(|entry| (entry.name.as_bytes(), store(entry.value, entry.expires))));
    pairs
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
    fn of(record: &Record) -> Self {
        let Record { remembered, generation, verifier, idle_until, ends_at, seen_at, .. } = *record;
        Self { remembered, generation, verifier, idle_until, ends_at, seen_at }
    }

    /// `first_deadline`: before it no field expires.
    fn write(&self, first_deadline: Timestamp) -> Vec<u8> {
        let has_deadline = first_deadline != Timestamp::NEVER;
        let moments = [self.idle_until, self.ends_at, self.seen_at];
        let is_short = |moment: &Timestamp| moment.as_millis() >> 48 == 0;
        let is_wide =
            self.generation != 0 || !moments.iter().all(is_short) || has_deadline && !is_short(&first_deadline);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let mut guard =
            vec![VERSION | flag(self.remembered, REMEMBERED) | flag(is_wide, WIDE) | flag(has_deadline, DEADLINE)];
        let skipped = if is_wide { 0 } else { 4 };
        guard.extend(&self.generation.to_be_bytes()[skipped..]);
        guard.extend(self.verifier.as_bytes());
        for at in moments.into_iter().chain(has_deadline.then_some(first_deadline)) {
            guard.extend(&moment(at)[skipped / 2..]);
        }
        guard
    }

    fn read(guard: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(guard);
        let [flags] = bytes.take()?;
        if flags & !FLAGS != VERSION {
            return None;
        }
        let is_wide = flags & WIDE != 0;
        let moment = |bytes: &mut Bytes<'_>| if is_wide { bytes.moment() } else { bytes.short_moment() };
        let generation = match is_wide {
            true => u64::from_be_bytes(bytes.take()?),
            false => u32::from_be_bytes(bytes.take()?).into(),
        };
        let verifier = bytes.take()?.into();
        let (idle_until, ends_at, seen_at) = (moment(&mut bytes)?, moment(&mut bytes)?, moment(&mut bytes)?);
        if flags & DEADLINE != 0 {
            moment(&mut bytes)?;
        }
        let remembered = flags & REMEMBERED != 0;
        bytes.0.is_empty().then_some(Self { remembered, generation, verifier, idle_until, ends_at, seen_at })
    }
}

/// What the header says of whose session it is, without its fields.
pub(super) enum Whose {
    /// Nobody's: there is no session, or none that can be read.
    None,
    /// It has expired.
    Expired,
    /// A guest's.
    Guest,
    /// This user's.
    User(User),
}

/// Whose session this is, by its guard and user.
pub(super) fn whose(guard: Option<&[u8]>, user: Option<&[u8]>, now: Timestamp) -> Whose {
    let Some(guard) = guard.and_then(Guard::read) else { return Whose::None };
    if guard.idle_until.min(guard.ends_at).passed(now) {
        return Whose::Expired;
    }
    user.and_then(signed_in).map_or(Whose::Guest, |(_, user)| Whose::User(user))
}

/// Who signed in, and when, in a stored user.
pub(super) fn signed_in(user: &[u8]) -> Option<(Timestamp, User)> {
    Bytes(user).user().map(|(at, user)| (at, User::new(user)))
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

    /// 48 bits of it.
    fn short_moment(&mut self) -> Option<Timestamp> {
        let low: [u8; 6] = self.take()?;
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&low);
        Some(Timestamp::from_millis(u64::from_be_bytes(bytes)))
    }

    fn previous(mut self, renewed_at: Timestamp) -> Option<Option<Previous>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let [kind] = self.take()?;
        let verifier = self.take()?.into();
        let replaced = match kind {
            b'p' => Replaced::ByPrivilege { at: renewed_at },
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
