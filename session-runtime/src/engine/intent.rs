//! What the steps of a request come to, in the order in which they were made.

use std::sync::Arc;

use super::pending::{Pending, Step, Terms};
use crate::{clock::Timestamp, record::Record};

/// What the steps of a request come to.
#[derive(Default)]
pub(super) struct Intent<'a> {
    pub(super) ends: bool,
    pub(super) renews: bool,
    pub(super) sign: Option<Sign<'a>>,
    pub(super) remember: Option<bool>,
    /// The user proved again who they are.
    pub(super) authenticates: bool,
    /// The user who acts as another is themselves again.
    pub(super) stops: bool,
}

pub(super) enum Sign<'a> {
    In {
        user: &'a Arc<[u8]>,
        same: bool,
        terms: Option<&'a Terms>,
    },
    /// The user who is signed in acts as another.
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
    /// Whether a user signs in.
    pub(super) fn signs_in(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::In { .. }))
    }

    /// Whether anything is written, as opposed to a session that is only left.
    pub(super) fn writes(&self) -> bool {
        let intent = Intent::of(&self.steps);
        !self.ops.is_empty() || intent.sign.is_some() || intent.authenticates
    }

    /// Whether a user acts as another.
    pub(super) fn impersonates(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::As { .. }))
    }

    /// Whether all that it does about who is signed in is to end an impersonation, and that has ended: the user is themselves
    /// again, by another request or since the time was up.
    pub(super) fn has_stopped(&self, record: &Record) -> bool {
        let has_stopped = |step: &Step| match step {
            Step::StopImpersonating { by, .. } => record.user.as_ref() == Some(by) && record.impersonation().is_none(),
            _ => false,
        };
        !self.steps.is_empty() && self.steps.iter().all(has_stopped)
    }

    /// Whether it goes before other changes: what ends or renews the session does, a log-out above all.
    pub(super) fn is_urgent(&self) -> bool {
        let intent = Intent::of(&self.steps);
        intent.ends || intent.renews
    }

    /// Whether the session ends, whatever follows.
    pub(super) fn ends(&self) -> bool {
        Intent::of(&self.steps).ends
    }
}
