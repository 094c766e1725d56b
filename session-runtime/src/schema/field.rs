//! One field as the derive describes it: the only place where bounds meet the field's type.

use std::{ops::Deref, time::Duration};

use super::{Bound, Codec, Collection, Initial, Integer, Optional, Storable};
use crate::{
    clock::Timestamp,
    record::{Entry, Fields},
};

/// A field whose type is known.
#[doc(hidden)]
pub struct Field<T> {
    /// What does not depend on the type.
    pub meta: Meta,
    pub(crate) codec: Option<Codec<T>>,
    pub(crate) initial: fn() -> T,
    /// Of an `Option`: whether there is something in it.
    pub(crate) is_some: Option<fn(&T) -> bool>,
    /// Whether equal values may be stored in another order.
    pub(crate) unordered: bool,
}

/// The part of a field that does not depend on its type.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    pub(crate) name: &'static str,
    /// What older builds stored it under, or what it is made of: the names of its `migrate`s come last.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) policy: Policy,
    pub(crate) expires: Option<Duration>,
    pub(crate) device: bool,
    pub(crate) rotates: bool,
    pub(crate) secret: bool,
    /// How long it may be.
    pub(crate) bound: Option<Bound>,
}

/// What may be done to a field, and what happens when two requests do it at once.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The last writer wins.
    Plain,
    /// Compare and swap.
    Atomic,
    /// All are added.
    Counter,
    /// Shown once.
    Flash,
    /// Who is signed in.
    Identity,
    /// Never stored.
    Skip,
}

/// What of a session outlives a change of who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stays {
    /// Nothing: the session ends.
    None,
    /// What belongs to the browser: somebody signed out, or in as another.
    Device,
    /// What a guest collected: somebody signed in for the first time.
    Guest,
}

impl Meta {
    const fn new(name: &'static str, policy: Policy) -> Self {
        Self { name, aliases: &[], policy, expires: None, device: false, rotates: false, secret: false, bound: None }
    }

    /// Whether it is stored at all.
    pub(crate) const fn is_stored(&self) -> bool {
        !matches!(self.policy, Policy::Skip)
    }

    /// All that a record may hold the field under: today's name first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether a record may hold the field under `name`.
    pub(crate) fn is_stored_as(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// Whether the field outlives a change of who is signed in.
    pub(crate) const fn stays(&self, whose: Stays) -> bool {
        match whose {
            Stays::None => false,
            Stays::Device => self.device,
            // What a stranger may have put there must not become the user's (SECURITY S13).
            Stays::Guest => self.device || !(self.rotates || self.secret),
        }
    }

    /// The deadline of a value written now.
    pub(crate) fn deadline(&self, now: Timestamp) -> Timestamp {
        self.expires.map_or(Timestamp::NEVER, |expires| now + expires)
    }

    /// The stored field, under its name or, failing that, under one that an older build used.
    pub(crate) fn find<'a>(&self, fields: &'a Fields) -> Option<Entry<'a>> {
        fields.get(self.name).or_else(|| self.aliases.iter().find_map(|alias| fields.get(alias)))
    }
}

impl<T> Field<T> {
    /// A plain field.
    #[must_use]
    pub const fn new(name: &'static str, codec: Codec<T>, initial: fn() -> T) -> Self {
        Self { meta: Meta::new(name, Policy::Plain), codec: Some(codec), initial, is_some: None, unordered: false }
    }

    /// A plain field of a type that says itself how it is encoded and what it is at first.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self
    where
        T: Storable + Initial,
    {
        Self::new(name, Codec::serde(), T::initial)
    }

    /// A field that lives in the request alone.
    #[must_use]
    pub const fn skipped(name: &'static str, initial: fn() -> T) -> Self {
        Self { meta: Meta::new(name, Policy::Skip), codec: None, initial, is_some: None, unordered: false }
    }

    /// Changed by `update` alone.
    #[must_use]
    pub const fn atomic(self) -> Self {
        self.with_policy(Policy::Atomic)
    }

    /// Names that older builds stored the field under.
    #[must_use]
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.meta.aliases = aliases;
        self
    }

    /// Expires on its own, this long after it was last written.
    #[must_use]
    pub const fn expires(mut self, expires: Duration) -> Self {
        self.meta.expires = Some(expires);
        self
    }

    /// Belongs to the browser and survives a sign-out.
    #[must_use]
    pub const fn device(mut self) -> Self {
        self.meta.device = true;
        self
    }

    /// Decides what a visitor may do, so that changing it renews the session's id.
    #[must_use]
    pub const fn rotates(mut self) -> Self {
        self.meta.rotates = true;
        self
    }

    /// Encrypted wherever it is stored, and shown nowhere.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.meta.secret = true;
        self
    }

    /// Never longer than this.
    #[must_use]
    pub const fn bound(mut self, bound: Bound) -> Self {
        self.meta.bound = Some(bound);
        self
    }

    /// Moved by amounts.
    #[must_use]
    pub const fn counter(self) -> Self
    where
        T: Integer,
    {
        self.with_policy(Policy::Counter)
    }

    /// Shown once.
    #[must_use]
    pub const fn flash(mut self) -> Self
    where
        T: Collection,
    {
        self.is_some = Some(<T as Collection>::is_some);
        self.with_policy(Policy::Flash)
    }

    /// Who is signed in.
    #[must_use]
    pub const fn identity(self) -> Self
    where
        T: Optional,
    {
        self.optional().with_policy(Policy::Identity)
    }

    /// An `Option`.
    #[must_use]
    pub const fn optional(mut self) -> Self
    where
        T: Optional,
    {
        self.is_some = Some(<T as Optional>::is_some);
        self
    }

    /// A map or a set without an order, so that equal values are often stored in another one.
    #[must_use]
    pub const fn unordered(mut self) -> Self {
        self.unordered = true;
        self
    }

    const fn with_policy(mut self, policy: Policy) -> Self {
        self.meta.policy = policy;
        self
    }
}

/// [`Field::plain`], found without a search.
#[doc(hidden)]
#[must_use]
pub const fn field<T: Storable + Initial>(name: &'static str) -> Field<T> {
    Field::plain(name)
}

impl<T> Deref for Field<T> {
    type Target = Meta;

    fn deref(&self) -> &Meta {
        &self.meta
    }
}
