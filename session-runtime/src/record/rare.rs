//! The parts that few sessions have: a time of authentication other than the sign-in's, an end that no request may move, and
//! an administrator who acts as the user.

use std::sync::Arc;

use super::{Entry, Fields, Record};
use crate::clock::Timestamp;

/// The parts that few sessions have. Boxed, so that other sessions do not reserve room for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rare {
    /// When the user last authenticated.
    pub(crate) proof: Proof,
    /// Whether the sign-in set a latest end, which `remember` cannot move.
    pub(crate) is_capped: bool,
    /// The impersonation in progress: another user acts as the signed-in one.
    pub(crate) impersonation: Option<Impersonation>,
    /// The identity of the user who was impersonated until the time was up. If set, the store still has the impersonation. This
    /// field itself is never stored.
    pub(crate) expired: Option<Arc<[u8]>>,
}

/// When the user last authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// At the sign-in.
    #[default]
    AtSignIn,
    /// At another time: earlier, at an identity provider, or later, when they were asked again.
    At(Timestamp),
    /// Not in this session: they were signed in by a cookie that remembers them, or by an identity provider that did not ask for
    /// proof.
    Missing,
}

/// The acting user's own session, set aside until the impersonation ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Impersonation {
    /// The encoded identity of the acting user.
    pub(crate) by: Arc<[u8]>,
    /// When the impersonation ends.
    pub(crate) ends_at: Timestamp,
    /// When the acting user signed in.
    pub(crate) signed_in_at: Timestamp,
    /// When that user last authenticated.
    pub(crate) proof: Proof,
    /// That user's fields as they are stored, except `device` fields, which the session keeps.
    pub(crate) fields: Fields,
}

/// The relation of one user to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The session is this user's own, even while they act as another.
    Own,
    /// The session belongs to another user who acts as this one.
    Impersonator,
    /// The session is a guest's, or another user's.
    Other,
}

impl Record {
    /// Returns when the user signed in, if one is signed in.
    pub(crate) fn signed_in_at(&self) -> Option<Timestamp> {
        self.user.is_some().then_some(self.signed_in_at)
    }

    /// Returns when the user last authenticated in this session, if they did.
    pub(crate) fn authenticated_at(&self) -> Option<Timestamp> {
        let signed_in_at = self.signed_in_at()?;
        match self.proof() {
            Proof::AtSignIn => Some(signed_in_at),
            Proof::At(at) => Some(at),
            Proof::Missing => None,
        }
    }

    pub(crate) fn proof(&self) -> Proof {
        self.rare.as_ref().map_or(Proof::AtSignIn, |rare| rare.proof)
    }

    pub(crate) fn is_capped(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_capped)
    }

    pub(crate) fn impersonation(&self) -> Option<&Impersonation> {
        self.rare.as_ref()?.impersonation.as_ref()
    }

    /// Returns the user whose own session this is. In an impersonation, this is the acting user.
    pub(crate) fn own_user(&self) -> Option<&Arc<[u8]>> {
        self.impersonation().map(|impersonation| &impersonation.by).or(self.user.as_ref())
    }

    /// Returns the user who was impersonated until the time was up, if the stored record still has the impersonation.
    pub(crate) fn expired_impersonation(&self) -> Option<&Arc<[u8]>> {
        self.rare.as_ref()?.expired.as_ref()
    }

    /// Sets the rare parts. Default values take no memory.
    pub(crate) fn set_rare(&mut self, rare: Rare) {
        self.rare = (rare != Rare::default()).then(|| rare.into());
    }

    /// Changes the rare parts.
    pub(crate) fn change_rare(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().map_or_else(Rare::default, |rare| *rare);
        change(&mut rare);
        self.set_rare(rare);
    }

    /// Returns the relation of this user to the session.
    pub(crate) fn owner(&self, identity: &[u8]) -> Owner {
        match self.impersonation() {
            Some(impersonation) if *impersonation.by == *identity => Owner::Own,
            Some(_) if self.user.as_deref() == Some(identity) => Owner::Impersonator,
            None if self.user.as_deref() == Some(identity) => Owner::Own,
            _ => Owner::Other,
        }
    }

    /// Returns whether the record still holds an impersonation whose time is up.
    pub(crate) fn impersonation_is_over(&self, now: Timestamp) -> bool {
        self.rare.is_some() && self.impersonation().is_some_and(|impersonation| impersonation.ends_at.passed(now))
    }

    /// Returns the session without its impersonation, as the user's own again. `None`: no user acts as another.
    ///
    /// `is_device` returns whether a field is a `device` field: those stay as they are now. Requests that have loaded the session
    /// earlier are superseded, as after a sign-out.
    pub(crate) fn without_impersonation(&self, is_device: impl Fn(&str) -> bool) -> Option<Self> {
        let mut rare = self.rare.as_deref()?.clone();
        let Impersonation { by, signed_in_at, proof, fields: own, .. } = rare.impersonation.take()?;
        let mut fields = kept(&self.fields, is_device);
        own.iter().for_each(|entry| fields.push(entry));
        let mut record = self.with_fields(fields);
        rare.proof = proof;
        record.set_rare(rare);
        (record.user, record.signed_in_at) = (Some(by), signed_in_at);
        // The session's list entries may be removed from now on. With zero here, the next write enters the session again, even
        // if its values are then the same as before.
        record.entered = 0;
        record.generation = record.generation.saturating_add(1);
        Some(record)
    }
}

impl Record {
    /// Returns this session, in which a user acts as another, with `own` in place of the user's own session that was set aside.
    pub(crate) fn with_own(&self, own: &Self, is_device: impl Fn(&str) -> bool) -> Self {
        let mut fields = kept(&self.fields, |name| !is_device(name));
        kept(&own.fields, &is_device).iter().for_each(|entry| fields.push(entry));
        let mut record = self.with_fields(fields);
        (record.writes, record.nonces, record.generation) = (own.writes, own.nonces, own.generation);
        record.change_rare(|rare| {
            if let Some(impersonation) = &mut rare.impersonation {
                impersonation.fields = kept(&own.fields, |name| !is_device(name));
            }
        });
        record
    }
}

/// Returns the fields for which `which` returns true.
pub(crate) fn kept(fields: &Fields, which: impl Fn(&str) -> bool) -> Fields {
    let mut kept = Fields::default();
    fields.iter().filter(|entry: &Entry<'_>| which(entry.name)).for_each(|entry| kept.push(entry));
    kept
}
