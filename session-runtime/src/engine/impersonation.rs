//! Lets a user act as another, in a session that sets the user's own aside. One record holds both sessions, so a single swap
//! starts an impersonation. A single swap also ends it: when the user stops it, when its time is up, or when it is revoked.

use std::sync::Arc;

use super::{
    Criterion, Engine, Request, Snapshot, Step,
    attempt::Attempt,
    codec::OpenRecord,
    pending::{Pending, stays_stored},
    presented::{Found, Presented},
};
use crate::{
    clock::Timestamp,
    event::{About, Event, ImpersonationEnd},
    key::Key,
    record::{self, Impersonation, Proof, Record},
    schema::Stays,
};

impl Engine {
    /// Returns the user's own session, which was set aside, in the form that a request sees once the impersonation has ended.
    pub(super) fn open_own(&self, found: &Found, now: Timestamp) -> Option<OpenRecord> {
        let own = self.own(found.opened.raw())?;
        Some(self.open_record(&found.key, Arc::new(own), now))
    }

    /// Returns the session, without its impersonation if that has expired. An impersonation expires on time, even if no request
    /// has stored its end yet.
    pub(super) fn by_now(&self, record: Arc<Record>, now: Timestamp) -> Arc<Record> {
        if !record.impersonation_is_over(now) {
            return record;
        }
        let Some(mut own) = self.own(&record) else { return record };
        own.change_rare(|rare| rare.expired.clone_from(&record.user));
        Arc::new(own)
    }

    /// Returns the user's own session, which was set aside, in the form that is stored once the impersonation has ended.
    pub(super) fn own(&self, record: &Record) -> Option<Record> {
        record.without_impersonation(|name| stays_stored(name, Stays::Device, self.fields))
    }

    /// Returns the stored session of a user who acts as another, with their own session replaced by `own`.
    pub(super) fn with_own(&self, record: &Record, own: &Record) -> Record {
        record.with_own(own, |name| stays_stored(name, Stays::Device, self.fields))
    }
}

/// Turns `record` into a session in which its user acts as another user. The user's own sign-in and fields are saved inside the
/// record. Returns `false` if `by` is not signed in to the session, or already acts as another user.
pub(super) fn set_aside(
    record: &mut Record,
    engine: &Engine,
    found: &Found,
    (by, user, ends_at): (&Arc<[u8]>, &Arc<[u8]>, Timestamp),
    now: Timestamp,
) -> bool {
    let own = found.opened.raw();
    if own.user.as_ref() != Some(by) || own.impersonation().is_some() {
        return false;
    }
    let fields = record::kept(&own.fields, |name| !stays_stored(name, Stays::Device, engine.fields));
    let (signed_in_at, proof) = (own.signed_in_at, own.proof());
    let ends_at = ends_at.min(own.ends_at);
    let by = Arc::clone(by);
    record.change_rare(|rare| {
        rare.proof = Proof::Missing;
        rare.impersonation = Some(Impersonation { by, ends_at, signed_in_at, proof, fields });
    });
    (record.user, record.signed_in_at) = (Some(Arc::clone(user)), now);
    true
}

impl Engine {
    /// Returns the fingerprint of a criterion. If the criterion is a user, events name the user by this fingerprint.
    pub(crate) fn fingerprint_of(&self, criterion: &Criterion<'_>) -> String {
        self.signer.fingerprints().name(&self.list_of(criterion))
    }

    /// Reports that a user no longer acts as another.
    pub(super) fn report_impersonation_ended(&self, by: &[u8], user: &[u8], why: ImpersonationEnd, session: &Key) {
        let about = About::session(session).with_user(Some(user)).with_impersonator(by);
        self.events.emit(&Event::ImpersonationEnded { why }, about);
    }
}

impl Request {
    /// Returns the session as a handle sees it after an impersonation, and the step that ends the impersonation. `None` if no
    /// user acts as another, or if a pending change affects who is signed in.
    pub(crate) fn stop_impersonating(&self) -> Option<(Snapshot, Step)> {
        let state = self.state();
        let Some(Presented::Found(found)) = &state.presented else { return None };
        if state.unstored().flat_map(|pending| &pending.steps).any(Step::is_about_user) {
            return None;
        }
        let (record, now) = (found.record(), self.now());
        let (by, user) = (Arc::clone(&record.impersonation()?.by), Arc::clone(record.user.as_ref()?));
        let own = self.engine.open_own(found, now)?.record;
        // Other handles' changes to `device` fields stay.
        let of_device = |pending: &Pending| {
            let mut kept = pending.emptied();
            kept.ops = pending.ops.iter().filter(|(meta, _)| meta.stays(Stays::Device)).cloned().collect();
            kept
        };
        let overlay =
            state.unstored().next().is_some().then(|| {
                let fields = state.unstored().map(of_device);
                Arc::new(fields.fold(own.fields.clone(), |fields, pending| {
                    pending.overlay(Some(&fields), self.engine.fields, now)
                }))
            });
        let snapshot =
            Snapshot { record: Some(own), overlay, era: state.pending.era, standing: None, is_hidden: false };
        Some((snapshot, Step::StopImpersonating { by, user }))
    }

    /// Reports that a user has begun to act as another.
    pub(super) fn report_impersonation(&self) {
        let Some(record) = self.found_record() else { return };
        if let Some(impersonation) = record.impersonation() {
            self.emit(&Event::ImpersonationStarted { ends_at: impersonation.ends_at.into() });
        }
    }

    /// Reports that an impersonation in the session `before` has ended, if `after` no longer holds it.
    pub(super) fn report_end_of_impersonation(&self, before: &Record, after: Option<&Record>) {
        let Some(session) = self.state().subject else { return };
        if after.is_some_and(|after| after.impersonation().is_some()) {
            return;
        }
        if let (Some(user), Some(by)) = (before.expired_impersonation(), &before.user) {
            self.engine().report_impersonation_ended(by, user, ImpersonationEnd::Expired, &session);
        } else if let (Some(impersonation), Some(user)) = (before.impersonation(), &before.user) {
            self.engine().report_impersonation_ended(&impersonation.by, user, ImpersonationEnd::Stopped, &session);
        }
    }

    /// Reports the end of an impersonation when the swap's answer was lost and its write was later found in the store. The
    /// previous record is no longer known then, so the users come from the step.
    pub(super) fn report_recognised(&self, attempt: &Attempt) {
        let Some(session) = self.state().subject else { return };
        for step in &attempt.pending.steps {
            if let Step::StopImpersonating { by, user } = step {
                self.engine().report_impersonation_ended(by, user, ImpersonationEnd::Stopped, &session);
            }
        }
    }

    pub(super) fn found_record(&self) -> Option<Arc<Record>> {
        match &self.state().presented {
            Some(Presented::Found(found)) => Some(Arc::clone(found.record())),
            _ => None,
        }
    }
}
