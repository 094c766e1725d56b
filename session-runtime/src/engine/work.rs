//! A plan under way: kept until the store has answered, whoever waits for it or not.

use super::{Request, commit::Outcome, pending::Pending, plan::Plan, request::Response, users::SignIn};
use crate::{clock::Timestamp, id::Key};

/// A plan on its way to the store.
pub(super) struct Work {
    /// What it is made of; nothing any more once it is in.
    pub(super) pending: Pending,
    /// Whether any of that was asked for.
    pub(super) asked: bool,
    pub(super) plan: Plan,
    pub(super) key: Option<Key>,
    /// When it was planned.
    pub(super) at: Timestamp,
    /// Whose session it makes this, where that is to be known.
    pub(super) sign_in: Option<SignIn>,
    /// Whether it was sent before.
    pub(super) resumed: bool,
    /// Whether the change is in, so that only the sign-in is to be settled.
    pub(super) applied: bool,
}

/// Work that is kept for the next commit unless it is answered, also if this commit is dropped on the way.
pub(super) struct Underway<'a> {
    pub(super) request: &'a Request,
    pub(super) work: Option<Box<Work>>,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            let mut inner = self.request.inner();
            if inner.response != Response::Cancelled {
                inner.underway = Some(work);
            }
        }
    }
}

/// What a commit begins with.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would be an allocation a commit")]
pub(super) enum Begun<'a> {
    Underway(Underway<'a>),
    /// Nothing has to be sent for it; and whether anything had been asked for.
    Done(Outcome, bool),
}
