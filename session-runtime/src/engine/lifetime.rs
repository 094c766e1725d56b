//! Sets how long a session lasts after a request: sign-ins restart its lifetime, other requests move its idle deadline.

use std::{sync::Arc, time::Duration};

use super::{
    Engine,
    intent::{Intent, Sign},
    pending::Terms,
    put::Put,
};
use crate::{
    clock::Timestamp,
    record::{Proof, Rare, Record},
};

pub(super) fn write_lifetime(
    put: &mut Put,
    engine: &Engine,
    current: &Record,
    intent: &Intent<'_>,
    is_passive: bool,
    now: Timestamp,
) {
    let lifetimes = &engine.lifetimes;
    match &intent.sign {
        Some(Sign::In { user, same, terms }) => {
            let remembered = intent.remember.unwrap_or(current.remembered && *same);
            (put.record.user, put.record.signed_in_at) = (Some(Arc::clone(user)), now);
            put.record.rare = None;
            put.restart(lifetimes.starting(now, remembered));
            if let Some(terms) = terms {
                put.record.agree(terms, now);
            }
        }
        Some(Sign::Out) => {
            (put.record.user, put.record.signed_in_at) = (None, current.created_at);
            put.record.rare = None;
            put.restart(lifetimes.starting(now, intent.remember.unwrap_or(false)));
        }
        // `remember` is ignored while a user acts as another, since it is about the user's own session. It is also ignored in the
        // request that begins the impersonation, because one commit can update only one user's list.
        sign => match intent.remember.filter(|_| sign.is_none() && current.impersonation().is_none()) {
            Some(true) if !current.remembered => {
                let mut long = lifetimes.starting(now, true);
                if current.is_capped() {
                    long.ends_at = long.ends_at.min(current.ends_at);
                }
                put.restart(long);
            }
            Some(false) if current.remembered => {
                let mut ordinary = lifetimes.starting(now, false);
                // The absolute timeout still counts from the sign-in, so that it cannot be extended (SECURITY S15).
                ordinary.ends_at = current.signed_in_at().unwrap_or(current.created_at) + lifetimes.absolute;
                if current.is_capped() {
                    ordinary.ends_at = ordinary.ends_at.min(current.ends_at);
                }
                put.restart(ordinary);
            }
            _ => {
                if let Some(idle_until) = touch_due(engine, current, now).filter(|_| !is_passive) {
                    put.record.idle_until = put.record.idle_until.max(idle_until);
                    put.adopted.touched = true;
                }
            }
        },
    }
}

impl Record {
    /// Applies the terms of a sign-in. The caller has already set the lifetime.
    pub(super) fn agree(&mut self, terms: &Terms, now: Timestamp) {
        let proof = match terms.proof {
            Proof::At(at) if at >= now => Proof::AtSignIn,
            proof => proof,
        };
        if let Some(until) = terms.until {
            // The store cannot take a deadline that has passed.
            self.ends_at = self.ends_at.min(until.max(now + Duration::from_secs(1)));
        }
        self.set_rare(Rare { proof, is_capped: terms.until.is_some(), ..Rare::default() });
    }

    /// Marks the session as one in which the user has not authenticated.
    pub(super) fn forget_proof(&mut self) {
        self.change_rare(|rare| match &mut rare.impersonation {
            Some(impersonation) => impersonation.proof = Proof::Missing,
            None => rare.proof = Proof::Missing,
        });
    }

    /// Records that the user authenticated now.
    pub(super) fn authenticate(&mut self, now: Timestamp) {
        let proof = if self.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
        self.change_rare(|rare| match &mut rare.impersonation {
            // The user authenticated earlier in this request, before they began to act as another. So the proof belongs to their
            // own session.
            Some(impersonation) => {
                impersonation.proof = if impersonation.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
            }
            None => rare.proof = proof,
        });
    }
}

/// Returns the new idle deadline, if it is later than the current one by at least `touch`. The deadline of a remembered session
/// does not move: it is returned unchanged if the session was last written at least `touch` ago, so that a write updates
/// `seen_at`.
pub(super) fn touch_due(engine: &Engine, record: &Record, now: Timestamp) -> Option<Timestamp> {
    if record.remembered {
        return (now.since(record.seen_at) >= engine.lifetimes.touch).then_some(record.idle_until);
    }
    let idle_until = now + engine.lifetimes.idle;
    let stale = idle_until.since(record.idle_until);
    (!stale.is_zero() && stale >= engine.lifetimes.touch).then_some(idle_until)
}
