//! Generates a schema for a session with mistakes, so that code that uses the session gets no further errors.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Generics, schema};
use crate::{attr::keys::FieldKey, model::Session, private::Private, shape::borrowed};

pub(super) fn schema(session: &Session) -> TokenStream {
    let (p, shop, fields) = (session.private(), &session.ident, session.fields_ident());
    let Generics { parameters, arguments, .. } = Generics::of(session);
    let clause = session.is_generic().then(|| {
        let predicates = session.generics.where_clause.as_ref().map(|clause| &clause.predicates);
        quote!(where #shop #arguments: ::core::marker::Send + 'static, #predicates)
    });
    let (types, lookup) = (types(session, &p), super::lookup::ty(session));
    // With this, code that lists a user's sessions gets no further error.
    let identity = schema::identity(session, &parameters, &quote!(#shop #arguments), &quote!(#clause));
    quote! {
        #types
        #identity
        impl #parameters #p::Schema for #shop #arguments #clause {
            type Fields = #fields #arguments;
            type Slots = ();
            type Lookup = #lookup;
            type Needs = #p::AnyPlace;
            const SPEC: #p::Spec = #p::Spec::new("", #p::CookieSpec::new("__Host-session"), &[]);
            fn visit(_: &mut (), _: &mut #p::Visitor<'_>) {}
            fn split(self) {}
            fn join(_: (), _: &#p::State) -> Self { loop {} }
        }
    }
}

/// Returns code that checks the bounds on the fields' types, since an unmet bound is a separate mistake. It leaves out types
/// with a mistake that is already reported.
fn types(session: &Session, p: &Private) -> TokenStream {
    let judged = session.fields.iter().filter(|field| !session.is_generic() && borrowed(&field.ty).is_none());
    judged
        .map(|field| {
            let (ty, codec, initial) = (&field.ty, schema::codec(field, p), schema::initial(field, p));
            let attrs = &field.attrs;
            let codec_is_lost = attrs.with.is_none() && attrs.written.contains(&FieldKey::With);
            let stored = attrs.skip.is_none() && !codec_is_lost;
            let codec = stored.then(|| quote!(const _: #p::Codec<#ty> = #codec;));
            let initial = (!attrs.default_is_lost).then(|| quote!(const _: fn() -> #ty = #initial;));
            quote!(#codec #initial)
        })
        .collect()
}
