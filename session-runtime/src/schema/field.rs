//! One field, as the derive describes it. The bounds on the field's type are here, so the compiler reports a wrong type once.

use std::{ops::Deref, time::Duration};

use super::{Bound, Codec, Collection, Initial, Integer, Optional, Storable};
use crate::{
    clock::Timestamp,
    record::{Entry, Fields},
};

/// A field of a known type.
#[doc(hidden)]
pub struct Field<T> {
    /// The part that does not depend on the type.
    pub meta: Meta,
    pub(crate) codec: Option<Codec<T>>,
    pub(crate) initial: fn() -> T,
    /// For an `Option`: returns whether it holds a value.
    pub(crate) is_some: Option<fn(&T) -> bool>,
    /// Whether the entries of two equal values may be stored in different orders, as those of a `HashMap` are.
    pub(crate) unordered: bool,
}

/// The part of a field that does not depend on its type.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    pub(crate) name: &'static str,
    /// Names under which older builds stored the field, followed by the names that its `migrate` reads.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) policy: Policy,
    pub(crate) expires: Option<Duration>,
    pub(crate) device: bool,
    pub(crate) rotates: bool,
    pub(crate) secret: bool,
    /// Whether sessions can be found by the field, and by which part of its value.
    pub(crate) index: Option<Index>,
    /// The limit of the value's size.
    pub(crate) bound: Option<Bound>,
}

/// The operations on a field, and how the changes of two concurrent requests combine.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The last writer wins.
    Plain,
    /// Compare and swap.
    Atomic,
    /// All amounts are added.
    Counter,
    /// Shown once.
    Flash,
    /// The signed-in user.
    Identity,
    /// Never stored.
    Skip,
}

/// The values by which sessions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// The field's value.
    Value,
    /// Each item of the field's list.
    Items,
}

/// The fields that survive a change of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stays {
    /// None: the session ends.
    None,
    /// Only `device` fields: the user signed out, or another user signed in.
    Device,
    /// `device` fields, and all others that are neither `rotates` nor `secret`: a guest signed in.
    Guest,
}

impl Meta {
    const fn new(name: &'static str, policy: Policy) -> Self {
        let (expires, index, bound) = (None, None, None);
        Self { name, aliases: &[], policy, expires, device: false, rotates: false, secret: false, index, bound }
    }

    /// Returns whether the field is stored at all.
    pub(crate) const fn is_stored(&self) -> bool {
        !matches!(self.policy, Policy::Skip)
    }

    /// Returns all names under which a record may hold the field, today's first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Returns whether a record may hold the field under `name`.
    pub(crate) fn is_stored_as(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// Returns whether the field survives a change of the user.
    pub(crate) const fn stays(&self, whose: Stays) -> bool {
        match whose {
            Stays::None => false,
            Stays::Device => self.device,
            // An attacker may have written to the guest's session. A role or a secret that the attacker put there must not
            // become the user's (SECURITY S13).
            Stays::Guest => self.device || !(self.rotates || self.secret),
        }
    }

    /// Returns the deadline of a value that is written now.
    pub(crate) fn deadline(&self, now: Timestamp) -> Timestamp {
        self.expires.map_or(Timestamp::NEVER, |expires| now + expires)
    }

    /// Returns the field as it is stored under its name or, if there is no such entry, under an alias.
    pub(crate) fn find<'a>(&self, fields: &'a Fields) -> Option<Entry<'a>> {
        fields.get(self.name).or_else(|| self.aliases.iter().find_map(|alias| fields.get(alias)))
    }
}

impl<T> Field<T> {
    /// Creates a plain field.
    #[must_use]
    pub const fn new(name: &'static str, codec: Codec<T>, initial: fn() -> T) -> Self {
        Self { meta: Meta::new(name, Policy::Plain), codec: Some(codec), initial, is_some: None, unordered: false }
    }

    /// Creates a plain field. The type provides the encoding and the initial value.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self
    where
        T: Storable + Initial,
    {
        Self::new(name, Codec::serde(), T::initial)
    }

    /// Creates a field that exists only during a request.
    #[must_use]
    pub const fn skipped(name: &'static str, initial: fn() -> T) -> Self {
        Self { meta: Meta::new(name, Policy::Skip), codec: None, initial, is_some: None, unordered: false }
    }

    /// Makes `update` the only way to change the field.
    #[must_use]
    pub const fn atomic(self) -> Self {
        self.with_policy(Policy::Atomic)
    }

    /// Sets the names under which older builds stored the field.
    #[must_use]
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.meta.aliases = aliases;
        self
    }

    /// Makes the field expire this long after its last write.
    #[must_use]
    pub const fn expires(mut self, expires: Duration) -> Self {
        self.meta.expires = Some(expires);
        self
    }

    /// Makes the field belong to the browser, so that it survives a sign-out.
    #[must_use]
    pub const fn device(mut self) -> Self {
        self.meta.device = true;
        self
    }

    /// Marks the field as one that decides what a visitor may do, so that a change renews the session's id.
    #[must_use]
    pub const fn rotates(mut self) -> Self {
        self.meta.rotates = true;
        self
    }

    /// Makes the field a secret: encrypted wherever it is stored, and shown in no log and no `Debug` output.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.meta.secret = true;
        self
    }

    /// Lets sessions be found by the field's value.
    #[must_use]
    pub const fn index(mut self) -> Self
    where
        T: Optional,
    {
        self.meta.index = Some(Index::Value);
        self
    }

    /// Lets sessions be found by each item of the field's list.
    #[must_use]
    pub const fn index_items(mut self) -> Self
    where
        T: Collection,
    {
        self.meta.index = Some(Index::Items);
        self
    }

    /// Limits the size of the value.
    #[must_use]
    pub const fn bound(mut self, bound: Bound) -> Self {
        self.meta.bound = Some(bound);
        self
    }

    /// Makes the field a counter: a change adds an amount to its value.
    #[must_use]
    pub const fn counter(self) -> Self
    where
        T: Integer,
    {
        self.with_policy(Policy::Counter)
    }

    /// Makes the field a flash: its value is shown once.
    #[must_use]
    pub const fn flash(mut self) -> Self
    where
        T: Collection,
    {
        self.is_some = Some(<T as Collection>::is_some);
        self.with_policy(Policy::Flash)
    }

    /// Makes the field identify the signed-in user.
    #[must_use]
    pub const fn identity(self) -> Self
    where
        T: Optional,
    {
        self.optional().with_policy(Policy::Identity)
    }

    /// Marks a field whose type is an `Option`.
    #[must_use]
    pub const fn optional(mut self) -> Self
    where
        T: Optional,
    {
        self.is_some = Some(<T as Optional>::is_some);
        self
    }

    /// Marks a map or a set without an order: the entries of two equal values are often stored in different orders.
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

/// [`Field::plain`] as a free function, which the compiler resolves faster.
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
