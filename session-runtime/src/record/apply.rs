//! What a change means: the one description of it that runs. Stores that can read, judge and write under one lock call
//! it; the others must come to the same verdict, which the conformance suite checks.

use std::sync::Arc;

use super::{Add, Applied, Change, Entry, Fields, NONCES, Name, Previous, Record, Renew, Replaced, Sign, Target};
use crate::{clock::Timestamp, id::Nonce};

/// What is to be done about a [`Change`].
///
/// ```
/// # use session_runtime::{Timestamp, store::{Applied, Change}};
/// let verdict = Change::update(0).judge(None, Timestamp::from_millis(0));
/// assert_eq!(verdict.answer, Applied::Gone);
/// assert!(verdict.write.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What to answer.
    pub answer: Applied,
    /// The record to write. `None`: write nothing.
    pub write: Option<Arc<Record>>,
}

impl Change {
    /// What this change does to `current`, the record under its key, expired or not.
    ///
    /// The order of checks is part of the contract: already applied, gone, moved, conflict.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::{Applied, Change, Digest}};
    /// let now = Timestamp::from_millis(0);
    /// let create = Change::create(Digest::from([1; 16]), now, Timestamp::NEVER, Timestamp::NEVER);
    /// let record = create.judge(None, now).write;
    /// let again = create.judge(record.as_deref(), now);
    /// assert_eq!(again.answer, Applied::Applied { renewed: false });
    /// assert!(again.write.is_none()); // it is in already
    /// ```
    #[must_use]
    pub fn judge(&self, current: Option<&Record>, now: Timestamp) -> Verdict {
        if let Err(answer) = self.admit(current, now) {
            return Verdict { answer, write: None };
        }
        match (&self.target, current) {
            (Target::New { verifier, created_at, lifetime }, _) => {
                let empty = Record {
                    verifier: *verifier,
                    previous: None,
                    generation: 0,
                    created_at: *created_at,
                    seen_at: *created_at,
                    renewed_at: *created_at,
                    authenticated_at: None,
                    idle_until: lifetime.idle_until,
                    ends_at: lifetime.ends_at,
                    remembered: lifetime.remembered,
                    user: None,
                    nonces: Vec::new(),
                    fields: Fields::default(),
                };
                self.write(&empty, now)
            }
            (Target::Existing { .. }, Some(record)) => self.write(record, now),
            (Target::Existing { .. }, None) => Verdict { answer: Applied::Gone, write: None },
        }
    }

    /// Whether `current` is to be changed; if not, what to answer: that it has been already, or cannot be.
    pub(crate) fn admit(&self, current: Option<&Record>, now: Timestamp) -> Result<(), Applied> {
        let none = Fields::default();
        let fields = match (&self.target, current) {
            (_, Some(record)) if record.has_seen(self.nonce) => {
                return Err(Applied::Applied { renewed: self.renewed(record) });
            }
            (Target::New { .. }, Some(_)) => return Err(Applied::Conflict),
            (Target::New { .. }, None) => &none,
            (Target::Existing { generation }, Some(record)) if record.is_live(now) => {
                if record.generation != *generation {
                    return Err(Applied::Moved);
                }
                &record.fields
            }
            (Target::Existing { .. }, _) => return Err(Applied::Gone),
        };
        if self.expectations_fail(fields, now) { Err(Applied::Conflict) } else { Ok(()) }
    }

    /// Whether the change asks for a renewal and `record` has it.
    fn renewed(&self, record: &Record) -> bool {
        match &self.renew {
            Some(Renew::Privilege { to } | Renew::Timer { to, .. }) => record.verifier == *to,
            Some(Renew::Presented { .. }) | None => false,
        }
    }

    fn expectations_fail(&self, fields: &Fields, now: Timestamp) -> bool {
        self.expect
            .iter()
            .any(|expect| live(fields, &expect.name, now).map(|entry| entry.value) != expect.value.as_deref())
    }

    fn write(&self, old: &Record, now: Timestamp) -> Verdict {
        // Only what stays is copied: this runs for every write of every request.
        let mut record = Record {
            previous: old.previous.clone(),
            user: old.user.clone(),
            nonces: self.write_nonces(&old.nonces),
            fields: self.write_fields(&old.fields, now),
            // Another node's clock may be ahead.
            seen_at: old.seen_at.max(now),
            ..*old
        };
        if let Some(touch) = self.touch {
            record.idle_until = record.idle_until.max(touch);
        }
        if let Some(lifetime) = self.restart {
            record.idle_until = lifetime.idle_until;
            record.ends_at = lifetime.ends_at;
            record.remembered = lifetime.remembered;
        }
        match &self.sign {
            Some(Sign::In { user, at }) => {
                record.user = Some(user.clone());
                record.authenticated_at = Some(*at);
            }
            Some(Sign::Out) => {
                record.user = None;
                record.authenticated_at = None;
            }
            None => {}
        }
        if let Some(renew) = &self.renew {
            renew.write(&mut record, now);
        }
        Verdict { answer: Applied::Applied { renewed: self.renewed(&record) }, write: Some(Arc::new(record)) }
    }

    fn write_nonces(&self, old: &[Nonce]) -> Vec<Nonce> {
        let kept = &old[old.len().saturating_sub(NONCES - 1)..];
        let mut new = Vec::with_capacity(kept.len() + 1);
        new.extend_from_slice(kept);
        new.push(self.nonce);
        new
    }

    /// The fields after this change; if it writes any, the expired are left out on the way.
    fn write_fields(&self, old: &Fields, now: Timestamp) -> Fields {
        if self.keep.is_none() && self.set.is_empty() && self.unset.is_empty() && self.add.is_empty() {
            return old.clone();
        }
        // As at a log-out.
        if self.keep.as_ref().is_some_and(Vec::is_empty) && self.set.is_empty() && self.add.is_empty() {
            return Fields::default();
        }
        // To the byte, where nothing has expired: records of one size leave no gaps in memory when they replace each other.
        let replaced = |name: &Name| old.get(name).map_or(0, |entry| Fields::room_for(name.len(), entry.value.len()));
        let mut room = old.as_bytes().len();
        for set in &self.set {
            room = (room + Fields::room_for(set.name.len(), set.value.len())).saturating_sub(replaced(&set.name));
        }
        for add in &self.add {
            room += Fields::room_for(add.name.len(), integer::MOST);
        }
        let mut new = Fields::with_capacity(room);
        // What stays is copied as it is, in as long pieces as there are.
        let bytes = old.as_bytes();
        let (mut copied, mut at, mut written) = (0, 0, 0);
        for raw in old.raw() {
            let (from, is) = (at, |name: &Name| name.as_bytes() == raw.name);
            at += raw.length;
            let live = raw.is_live(now);
            let kept = live && self.keep.as_ref().is_none_or(|keep| keep.iter().any(is));
            let set = self.set.iter().find(|set| is(&set.name)).filter(|_| live);
            let add = self.add.iter().find(|add| is(&add.name)).filter(|_| live);
            if set.is_none() && add.is_none() && kept && !self.unset.iter().any(is) {
                continue;
            }
            new.push_raw(&bytes[copied..from]);
            copied = at;
            if let Some(set) = set {
                new.push(Entry { name: &set.name, value: &set.value, expires: set.expires });
                written += 1;
            } else if let Some(add) = add {
                push_sum(&mut new, add, kept.then_some(raw.value));
                written += 1;
            }
        }
        new.push_raw(&bytes[copied..at]);
        if written < self.set.len() + self.add.len() {
            let absent = |name: &Name| live(old, name, now).is_none();
            for set in self.set.iter().filter(|set| absent(&set.name)) {
                new.push(Entry { name: &set.name, value: &set.value, expires: set.expires });
            }
            for add in self.add.iter().filter(|add| absent(&add.name)) {
                push_sum(&mut new, add, None);
            }
        }
        new.forgo_room();
        new
    }
}

impl Renew {
    fn write(&self, record: &mut Record, now: Timestamp) {
        match self {
            Self::Privilege { to } => {
                record.previous =
                    Some(Previous { verifier: record.verifier, replaced: Replaced::ByPrivilege { at: now } });
                record.verifier = *to;
                record.generation = record.generation.saturating_add(1);
                record.renewed_at = now;
            }
            Self::Timer { from, presented, to } if record.verifier == *from => {
                record.previous =
                    Some(Previous { verifier: *presented, replaced: Replaced::ByTimer { presented_at: None } });
                record.verifier = *to;
                record.renewed_at = now;
            }
            Self::Timer { .. } => {}
            Self::Presented { verifier } => {
                if record.verifier == *verifier
                    && let Some(Previous { replaced: Replaced::ByTimer { presented_at: presented_at @ None }, .. }) =
                        &mut record.previous
                {
                    *presented_at = Some(now);
                }
            }
        }
    }
}

fn live<'a>(fields: &'a Fields, name: &str, now: Timestamp) -> Option<Entry<'a>> {
    fields.get(name).filter(|entry| entry.is_live(now))
}

fn push_sum(fields: &mut Fields, add: &Add, old: Option<&[u8]>) {
    let old = old.and_then(integer::read).unwrap_or(add.initial);
    fields.push(Entry { name: &add.name, value: &integer::write(add.to(old)), expires: add.expires });
}

/// Counters as MessagePack integers, which reach from `i64::MIN` to `u64::MAX`.
pub(crate) mod integer {
    /// The most bytes that [`write`] makes of a number.
    pub(crate) const MOST: usize = 9;

    pub(crate) fn read(mut value: &[u8]) -> Option<i128> {
        let number = match rmp::decode::read_marker(&mut value).ok()? {
            rmp::Marker::FixPos(number) => i128::from(number),
            rmp::Marker::FixNeg(number) => i128::from(number),
            rmp::Marker::U8 => i128::from(u8::from_be_bytes(take(&mut value)?)),
            rmp::Marker::U16 => i128::from(u16::from_be_bytes(take(&mut value)?)),
            rmp::Marker::U32 => i128::from(u32::from_be_bytes(take(&mut value)?)),
            rmp::Marker::U64 => i128::from(u64::from_be_bytes(take(&mut value)?)),
            rmp::Marker::I8 => i128::from(i8::from_be_bytes(take(&mut value)?)),
            rmp::Marker::I16 => i128::from(i16::from_be_bytes(take(&mut value)?)),
            rmp::Marker::I32 => i128::from(i32::from_be_bytes(take(&mut value)?)),
            rmp::Marker::I64 => i128::from(i64::from_be_bytes(take(&mut value)?)),
            _ => return None,
        };
        value.is_empty().then_some(number)
    }

    fn take<const N: usize>(value: &mut &[u8]) -> Option<[u8; N]> {
        let (bytes, rest) = value.split_first_chunk()?;
        *value = rest;
        Some(*bytes)
    }

    /// A number past both ends of the range becomes the nearer end.
    pub(crate) fn write(number: i128) -> Vec<u8> {
        let mut value = Vec::with_capacity(MOST);
        // Writing to a vector cannot fail.
        let _ = match u64::try_from(number) {
            Ok(positive) => rmp::encode::write_uint(&mut value, positive),
            Err(_) if number > 0 => rmp::encode::write_uint(&mut value, u64::MAX),
            Err(_) => rmp::encode::write_sint(&mut value, i64::try_from(number).unwrap_or(i64::MIN)),
        };
        value
    }
}
