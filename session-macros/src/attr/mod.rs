//! The attributes of a struct and its fields, each with its place in the source. A mistake is reported and skipped, and parsing
//! continues.

pub(crate) mod keys;
mod limit;
pub(crate) mod list;
mod migrate;
mod value;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Path};

use self::{
    keys::{FieldKey, Key, StructKey},
    list::{Entry, entries},
};
pub(crate) use self::{limit::Limit, migrate::Migrate};
use crate::{context::Context, duration::Lifetime};

/// The value of an attribute, and its place.
pub(crate) struct Given<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
    /// The value as written; empty for a bare flag.
    pub(crate) tokens: TokenStream,
}

impl<T> Given<T> {
    /// Returns the place to point at if the value is wrong.
    pub(crate) fn at_value(&self) -> TokenStream {
        if self.tokens.is_empty() { self.key.to_token_stream() } else { self.tokens.clone() }
    }

    /// Returns the place to point at if the attribute must not be combined with another.
    pub(crate) fn at_key(&self) -> &Ident {
        &self.key
    }
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum SameSite {
    Strict,
    Lax,
    None,
}

/// A policy, which restricts the operations on a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Policy {
    Atomic,
    Counter,
    Flash,
    Identity,
}

/// The attributes of the struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) cookie: Option<Given<String>>,
    pub(crate) kind: Option<Given<String>>,
    pub(crate) app: Option<Given<String>>,
    pub(crate) idle: Option<Given<Lifetime>>,
    pub(crate) absolute: Option<Given<Lifetime>>,
    pub(crate) remember: Option<Given<Lifetime>>,
    pub(crate) rotate_every: Option<Given<Lifetime>>,
    pub(crate) touch: Option<Given<Lifetime>>,
    pub(crate) max_per_user: Option<Given<Limit>>,
    pub(crate) persistent: Option<Given<bool>>,
    pub(crate) secure: Option<Given<bool>>,
    pub(crate) http_only: Option<Given<bool>>,
    pub(crate) same_site: Option<Given<SameSite>>,
    pub(crate) path: Option<Given<String>>,
    pub(crate) domain: Option<Given<String>>,
    pub(crate) partitioned: Option<Given<bool>>,
    pub(crate) bounded: Option<Ident>,
    pub(crate) lock: Option<Given<String>>,
    pub(crate) version: Option<Given<u32>>,
    pub(crate) krate: Option<Given<Path>>,
    /// Every key that was written, even if its value could not be read.
    pub(crate) written: Vec<StructKey>,
}

/// The attributes of a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    /// More than one is an error.
    pub(crate) policies: Vec<(Policy, Ident)>,
    pub(crate) unlisted: Option<Ident>,
    pub(crate) index: Option<Ident>,
    pub(crate) expires: Option<Given<Lifetime>>,
    pub(crate) rotates: Option<Ident>,
    pub(crate) device: Option<Ident>,
    pub(crate) secret: Option<Ident>,
    pub(crate) rename: Option<Given<String>>,
    pub(crate) aliases: Vec<Given<String>>,
    pub(crate) migrations: Vec<Given<Migrate>>,
    /// The inner `None` stands for `default` without a value.
    pub(crate) default: Option<Given<Option<TokenStream>>>,
    /// Whether a `default` was written but could not be read.
    pub(crate) default_is_lost: bool,
    pub(crate) skip: Option<Ident>,
    pub(crate) copy: Option<Ident>,
    pub(crate) with: Option<Given<Path>>,
    pub(crate) max_len: Option<Given<u32>>,
    /// Every key that was written, even if its value could not be read.
    pub(crate) written: Vec<FieldKey>,
}

impl StructAttrs {
    pub(crate) fn read(attributes: &[Attribute], cx: &mut Context) -> Self {
        let mut attrs = Self::default();
        for entry in entries::<StructKey>(attributes, cx) {
            if twice(&attrs.written, &entry, cx) {
                continue;
            }
            attrs.written.push(entry.key);
            cx.quietly(entry.reported, |cx| match entry.key {
                StructKey::Cookie => attrs.cookie = entry.text(cx),
                StructKey::Kind => attrs.kind = entry.text(cx),
                StructKey::App => attrs.app = entry.text(cx),
                StructKey::Idle => attrs.idle = entry.lifetime(cx),
                StructKey::Absolute => attrs.absolute = entry.lifetime(cx),
                StructKey::Remember => attrs.remember = entry.lifetime(cx),
                StructKey::RotateEvery => attrs.rotate_every = entry.lifetime(cx),
                StructKey::Touch => attrs.touch = entry.lifetime(cx),
                StructKey::MaxPerUser => attrs.max_per_user = entry.limit(cx),
                StructKey::Persistent => attrs.persistent = entry.flag(cx),
                StructKey::Secure => attrs.secure = entry.flag(cx),
                StructKey::HttpOnly => attrs.http_only = entry.flag(cx),
                StructKey::SameSite => attrs.same_site = entry.same_site(cx),
                StructKey::Path => attrs.path = entry.text(cx),
                StructKey::Domain => attrs.domain = entry.text(cx),
                StructKey::Partitioned => attrs.partitioned = entry.flag(cx),
                StructKey::Bounded => attrs.bounded = Some(entry.bare(cx)),
                StructKey::Lock => attrs.lock = entry.text(cx),
                StructKey::Version => attrs.version = entry.version(cx),
                StructKey::Crate => attrs.krate = entry.path(cx),
            });
        }
        attrs
    }

    /// Returns the value of a flag that is on by default.
    pub(crate) fn is_on(flag: &Option<Given<bool>>) -> bool {
        flag.as_ref().is_none_or(|given| given.value)
    }
}

impl FieldAttrs {
    pub(crate) fn read(attributes: &[Attribute], cx: &mut Context) -> Self {
        let mut attrs = Self::default();
        for entry in entries::<FieldKey>(attributes, cx) {
            if !matches!(entry.key, FieldKey::Alias | FieldKey::Migrate) && twice(&attrs.written, &entry, cx) {
                continue;
            }
            attrs.written.push(entry.key);
            attrs.default_is_lost |= entry.key == FieldKey::Default && entry.reported && entry.value.is_none();
            cx.quietly(entry.reported, |cx| match entry.key {
                FieldKey::Atomic => attrs.policy(Policy::Atomic, &entry, cx),
                FieldKey::Counter => attrs.policy(Policy::Counter, &entry, cx),
                FieldKey::Flash => attrs.policy(Policy::Flash, &entry, cx),
                FieldKey::Identity => attrs.policy(Policy::Identity, &entry, cx),
                FieldKey::Unlisted => attrs.unlisted = Some(entry.bare(cx)),
                FieldKey::Index => attrs.index = Some(entry.bare(cx)),
                FieldKey::Expires => attrs.expires = entry.lifetime(cx),
                FieldKey::Rotates => attrs.rotates = Some(entry.bare(cx)),
                FieldKey::Device => attrs.device = Some(entry.bare(cx)),
                FieldKey::Secret => attrs.secret = Some(entry.bare(cx)),
                FieldKey::Rename => attrs.rename = entry.text(cx),
                FieldKey::Alias => attrs.aliases.extend(entry.text(cx)),
                FieldKey::Migrate => attrs.migrations.extend(entry.migrate(cx)),
                FieldKey::Default => attrs.default = Some(entry.expression()),
                FieldKey::Skip => attrs.skip = Some(entry.bare(cx)),
                FieldKey::Copy => attrs.copy = Some(entry.bare(cx)),
                FieldKey::With => attrs.with = entry.path(cx),
                FieldKey::MaxLen => attrs.max_len = entry.length(cx),
            });
        }
        attrs
    }

    fn policy(&mut self, policy: Policy, entry: &Entry<FieldKey>, cx: &mut Context) {
        self.policies.push((policy, entry.bare(cx)));
    }
}

// #[session(idle = 30m, idle = 1h)]
pub(crate) fn twice<K: Key>(written: &[K], entry: &Entry<K>, cx: &mut Context) -> bool {
    let twice = written.contains(&entry.key);
    if twice && !entry.reported {
        cx.error_at(&entry.at, format!("`{}` is given twice; keep one of the two", entry.at));
    }
    twice
}
