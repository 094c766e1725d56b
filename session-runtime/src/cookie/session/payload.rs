//! The part of a session that a cookie carries: its name, its times, the user, and the fields. It leaves out anything that only
//! a store needs.

use std::sync::Arc;

use crate::{
    clock::Timestamp,
    error::Error,
    id::{Digest, Selector, random},
    record::{Entry, Fields, Nonces, Proof, Rare, Record},
    schema::Meta,
};

/// The length of a session's name in its cookie. The rest of its selector is zero.
pub(super) const NAME: usize = 8;

/// A session that was read from a cookie, or will be written to one.
#[derive(Clone)]
pub(crate) struct Carried {
    pub(crate) selector: Selector,
    pub(crate) record: Arc<Record>,
    /// The field that identifies the user. Its value equals `user`, and its deadline counts from the sign-in, so neither is
    /// written to the cookie.
    pub(super) identity: Option<&'static Meta>,
}

/// The parts of a session that both forms write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payload {
    pub(super) name: [u8; NAME],
    pub(super) created_at: Timestamp,
    pub(super) seen_at: Timestamp,
    pub(super) idle_until: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) remembered: bool,
    /// The time of the sign-in, and the user.
    pub(super) signed_in: Option<(Timestamp, Arc<[u8]>)>,
    /// When the user last proved who they are.
    pub(super) proof: Proof,
    /// Whether no request may make the session last longer.
    pub(super) is_capped: bool,
    pub(super) fields: Fields,
}

impl Payload {
    pub(super) fn into_carried(mut self, identity: Option<&'static Meta>) -> Carried {
        let mut selector = Selector([0; 16]);
        selector.0[..NAME].copy_from_slice(&self.name);
        if let (Some((at, user)), Some(field)) = (&self.signed_in, identity) {
            self.fields.push(Entry { name: field.name, value: user, expires: field.deadline(*at) });
        }
        let (signed_in_at, user) = self.signed_in.unzip();
        let mut record = Record {
            verifier: Digest::from([0; 16]),
            previous: None,
            generation: 0,
            created_at: self.created_at,
            seen_at: self.seen_at,
            renewed_at: self.created_at,
            signed_in_at: signed_in_at.unwrap_or(self.created_at),
            idle_until: self.idle_until,
            ends_at: self.ends_at,
            remembered: self.remembered,
            user,
            writes: 0,
            nonces: Nonces::NONE,
            fields: self.fields,
            entered: 0,
            rare: None,
        };
        record.set_rare(Rare { proof: self.proof, is_capped: self.is_capped, ..Rare::default() });
        Carried { selector, record: Arc::new(record), identity }
    }
}

impl Carried {
    /// Returns the session's name, by which it can be revoked.
    pub(super) fn name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        name.copy_from_slice(&self.selector.0[..NAME]);
        name
    }

    /// Returns the time of the sign-in, and the user.
    pub(super) fn signed_in(&self) -> Option<(Timestamp, &[u8])> {
        let user = self.record.user.as_deref()?;
        Some((self.record.signed_in_at, user))
    }

    /// Returns a copy with only the values of these fields: without unknown fields, and without a value under a field's older
    /// name if there is one under today's name.
    pub(super) fn only(&self, metas: &[Meta]) -> Self {
        let mut fields = Fields::default();
        metas.iter().filter_map(|meta| meta.find(&self.record.fields)).for_each(|entry| fields.push(entry));
        Self { record: Arc::new(self.record.with_fields(fields)), ..self.clone() }
    }

    /// Returns the fields to write, without those that have expired by `now`, and without the identity if it repeats the user.
    pub(super) fn fields(&self, now: Timestamp) -> impl Iterator<Item = Entry<'_>> {
        let user = self.signed_in().map(|(_, user)| user);
        let said = move |entry: &Entry<'_>| {
            self.identity.is_some_and(|field| field.name == entry.name) && Some(entry.value) == user
        };
        self.record.fields.iter().filter(move |entry| entry.is_live(now) && !said(entry))
    }
}

/// Returns a random selector for a new session.
pub(crate) fn new_selector() -> Result<Selector, Error> {
    let mut selector = Selector([0; 16]);
    selector.0[..NAME].copy_from_slice(&random::<NAME>()?);
    Ok(selector)
}
