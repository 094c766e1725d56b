//! The changes that a request's handles have made, merged but not yet applied to a record.

use std::{borrow::Cow, sync::Arc};

use super::Items;
use crate::{
    clock::Timestamp,
    error::Error,
    record::{Add, Entry, Fields, Proof, Record, integer},
    schema::{Meta, Stays},
};

/// An action on the session as a whole.
#[derive(Debug)]
pub(crate) enum Step {
    /// The handler asked for a new id.
    Renew,
    /// A user signed in. `first`: no user was signed in before. `same`: the same user was. Neither: another user was.
    LogIn { user: Arc<[u8]>, first: bool, same: bool, terms: Option<Box<Terms>> },
    /// The signed-in user authenticated again.
    Reauthenticate { user: Arc<[u8]> },
    /// The signed-in user, `by`, acts as another.
    Impersonate { by: Arc<[u8]>, user: Arc<[u8]>, ends_at: Timestamp },
    /// The user who acts as another returns to their own account.
    StopImpersonating { by: Arc<[u8]>, user: Arc<[u8]> },
    /// The signed-in user, if any, signed out.
    LogOut,
    /// The session ended; later changes are for a new one.
    End,
    /// The handler chose whether to remember the session.
    Remember(bool),
    /// A value could not be encoded: no change of this request may be stored.
    Failed(Error),
}

/// The terms of a sign-in that differs from an ordinary one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) proof: Proof,
    /// The time at which the session ends at the latest.
    pub(crate) until: Option<Timestamp>,
}

/// The signed-in user, as each step of a request leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SignedIn<'a> {
    pub(super) user: Option<&'a [u8]>,
    /// Whether another user acts as this one.
    pub(super) is_impersonated: bool,
}

impl<'a> SignedIn<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self { user: record.user.as_deref(), is_impersonated: record.impersonation().is_some() }
    }

    fn is(self, user: &[u8]) -> bool {
        self.user == Some(user) && !self.is_impersonated
    }
}

/// How the current visitor signed in, and which user acts as them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) signed_in_at: Option<Timestamp>,
    pub(crate) authenticated_at: Option<Timestamp>,
    /// The user who acts as the signed-in one, and until when.
    pub(crate) impersonator: Option<(Arc<[u8]>, Timestamp)>,
}

impl Standing {
    pub(crate) fn of(record: &Record) -> Self {
        let impersonator = record.impersonation().map(|it| (Arc::clone(&it.by), it.ends_at));
        Self { signed_in_at: record.signed_in_at(), authenticated_at: record.authenticated_at(), impersonator }
    }
}

impl Step {
    /// Returns whether the step changes which user is signed in, or how.
    pub(crate) const fn is_about_user(&self) -> bool {
        !matches!(self, Self::Renew | Self::Remember(_) | Self::Failed(_))
    }

    /// Returns how the visitor is signed in after the step.
    pub(crate) fn standing(&self, before: Standing, now: Timestamp) -> Standing {
        match self {
            Self::LogIn { terms, .. } => {
                let authenticated_at = match terms.as_ref().map_or(Proof::AtSignIn, |terms| terms.proof) {
                    Proof::AtSignIn => Some(now),
                    Proof::At(at) => Some(at.min(now)),
                    Proof::Missing => None,
                };
                Standing { signed_in_at: Some(now), authenticated_at, impersonator: None }
            }
            Self::Reauthenticate { .. } => Standing { authenticated_at: Some(now), ..before },
            Self::Impersonate { by, ends_at, .. } => {
                let impersonator = Some((Arc::clone(by), *ends_at));
                Standing { signed_in_at: Some(now), authenticated_at: None, impersonator }
            }
            Self::LogOut | Self::End => Standing::default(),
            // A handle that stops an impersonation already sees the user's own session.
            Self::StopImpersonating { .. } => before,
            Self::Renew | Self::Remember(_) | Self::Failed(_) => before,
        }
    }

    /// Returns the signed-in user after the step.
    fn signed_in<'a>(&'a self, before: SignedIn<'a>) -> SignedIn<'a> {
        match self {
            Self::LogIn { user, .. } => SignedIn { user: Some(user), is_impersonated: false },
            Self::Impersonate { user, .. } => SignedIn { user: Some(user), is_impersonated: true },
            Self::StopImpersonating { by, .. } => SignedIn { user: Some(by), is_impersonated: false },
            Self::LogOut | Self::End => SignedIn::default(),
            Self::Reauthenticate { .. } | Self::Renew | Self::Remember(_) | Self::Failed(_) => before,
        }
    }

    /// Returns which of the earlier fields stay; `None`: all of them.
    const fn forgets(&self) -> Option<Stays> {
        match self {
            Self::End => Some(Stays::None),
            Self::LogOut
            | Self::LogIn { first: false, same: false, .. }
            | Self::Impersonate { .. }
            | Self::StopImpersonating { .. } => Some(Stays::Device),
            Self::LogIn { first: true, .. } => Some(Stays::Guest),
            _ => None,
        }
    }

    /// Returns whether a user is signed in after the step; `None` if the step does not affect that.
    pub(crate) const fn signs_in(&self) -> Option<bool> {
        match self {
            Self::LogIn { .. } => Some(true),
            Self::LogOut | Self::End => Some(false),
            _ => None,
        }
    }

    /// Returns whether the step changes the owner of the session.
    const fn signs(&self) -> bool {
        matches!(
            self,
            Self::LogIn { .. } | Self::LogOut | Self::End | Self::Impersonate { .. } | Self::StopImpersonating { .. }
        )
    }

    /// Returns whether the step takes effect even if the handler fails, because it ends or protects a session.
    const fn survives_failure(&self) -> bool {
        matches!(self, Self::Renew | Self::LogOut | Self::End | Self::StopImpersonating { .. })
    }
}

/// An action on one field. It has no `Debug` outside of tests, since the values may be secret (B12).
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Op {
    /// Write this value.
    Set { value: Vec<u8> },
    /// Return to the default.
    Unset,
    /// The handler set the field to the value that it already had (`None`: its default). By itself, this is not a write. If
    /// another request changes the field meanwhile, this value is written again.
    Hold { value: Option<Vec<u8>> },
    /// Add to the counter.
    Add(Box<Add>),
    /// Remove the value if it is still `seen`.
    Take { seen: Option<Vec<u8>> },
    /// Remove the items `taken` from the front of the list, and append the items `put`.
    List { taken: Option<Vec<u8>>, put: Items },
    /// Write `value` (`None`: return to the default) if the field's value is still `seen`.
    Swap { seen: Option<Vec<u8>>, value: Option<Vec<u8>> },
    /// Two handles changed the field from different values, and neither change can be run again.
    Contested,
}

impl Op {
    /// Writes a value, or returns to the default.
    pub(crate) fn write(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Unset, |value| Self::Set { value })
    }

    /// Returns whether the op writes only if another request has changed the field.
    pub(crate) const fn holds(&self) -> bool {
        matches!(self, Self::Hold { .. })
    }

    /// Returns the same write, on the condition that the field's value is still `seen`.
    pub(crate) fn if_still(self, seen: Option<Vec<u8>>) -> Self {
        match self {
            Self::Set { value } => Self::Swap { seen, value: Some(value) },
            _ => Self::Swap { seen, value: None },
        }
    }

    /// Returns the field's value after this op on `old`; `None` for its default.
    pub(crate) fn on<'a>(&'a self, old: Option<&'a [u8]>) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Set { value } => Some(value.into()),
            Self::Unset => None,
            Self::Add(add) => Some(integer::write(add.to(old.and_then(integer::read).unwrap_or(add.initial))).into()),
            Self::Take { seen } => old.filter(|old| Some(*old) != seen.as_deref()).map(Cow::from),
            Self::List { taken, put } => {
                let mut items = old.map(Items::of).unwrap_or_default();
                if let Some(taken) = taken {
                    items = items.without(&Items::of(taken));
                }
                items.extend(put.clone());
                (!items.is_empty()).then(|| items.encode().into())
            }
            Self::Swap { value, .. } | Self::Hold { value } => value.as_ref().map(Cow::from),
            Self::Contested => old.map(Cow::from),
        }
    }

    /// Returns this op followed by `next` on the same field. A handle that was opened before this op was added did not see the
    /// items that this op appends, so it did not take them.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Add(first), Self::Add(next)) => Self::Add(Box::new(first.then(&next))),
            (Self::List { taken, mut put }, Self::List { taken: None, put: more }) => {
                put.extend(more);
                Self::List { taken, put }
            }
            (Self::List { taken: first, mut put }, Self::List { taken: Some(seen), put: more }) => {
                match Items::of(&seen).before(&put) {
                    // `next` took the items that this op had appended. They were never stored, so only the items that were stored
                    // before remain to be removed.
                    Some(stored) => Self::List { taken: first.or_else(|| Some(stored.encode())), put: more },
                    None => {
                        put.extend(more);
                        Self::List { taken: first.or(Some(seen)), put }
                    }
                }
            }
            (Self::Swap { seen, value: between }, Self::Swap { seen: next, value }) => {
                if between == next {
                    Self::Swap { seen, value }
                } else {
                    Self::Contested
                }
            }
            (Self::Contested, Self::Swap { .. }) => Self::Contested,
            // `next` took the value that this request had written. That write replaces the stored value too, so the field returns
            // to its default.
            (Self::Set { value }, Self::Take { seen }) if seen.as_ref() == Some(&value) => Self::Unset,
            (put @ Self::Set { .. }, Self::Take { .. }) => put,
            (Self::Take { seen }, Self::Take { .. }) => Self::Take { seen },
            (first, Self::Hold { value }) if !first.holds() => Self::write(value),
            (_, next) => next,
        }
    }
}

/// All changes of a request so far.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) steps: Vec<Step>,
    pub(crate) ops: Vec<(&'static Meta, Op)>,
    /// How many steps have discarded fields.
    pub(crate) era: u32,
    /// The era in which the current visitor arrived.
    came: u32,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.ops.is_empty()
    }

    /// Returns whether a handler asked for a change. Setting a field to its current value is not a change.
    pub(crate) fn asks(&self) -> bool {
        !self.steps.is_empty() || self.ops.iter().any(|(_, op)| !op.holds())
    }

    /// Adds the changes of a handle that was opened in `era`. Returns whether any were discarded. `stored` is the user who was
    /// signed in before all pending changes.
    ///
    /// If another handle has ended the visitor's session since this handle was opened, or has signed the visitor out or another
    /// user in, the edits are for a visitor who has left. They are discarded, except those of `device` fields. If the handle
    /// itself signed in or out, its edits belong to the visitor after that.
    pub(crate) fn fold(
        &mut self,
        era: u32,
        stored: SignedIn<'_>,
        mut steps: Vec<Step>,
        mut ops: Vec<(&'static Meta, Op)>,
    ) -> bool {
        let came = ops.len();
        if !steps.is_empty() && !self.compare(stored, &mut steps) {
            // Another handle changed the session's owner, so these edits are for a visitor who has left.
            steps.clear();
            ops.retain(|(meta, _)| meta.stays(Stays::Device));
        }
        if !steps.iter().any(Step::signs) {
            ops.retain(|(meta, _)| self.is_theirs(era, meta));
        }
        for stays in steps.iter().filter_map(Step::forgets) {
            self.ops.retain(|(meta, _)| meta.stays(stays));
            self.era += 1;
            // A guest who signs in is the same visitor as before.
            if stays != Stays::Guest {
                self.came = self.era;
            }
        }
        if self.steps.is_empty() {
            self.steps = steps;
        } else {
            self.steps.extend(steps);
        }
        let dropped = ops.len() < came;
        self.follow(ops);
        dropped
    }

    /// Returns whether an edit of this field by a handle from `era` still counts: no step has discarded fields since, or those
    /// steps keep this field.
    pub(super) fn is_theirs(&self, era: u32, meta: &Meta) -> bool {
        let stays = if era < self.came { Stays::Device } else { Stays::Guest };
        era == self.era || meta.stays(stays)
    }

    /// Returns an empty `Pending` in the same era.
    pub(super) fn emptied(&self) -> Self {
        Self { era: self.era, came: self.came, ..Self::default() }
    }

    /// Merges ops into the pending ones.
    pub(super) fn follow(&mut self, ops: Vec<(&'static Meta, Op)>) {
        if self.ops.is_empty() {
            self.ops = ops;
            return;
        }
        for (meta, next) in ops {
            match self.ops.iter_mut().find(|(known, _)| known.name == meta.name) {
                Some((_, op)) => *op = std::mem::replace(op, Op::Unset).then(next),
                None => self.ops.push((meta, next)),
            }
        }
    }

    /// Compares the steps with the user who is now signed in, and corrects `first` and `same` of sign-ins: the handle may have
    /// been opened before another handle's sign-in. Returns `false` if a step is about a user other than the signed-in one.
    fn compare(&self, stored: SignedIn<'_>, steps: &mut [Step]) -> bool {
        let mut visitor = self.who(stored);
        for step in steps {
            match step {
                Step::LogIn { user, first, same, .. } => {
                    (*first, *same) = (visitor.user.is_none(), visitor.is(user));
                }
                Step::Reauthenticate { user: of } | Step::Impersonate { by: of, .. } if !visitor.is(of) => {
                    return false;
                }
                Step::StopImpersonating { user, .. }
                    if visitor != (SignedIn { user: Some(user), is_impersonated: true }) =>
                {
                    return false;
                }
                _ => {}
            }
            visitor = step.signed_in(visitor);
        }
        true
    }

    /// Returns the signed-in user after these steps, given the user before them.
    pub(super) fn who<'a>(&'a self, before: SignedIn<'a>) -> SignedIn<'a> {
        self.steps.iter().fold(before, |visitor, step| step.signed_in(visitor))
    }

    /// Returns whether a user stops acting as another.
    pub(super) fn stops(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::StopImpersonating { .. }))
    }

    /// Drops all ops, and all steps except those that take effect even if the handler fails. Returns whether a change was
    /// dropped.
    pub(crate) fn keep_on_failure(&mut self) -> bool {
        let steps = self.steps.len();
        let dropped = self.ops.iter().any(|(_, op)| !op.holds());
        self.steps.retain(Step::survives_failure);
        self.ops.clear();
        dropped || self.steps.len() < steps
    }

    /// Returns the fields as a new handle sees them: `stored`, without the fields that steps discard, and with the pending ops
    /// applied.
    pub(crate) fn overlay(&self, stored: Option<&Fields>, metas: &[Meta], now: Timestamp) -> Fields {
        let mut fields = Fields::default();
        let forgets = self.forgets();
        let kept = |entry: &Entry<'_>| forgets.is_none_or(|stays| stays_stored(entry.name, stays, metas));
        let seen = |entry: &Entry<'_>| entry.is_live(now) && kept(entry);
        let touched = |entry: &Entry<'_>| self.ops.iter().any(|(meta, _)| meta.is_stored_as(entry.name));
        for entry in stored.into_iter().flat_map(Fields::iter).filter(|entry| seen(entry) && !touched(entry)) {
            fields.push(entry);
        }
        for (meta, op) in &self.ops {
            let old = stored.and_then(|stored| meta.find(stored)).filter(seen);
            if let Some(value) = op.on(old.map(|entry| entry.value)) {
                fields.push(Entry { name: meta.name, value: &value, expires: meta.deadline(now) });
            }
        }
        fields
    }

    /// Returns which of the session's former fields stay; `None` if no step discards any. The end of an impersonation does not
    /// count: it brings back the user's own fields, and discards none of them.
    pub(crate) fn forgets(&self) -> Option<Stays> {
        let former = |step: &&Step| !matches!(step, Step::StopImpersonating { .. });
        self.steps.iter().filter(former).filter_map(Step::forgets).min()
    }
}

/// Returns whether the field stored under `name` stays. A field that this build does not know counts as a guest's.
pub(super) fn stays_stored(name: &str, stays: Stays, metas: &[Meta]) -> bool {
    let meta = metas.iter().find(|meta| meta.is_stored_as(name));
    meta.map_or(stays == Stays::Guest, |meta| meta.stays(stays))
}
