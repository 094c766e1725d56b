//! Parses `migrate = in_cents("price")`, `migrate = full_name("first", "last")` and `version = 2`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lit, LitStr, Path, parse::Parser};

use super::{Given, keys::Key, list::Entry};
use crate::{context::Context, span::flatten};

/// A function that makes a field's value, and the stored names whose values it takes.
pub(crate) struct Migrate {
    pub(crate) function: Path,
    /// At least one name.
    pub(crate) names: Vec<LitStr>,
}

/// The most names that a function may take.
const MOST: usize = 4;

impl<K: Key> Entry<K> {
    pub(crate) fn migrate(self, cx: &mut Context) -> Option<Given<Migrate>> {
        const TAKES: &str = "takes a function and the stored names of its arguments";
        let tokens = flatten(self.value.clone().unwrap_or_default());
        let Some((TokenTree::Group(group), function)) = tokens.split_last() else {
            // #[session(migrate = in_cents)]
            return self.wrong(TAKES, cx);
        };
        let function = Path::parse_mod_style.parse2(function.iter().cloned().collect());
        let names: Option<Vec<_>> = super::list::split(group.stream()).into_iter().map(name).collect();
        match (function, names) {
            // #[session(migrate = full_name("title", "first", "middle", "last", "suffix"))]
            (Ok(_), Some(names)) if names.len() > MOST => {
                cx.error_at(
                    &names[MOST],
                    format!(
                        "`migrate` takes at most {MOST} stored names; combine some of them into a struct field first"
                    ),
                );
                None
            }
            (Ok(function), Some(names)) if group.delimiter() == Delimiter::Parenthesis && !names.is_empty() => {
                Some(self.given(Migrate { function, names }))
            }
            // #[session(migrate = "in_cents")]
            // #[session(migrate = in_cents(price))]
            _ => self.wrong(TAKES, cx),
        }
    }

    pub(crate) fn version(self, cx: &mut Context) -> Option<Given<u32>> {
        let number = match self.literal() {
            Some(Lit::Int(number)) if number.suffix().is_empty() => number.base10_parse().ok(),
            _ => None,
        };
        match number {
            Some(version @ 1..) => Some(self.given(version)),
            // #[session(version = "2")]
            // #[session(version = 0)]
            _ => {
                let at = self.value.clone().unwrap_or_else(|| self.at.to_token_stream());
                cx.error_at(at, "`version` is a whole number from 1 on; write it such as `version = 2`");
                None
            }
        }
    }
}

fn name(tokens: Vec<TokenTree>) -> Option<LitStr> {
    match syn::parse2(TokenStream::from_iter(flatten(tokens.into_iter().collect()))).ok()? {
        Lit::Str(name) => Some(name),
        _ => None,
    }
}
