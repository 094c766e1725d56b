//! The path of the runtime's items for the expansion.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Path;

use crate::attr::Given;

/// The path `::session_runtime::__private`, as single tokens. Each field repeats the path, and each interpolation of a
/// `TokenStream` would call the compiler.
pub(crate) struct Private(Vec<TokenTree>);

impl Private {
    /// Creates the path, within the given crate if there is one.
    pub(crate) fn within(krate: Option<&Given<Path>>) -> Self {
        let path = match krate.map(|given| &given.value) {
            Some(path) => quote!(#path::__private),
            None => quote!(::session_runtime::__private),
        };
        Self(path.into_iter().collect())
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.iter().cloned());
    }
}
