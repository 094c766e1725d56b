//! Generates the impl that makes the struct a view. A view with mistakes gets the impl too, as far as possible, so that handlers
//! get no errors of their own.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{
    arguments::Arguments,
    model::{Field, View},
};
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
    let (policy, body, guards) = (policy(view, &p), body(view, &p), guards(view, &p));
    quote! {
        #(#cfgs)*
        impl #parameters #p::Viewed for #name #arguments #clause {
            #session
            const POLICY: #p::ViewPolicy<Self::Session> = #policy;
            fn project(__fields: &<Self::Session as #p::Schema>::Fields) -> ::core::option::Option<Self> {
                #body
            }
        }
        #guards
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
    if !is_known(view) {
        return quote!(let _ = __fields; ::core::option::Option::None);
    }
    let fields = fields(view).map(|Field { ident, ty, cfgs }| {
        quote! {
            #(#cfgs)*
            #ident: #p::project::<#ty, _>().of(__fields.#ident())?
        }
    });
    quote!(::core::option::Option::Some(Self { #(#fields,)* }))
}

/// Generates an error for a view that names an answer to refused visitors, but can refuse none.
fn guards(view: &View, p: &Private) -> TokenStream {
    let Arguments { session, fresh: None, or_redirect, or_status, .. } = &view.arguments else {
        return TokenStream::new();
    };
    let redirect = or_redirect.as_ref().map(|given| given.at_key());
    let Some(key) = redirect.or(or_status.as_ref().map(|given| given.at_key())).filter(|_| is_known(view)) else {
        return TokenStream::new();
    };
    let (name, cfgs) = (&view.ident, &view.cfgs);
    let message = format!(
        "`{name}` admits every visitor, since no value that it asks for can be missing, so `{key}` never applies; give it a field \
         from an `Option`, such as a method `fn admin(&self) -> Option<&str>`"
    );
    let fields = fields(view).map(|Field { ident, ty, cfgs }| {
        quote! {
            #(#cfgs)*
            #p::project::<#ty, _>().can_be_missing(__fields, |__fields| __fields.#ident())
        }
    });
    let check = quote_spanned!(key.span()=> ::core::assert!(__can_refuse(::core::option::Option::None), #message));
    quote! {
        #(#cfgs)*
        const _: () = {
            const fn __can_refuse(__fields: ::core::option::Option<&<#session as #p::Schema>::Fields>) -> bool {
                #p::any(&[#(#fields,)*])
            }
            #check
        };
    }
}

/// Returns whether the session's type and all fields of the view are known.
fn is_known(view: &View) -> bool {
    let is_complete = view.arguments.session.is_some() && matches!(view.form, Form::Struct) && !view.is_generic();
    is_complete && view.fields.iter().all(|field| borrowed(&field.ty).is_none())
}

/// Returns the fields of the view. The compiler itself reports two fields with one name.
fn fields(view: &View) -> impl Iterator<Item = &Field> {
    let mut seen = Vec::new();
    view.fields.iter().filter(move |field| {
        let new = !seen.contains(&&field.ident);
        seen.push(&field.ident);
        new || !field.cfgs.is_empty()
    })
}
