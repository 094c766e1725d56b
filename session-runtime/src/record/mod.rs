//! One session as it is stored: [`Record`], its encoded [`Fields`], and the arithmetic of counters. This module does not know
//! the application's types.

mod add;
mod fields;
mod former;
pub(crate) mod integer;
mod nonces;
mod rare;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    add::Add,
    fields::{Entry, Fields},
    former::{Older, Previous, Replaced},
    nonces::Nonces,
    rare::{Impersonation, Owner, Proof, Rare, kept},
};
use std::sync::Arc;

use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
};

/// How many nonces of past commits a record remembers. A commit whose answer was lost is recognised by its nonce.
pub(crate) const NONCES: usize = 4;

/// One stored session: the verifier that opens it, its deadlines, its user, and its encoded fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Digest of the verifier that opens the session.
    pub(crate) verifier: Digest,
    /// The verifier before the last renewal.
    pub(crate) previous: Option<Box<Previous>>,
    /// Grows with every renewal that changes privilege. A request that loaded an older generation is superseded.
    pub(crate) generation: u64,
    /// When the session was first stored.
    pub(crate) created_at: Timestamp,
    /// When a request last wrote the session. It never moves back. Requests that only read move it no more often than they
    /// refresh the idle deadline.
    pub(crate) seen_at: Timestamp,
    /// When the verifier was last renewed.
    pub(crate) renewed_at: Timestamp,
    /// When the user signed in, or when the impersonation began. For a guest: when the session was first stored.
    pub(crate) signed_in_at: Timestamp,
    /// The idle deadline.
    pub(crate) idle_until: Timestamp,
    /// The absolute deadline.
    pub(crate) ends_at: Timestamp,
    /// Whether the session is remembered: it then has one long lifetime, no idle timeout, and a persistent cookie.
    pub(crate) remembered: bool,
    /// The encoded identity of the signed-in user; `None` for a guest.
    pub(crate) user: Option<Arc<[u8]>>,
    /// How often the session was written.
    pub(crate) writes: u64,
    /// The nonces of the last commits.
    pub(crate) nonces: Nonces,
    /// The encoded fields.
    pub(crate) fields: Fields,
    /// A keyed digest of the lists that the session was entered in, by its `index` fields, and of what the entries depend on. Zero
    /// if there are none.
    pub(crate) entered: u32,
    /// The parts that few sessions have.
    pub(crate) rare: Option<Box<Rare>>,
}

/// The two deadlines of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// The idle deadline.
    pub(crate) idle_until: Timestamp,
    /// The absolute deadline.
    pub(crate) ends_at: Timestamp,
    /// Whether the session is remembered.
    pub(crate) remembered: bool,
}

impl Record {
    /// Creates an empty session that starts now.
    pub(crate) fn new(verifier: Digest, now: Timestamp, lifetime: Lifetime) -> Self {
        let Lifetime { idle_until, ends_at, remembered } = lifetime;
        Self {
            verifier,
            previous: None,
            generation: 0,
            created_at: now,
            seen_at: now,
            renewed_at: now,
            signed_in_at: now,
            idle_until,
            ends_at,
            remembered,
            user: None,
            writes: 0,
            nonces: Nonces::NONE,
            fields: Fields::default(),
            entered: 0,
            rare: None,
        }
    }

    /// Returns the same session with other fields.
    pub(crate) fn with_fields(&self, fields: Fields) -> Self {
        let (previous, user, rare) = (self.previous.clone(), self.user.clone(), self.rare.clone());
        Self { previous, user, rare, fields, ..*self }
    }

    /// Returns when the session ends: the earlier of its idle and absolute deadlines.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.idle_until.min(self.ends_at)
    }

    /// Returns whether the session may still be opened. At the deadline itself, it has already expired.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.expires_at().passed(now)
    }

    /// Returns whether the commit with this nonce was applied.
    pub(crate) fn knows(&self, nonce: Nonce) -> bool {
        self.nonces.as_slice().contains(&nonce)
    }

    /// Notes that a commit wrote the session.
    pub(crate) fn note_write(&mut self, nonce: Nonce, now: Timestamp) {
        // Commits whose changes are stored by one swap share a nonce, and count as one write.
        if self.nonces.as_slice().last() != Some(&nonce) {
            self.writes = self.writes.saturating_add(1);
            self.nonces.push(nonce);
        }
        // The clock of the node that wrote last may be ahead of this node's.
        self.seen_at = self.seen_at.max(now);
    }

    pub(crate) fn set_lifetime(&mut self, lifetime: Lifetime) {
        (self.idle_until, self.ends_at) = (lifetime.idle_until, lifetime.ends_at);
        self.remembered = lifetime.remembered;
    }
}
