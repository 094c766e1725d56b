//! The methods of `ShopFields`: `x()` reads, `x_mut()` returns the handle for the field's policy, `x_expires_at()` returns the
//! deadline.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Attribute, Meta, Type};

use super::{Generics, docs};
use crate::{
    attr::Policy,
    model::{Field, Session},
    private::Private,
    shape::{Shape, is_integer},
    span::{ends, ours, respan},
};

/// Returns all accessors. If the session is broken, their bodies are `loop {}`.
pub(super) fn accessors(session: &Session, broken: bool) -> TokenStream {
    let fields = session.fields_ident();
    let Generics { parameters, arguments, bounds } = Generics::of(session);
    // A broken session may have two accessors of one name. The second would cause a further error, so it is dropped.
    let mut taken = Vec::new();
    let p = session.private();
    let methods = session.fields.iter().enumerate().flat_map(|(at, field)| {
        let fit = Fit { field, session, p: &p, broken, is_example: at == 0 && !broken };
        let methods = [Some(fit.reader()), Some(fit.handle()), fit.deadline()];
        field.accessors().zip(methods.into_iter().flatten()).collect::<Vec<_>>()
    });
    let methods = methods.filter_map(|(name, method)| {
        let name = name.to_string();
        let new = !taken.contains(&name);
        taken.push(name);
        new.then_some(method)
    });
    quote! {
        impl #parameters #fields #arguments #bounds {
            #(#methods)*
        }
    }
}

/// One field, with everything that its accessors need.
struct Fit<'a> {
    field: &'a Field,
    session: &'a Session,
    p: &'a Private,
    broken: bool,
    /// Whether the compiler suggests this field's accessors if code calls a method of other libraries, as in
    /// `session.get("theme")`.
    is_example: bool,
}

impl Fit<'_> {
    fn reader(&self) -> TokenStream {
        let Field { vis, reader: name, inherited, .. } = self.field;
        let documented = inherited.iter().any(|attribute| attribute.path().is_ident("doc"));
        let storage = docs::storage(self.field);
        let doc = if documented { storage } else { format!("{}\n{storage}", docs::reader(self.field)) };
        let (ty, value) = self.read();
        let body = self.body(value);
        let alias = self.alias(&["get"]);
        quote! {
            #(#inherited)*
            #[doc = #doc]
            #alias
            #[inline]
            #vis fn #name(&self) -> #ty { #body }
        }
    }

    /// Returns the type that the reader returns, and the expression for it.
    fn read(&self) -> (TokenStream, TokenStream) {
        let Field { ty, reader: name, .. } = self.field;
        let get = quote!(self.__core.__slots.#name.get(&self.__core.__state));
        if self.field.attrs.copy.is_some() {
            // If the type is not `Copy`, the error points at the type.
            return (quote!(#ty), respan(quote!(*#get), ends(ty).0));
        }
        let option = quote!(::core::option::Option);
        match Shape::of(ty) {
            Shape::Primitive => (quote!(#ty), quote!(*#get)),
            Shape::Text => (quote!(&str), get),
            Shape::List(item) => (quote!(&[#item]), get),
            Shape::Maybe(inner) => match Shape::of(inner) {
                Shape::Primitive => (quote!(#ty), quote!(*#get)),
                Shape::Text => (quote!(#option<&str>), quote!(#get.as_deref())),
                Shape::List(item) => (quote!(#option<&[#item]>), quote!(#get.as_deref())),
                _ => (quote!(#option<&#inner>), quote!(#get.as_ref())),
            },
            _ => (quote!(&#ty), get),
        }
    }

    fn handle(&self) -> TokenStream {
        let (p, Field { vis, reader: name, handle, .. }) = (self.p, self.field);
        let doc = docs::handle(self.field);
        let repeated = self.repeated();
        let (kind, new, ty) = self.handle_type();
        let (kind, new) = (Ident::new(kind, Span::call_site()), Ident::new(new, Span::call_site()));
        let (shop, generics) = (ours(&self.session.ident), Generics::of(self.session).arguments);
        let (arguments, body) = if kind == "Identity" {
            (quote!(#shop #generics, #ty), quote!(#p::#new(&mut self.__core, |slots| &mut slots.#name)))
        } else if kind == "Atomic" {
            let body = quote!(#p::#new(&mut self.__core, |slots| &slots.#name, |slots| &mut slots.#name));
            (quote!(#shop #generics, #ty), body)
        } else {
            (quote!(#ty), quote!(#p::#new(&mut self.__core.__slots.#name, &mut self.__core.__state)))
        };
        let body = self.body(body);
        let alias = match kind.to_string().as_str() {
            "Identity" if !self.broken => {
                Some(quote!(#[doc(alias("log_in", "login", "log_out", "logout", "impersonate", "reauthenticate"))]))
            }
            _ => self.alias(&["insert", "set"]),
        };
        quote! {
            #(#repeated)*
            #[doc = #doc]
            #alias
            #[inline]
            #vis fn #handle(&mut self) -> #p::#kind<'_, #arguments> { #body }
        }
    }

    /// Returns the handle's name, the function that makes one, and its type argument.
    fn handle_type(&self) -> (&'static str, &'static str, TokenStream) {
        let ty = &self.field.ty;
        let own = quote!(#ty);
        let item = |item: &Type| quote!(#item);
        match (self.field.policy(), Shape::of(ty)) {
            (Some(Policy::Atomic), _) => ("Atomic", "atomic", own),
            // In a broken session, a counter of any integer type keeps the calling code free of further errors.
            (Some(Policy::Counter), _) if is_integer(ty) == Some(false) => ("Counter", "counter", quote!(u64)),
            (Some(Policy::Counter), _) => ("Counter", "counter", own),
            (Some(Policy::Flash), Shape::List(inner)) => ("FlashList", "flash_list", item(inner)),
            (Some(Policy::Flash), Shape::Maybe(inner)) => ("Flash", "flash", item(inner)),
            (Some(Policy::Flash), _) => ("Flash", "flash", own),
            (Some(Policy::Identity), Shape::Maybe(inner)) => ("Identity", "identity", item(inner)),
            (Some(Policy::Identity), _) => ("Identity", "identity", own),
            (None, Shape::Maybe(inner)) => ("Maybe", "maybe", item(inner)),
            (None, _) => ("Plain", "plain", own),
        }
    }

    fn deadline(&self) -> Option<TokenStream> {
        let Field { vis, reader: name, deadline, .. } = self.field;
        let deadline = deadline.as_ref()?;
        let doc = docs::deadline(self.field);
        let repeated = self.repeated();
        let body = self.body(quote!(self.__core.__slots.#name.expires_at(&self.__core.__state)));
        Some(quote! {
            #(#repeated)*
            #[doc = #doc]
            #[inline]
            #vis fn #deadline(&self) -> ::core::option::Option<::std::time::SystemTime> { #body }
        })
    }

    /// Returns the field's attributes that apply to each accessor: `deprecated`, `doc(hidden)`.
    fn repeated(&self) -> impl Iterator<Item = &Attribute> {
        self.field.inherited.iter().filter(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("doc") => list.tokens.to_string() == "hidden",
            meta => meta.path().is_ident("deprecated"),
        })
    }

    /// Returns a doc alias: if code calls a method of one of these names, which does not exist, the compiler suggests this one.
    fn alias(&self, names: &[&str]) -> Option<TokenStream> {
        self.is_example.then(|| quote!(#[doc(alias(#(#names),*))]))
    }

    fn body(&self, body: TokenStream) -> TokenStream {
        if self.broken { quote!(loop {}) } else { body }
    }
}
