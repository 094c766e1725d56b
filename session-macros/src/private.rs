//! The path of the runtime's items for the expansion.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Path;

use crate::attr::Given;

/// The path of the runtime's private module, by default `::session_runtime::__private`. It is kept as single tokens because each
/// field repeats the path: to interpolate a `TokenStream` instead, the macro would call the compiler each time.
pub(crate) struct Private(Vec<TokenTree>);

impl Private {
    /// Creates the path. `krate` is the value of `crate = …`, if the struct has this attribute.
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
