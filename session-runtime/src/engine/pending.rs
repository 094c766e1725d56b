//! What a request's handles did, folded together but applied to nothing yet.

use std::{borrow::Cow, sync::Arc};

use super::Items;
use crate::{
    clock::Timestamp,
    error::Error,
    record::{Add, Entry, Fields, Proof, Record, integer},
    schema::{Meta, Stays},
};

/// Something done to the session as a whole.
#[derive(Debug)]
pub(crate) enum Step {
    /// A new id was asked for.
    Renew,
    /// Somebody signed in: the first on this session, or the same as before, or another.
    LogIn { user: Arc<[u8]>, first: bool, same: bool, terms: Option<Box<Terms>> },
    /// The user who is signed in proved again who they are.
    Reauthenticate { user: Arc<[u8]> },
    /// The user who is signed in, `by`, acts as another.
    Impersonate { by: Arc<[u8]>, user: Arc<[u8]>, ends_at: Timestamp },
    /// The user who acts as another is themselves again.
    StopImpersonating { by: Arc<[u8]>, user: Arc<[u8]> },
    /// Whoever was signed in is not any more.
    LogOut,
    /// The session was ended; what follows is for a new one.
    End,
    /// The lifetime was chosen.
    Remember(bool),
    /// A value could not be encoded: nothing of this request may be stored.
    Failed(Error),
}

/// The terms of a sign-in that is not an ordinary one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) proof: Proof,
    /// When the session ends at the latest.
    pub(crate) until: Option<Timestamp>,
}

/// The user who is signed in, as the steps of a request change it.
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

/// How the present visitor came to be signed in, and for whom they act.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) signed_in_at: Option<Timestamp>,
    pub(crate) authenticated_at: Option<Timestamp>,
    /// The user who acts, and until when.
    pub(crate) impersonator: Option<(Arc<[u8]>, Timestamp)>,
}

impl Standing {
    pub(crate) fn of(record: &Record) -> Self {
        let impersonator = record.impersonation().map(|it| (Arc::clone(&it.by), it.ends_at));
        Self { signed_in_at: record.signed_in_at(), authenticated_at: record.authenticated_at(), impersonator }
    }
}

impl Step {
    /// Whether it says who is signed in, or how.
    pub(crate) const fn is_about_user(&self) -> bool {
        !matches!(self, Self::Renew | Self::Remember(_) | Self::Failed(_))
    }

    /// How the visitor is signed in after it.
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
            // The snapshot is the user's own session again.
            Self::StopImpersonating { .. } => before,
            Self::Renew | Self::Remember(_) | Self::Failed(_) => before,
        }
    }

    /// The user who is signed in after it.
    fn signed_in<'a>(&'a self, before: SignedIn<'a>) -> SignedIn<'a> {
        match self {
            Self::LogIn { user, .. } => SignedIn { user: Some(user), is_impersonated: false },
            Self::Impersonate { user, .. } => SignedIn { user: Some(user), is_impersonated: true },
            Self::StopImpersonating { by, .. } => SignedIn { user: Some(by), is_impersonated: false },
            Self::LogOut | Self::End => SignedIn::default(),
            Self::Reauthenticate { .. } | Self::Renew | Self::Remember(_) | Self::Failed(_) => before,
        }
    }

    /// What of the fields from before it stays; all of them if it says nothing.
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

    /// Whether whoever is there now has signed in, if this says anything about it.
    pub(crate) const fn signs_in(&self) -> Option<bool> {
        match self {
            Self::LogIn { .. } => Some(true),
            Self::LogOut | Self::End => Some(false),
            _ => None,
        }
    }

    /// Whether it says whose session this is.
    const fn signs(&self) -> bool {
        matches!(
            self,
            Self::LogIn { .. } | Self::LogOut | Self::End | Self::Impersonate { .. } | Self::StopImpersonating { .. }
        )
    }

    /// Whether it holds even if the handler failed: what ends or protects a session does.
    const fn survives_failure(&self) -> bool {
        matches!(self, Self::Renew | Self::LogOut | Self::End | Self::StopImpersonating { .. })
    }
}

/// Something done to one field. Without `Debug` outside of tests, since the values may be secret (B12).
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Op {
    /// Write this.
    Set { value: Vec<u8> },
    /// Return to the default.
    Unset,
    /// Move the counter.
    Add(Box<Add>),
    /// Remove it if it is still what was seen.
    Take { seen: Option<Vec<u8>> },
    /// Remove the items that were taken, and put these behind what is left.
    List { taken: Option<Vec<u8>>, put: Items },
    /// Write this (or return to the default) if it is still what was seen.
    Swap { seen: Option<Vec<u8>>, value: Option<Vec<u8>> },
    /// Two handles changed it from different values, and neither can be run again.
    Contested,
}

impl Op {
    /// Writes a value, or returns to the default.
    pub(crate) fn write(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Unset, |value| Self::Set { value })
    }

    /// The same write, unless the field has changed from what was seen.
    pub(crate) fn if_still(self, seen: Option<Vec<u8>>) -> Self {
        match self {
            Self::Set { value } => Self::Swap { seen, value: Some(value) },
            _ => Self::Swap { seen, value: None },
        }
    }

    /// The field's value after this, if it was `old`; `None` for its default.
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
            Self::Swap { value, .. } => value.as_ref().map(Cow::from),
            Self::Contested => old.map(Cow::from),
        }
    }

    /// This op followed by `next` on the same field. A handle that was opened before this one was folded did not see what
    /// it put, and so did not take that.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Add(first), Self::Add(next)) => Self::Add(Box::new(first.then(&next))),
            (Self::List { taken, mut put }, Self::List { taken: None, put: more }) => {
                put.extend(more);
                Self::List { taken, put }
            }
            (Self::List { taken: first, mut put }, Self::List { taken: Some(seen), put: more }) => {
                match Items::of(&seen).before(&put) {
                    // It took what this one put, so only what was stored before either is still to go.
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
            // It took what this request had put over what was stored: that is gone either way.
            (Self::Set { value }, Self::Take { seen }) if seen.as_ref() == Some(&value) => Self::Unset,
            (put @ Self::Set { .. }, Self::Take { .. }) => put,
            (Self::Take { seen }, Self::Take { .. }) => Self::Take { seen },
            (_, next) => next,
        }
    }
}

/// All that a request did so far.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) steps: Vec<Step>,
    pub(crate) ops: Vec<(&'static Meta, Op)>,
    /// How often fields were forgotten.
    pub(crate) era: u32,
    /// The era in which whoever is there came.
    came: u32,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.ops.is_empty()
    }

    /// Adds what a handle did that was opened in `era`; says whether some of it was dropped. `stored` is who was
    /// signed in before all that.
    ///
    /// What a handle wrote for a visitor who has left the session since, by another handle, belongs to that visitor: only
    /// what it wrote for the device counts. If it signed in or out itself, what it wrote is for whom it left it to.
    pub(crate) fn fold(
        &mut self,
        era: u32,
        stored: SignedIn<'_>,
        mut steps: Vec<Step>,
        mut ops: Vec<(&'static Meta, Op)>,
    ) -> bool {
        let came = ops.len();
        if !steps.is_empty() && !self.compare(stored, &mut steps) {
            // Another handle changed whose session it is, so what this one did is for a visitor who has left.
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

    /// Whether what a handle from `era` does to this field is still done to the same visitor's, whom it saw as a guest
    /// perhaps.
    pub(super) fn is_theirs(&self, era: u32, meta: &Meta) -> bool {
        let stays = if era < self.came { Stays::Device } else { Stays::Guest };
        era == self.era || meta.stays(stays)
    }

    /// The same with nothing done.
    pub(super) fn emptied(&self) -> Self {
        Self { era: self.era, came: self.came, ..Self::default() }
    }

    /// Adds ops behind those that are there.
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

    /// Tells sign-ins apart by who is signed in by now: the handle may have been opened before another one's sign-in.
    /// `false`: a step is about a user who is not the one who is signed in by now.
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

    /// Who is signed in after this, if it was `before`.
    pub(super) fn who<'a>(&'a self, before: SignedIn<'a>) -> SignedIn<'a> {
        self.steps.iter().fold(before, |visitor, step| step.signed_in(visitor))
    }

    /// Whether a user who acted as another is themselves again.
    pub(super) fn stops(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::StopImpersonating { .. }))
    }

    /// Leaves only what holds even if the handler failed; says whether anything was dropped.
    pub(crate) fn keep_on_failure(&mut self) -> bool {
        let before = self.steps.len() + self.ops.len();
        self.steps.retain(Step::survives_failure);
        self.ops.clear();
        self.steps.len() < before
    }

    /// The fields as a new handle sees them: `stored`, less what was forgotten, with what was done since.
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

    /// What of the session's former fields stays; all of them if nobody signed in or out. Those of a user who is themselves
    /// again take the place of the former ones, so nothing of them is forgotten.
    pub(crate) fn forgets(&self) -> Option<Stays> {
        let former = |step: &&Step| !matches!(step, Step::StopImpersonating { .. });
        self.steps.iter().filter(former).filter_map(Step::forgets).min()
    }
}

/// Whether what is stored under `name` stays. What this build does not know is a guest's, or a former visitor's.
pub(super) fn stays_stored(name: &str, stays: Stays, metas: &[Meta]) -> bool {
    let meta = metas.iter().find(|meta| meta.is_stored_as(name));
    meta.map_or(stays == Stays::Guest, |meta| meta.stays(stays))
}
