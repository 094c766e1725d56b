//! Describes a session to the runtime: its slots, a descriptor for each field, its lifetimes and its cookie.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::{
    attr::{Migrate, Policy, SameSite},
    duration::Lifetime,
    model::{Field, Session},
    private::Private,
    shape::{Shape, is_unordered},
    span::{ends, ours, respan},
};

/// Generates `__ShopSlots`, and the descriptors that the slots refer to. Bounds on the fields' types occur only in the
/// descriptors, so that a type that fails one is reported once, at the type. All descriptors are in one `static`: the compiler
/// then checks one body instead of one per field.
pub(super) fn slots(session: &Session) -> TokenStream {
    let (p, vis, slots, descriptors) =
        (session.private(), &session.vis, session.slots_ident(), session.descriptors_ident());
    let names: Vec<&Ident> = session.fields.iter().map(|field| &field.reader).collect();
    let types: Vec<&Type> = session.fields.iter().map(|field| &field.ty).collect();
    let values = session.fields.iter().map(|field| descriptor(field, session.attrs.bounded.is_some(), &p));
    quote! {
        #[doc(hidden)]
        #vis struct #slots {
            #(#names: #p::Slot<#types>,)*
        }
        impl ::core::default::Default for #slots {
            #[inline]
            fn default() -> Self {
                Self { #(#names: #p::slot(&#descriptors.#names),)* }
            }
        }
        struct #descriptors {
            #(#names: #p::Field<#types>,)*
        }
        static #descriptors: #descriptors = #descriptors { #(#names: #values,)* };
    }
}

/// Generates the `Schema` impl.
pub(super) fn schema(session: &Session) -> TokenStream {
    let (p, shop) = (session.private(), ours(&session.ident));
    let (fields, slots, descriptors) = (session.fields_ident(), session.slots_ident(), session.descriptors_ident());
    let names: Vec<&Ident> = session.fields.iter().map(|field| &field.reader).collect();
    let (none, lookup) = (TokenStream::new(), super::lookup::ty(session));
    let (spec, needs, identity) =
        (spec(session, &p), needs(session, &p), identity(session, &none, &quote!(#shop), &none));
    // If the session does not fit into a cookie, the error points at the attribute `bounded`.
    let fits = session
        .attrs
        .bounded
        .as_ref()
        .map(|bounded| respan(quote!(const _: () = #p::fits(&<#shop as #p::Schema>::SPEC);), bounded.span()));
    quote! {
        #identity
        #fits
        impl #p::Schema for #shop {
            type Fields = #fields;
            type Slots = #slots;
            type Lookup = #lookup;
            type Needs = #needs;
            const SPEC: #p::Spec = #spec;
            fn visit(slots: &mut #slots, visitor: &mut #p::Visitor<'_>) {
                #(visitor.field(&mut slots.#names);)*
            }
            fn split(self) -> #slots {
                #slots { #(#names: #p::filled(&#descriptors.#names, self.#names),)* }
            }
            fn join(slots: #slots, state: &#p::State) -> Self {
                Self { #(#names: slots.#names.into_value(state),)* }
            }
        }
    }
}

/// Returns the requirement on the store. Every store on a server meets both `UserLists` and `SharedFields`, and cookies meet
/// neither, so it is enough to require one of the two.
fn needs(session: &Session, p: &Private) -> TokenStream {
    let is_shared = |field: &Field| matches!(field.policy(), Some(Policy::Atomic | Policy::Counter));
    if is_listed(session) || session.indexes().next().is_some() {
        quote!(#p::UserLists)
    } else if session.fields.iter().any(is_shared) {
        quote!(#p::SharedFields)
    } else {
        quote!(#p::AnyPlace)
    }
}

/// Generates `Identified`, and `Listed` if sessions are listed by user.
pub(super) fn identity(
    session: &Session,
    parameters: &TokenStream,
    shop: &TokenStream,
    clause: &TokenStream,
) -> TokenStream {
    let p = session.private();
    let Some(field) = session.identity() else { return TokenStream::new() };
    // In a session without mistakes, the identity is an `Option`.
    let user = if let Shape::Maybe(user) = Shape::of(&field.ty) { user } else { &field.ty };
    // The compiler points at these spans if the user's type is less visible than the session.
    let (first, last) = ends(user);
    let (head, end) = (quote_spanned!(first=> type User =), quote_spanned!(last=> ;));
    let listed = is_listed(session).then(|| quote!(impl #parameters #p::Listed for #shop #clause {}));
    quote! {
        impl #parameters #p::Identified for #shop #clause {
            #head #user #end
        }
        #listed
    }
}

fn is_listed(session: &Session) -> bool {
    session.identity().is_some_and(|field| field.attrs.unlisted.is_none())
}

/// Generates `field("user_id").identity()`.
fn descriptor(field: &Field, bounded: bool, p: &Private) -> TokenStream {
    let stored = field.stored_name();
    let policy = field.policy().map(|policy| match policy {
        Policy::Atomic => quote!(.atomic()),
        Policy::Counter => quote!(.counter()),
        Policy::Flash => quote!(.flash()),
        Policy::Identity => quote!(.identity()),
    });
    let optional = (field.policy().is_none_or(|policy| matches!(policy, Policy::Atomic))
        && matches!(Shape::of(&field.ty), Shape::Maybe(_)))
    .then(|| quote!(.optional()));
    let unordered = is_unordered(&field.ty).then(|| quote!(.unordered()));
    let kind = quote!(#policy #optional #unordered);
    let head = quote!(#p::Field);
    let new = if field.attrs.skip.is_some() {
        let initial = initial(field, p);
        quote!(#head::skipped(#stored, #initial))
    } else if is_plain(field) {
        over(field, quote!(#p), quote!(::field(#stored) #kind))
    } else {
        let (codec, initial) = (codec(field, p), initial(field, p));
        let (new, kind) = (over(field, head, quote!(::new)), over(field, TokenStream::new(), kind));
        quote!(#new(#stored, #codec, #initial) #kind)
    };
    let older: Vec<_> = field.older_names().collect();
    let alias = (!older.is_empty()).then(|| quote!(.alias(&[#(#older),*])));
    let expires = field.attrs.expires.as_ref().map(|expires| {
        let expires = duration(&expires.value);
        quote!(.expires(#expires))
    });
    let device = field.attrs.device.as_ref().map(|_| quote!(.device()));
    let rotates = field.attrs.rotates.as_ref().map(|_| quote!(.rotates()));
    let secret = field.attrs.secret.as_ref().map(|_| quote!(.secret()));
    let index = field.attrs.index.as_ref().map(|_| match Shape::of(&field.ty) {
        Shape::List(_) => quote!(.index_items()),
        _ => quote!(.index()),
    });
    let bound = bound(field, bounded, p).map(|bound| quote!(.bound(#bound)));
    quote!(#new #alias #expires #device #rotates #secret #index #bound)
}

/// Returns the bound on the field's length. The error about a type that has no bound underlines the type.
fn bound(field: &Field, bounded: bool, p: &Private) -> Option<TokenStream> {
    let of = |ty: &Type, method: TokenStream, arguments: TokenStream| {
        let (first, last) = ends(ty);
        let (head, tail) = (respan(quote!(#p::Bound::#method::), first), respan(quote!((#arguments)), last));
        quote!(#head<#ty>#tail)
    };
    let length = field.attrs.max_len.as_ref().map(|given| given.value as usize);
    let shape = match Shape::of(&field.ty) {
        Shape::Maybe(inner) if length.is_some() => Shape::of(inner),
        shape => shape,
    };
    match (length, shape) {
        (Some(length), Shape::Text) => Some(quote!(#p::Bound::text(#length))),
        // Without `bounded`, the items may be of any size.
        (Some(length), Shape::List(_)) if !bounded => Some(quote!(#p::Bound::items(#length))),
        (Some(length), Shape::List(item)) => Some(of(item, quote!(list), quote!(#length))),
        _ if bounded && field.attrs.skip.is_none() => Some(of(&field.ty, quote!(of), quote!())),
        _ => None,
    }
}

/// Returns whether the type alone determines the field's encoding and initial value.
fn is_plain(field: &Field) -> bool {
    field.attrs.with.is_none() && field.attrs.default.as_ref().is_none_or(|default| default.value.is_none())
}

/// Returns the field's codec. All tokens of the expression have the type's spans, so that an error about the type underlines
/// it.
pub(super) fn codec(field: &Field, p: &Private) -> TokenStream {
    match &field.attrs.with {
        Some(with) => {
            let module = &with.value;
            quote_spanned! {module.span()=>
                #p::Codec::new(
                    |value, encoder| #module::serialize(value, encoder),
                    |decoder| #module::deserialize(decoder),
                )
            }
        }
        None => over(field, quote!(#p::Codec), quote!(::serde())),
    }
}

/// Returns the field's value in a new session.
pub(super) fn initial(field: &Field, p: &Private) -> TokenStream {
    match field.attrs.default.as_ref().and_then(|default| default.value.as_ref()) {
        Some(expression) => quote!(|| #expression),
        None => over(field, quote!(#p), quote!(::initial)),
    }
}

/// Joins `head` and `tail` into one expression with the spans of the field's type.
fn over(field: &Field, head: TokenStream, tail: TokenStream) -> TokenStream {
    let (first, last) = ends(&field.ty);
    let (head, tail) = (respan(head, first), respan(tail, last));
    quote!(#head #tail)
}

fn spec(session: &Session, p: &Private) -> TokenStream {
    let (name, descriptors) = (session.name(), session.descriptors_ident());
    let (attrs, cookie, scope) = (&session.attrs, cookie(session, p), scope(session));
    let names = session.fields.iter().map(|field| &field.reader);
    let lifetimes = [
        (&attrs.idle, quote!(idle)),
        (&attrs.absolute, quote!(absolute)),
        (&attrs.remember, quote!(remember)),
        (&attrs.rotate_every, quote!(rotate_every)),
        (&attrs.touch, quote!(touch)),
    ];
    let lifetimes = lifetimes.into_iter().filter_map(|(given, method)| {
        let value = duration(&given.as_ref()?.value);
        Some(quote!(.#method(#value)))
    });
    let limit = attrs.max_per_user.as_ref().map(|limit| {
        let (most, kind) = (limit.value.most, if limit.value.refuse { quote!(Refuse) } else { quote!(EndOldest) });
        quote!(.max_per_user(#p::SessionLimit::#kind(#most)))
    });
    let unlisted = (session.identity().is_some() && !is_listed(session)).then(|| quote!(.unlisted()));
    let bounded = attrs.bounded.as_ref().map(|_| quote!(.bounded()));
    let migrations = migrations(session, p);
    // A `const` block, since the compiler does not promote this slice to `'static` by itself.
    quote! {
        #p::Spec::new(#name, #cookie, const { &[#(#descriptors.#names.meta),*] })
            #scope #(#lifetimes)* #limit #bounded #unlisted #migrations
    }
}

/// Sets the names that separate these sessions from others. The generated code reads the package's name itself, so that the
/// compiler notices when the name changes.
fn scope(session: &Session) -> TokenStream {
    let kind = session.attrs.kind.as_ref().map(|given| {
        let kind = &given.value;
        quote!(.kind(#kind))
    });
    let app = match session.attrs.app.as_ref().map(|given| &given.value) {
        Some(app) => quote!(.app(#app)),
        None => quote!(.package(::core::option_env!("CARGO_PKG_NAME"), ::core::module_path!())),
    };
    quote!(#kind #app)
}

/// Generates the migrations. An error about a function's types points at its name.
fn migrations(session: &Session, p: &Private) -> Option<TokenStream> {
    let descriptors = session.descriptors_ident();
    let migrations = session.fields.iter().flat_map(|field| {
        let (descriptors, name) = (&descriptors, &field.reader);
        field.attrs.migrations.iter().map(move |given| {
            let Migrate { function, names } = &given.value;
            let (count, span) = (Literal::usize_unsuffixed(names.len()), ends(function).1);
            let field = respan(quote!(&#descriptors.#name), span);
            // The function's path keeps its spans, since it may begin with `$crate`.
            let run = quote_spanned!(span=> |__older| __older.make::<#count, _, _, _>(#field, #function));
            quote!(#p::Migration::new(&#descriptors.#name, &[#(#names),*], #run))
        })
    });
    let migrations: Vec<_> = migrations.collect();
    (!migrations.is_empty()).then(|| quote!(.migrations(const { &[#(#migrations),*] })))
}

fn cookie(session: &Session, p: &Private) -> TokenStream {
    let (attrs, name) = (&session.attrs, session.cookie_name());
    let flags = [
        (&attrs.persistent, quote!(persistent)),
        (&attrs.secure, quote!(secure)),
        (&attrs.http_only, quote!(http_only)),
        (&attrs.partitioned, quote!(partitioned)),
    ];
    let flags = flags.into_iter().filter_map(|(given, field)| {
        let value = given.as_ref()?.value;
        Some(quote!(#field: #value,))
    });
    let same_site = attrs.same_site.as_ref().map(|given| match given.value {
        SameSite::Strict => quote!(same_site: #p::SameSite::Strict,),
        SameSite::Lax => quote!(same_site: #p::SameSite::Lax,),
        SameSite::None => quote!(same_site: #p::SameSite::None,),
    });
    let path = attrs.path.as_ref().map(|given| {
        let path = &given.value;
        quote!(path: #path,)
    });
    let domain = attrs.domain.as_ref().map(|given| {
        let domain = &given.value;
        quote!(domain: ::core::option::Option::Some(#domain),)
    });
    let given: TokenStream = flags.chain(same_site).chain(path).chain(domain).collect();
    let new = quote!(#p::CookieSpec::new(#name));
    if given.is_empty() { new } else { quote!(#p::CookieSpec { #given ..#new }) }
}

pub(crate) fn duration(lifetime: &Lifetime) -> TokenStream {
    match lifetime {
        Lifetime::Written(written) => {
            let millis = written.millis;
            quote!(::core::time::Duration::from_millis(#millis))
        }
        Lifetime::Named(path) => quote!(#path),
    }
}
