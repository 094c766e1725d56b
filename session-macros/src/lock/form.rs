//! The stored form of a field, as far as the derive sees it: the spelling of its type, and its codec.

use std::fmt;

use quote::ToTokens;

use crate::{model::Field, shape::spelling};

/// A form such as `Vec<Line>`, `String, secret` or `Date, with iso`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) ty: String,
    pub(super) with: Option<String>,
    pub(super) secret: bool,
}

const UNSIGNED: [&str; 4] = ["u8", "u16", "u32", "u64"];
const SIGNED: [&str; 4] = ["i8", "i16", "i32", "i64"];

impl Form {
    pub(super) fn of(field: &Field) -> Self {
        let with = field.attrs.with.as_ref();
        Self {
            ty: short(&spelling(&field.ty)),
            with: with.map(|with| with.value.to_token_stream().to_string().replace(' ', "")),
            secret: field.attrs.secret.is_some(),
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (text, secret) = text.strip_suffix(", secret").map_or((text, false), |text| (text, true));
        let (ty, with) = text.split_once(", with ").map_or((text, None), |(ty, with)| (ty, Some(with.to_owned())));
        let form = Self { ty: ty.to_owned(), with, secret };
        (!ty.is_empty()).then_some(form)
    }

    /// Returns whether this form can read values of the form `old`.
    pub(super) fn reads(&self, old: &Self) -> bool {
        let (new, before) = (tight(&self.ty), tight(&old.ty));
        let inner = |ty: &str| ty.strip_prefix("Option<").and_then(|ty| ty.strip_suffix('>')).map(str::to_owned);
        let (plain, plain_before) = (inner(&new).unwrap_or(new), inner(&before).unwrap_or(before));
        let alike = plain == plain_before || self.with.is_none() && is_wider(&plain, &plain_before);
        // A `with` module may encode an `Option` differently from its inner type.
        let encoded = match &self.with {
            None => alike,
            Some(_) => tight(&self.ty) == tight(&old.ty),
        };
        encoded && self.with == old.with && self.secret == old.secret
    }
}

/// Returns whether every number of the type `old` is also one of the type `new`.
fn is_wider(new: &str, old: &str) -> bool {
    let place = |types: [&str; 4], ty: &str| types.iter().position(|known| *known == ty);
    match (place(UNSIGNED, old), place(UNSIGNED, new), place(SIGNED, old), place(SIGNED, new)) {
        (Some(old), Some(new), _, _) | (_, _, Some(old), Some(new)) => old <= new,
        (Some(old), _, _, Some(new)) => old < new,
        _ => false,
    }
}

/// Removes the paths of the standard library, which do not affect the form.
fn short(ty: &str) -> String {
    let mut short = String::new();
    for word in ty.replace(":: ", "::").split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let standard = ["std::", "core::", "alloc::"].iter().any(|root| word.trim_start_matches(':').starts_with(root));
        short.push_str(if standard { word.rsplit("::").next().unwrap_or(word) } else { word });
    }
    short
}

fn tight(ty: &str) -> String {
    ty.chars().filter(|c| !c.is_whitespace()).collect()
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ty)?;
        if let Some(with) = &self.with {
            write!(f, ", with {with}")?;
        }
        f.write_str(if self.secret { ", secret" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_form_reads_only_compatible_forms() {
        for (new, old, reads) in [
            ("String", "String", true),
            ("(u8, u16)", "(u8,u16)", true),
            ("Option<String>", "String", true),
            ("String", "Option<String>", true),
            ("u64", "u8", true),
            ("Option<i16>", "u8", true),
            ("u8", "u64", false),
            ("i8", "u8", false),
            ("u64", "i8", false),
            ("String", "u64", false),
            ("Vec<String>", "String", false),
            ("Date, with iso", "Date, with iso", true),
            ("Date, with iso", "Date", false),
            ("Option<Date>, with iso", "Date, with iso", false),
            ("String, secret", "String, secret", true),
            ("String, secret", "String", false),
            ("String", "String, secret", false),
        ] {
            let (new, old) = (Form::read(new).unwrap(), Form::read(old).unwrap());
            assert_eq!(new.reads(&old), reads, "{new} of {old}");
            assert_eq!(Form::read(&new.to_string()), Some(new));
        }
    }

    #[test]
    fn paths_of_the_standard_library_are_dropped() {
        assert_eq!(
            short(":: std::collections::HashMap<std::string::String, my::std::Line>"),
            "HashMap<String, my::std::Line>"
        );
        assert_eq!(short("Option<core::time::Duration>"), "Option<Duration>");
    }
}
