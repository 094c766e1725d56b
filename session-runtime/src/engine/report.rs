//! Reports sign-ins, sign-outs and ended sessions. A commit notes them while it stores the session, and reports them once it is
//! done, so a commit that fails or is undone reports none.

use super::{
    Engine, Request, Step,
    attempt::Attempt,
    intent::{Intent, Sign},
};
use crate::{
    event::{About, Event, ImpersonationEnd, SessionEnd},
    key::Key,
    record::{Owner, Record},
    value::EndReason,
};

impl Attempt {
    /// Notes which user is signed in to the session before this attempt. This cannot wait: if the store's answer is lost, the
    /// former record is no longer available when the write is recognised.
    pub(super) fn note_user(&mut self, before: &Record) {
        if self.pending.steps.iter().any(Step::is_about_user) && !self.is_in(before) {
            self.left = before.own_user().cloned();
        }
    }

    /// Notes the events of the sign-in or sign-out that led to the stored record `after`.
    pub(super) fn note_sign(&mut self, after: &Record) {
        let Self { pending, left, events, .. } = self;
        if pending.steps.is_empty() {
            return;
        }
        let intent = Intent::of(&pending.steps);
        match intent.sign {
            Some(Sign::In { user, .. }) => {
                let again = left.as_ref() == Some(user);
                if let Some(left) = left.take().filter(|_| !again) {
                    events.push((Event::SignedOut, Some(left)));
                }
                let authenticated_at = after.authenticated_at().map(Into::into);
                events.push((Event::SignedIn { again, authenticated_at }, None));
            }
            Some(Sign::Out) => events.extend(left.take().map(|left| (Event::SignedOut, Some(left)))),
            Some(Sign::As { .. }) | None => {}
        }
        if intent.authenticates {
            events.push((Event::Reauthenticated, None));
        }
    }
}

impl Request {
    /// Reports that this request ended its own session.
    pub(super) fn report_ended(&self, attempt: &mut Attempt) {
        let left = attempt.left.take();
        if left.is_some() {
            self.emit_of(&Event::SignedOut, left.as_deref());
        }
        self.emit_of(&Event::Ended { why: SessionEnd::LoggedOut }, left.as_deref());
    }
}

impl Engine {
    /// Reports that another request or a job ended the session `before`. If its user acted as another, the impersonation ended as
    /// well. If `owner` is not `Own`, only the impersonation ended.
    pub(super) fn report_end(
        &self,
        key: &Key,
        before: &Record,
        owner: Owner,
        reason: EndReason,
        why: ImpersonationEnd,
    ) {
        if let (Some(impersonation), Some(user)) = (before.impersonation(), &before.user) {
            self.report_impersonation_ended(&impersonation.by, user, why, key);
        }
        if owner == Owner::Own {
            let user = before.own_user().map(|user| &**user);
            self.events.emit(&Event::Ended { why: reason.into() }, About::session(key).with_user(user));
        }
    }
}
