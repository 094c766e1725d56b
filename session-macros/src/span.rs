//! Sets the spans of generated code. A span decides where the compiler shows an error, and whether the code counts as the user's
//! or the macro's.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Visibility;

/// Returns `tokens`, all with `span`. A single token left at the call site would move the whole error to `#[derive(Session)]`.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), respan(group.stream(), span));
                inner.set_span(span);
                TokenTree::Group(inner)
            }
            mut token => {
                token.set_span(span);
                token
            }
        })
        .collect()
}

/// Returns the spans of the first and the last token. If generated code begins with the first span and ends with the last, the
/// compiler underlines all tokens in between. On stable, no single span can do that.
pub(crate) fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// Returns `ident` with its place in the source, which editors need, but marked as code of the macro, so that lints about
/// spelling, visibility or unused code do not fire a second time.
pub(crate) fn ours(ident: &Ident) -> Ident {
    // A name in an older edition may be a keyword in this crate's edition.
    const SINCE_2015: [&str; 5] = ["async", "await", "dyn", "gen", "try"];
    let span = if in_editor() { ident.span() } else { ident.span().resolved_at(Span::call_site()) };
    let name = ident.to_string();
    if SINCE_2015.contains(&name.as_str()) {
        return Ident::new_raw(&name, span);
    }
    let mut ident = ident.clone();
    ident.set_span(span);
    ident
}

/// Returns whether an editor runs the macro. Editors rename only code that counts as the user's, and run no such lints.
fn in_editor() -> bool {
    std::env::var_os("RUST_ANALYZER_INTERNALS_DO_NOT_USE").is_some()
}

/// Returns `vis`, marked as code of this macro. A `pub` that a `macro_rules!` wrote would make the accessor count as that macro's
/// code. The path in `pub(in path)` keeps its spans, since it may begin with `$crate`.
pub(crate) fn our_visibility(vis: &Visibility) -> Visibility {
    let mut vis = vis.clone();
    let pub_token = match &mut vis {
        Visibility::Public(pub_token) => Some(pub_token),
        Visibility::Restricted(restricted) => Some(&mut restricted.pub_token),
        Visibility::Inherited => None,
    };
    if let Some(pub_token) = pub_token {
        pub_token.span = pub_token.span.resolved_at(Span::call_site());
    }
    vis
}

/// Returns the tokens, and replaces invisible groups (from a `macro_rules!` fragment) by their content.
pub(crate) fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::None => {
                flat.extend(flatten(group.stream()));
            }
            token => flat.push(token),
        }
    }
    flat
}
