//! Sums up the steps of a request, in the order in which they were made.

use std::sync::Arc;

use super::{
    commit::Outcome,
    pending::{Pending, Step, Terms},
    presented::Lost,
};
use crate::{clock::Timestamp, record::Record};

/// The sum of a request's steps.
#[derive(Default)]
pub(super) struct Intent<'a> {
    pub(super) ends: bool,
    pub(super) renews: bool,
    pub(super) sign: Option<Sign<'a>>,
    pub(super) remember: Option<bool>,
    /// Whether the user authenticated again.
    pub(super) authenticates: bool,
    /// Whether a user who acts as another returns to their own account.
    pub(super) stops: bool,
}

pub(super) enum Sign<'a> {
    In {
        user: &'a Arc<[u8]>,
        same: bool,
        terms: Option<&'a Terms>,
    },
    /// The signed-in user acts as another.
    As {
        by: &'a Arc<[u8]>,
        user: &'a Arc<[u8]>,
        ends_at: Timestamp,
    },
    Out,
}

impl<'a> Intent<'a> {
    pub(super) fn of(steps: &'a [Step]) -> Self {
        let mut intent = Self::default();
        for step in steps {
            match step {
                Step::Renew => intent.renews = true,
                Step::LogIn { user, same, terms, .. } => {
                    (intent.renews, intent.authenticates) = (true, false);
                    intent.sign = Some(Sign::In { user, same: *same, terms: terms.as_deref() });
                }
                Step::LogOut => {
                    (intent.renews, intent.authenticates) = (true, false);
                    intent.sign = Some(Sign::Out);
                    intent.remember = None;
                }
                Step::Reauthenticate { .. } => intent.authenticates = true,
                Step::Impersonate { by, user, ends_at } => {
                    intent.renews = true;
                    intent.sign = Some(Sign::As { by, user, ends_at: *ends_at });
                }
                Step::StopImpersonating { .. } => (intent.renews, intent.stops) = (true, true),
                Step::End => intent = Self { ends: true, ..Self::default() },
                Step::Remember(remember) => intent.remember = Some(*remember),
                Step::Failed(_) => {}
            }
        }
        intent
    }
}

impl Pending {
    /// Returns whether a user signs in.
    pub(super) fn signs_in(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::In { .. }))
    }

    /// Returns the outcome of these changes in a request that lost its session.
    pub(super) fn outcome_without_session(&self, lost: Lost) -> Outcome {
        if !self.asks() || self.is_done(lost) { Outcome::Applied } else { lost.into() }
    }

    /// Returns whether the changes only sign out a user who is no longer signed in, or end a session that has ended.
    pub(super) fn is_done(&self, lost: Lost) -> bool {
        let is_done = |step: &Step| match step {
            Step::LogOut => lost != Lost::Moved,
            Step::End => lost == Lost::Gone,
            _ => false,
        };
        !self.steps.is_empty() && self.steps.iter().all(is_done) && self.ops.iter().all(|(_, op)| op.holds())
    }

    /// Returns whether a user starts to act as another.
    pub(super) fn impersonates(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::As { .. }))
    }

    /// Returns whether the steps only end an impersonation that has already ended, through another request or because its time
    /// was up.
    pub(super) fn has_stopped(&self, record: &Record) -> bool {
        let has_stopped = |step: &Step| match step {
            Step::StopImpersonating { by, .. } => record.user.as_ref() == Some(by) && record.impersonation().is_none(),
            _ => false,
        };
        !self.steps.is_empty() && self.steps.iter().all(has_stopped)
    }

    /// Returns whether the steps only sign out or end the session. Fields may be written too: they belong to the session after
    /// that.
    pub(super) fn only_ends(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| matches!(step, Step::LogOut | Step::End))
    }

    /// Returns whether the changes go before those of other commits: they end the session or renew its id, as a sign-out does.
    pub(super) fn is_urgent(&self) -> bool {
        let intent = Intent::of(&self.steps);
        intent.ends || intent.renews
    }
}
