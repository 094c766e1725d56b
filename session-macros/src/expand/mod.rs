//! Generates code from the model. All checks are in `check`.
//!
//! For a session without mistakes, `schema` generates descriptions of its fields, and `accessors` generates two or three thin
//! methods per field. `lookup` generates a method for each `index`. For a session with mistakes, `broken` generates the schema,
//! and the methods have no real bodies, so that code that calls them gets no errors of its own.

mod accessors;
mod broken;
mod docs;
mod lookup;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use crate::{model::Session, span::ours};

/// Returns the code of a session without mistakes.
pub(crate) fn expand(session: &Session) -> TokenStream {
    let (slots, schema) = (schema::slots(session), schema::schema(session));
    let (wrapper, accessors) = (wrapper(session), accessors::accessors(session, false));
    let lookup = lookup::lookup(session, false);
    quote! {
        #wrapper
        #slots
        #schema
        #accessors
        #lookup
    }
}

/// Returns the code of a session with mistakes.
pub(crate) fn expand_broken(session: &Session) -> TokenStream {
    let (schema, wrapper, accessors) = (broken::schema(session), wrapper(session), accessors::accessors(session, true));
    let lookup = lookup::lookup(session, true);
    quote! {
        #wrapper
        #schema
        #accessors
        #lookup
    }
}

/// Generates `ShopFields`. `Session<Shop>` dereferences to `ShopFields`, which dereferences to the session's core.
fn wrapper(session: &Session) -> TokenStream {
    let (p, vis, shop, fields) = (session.private(), &session.vis, ours(&session.ident), session.fields_ident());
    let doc = docs::wrapper(session);
    let Generics { parameters, arguments, bounds } = Generics::of(session);
    quote! {
        #[doc = #doc]
        #vis struct #fields #parameters #bounds {
            __core: #p::Core<#shop #arguments>,
        }
        impl #parameters ::core::convert::From<#p::Core<#shop #arguments>> for #fields #arguments #bounds {
            #[inline]
            fn from(core: #p::Core<#shop #arguments>) -> Self {
                Self { __core: core }
            }
        }
        impl #parameters ::core::ops::Deref for #fields #arguments #bounds {
            type Target = #p::Core<#shop #arguments>;
            #[inline]
            fn deref(&self) -> &Self::Target {
                &self.__core
            }
        }
        impl #parameters ::core::ops::DerefMut for #fields #arguments #bounds {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.__core
            }
        }
    }
}

/// The generics of the generated items. Only a broken session has any.
struct Generics {
    parameters: TokenStream,
    arguments: TokenStream,
    /// The bound that the struct is a session.
    bounds: TokenStream,
}

impl Generics {
    fn of(session: &Session) -> Self {
        if !session.is_generic() {
            return Self { parameters: TokenStream::new(), arguments: TokenStream::new(), bounds: TokenStream::new() };
        }
        let (p, shop): (_, &Ident) = (session.private(), &session.ident);
        let (parameters, arguments, clause) = session.generics.split_for_impl();
        let predicates = clause.map(|clause| clause.predicates.to_token_stream()).filter(|list| !list.is_empty());
        let predicates = predicates.map(|list| quote!(, #list));
        Self {
            bounds: quote!(where #shop #arguments: #p::Schema #predicates),
            parameters: parameters.into_token_stream(),
            arguments: arguments.into_token_stream(),
        }
    }
}
