//! Generates the impl that makes the struct a view. A view with mistakes gets the impl too, as far as possible, so that handlers
//! get no errors of their own.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::model::{Field, View};
use crate::{
    expand::schema::duration,
    model::Form,
    private::Private,
    shape::borrowed,
    span::{ends, ours, respan},
};

pub(super) fn expand(view: &View) -> TokenStream {
    let (p, name, cfgs) = (view.private(), ours(&view.ident), &view.cfgs);
    let (parameters, arguments, clause) = view.generics.split_for_impl();
    let session = session(view, &p);
    let (policy, body) = (policy(view, &p), body(view, &p));
    quote! {
        #(#cfgs)*
        impl #parameters #p::Viewed for #name #arguments #clause {
            #session
            const POLICY: #p::ViewPolicy<Self::Session> = #policy;
            fn project(__fields: &<Self::Session as #p::Schema>::Fields) -> ::core::option::Option<Self> {
                #body
            }
        }
    }
}

/// Generates `type Session` with the spans of the session's type. The compiler points at that type if it is not a session, or if
/// it is less visible than the view.
fn session(view: &View, p: &Private) -> TokenStream {
    let Some(session) = &view.arguments.session else { return quote!(type Session = #p::NoSession;) };
    let (first, last) = ends(session);
    let head = quote_spanned!(first=> type Session =);
    let end = quote_spanned!(last=> ;);
    quote!(#head #session #end)
}

fn policy(view: &View, p: &Private) -> TokenStream {
    let given = &view.arguments;
    let refusal = match (&given.or_redirect, &given.or_status) {
        (Some(redirect), _) => {
            let to = &redirect.value;
            quote!(redirect(#to))
        }
        (None, status) => {
            let status = status.as_ref().map_or(401, |status| status.value);
            quote!(status(#status))
        }
    };
    let refusal = quote!(#p::ViewPolicy::#refusal);
    let Some(fresh) = &given.fresh else { return refusal };
    // The code has the span of the token `fresh`, so that the compiler reports a missing `identity` there.
    let (at, limit) = (fresh.key.span(), duration(&fresh.value));
    let refusal = respan(refusal, at);
    let policy = quote_spanned!(at=> #refusal.fresh(#limit));
    match (&given.stale_redirect, &given.stale_status) {
        (Some(redirect), _) => {
            let to = &redirect.value;
            quote!(#policy.stale_redirect(#to))
        }
        (None, Some(status)) => {
            let status = status.value;
            quote!(#policy.stale_status(#status))
        }
        (None, None) => policy,
    }
}

/// Generates the expression that makes the view from the session. If the session's type is missing or the view's form is invalid,
/// the expression is `None`.
fn body(view: &View, p: &Private) -> TokenStream {
    let known = view.arguments.session.is_some() && matches!(view.form, Form::Struct) && !view.is_generic();
    if !known || view.fields.iter().any(|field| borrowed(&field.ty).is_some()) {
        return quote!(let _ = __fields; ::core::option::Option::None);
    }
    let mut seen = Vec::new();
    // The compiler itself reports two fields with one name.
    let fields = view.fields.iter().filter(|field| {
        let new = !seen.contains(&&field.ident);
        seen.push(&field.ident);
        new || !field.cfgs.is_empty()
    });
    let fields = fields.map(|field| projection(field, p));
    quote!(::core::option::Option::Some(Self { #(#fields,)* }))
}

/// Generates `user_id: project::<u64, _>(__fields.user_id())?`. If the session has no such name or no such type, the error
/// points at the view's own name or type.
fn projection(Field { ident, ty, cfgs }: &Field, p: &Private) -> TokenStream {
    quote! {
        #(#cfgs)*
        #ident: #p::project::<#ty, _>(__fields.#ident())?
    }
}
