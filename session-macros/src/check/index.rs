//! Rules for `index` fields.

use crate::{
    attr::Policy,
    context::Context,
    model::Session,
    shape::{Collection, Shape, is_float, is_unordered, spelling},
};

// #[session(index)] tenant: u64
// #[session(index)] tags: Option<BTreeSet<String>>
// #[session(index)] prices: Vec<f64>
pub(super) fn types(session: &Session, cx: &mut Context) {
    // A field with a policy has an error already.
    for field in session.fields.iter().filter(|field| field.attrs.index.is_some() && field.policy().is_none()) {
        let ty = spelling(&field.ty);
        let instead = match Shape::of(&field.ty) {
            // References already have an error.
            Shape::Reference => continue,
            Shape::Maybe(value) | Shape::List(value) if is_float(value) => {
                cx.error_at(
                    &field.ty,
                    "an `index` compares values as they are stored, where `0.0` and `-0.0` differ; use an integer or a `String`",
                );
                continue;
            }
            Shape::List(value) if is_unordered(value) => {
                let value = spelling(value);
                cx.error_at(
                    &field.ty,
                    format!(
                        "an `index` compares values as they are stored, and two equal `{value}` may be stored in different orders; \
                         use a `BTreeMap` or a `BTreeSet`"
                    ),
                );
                continue;
            }
            Shape::Maybe(value) => match Collection::of(value) {
                Some(collection) => searched(&collection),
                None => continue,
            },
            Shape::List(_) => continue,
            Shape::Known => Collection::of(&field.ty).map_or_else(|| "one of them".to_owned(), |it| searched(&it)),
            Shape::Other => {
                format!("`Option<{ty}>`, or what `{ty}` stands for if it is an alias: the derive cannot look behind it")
            }
            Shape::Primitive | Shape::Text => format!("`Option<{ty}>`"),
        };
        cx.error_at(
            &field.ty,
            format!(
                "an `index` finds sessions by the value of an `Option`, or by each item of a `Vec`; write {instead}"
            ),
        );
    }
}

/// Says what to write instead of a collection.
fn searched(collection: &Collection<'_>) -> String {
    match collection {
        Collection::Items(item) => format!("`Vec<{}>`", spelling(item)),
        Collection::Keys(key) => {
            format!("a field of its own for the keys to search by, a `Vec<{}>`", spelling(key))
        }
    }
}

// #[session(index, identity)]
// #[session(index, atomic)]
pub(super) fn policy(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let (Some(index), Some(policy)) = (&field.attrs.index, field.policy()) else { continue };
        let message = match policy {
            Policy::Identity => {
                "sessions are found by their `identity` anyway, with `Sessions::of`; drop `index`".to_owned()
            }
            Policy::Atomic | Policy::Flash | Policy::Counter => {
                let policy = &field.attrs.policies[0].1;
                format!("an `index` is a plain field, and cannot be `{policy}`; drop one of them")
            }
        };
        cx.error_at(index, message);
    }
}

// #[session(index, secret)]
// #[session(index, alias = "org")]
pub(super) fn modifiers(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.attrs.index.is_some()) {
        let attrs = &field.attrs;
        if let Some(secret) = &attrs.secret {
            cx.error_at(secret, "an `index` is stored readable, since sessions are found by it; drop `secret`");
        }
        if let Some(with) = &attrs.with {
            cx.error_at(
                with.at_key(),
                "an `index` must use its type's own serde encoding, since the value to look for is encoded by it; drop `with`, or \
                 implement `Serialize` for the type",
            );
        }
        let aliases = attrs.aliases.iter().map(|given| given.at_key());
        for older in aliases.chain(attrs.migrations.iter().map(|given| given.at_key())) {
            cx.error_at(
                older,
                format!(
                    "the store lists sessions under the `index` field's name, and `{older}` does not change that; drop it, and keep \
                     the stored name with `rename`"
                ),
            );
        }
        if let Some(default) = attrs.default.as_ref().filter(|default| default.value.is_some()) {
            cx.error_at(default.at_key(), "a default is not stored, so an `index` would not list it; drop `default`");
        }
    }
}
