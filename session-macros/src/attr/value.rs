//! Parses the values of attributes. The error about a value of the wrong kind shows how to write the attribute.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Lit, Path, parse::Parser};

use super::{Given, SameSite, keys::Key, list::Entry};
use crate::{context::Context, duration::Lifetime, span::flatten, span::respan, suggest::nearest};

impl<K: Key> Entry<K> {
    /// Parses an attribute without a value.
    pub(crate) fn bare(&self, cx: &mut Context) -> Ident {
        // #[session(counter = true)]
        if let Some(value) = &self.value {
            cx.error_at(value, format!("`{0}` takes no value; write `{0}` alone", self.at));
        }
        self.at.clone()
    }

    /// Parses `persistent`, `secure = false`.
    pub(crate) fn flag(self, cx: &mut Context) -> Option<Given<bool>> {
        let Some(tokens) = self.value.clone() else { return Some(self.given(true)) };
        match tokens.to_string().as_str() {
            "true" => Some(self.given(true)),
            "false" => Some(self.given(false)),
            // #[session(secure = "false")]
            _ => {
                cx.error_at(tokens, format!("`{0}` is on or off; write `{0}` or `{0} = false`", self.at));
                None
            }
        }
    }

    /// Parses `cookie = "shop"`.
    pub(crate) fn text(self, cx: &mut Context) -> Option<Given<String>> {
        match self.literal() {
            Some(Lit::Str(text)) => Some(self.given(text.value())),
            // #[session(cookie = shop)]
            _ => self.wrong("takes a string", cx),
        }
    }

    /// Parses `or_status = 401`.
    pub(crate) fn number(self, cx: &mut Context) -> Option<Given<u16>> {
        match self.literal() {
            Some(Lit::Int(number)) if number.suffix().is_empty() => {
                // A number beyond `u16` becomes the largest one, which the check of statuses rejects.
                let value = number.base10_parse().unwrap_or(u16::MAX);
                Some(self.given(value))
            }
            // #[view(Shop, or_status = "401")]
            _ => self.wrong("takes a number", cx),
        }
    }

    /// Parses `max_len = 64`.
    pub(crate) fn length(self, cx: &mut Context) -> Option<Given<u32>> {
        let Some(Lit::Int(number)) = self.literal().filter(|literal| literal.suffix().is_empty()) else {
            // #[session(max_len = "64")]
            return self.wrong("takes a number", cx);
        };
        match number.base10_parse() {
            Ok(0) => {
                // #[session(max_len = 0)]
                cx.error_at(number, format!("with `{} = 0` there is room for nothing; write at least 1", self.at));
                None
            }
            Ok(length) => Some(self.given(length)),
            // #[session(max_len = 5_000_000_000)]
            Err(_) => {
                cx.error_at(number, format!("`{}` is a whole number of at most {}", self.at, u32::MAX));
                None
            }
        }
    }

    /// Parses `idle = 30m`.
    pub(crate) fn lifetime(self, cx: &mut Context) -> Option<Given<Lifetime>> {
        match &self.value {
            Some(tokens) => Lifetime::read(tokens, cx).map(|lifetime| self.given(lifetime)),
            // #[session(idle)]
            None => self.wrong("takes a duration", cx),
        }
    }

    /// Parses `same_site = strict`.
    pub(crate) fn same_site(self, cx: &mut Context) -> Option<Given<SameSite>> {
        const ALL: [&str; 3] = ["strict", "lax", "none"];
        let Some(tokens) = self.value.clone() else { return self.wrong("is `strict`, `lax` or `none`", cx) };
        let word = match self.literal() {
            Some(Lit::Str(text)) => text.value(),
            _ => tokens.to_string(),
        };
        match word.to_lowercase().as_str() {
            "strict" => Some(self.given(SameSite::Strict)),
            "lax" => Some(self.given(SameSite::Lax)),
            "none" => Some(self.given(SameSite::None)),
            // #[session(same_site = lux)]
            _ => {
                let meant = nearest(&word, ALL).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                cx.error_at(tokens, format!("`{}` is `strict`, `lax` or `none`{meant}", self.at));
                None
            }
        }
    }

    /// Parses `with = module`, `with = "module"`.
    pub(crate) fn path(self, cx: &mut Context) -> Option<Given<Path>> {
        let Some(tokens) = self.value.clone() else { return self.wrong("takes a path", cx) };
        let tokens = match self.literal() {
            Some(Lit::Str(text)) => text.value().parse().map(|path| respan(path, text.span())).unwrap_or_default(),
            _ => tokens,
        };
        match Path::parse_mod_style.parse2(tokens) {
            Ok(path) => Some(self.given(path)),
            // #[session(with = "not a path")]
            Err(_) => self.wrong("takes a path", cx),
        }
    }

    /// Parses `default`, `default = expression`. Any tokens pass; the compiler parses the expression.
    pub(crate) fn expression(self) -> Given<Option<TokenStream>> {
        let value = self.value.clone();
        self.given(value)
    }

    pub(super) fn literal(&self) -> Option<Lit> {
        let tokens = TokenStream::from_iter(flatten(self.value.clone()?));
        syn::parse2(tokens).ok()
    }

    pub(super) fn given<T>(self, value: T) -> Given<T> {
        Given { key: self.at, value, tokens: self.value.unwrap_or_default() }
    }

    pub(super) fn wrong<T>(&self, takes: &str, cx: &mut Context) -> Option<T> {
        self.say(takes, cx);
        None
    }

    fn say(&self, takes: &str, cx: &mut Context) {
        let at = self.value.clone().unwrap_or_else(|| self.at.to_token_stream());
        let known = self.key.known();
        cx.error_at(
            at,
            format!("`{}` {takes}; write it such as `{}`\n\n  = help: {}", self.at, known.written, help(known.says)),
        );
    }
}

/// Turns a sentence of the reference into the compiler's style for help.
fn help(says: &str) -> String {
    let mut chars = says.trim_end_matches('.').chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}
