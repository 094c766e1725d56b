//! How long a session lasts after a request: sign-ins begin it anew, other requests move its idle deadline.

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
        // What a user does as another says nothing about how long their own session lasts. Neither does the request that
        // begins it: only one list is entered in a commit.
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
                // Absolute still counts from the sign-in: no way to stretch it (SECURITY S15).
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
    /// Signs in on other terms than the ordinary ones. What the lifetimes say is set.
    pub(super) fn agree(&mut self, terms: &Terms, now: Timestamp) {
        let proof = match terms.proof {
            Proof::At(at) if at >= now => Proof::AtSignIn,
            proof => proof,
        };
        if let Some(until) = terms.until {
            // Of a moment that has passed, the store makes nothing better.
            self.ends_at = self.ends_at.min(until.max(now + Duration::from_secs(1)));
        }
        self.set_rare(Rare { proof, is_capped: terms.until.is_some(), ..Rare::default() });
    }

    /// The user proves who they are.
    pub(super) fn authenticate(&mut self, now: Timestamp) {
        let proof = if self.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
        self.change_rare(|rare| match &mut rare.impersonation {
            // They did so before they began to act as another.
            Some(impersonation) => {
                impersonation.proof = if impersonation.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
            }
            None => rare.proof = proof,
        });
    }
}

/// Where the idle deadline is to be moved, if it is stale enough for that to be worth a write. That of a remembered
/// session stays: the touch then only says when it was seen.
pub(super) fn touch_due(engine: &Engine, record: &Record, now: Timestamp) -> Option<Timestamp> {
    if record.remembered {
        return (now.since(record.seen_at) >= engine.lifetimes.touch).then_some(record.idle_until);
    }
    let idle_until = now + engine.lifetimes.idle;
    let stale = idle_until.since(record.idle_until);
    (!stale.is_zero() && stale >= engine.lifetimes.touch).then_some(idle_until)
}
