//! Rules for stored names and for the names of accessors.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;

use crate::{
    context::Context,
    model::{Field, Session},
};

/// The longest name that every store accepts.
const LONGEST: usize = 64;

/// Methods that a session has or may get later, and methods that every value has through `From`, `Into` and similar traits. A
/// generated accessor of such a name would hide the method.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    // Of `Session` and `Core`.
    "renew", "destroy", "clear", "save", "is_new", "created_at", "expires_at", "expires_in", "authenticated_at", "signed_in_at",
    "is_fresh", "is_live", "reload", "impersonator", "impersonation_ends_at", "remember", "remembered", "fingerprint",
    // Reserved for later. These are mostly verbs, since nouns such as `user`, `state` or `store` are common field names.
    "log_in", "log_out", "sign_in", "sign_out", "is_signed_in", "id", "commit", "ended", "until_ended", "refresh", "touch", "rotate",
    "cycle_id", "regenerate", "invalidate", "purge", "expire", "expires", "idle_until", "ends_at", "fields", "slots", "schema", "get", "get_mut", "set",
    "load", "insert", "remove", "delete", "contains", "update", "reset", "revoke", "extend", "flush", "is_empty",
    "is_expired", "is_modified", "is_dirty", "is_stored", "is_remembered", "generation", "with", "into_struct",
    "to_struct", "snapshot",
    // Of traits.
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
// #[session(migrate = f("cart"))] cart: …
pub(super) fn unique(session: &Session, cx: &mut Context) {
    let mut taken: Vec<(String, &Field)> = Vec::new();
    // A field's own name has priority over an earlier field's alias, so own names come first, then aliases.
    for only_aliases in [false, true] {
        for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
            for (name, at, kind) in names(field) {
                if (kind != Kind::Own) != only_aliases || name.is_empty() {
                    continue;
                }
                let Some(other) = owner(&taken, &name) else {
                    taken.push((name, field));
                    continue;
                };
                let same = std::ptr::eq(other, field);
                let own = same && field.stored_name() == name;
                let (field, other) = (field.name(), other.name());
                let message = match kind {
                    Kind::Own => {
                        format!(
                            "fields `{other}` and `{field}` are both stored as `{name}`; give one of them a different `rename`"
                        )
                    }
                    Kind::Alias if same => format!("`{name}` is read for `{field}` anyway; drop this `alias`"),
                    Kind::Alias => {
                        format!("`{name}` is read for `{other}` already; `{field}` needs an alias of its own, or none")
                    }
                    Kind::Older if own => format!(
                        "`{field}` is stored as `{name}` itself, so the migrated value would be read as the old one; give it \
                         another name with `rename = \"{name}_2\"`"
                    ),
                    Kind::Older if same => {
                        format!("`{name}` is read for `{field}` already; drop it in one of the two places")
                    }
                    Kind::Older => format!(
                        "`{other}` already reads `{name}`, and a write of `{other}` removes it; make one field of the two, a \
                         struct"
                    ),
                };
                cx.error_at(at, message);
            }
        }
    }
}

/// Returns the first field with this name.
fn owner<'a>(taken: &[(String, &'a Field)], name: &str) -> Option<&'a Field> {
    taken.iter().find(|(taken, _)| taken == name).map(|(_, field)| *field)
}

/// The purpose for which a field uses a name.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The field is stored under this name.
    Own,
    /// An older build stored the field under this name.
    Alias,
    /// An older build stored under this name a value that the field is made from.
    Older,
}

/// Returns each name that a field is stored under or read from, with its place in the source.
fn names(field: &Field) -> impl Iterator<Item = (String, TokenStream, Kind)> {
    let own = match &field.attrs.rename {
        Some(rename) => rename.at_value(),
        None => field.ident.to_token_stream(),
    };
    let aliases = field.attrs.aliases.iter().map(|alias| (alias.value.clone(), alias.at_value(), Kind::Alias));
    let older = field.attrs.migrations.iter().flat_map(|migrate| &migrate.value.names);
    let older = older.map(|name| (name.value(), name.to_token_stream(), Kind::Older));
    std::iter::once((field.stored_name(), own, Kind::Own)).chain(aliases).chain(older)
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

/// Suggests what to do with a field whose name is not allowed.
fn keep(field: &Field) -> String {
    match field.attrs.rename {
        Some(_) => "rename the field; `rename` keeps its stored name".to_owned(),
        None => format!("rename the field, and keep its stored name with `#[session(rename = \"{}\")]`", field.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::RESERVED;

    #[test]
    fn no_field_can_hide_a_method_of_the_session() {
        let sources = [
            include_str!("../../../session-runtime/src/session/core.rs"),
            include_str!("../../../session-runtime/src/session/standing.rs"),
        ];
        let public = sources.iter().flat_map(|source| source.split("\n    pub ").skip(1));
        let methods = public.filter_map(|item| item.trim_start_matches("async ").strip_prefix("fn "));
        let names: Vec<_> = methods.filter_map(|method| method.split(['(', '<']).next()).collect();
        assert!(names.len() > 15, "{names:?}");
        for name in names {
            assert!(RESERVED.contains(&name), "a field `{name}` would hide `Session::{name}`");
        }
    }
}
