//! Names: in the store, and of the accessors.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;

use crate::{
    context::Context,
    model::{Field, Session},
};

/// The longest name that every store takes.
const LONGEST: usize = 64;

/// Methods of a session, now or perhaps later, and what every value has by way of `From`, `Into` and the like. A
/// generated accessor comes before them, so it would take their place.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    // of `Session` and `Core`
    "renew", "destroy", "clear", "save", "is_new", "created_at", "expires_at", "authenticated_at", "remember",
    "remembered", "fingerprint",
    // kept free, verbs mostly: nouns such as `user`, `state` or `store` are what people call their fields
    "log_in", "log_out", "sign_in", "sign_out", "is_signed_in", "id", "commit", "reload", "refresh", "touch", "rotate",
    "expire", "expires", "expires_in", "idle_until", "ends_at", "fields", "slots", "schema", "get", "get_mut", "set",
    "load", "insert", "remove", "delete", "contains", "update", "reset", "revoke", "extend", "flush", "is_empty",
    "is_expired", "is_modified", "is_dirty", "is_stored", "is_remembered", "generation", "with", "into_struct",
    "to_struct", "snapshot",
    // of traits
    "into", "try_into", "borrow", "borrow_mut", "clone", "to_owned", "deref", "deref_mut", "drop", "type_id",
];

// #[session(rename = "")]
// a name of more than 64 bytes
pub(super) fn stored(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
        for (name, at, _) in names(field) {
            if name.is_empty() {
                cx.error_at(at, "a stored name cannot be empty; write one, or leave the attribute out");
            } else if name.len() > LONGEST {
                let way_out = match field.attrs.rename {
                    Some(_) => "shorten it",
                    None => "give a shorter one with `#[session(rename = \"…\")]`",
                };
                cx.error_at(
                    at,
                    format!("a stored name has at most {LONGEST} bytes, this one has {}; {way_out}", name.len()),
                );
            }
        }
    }
}

// cart: …, #[session(rename = "cart")] basket: …
// cart: …, #[session(alias = "cart")] basket: …
pub(super) fn unique(session: &Session, cx: &mut Context) {
    let mut taken: Vec<(String, &Field)> = Vec::new();
    // A field's own name is its own, whatever an earlier field's alias says; so names come first, then aliases.
    for only_aliases in [false, true] {
        for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
            for (name, at, is_alias) in names(field) {
                if is_alias != only_aliases || name.is_empty() {
                    continue;
                }
                let Some(other) = owner(&taken, &name) else {
                    taken.push((name, field));
                    continue;
                };
                if std::ptr::eq(other, field) {
                    cx.error_at(at, format!("`{name}` is read for `{}` anyway; drop this `alias`", field.name()));
                } else if is_alias {
                    let (field, other) = (field.name(), other.name());
                    cx.error_at(
                        at,
                        format!("`{name}` is read for `{other}` already; `{field}` needs an alias of its own, or none"),
                    );
                } else {
                    let (field, other) = (field.name(), other.name());
                    cx.error_at(
                        at,
                        format!(
                            "fields `{other}` and `{field}` are both stored as `{name}`; give one another `rename`"
                        ),
                    );
                }
            }
        }
    }
}

/// The field that came first with this name.
fn owner<'a>(taken: &[(String, &'a Field)], name: &str) -> Option<&'a Field> {
    taken.iter().find(|(taken, _)| taken == name).map(|(_, field)| *field)
}

/// Each name a field is stored under, where it stands, and whether it is an alias.
fn names(field: &Field) -> impl Iterator<Item = (String, TokenStream, bool)> {
    let own = match &field.attrs.rename {
        Some(rename) => rename.at_value(),
        None => field.ident.to_token_stream(),
    };
    let aliases = field.attrs.aliases.iter().map(|alias| (alias.value.clone(), alias.at_value(), true));
    std::iter::once((field.stored_name(), own, false)).chain(aliases)
}

// renew: bool
pub(super) fn reserved(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        for accessor in field.accessors() {
            let name = accessor.unraw().to_string();
            if RESERVED.contains(&name.as_str()) {
                cx.error_at(
                    &field.ident,
                    format!("the accessor `{name}()` would hide a method of the session; {}", keep(field)),
                );
                break;
            }
        }
    }
}

// cart: …, cart_mut: …
// #[session(expires = 5m)] code: …, code_expires_at: …
pub(super) fn accessors(session: &Session, cx: &mut Context) {
    let mut taken: Vec<(String, &Field)> = Vec::new();
    for field in &session.fields {
        for accessor in field.accessors() {
            let accessor = accessor.unraw().to_string();
            if let Some(other) = owner(&taken, &accessor) {
                cx.error_at(
                    &field.ident,
                    format!(
                        "fields `{}` and `{}` would both have the accessor `{accessor}()`; {}",
                        other.name(),
                        field.name(),
                        keep(field)
                    ),
                );
                break;
            }
            taken.push((accessor, field));
        }
    }
}

/// The way out for a field whose name will not do.
fn keep(field: &Field) -> String {
    match field.attrs.rename {
        Some(_) => "rename the field; `rename` keeps its stored name".to_owned(),
        None => format!("rename the field, and keep its stored name with `#[session(rename = \"{}\")]`", field.name()),
    }
}
