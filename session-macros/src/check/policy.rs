//! Checks policies and modifiers against each other, and against the field's type, as far as the spelling of the type tells.

use proc_macro2::Ident;
use syn::Type;

use crate::{
    attr::Policy,
    context::Context,
    model::Session,
    shape::{Shape, bare, is_integer, may_be_nothing, spelling},
};

// #[session(counter, flash)]
pub(super) fn one(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        if let [(_, first), others @ ..] = &field.attrs.policies[..] {
            for (_, other) in others {
                cx.error_at(
                    other,
                    format!("a field has one policy: `{first}` and `{other}` exclude each other; keep one"),
                );
            }
        }
    }
}

// #[session(counter)] name: String
// #[session(flash)] count: u64
// #[session(identity)] user_id: u64
pub(super) fn types(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let Some(policy) = field.policy() else { continue };
        let (shape, ty) = (Shape::of(&field.ty), spelling(&field.ty));
        // The type of the handle depends on the field's type, so an alias must be spelled out.
        let alias = match shape {
            Shape::Other => format!(", or what `{ty}` stands for if it is an alias: the derive cannot look behind it"),
            _ => String::new(),
        };
        let message = match (policy, shape) {
            // References already have an error.
            (Policy::Atomic, _) | (_, Shape::Reference) => continue,
            (Policy::Flash, Shape::Maybe(_) | Shape::List(_)) | (Policy::Identity, Shape::Maybe(_)) => {
                continue;
            }
            (Policy::Counter, _) if is_integer(&field.ty) != Some(false) => continue,
            (Policy::Counter, _) => {
                format!("a `counter` counts in an integer of up to 64 bits, not in `{ty}`; use `u64` or `i64`")
            }
            (Policy::Flash, _) => format!(
                "a `flash` is an `Option` or a `Vec`; write `Option<{ty}>` for one flash, `Vec<{ty}>` for \
                 several{alias}"
            ),
            (Policy::Identity, _) => {
                format!("an `identity` is an `Option`: a guest has none; write `Option<{ty}>`{alias}")
            }
        };
        cx.error_at(&field.ty, message);
    }
}

// limit: Option<Option<u64>>
pub(super) fn nothing(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.attrs.skip.is_none() && field.attrs.with.is_none()) {
        let Shape::Maybe(inner) = Shape::of(&field.ty) else { continue };
        if !may_be_nothing(inner) {
            continue;
        }
        let (nothing, instead) = match bare(inner) {
            Type::Tuple(_) => ("Some(())", "`bool`".to_owned()),
            _ => ("Some(None)", format!("`{}`, or an enum that has a name for each case", spelling(inner))),
        };
        cx.error_at(&field.ty, format!("`{nothing}` is encoded as nil, which reads as `None`; write {instead}"));
    }
}

// #[session(identity, default = Some(1))]
pub(super) fn default(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let Some(default) = field.attrs.default.as_ref().filter(|default| default.value.is_some()) else { continue };
        match field.policy() {
            Some(Policy::Identity) => {
                cx.error_at(default.at_key(), "with a `default`, an `identity` would sign every visitor in; drop it");
            }
            Some(Policy::Flash) => {
                cx.error_at(default.at_key(), "with a `default`, a `flash` would reappear after each `take`; drop it");
            }
            _ => {}
        }
    }
}

// #[session(counter, with = module)]
pub(super) fn with(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        if let (Some(Policy::Counter), Some(with)) = (field.policy(), &field.attrs.with) {
            cx.error_at(with.at_key(), "a `counter` is stored as a number, for the store to add to; drop `with`");
        }
    }
}

// #[session(counter, secret)]
// #[session(identity, secret)]
pub(super) fn secret(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let Some(secret) = &field.attrs.secret else { continue };
        match field.policy() {
            Some(Policy::Counter) => cx.error_at(
                secret,
                "a `counter` is stored as a number, for the store to add to; drop `secret`, or make it `atomic` \
                 instead of `counter`",
            ),
            Some(Policy::Identity) => cx.error_at(
                secret,
                "an `identity` is stored readable, since sessions are found and ended by it; drop `secret`",
            ),
            _ => {}
        }
    }
}

// #[session(skip, expires = 5m)]
pub(super) fn skip(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.attrs.skip.is_some()) {
        let attrs = &field.attrs;
        let policies = attrs.policies.iter().map(|(_, key)| key);
        let others = [
            attrs.expires.as_ref().map(|given| &given.key),
            attrs.device.as_ref(),
            attrs.rotates.as_ref(),
            attrs.unlisted.as_ref(),
            attrs.index.as_ref(),
            attrs.secret.as_ref(),
            attrs.rename.as_ref().map(|given| &given.key),
            attrs.with.as_ref().map(|given| &given.key),
            attrs.max_len.as_ref().map(|given| &given.key),
        ];
        let aliases = attrs.aliases.iter().map(|given| &given.key);
        let migrations = attrs.migrations.iter().map(|given| &given.key);
        for key in policies.chain(others.into_iter().flatten()).chain(aliases).chain(migrations) {
            cx.error_at(
                key,
                format!("a field with `skip` is never stored, so `{key}` has no effect; drop one of the two"),
            );
        }
    }
}

// #[session(copy)] name: String
pub(super) fn copy(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let report = |copy: &Ident, cx: &mut Context| {
            let ty = spelling(&field.ty);
            cx.error_at(copy, format!("`{ty}` is not `Copy`, so it cannot be read by value; drop `copy`"));
        };
        if let Some(copy) = &field.attrs.copy {
            match Shape::of(&field.ty) {
                Shape::Text | Shape::List(_) => report(copy, cx),
                Shape::Maybe(inner) if matches!(Shape::of(inner), Shape::Text | Shape::List(_)) => report(copy, cx),
                _ => {}
            }
        }
    }
}
