//! Parses `max_per_user = 5` and `max_per_user = (5, refuse)`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Lit, LitInt};

use super::{Given, keys::Key, list::Entry};
use crate::{context::Context, span::flatten, suggest::nearest};

/// How many sessions a user may have, and what the next sign-in does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) most: u32,
    /// Whether a sign-in beyond the limit is refused. If not, it ends the oldest session.
    pub(crate) refuse: bool,
}

impl<K: Key> Entry<K> {
    pub(crate) fn limit(self, cx: &mut Context) -> Option<Given<Limit>> {
        const TAKES: &str = "takes a number of sessions, alone or as `(5, refuse)`";
        let Some(tokens) = self.value.clone() else { return self.wrong(TAKES, cx) };
        let (number, policy) = match &flatten(tokens)[..] {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => {
                match &flatten(group.stream())[..] {
                    [number] => (number.clone(), None),
                    [number, TokenTree::Punct(comma)] if comma.as_char() == ',' => (number.clone(), None),
                    [number, TokenTree::Punct(comma), policy] if comma.as_char() == ',' => {
                        (number.clone(), Some(policy.clone()))
                    }
                    _ => return self.wrong(TAKES, cx),
                }
            }
            [number] => (number.clone(), None),
            _ => return self.wrong(TAKES, cx),
        };
        let refuse = match policy.as_ref().map(|policy| (policy, policy.to_string())) {
            None => false,
            Some((_, word)) if word == "refuse" => true,
            Some((_, word)) if word == "end_oldest" => false,
            // #[session(max_per_user = (5, refuze))]
            Some((policy, word)) => {
                let meant = nearest(&word, ["refuse", "end_oldest"]);
                let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                cx.error_at(policy, format!("the policy is `refuse` or `end_oldest`{meant}"));
                return None;
            }
        };
        let Ok(Lit::Int(literal)) = syn::parse2(TokenStream::from(number.clone())) else {
            return self.wrong(TAKES, cx);
        };
        let most = most(&literal, cx)?;
        Some(self.given(Limit { most, refuse }))
    }
}

fn most(literal: &LitInt, cx: &mut Context) -> Option<u32> {
    match literal.base10_parse::<u32>() {
        // #[session(max_per_user = 0)]
        Ok(0) => {
            cx.error_at(literal, "with `max_per_user = 0` no user could sign in; write at least 1");
            None
        }
        Ok(most) => Some(most),
        // #[session(max_per_user = 5_000_000_000)]
        Err(_) => {
            cx.error_at(literal, format!("`max_per_user` is a whole number of at most {}", u32::MAX));
            None
        }
    }
}
