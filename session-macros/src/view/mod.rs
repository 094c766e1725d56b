//! Implements `#[view(…)]` in the same steps as the derive. `arguments` parses the arguments, whose names are in `keys`. Together
//! with the struct they form the `model`, which `check` checks and `expand` turns into code. The struct is always emitted first
//! and unchanged, even if it has mistakes.

mod arguments;
mod check;
mod expand;
mod keys;
mod model;
#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use self::{arguments::Arguments, model::View};
use crate::context::Context;

/// Returns the item, and the impl that makes it a view.
pub(crate) fn view(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut cx = Context::new();
    let arguments = Arguments::read(arguments, &mut cx);
    let mut code = item.clone();
    match syn::parse2(item.clone()) {
        Ok(input) => {
            let view = View::build(arguments, input);
            check::check(&view, &mut cx);
            code.extend(expand::expand(&view));
        }
        // #[view(Shop)] fn account() { … }
        Err(_) => cx.error_at(keyword(item), "a view is a struct; write `#[view(…)]` above one"),
    }
    code.extend(cx.finish());
    code
}

/// Returns the token that names the kind of item: the first after attributes and visibility.
fn keyword(item: TokenStream) -> Option<TokenTree> {
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let follows = |delimiter| move |next: &TokenTree| matches!(next, TokenTree::Group(group) if group.delimiter() == delimiter);
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                tokens.next_if(follows(Delimiter::Bracket));
            }
            TokenTree::Ident(ident) if ident == "pub" => {
                tokens.next_if(follows(Delimiter::Parenthesis));
            }
            _ => return Some(token),
        }
    }
    None
}
