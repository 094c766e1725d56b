//! `ShopLookup`, which `Sessions<Shop>` dereferences to: a method `by_x` for each `index` field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{Generics, docs};
use crate::{
    model::{Field, Session},
    private::Private,
    shape::Shape,
    span::ours,
};

/// Returns the type that `Sessions<Shop>` dereferences to.
pub(super) fn ty(session: &Session) -> TokenStream {
    let p = session.private();
    if session.indexes().next().is_none() {
        return quote!(#p::NoIndex);
    }
    let (lookup, Generics { arguments, .. }) = (session.lookup_ident(), Generics::of(session));
    quote!(#lookup #arguments)
}

/// Generates `ShopLookup`, if a field is an `index`. If the session is broken, the methods' bodies are `loop {}`.
pub(super) fn lookup(session: &Session, broken: bool) -> Option<TokenStream> {
    session.indexes().next()?;
    let (p, vis, shop, lookup) = (session.private(), &session.vis, ours(&session.ident), session.lookup_ident());
    let doc = docs::lookup(session);
    let Generics { parameters, arguments, bounds } = Generics::of(session);
    let methods = session.indexes().map(|field| method(field, session, &p, broken));
    Some(quote! {
        #[doc = #doc]
        #vis struct #lookup #parameters #bounds {
            __lookup: #p::Lookup<#shop #arguments>,
        }
        impl #parameters ::core::convert::From<#p::Lookup<#shop #arguments>> for #lookup #arguments #bounds {
            fn from(lookup: #p::Lookup<#shop #arguments>) -> Self {
                Self { __lookup: lookup }
            }
        }
        #[allow(dead_code, reason = "an application need not use each of them")]
        impl #parameters #lookup #arguments #bounds {
            #(#methods)*
        }
    })
}

fn method(field: &Field, session: &Session, p: &Private, broken: bool) -> TokenStream {
    let (vis, reader, descriptors) = (&field.vis, &field.reader, session.descriptors_ident());
    let name = ours(&format_ident!("by_{}", field.name()));
    let Generics { arguments, .. } = Generics::of(session);
    let shop = ours(&session.ident);
    let value = match Shape::of(&field.ty) {
        Shape::Maybe(value) | Shape::List(value) => value,
        _ => &field.ty,
    };
    let doc = docs::by(field);
    let body = if broken { quote!(loop {}) } else { quote!(self.__lookup.by(&#descriptors.#reader.meta, value)) };
    quote! {
        #[doc = #doc]
        #vis fn #name<__Q>(&self, value: &__Q) -> #p::SessionsOf<#shop #arguments>
        where
            #value: ::core::borrow::Borrow<__Q>,
            __Q: #p::Serialize + ?::core::marker::Sized,
        {
            #body
        }
    }
}
