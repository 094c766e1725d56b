//! The rare parts of a session: another time of authentication than that of the sign-in, an end that no request may move, and an
//! administrator who acts as the user.

use std::sync::Arc;

use super::{Entry, Fields, Record};
use crate::clock::Timestamp;

/// The rare parts of a session. They are in a box, so that the other sessions have no room for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rare {
    /// When the user last proved who they are.
    pub(crate) proof: Proof,
    /// Whether `remember` may not make the session last longer.
    pub(crate) is_capped: bool,
    /// The user who acts as the one who seems to be signed in.
    pub(crate) impersonation: Option<Impersonation>,
    /// The identity of the user as whom the session's own user acted until the time was up. It says that the store still has
    /// the impersonation, and is itself never stored.
    pub(crate) expired: Option<Arc<[u8]>>,
}

/// When the user last proved who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// As they signed in.
    #[default]
    AtSignIn,
    /// At another time: earlier, at an identity provider, or later, when they were asked again.
    At(Timestamp),
    /// Never in this session: a cookie that remembers them, or an identity provider that did not ask, signed them in.
    Missing,
}

/// The session of a user who acts as another, set aside until they are themselves again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Impersonation {
    /// The encoded identity of the user who acts.
    pub(crate) by: Arc<[u8]>,
    /// When it ends.
    pub(crate) ends_at: Timestamp,
    /// When the user who acts signed in.
    pub(crate) signed_in_at: Timestamp,
    /// When they last proved who they are.
    pub(crate) proof: Proof,
    /// Their fields as they are stored, except those of the device, which the session keeps.
    pub(crate) fields: Fields,
}

/// The relation of one user to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This user's own, also while they act as another.
    Own,
    /// Another user's, who acts as this one.
    Impersonator,
    /// A guest's, or another user's.
    Other,
}

impl Record {
    /// When the user signed in, if one is signed in.
    pub(crate) fn signed_in_at(&self) -> Option<Timestamp> {
        self.user.is_some().then_some(self.signed_in_at)
    }

    /// When the user last proved who they are, if they did so in this session.
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

    /// The user who was impersonated until the time was up, if the store does not know that yet.
    pub(crate) fn expired_impersonation(&self) -> Option<&Arc<[u8]>> {
        self.rare.as_ref()?.expired.as_ref()
    }

    /// Sets what few sessions have. Nothing of that kind takes no room.
    pub(crate) fn set_rare(&mut self, rare: Rare) {
        self.rare = (rare != Rare::default()).then(|| rare.into());
    }

    /// The same with what few sessions have changed.
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

    /// Whether an impersonation is over that the record still has.
    pub(crate) fn impersonation_is_over(&self, now: Timestamp) -> bool {
        self.rare.is_some() && self.impersonation().is_some_and(|impersonation| impersonation.ends_at.passed(now))
    }

    /// The session of a user who acts as another, as it is once they are themselves again. `None`: no user acts as another.
    ///
    /// `is_device` says which fields are the device's: those stay as they are now. What the request loaded before is refused
    /// from then on, as after a sign-out.
    pub(crate) fn without_impersonation(&self, is_device: impl Fn(&str) -> bool) -> Option<Self> {
        let mut rare = self.rare.as_deref()?.clone();
        let Impersonation { by, signed_in_at, proof, fields: own, .. } = rare.impersonation.take()?;
        let mut fields = kept(&self.fields, is_device);
        own.iter().for_each(|entry| fields.push(entry));
        let mut record = self.with_fields(fields);
        rare.proof = proof;
        record.set_rare(rare);
        (record.user, record.signed_in_at) = (Some(by), signed_in_at);
        record.generation = record.generation.saturating_add(1);
        Some(record)
    }
}

impl Record {
    /// The session of a user who acts as another, with their own session, which is set aside, replaced by `own`.
    pub(crate) fn with_own(&self, own: &Self, is_device: impl Fn(&str) -> bool) -> Self {
        let mut fields = kept(&self.fields, |name| !is_device(name));
        kept(&own.fields, &is_device).iter().for_each(|entry| fields.push(entry));
        let mut record = self.with_fields(fields);
        (record.writes, record.nonces) = (own.writes, own.nonces);
        record.change_rare(|rare| {
            if let Some(impersonation) = &mut rare.impersonation {
                impersonation.fields = kept(&own.fields, |name| !is_device(name));
            }
        });
        record
    }
}

/// Those of the fields that `which` holds for.
pub(crate) fn kept(fields: &Fields, which: impl Fn(&str) -> bool) -> Fields {
    let mut kept = Fields::default();
    fields.iter().filter(|entry: &Entry<'_>| which(entry.name)).for_each(|entry| kept.push(entry));
    kept
}
