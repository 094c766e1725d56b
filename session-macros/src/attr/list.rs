//! Parses `#[session(…)]` into entries: a key, and the tokens of its value. Unreadable parts are reported and skipped.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{Attribute, Meta, ext::IdentExt};

use super::keys::Key;
use crate::{context::Context, span::flatten, suggest::nearest};

/// One attribute whose name is known.
pub(crate) struct Entry<K> {
    pub(crate) key: K,
    pub(crate) at: Ident,
    /// The tokens after the `=`, if there is one.
    pub(crate) value: Option<TokenStream>,
    /// Whether a mistake in this entry is already reported. If so, the entry holds what the developer probably meant, so that no
    /// check reports the attribute as missing. Further mistakes in the entry are not reported.
    pub(crate) reported: bool,
}

impl<K: Key> Entry<K> {
    /// Creates an entry whose mistake is already reported.
    fn meant(key: K, at: &Ident, value: Option<TokenStream>) -> Self {
        // Further errors quote this name, so it must be the correct one.
        Self { key, at: Ident::new(key.known().name, at.span()), value, reported: true }
    }
}

/// Returns the entries of all `#[session(…)]` attributes among `attributes`.
pub(crate) fn entries<K: Key>(attributes: &[Attribute], cx: &mut Context) -> Vec<Entry<K>> {
    let mut entries = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("session")) {
        match &attribute.meta {
            Meta::List(list) => {
                for tokens in split(list.tokens.clone()) {
                    read(&tokens, &mut entries, cx);
                }
            }
            // #[session]
            // #[session = "shop"]
            Meta::Path(_) | Meta::NameValue(_) => {
                let example = K::ALL[0].written;
                cx.error_at(
                    &attribute.meta,
                    format!("expected a list in parentheses, such as `#[session({example})]`"),
                );
            }
        }
    }
    entries
}

/// Splits at the commas, except at those between the angle brackets of a type, as in `default = Map::<u8, u8>::new()`.
pub(crate) fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let (mut depth, mut after) = (0usize, [' '; 2]);
    for token in tokens {
        let punct = if let TokenTree::Punct(punct) = &token { punct.as_char() } else { ' ' };
        match punct {
            '<' if depth > 0 || after == [':', ':'] || after[1] == '=' => depth += 1,
            '>' if after[1] != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        after = [after[1], punct];
        match parts.last_mut() {
            Some(part) if punct != ',' || depth > 0 => part.push(token),
            _ => parts.push(Vec::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Reads one entry, or more if commas between them are missing.
pub(crate) fn read<K: Key>(tokens: &[TokenTree], entries: &mut Vec<Entry<K>>, cx: &mut Context) {
    let Some((first, rest)) = tokens.split_first() else { return };
    if let ([], TokenTree::Group(group)) = (rest, first)
        && group.delimiter() == Delimiter::None
    {
        // `#[session($flag)]` in a macro, where `$flag:meta`
        return read(&flatten(group.stream()), entries, cx);
    }
    let TokenTree::Ident(at) = first else {
        // #[session("idle" = 30m)]
        cx.error_at(first, format!("expected the name of an attribute, such as `{}`", K::ALL[0].written));
        return;
    };
    let (value, rest) = match rest {
        [] => (None, rest),
        [TokenTree::Punct(equals), value @ ..] if equals.as_char() == '=' => {
            let end = missing_comma::<K>(value).unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            if value.is_empty() {
                // #[session(idle =)]
                let key = K::find(&at.unraw().to_string());
                let example = key.map_or(K::ALL[0].written, |key| key.known().written);
                cx.error_at(at, format!("`{at}` lacks its value after the `=`; write it such as `{example}`"));
                entries.extend(key.map(|key| Entry::meant(key, at, None)));
                return read(rest, entries, cx);
            }
            (Some(value.iter().cloned().collect()), rest)
        }
        // #[session(idle(30m))]
        [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::Parenthesis => {
            let key = K::find(&at.unraw().to_string()).or_else(|| meant(&at.to_string()));
            match key.map(K::known) {
                // #[session(counter(true))]
                Some(known) if known.takes_nothing() => {
                    cx.error_at(group, format!("`{0}` takes no value; write `{0}` alone", known.name));
                }
                known => {
                    let name = known.map_or_else(|| at.to_string(), |known| known.name.to_owned());
                    cx.error_at(group, format!("write `{name} = {}`", group.stream()));
                }
            }
            entries.extend(key.map(|key| Entry::meant(key, at, Some(group.stream()))));
            return read(rest, entries, cx);
        }
        // #[session(counter flash)]
        rest => (None, rest),
    };
    match rest.first() {
        None => {}
        Some(next @ TokenTree::Ident(_)) => cx.error_at(next, format!("expected a comma before `{next}`")),
        Some(next) => {
            cx.error_at(next, format!("expected `,` or `=` after `{at}`, found `{next}`"));
            return;
        }
    }
    match K::find(&at.unraw().to_string()) {
        Some(key) => entries.push(Entry { key, at: at.clone(), value, reported: false }),
        None => {
            let name = at.to_string();
            cx.error_at(at, unknown::<K>(&name));
            if K::elsewhere(&name).is_none() {
                entries.extend(meant(&name).map(|key| Entry::meant(key, at, value)));
            }
        }
    }
    read(rest, entries, cx);
}

/// Returns where the next entry begins if the comma before it is missing: `idle = 30m absolute = 12h`.
fn missing_comma<K: Key>(value: &[TokenTree]) -> Option<usize> {
    value
        .windows(3)
        .position(|window| match window {
            [_, TokenTree::Ident(next), TokenTree::Punct(equals)] => {
                equals.as_char() == '='
                    && equals.spacing() == proc_macro2::Spacing::Alone
                    && K::find(&next.to_string()).is_some()
            }
            _ => false,
        })
        .map(|before| before + 1)
}

/// Returns the key of the attribute that `name` misspells, or that other libraries call `name`.
fn meant<K: Key>(name: &str) -> Option<K> {
    let other_word = || K::brought_along(name).map(|meant| meant.trim_matches('`'));
    nearest(name, K::names()).or_else(other_word).and_then(K::find)
}

// #[session(exipres = 5m)]
fn unknown<K: Key>(name: &str) -> String {
    let kind = K::KIND;
    if let Some((there, here)) = K::elsewhere(name) {
        let meant = K::brought_along(name).map(|meant| format!("; did you mean {meant}?"));
        return format!("`{name}` is an attribute of {there}, not of {here}{}", meant.unwrap_or_default());
    }
    if let Some(meant) = nearest(name, K::names()) {
        return format!("unknown {kind} `{name}`; did you mean `{meant}`?");
    }
    if let Some(meant) = K::brought_along(name) {
        return format!("unknown {kind} `{name}`; did you mean {meant}?");
    }
    let names: Vec<_> = K::names().map(|name| format!("`{name}`")).collect();
    format!("unknown {kind} `{name}`\n\n  = help: {} takes {}", K::PLACE, names.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use syn::parse_quote;

    use super::*;
    use crate::attr::keys::{FieldKey, StructKey};

    /// Returns each entry as `key` or `key = value`, and the errors.
    fn read_struct(attribute: &Attribute) -> (Vec<String>, Vec<String>) {
        read_as::<StructKey>(attribute)
    }

    fn read_field(attribute: &Attribute) -> (Vec<String>, Vec<String>) {
        read_as::<FieldKey>(attribute)
    }

    fn read_as<K: Key>(attribute: &Attribute) -> (Vec<String>, Vec<String>) {
        let mut cx = Context::new();
        let entries = entries::<K>(std::slice::from_ref(attribute), &mut cx);
        let show = |entry: Entry<K>| match entry.value {
            Some(value) => format!("{} = {value}", entry.at),
            None => entry.at.to_string(),
        };
        (entries.into_iter().map(show).collect(), cx.messages())
    }

    #[test]
    fn a_list_is_split_at_its_commas() {
        let (entries, faults) = read_struct(&parse_quote!(#[session(idle = 1h 30m, persistent, cookie = "a,b",)]));
        assert_eq!(entries, ["idle = 1h 30m", "persistent", "cookie = \"a,b\""]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn commas_between_angle_brackets_belong_to_the_expression() {
        let (entries, faults) =
            read_field(&parse_quote!(#[session(default = Map::<u8, Vec<(u8, u8)>>::new(), counter)]));
        assert_eq!((entries.len(), entries[1].as_str()), (2, "counter"));
        assert!(faults.is_empty(), "{faults:?}");
        let (entries, _) = read_field(&parse_quote!(#[session(default = <A as B<u8, u8>>::new(), device)]));
        assert_eq!(entries[1], "device");
        let (entries, _) = read_field(&parse_quote!(#[session(default = if 1 < 2 { 3 } else { 4 }, device)]));
        assert_eq!(entries[1], "device");
        let (entries, _) = read_field(&parse_quote!(#[session(default = (|| -> u8 { 1 })(), device)]));
        assert_eq!(entries[1], "device");
    }

    #[test]
    fn entries_after_a_mistake_are_still_read() {
        let (entries, faults) = read_struct(&parse_quote! {
            #[session("idle" = 30m, absolute(12h), touch = 3s colour = "red" persistent, secure: false, path =, http_only)]
        });
        assert_eq!(entries, ["absolute = 12h", "touch = 3s colour = \"red\" persistent", "path", "http_only"]);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }

    // B46
    #[test]
    fn a_misspelled_or_foreign_name_counts_as_the_attribute_it_means() {
        let (entries, faults) = read_field(&parse_quote!(#[session(cuonter, ttl = 5m, colour, idle = 5m, falsh(1))]));
        assert_eq!(entries, ["counter", "expires = 5m", "flash = 1"]);
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert_eq!(faults[4], "`flash` takes no value; write `flash` alone");
    }

    #[test]
    fn a_missing_comma_before_a_known_key_is_reported() {
        let (entries, faults) = read_struct(&parse_quote!(#[session(idle = 30m absolute = 12h, persistent secure)]));
        assert_eq!(entries, ["idle = 30m", "absolute = 12h", "persistent", "secure"]);
        assert_eq!(faults, ["expected a comma before `absolute`", "expected a comma before `secure`"]);
    }
}
