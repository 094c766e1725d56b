//! The parsed session struct. Building it never fails: the checks report mistakes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{Attribute, Data, DeriveInput, Fields, Generics, LitStr, Type, Visibility, ext::IdentExt};

use crate::{
    attr::{FieldAttrs, Policy, StructAttrs, keys::FieldKey},
    context::Context,
    private::Private,
    span::{our_visibility, ours},
};

/// The struct that derives `Session`.
pub(crate) struct Session {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) form: Form,
    pub(crate) attrs: StructAttrs,
    pub(crate) fields: Vec<Field>,
}

/// The item below the derive.
pub(crate) enum Form {
    /// A struct with named fields: the only valid form.
    Struct,
    /// A struct without fields.
    Empty,
    /// A tuple struct.
    Tuple(TokenStream),
    /// `enum` or `union`.
    Other(TokenStream),
}

/// A field of the struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    /// Doc comments and `deprecated`, which accessors inherit.
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) attrs: FieldAttrs,
    pub(crate) reader: Ident,
    pub(crate) handle: Ident,
    /// The method `x_expires_at`. Present even if the duration could not be read, since application code may call it.
    pub(crate) deadline: Option<Ident>,
}

impl Session {
    pub(crate) fn build(input: DeriveInput, cx: &mut Context) -> Self {
        let attrs = StructAttrs::read(&input.attrs, cx);
        let (form, fields) = match input.data {
            Data::Struct(data) => match data.fields {
                Fields::Named(named) if !named.named.is_empty() => {
                    (Form::Struct, named.named.into_iter().filter_map(|field| Field::build(field, cx)).collect())
                }
                Fields::Named(_) | Fields::Unit => (Form::Empty, Vec::new()),
                Fields::Unnamed(unnamed) => (Form::Tuple(unnamed.to_token_stream()), Vec::new()),
            },
            Data::Enum(data) => (Form::Other(data.enum_token.to_token_stream()), Vec::new()),
            Data::Union(data) => (Form::Other(data.union_token.to_token_stream()), Vec::new()),
        };
        let mut session =
            Self { ident: input.ident, vis: our_visibility(&input.vis), generics: input.generics, form, attrs, fields };
        session.drop_doubles();
        session
    }

    /// Drops the second of two fields with the same name, which the compiler itself reports.
    fn drop_doubles(&mut self) {
        // Compares text, since each comparison of two `Ident`s converts both to text.
        let mut seen = Vec::new();
        self.fields.retain(|field| {
            let name = field.ident.to_string();
            let new = !seen.contains(&name);
            seen.push(name);
            new
        });
    }

    pub(crate) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty() || self.generics.where_clause.is_some()
    }

    /// Returns the cookie's name, as given or by default.
    pub(crate) fn cookie_name(&self) -> String {
        match &self.attrs.cookie {
            Some(name) => name.value.clone(),
            None => format!("__Host-{}", self.kebab()),
        }
    }

    /// Returns the struct's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Returns the kind of session, as given or by default.
    pub(crate) fn kind(&self) -> String {
        self.attrs.kind.as_ref().map_or_else(|| self.name(), |kind| kind.value.clone())
    }

    /// Turns `HTTPShop_2` into `http-shop-2`.
    pub(crate) fn kebab(&self) -> String {
        let name: Vec<char> = self.name().chars().collect();
        let mut kebab = String::new();
        for (index, c) in name.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| name[before]);
            let begins = c.is_uppercase()
                && before.is_some_and(|before| {
                    !before.is_uppercase() || name.get(index + 1).is_some_and(|next| next.is_lowercase())
                });
            if (begins || *c == '_') && !kebab.is_empty() && !kebab.ends_with('-') {
                kebab.push('-');
            }
            kebab.extend(c.to_lowercase().filter(|c| *c != '_'));
        }
        kebab.trim_matches('-').to_owned()
    }

    /// Returns the version. Raising it allows changes that lose data of live sessions.
    pub(crate) fn version(&self) -> u32 {
        self.attrs.version.as_ref().map_or(1, |version| version.value)
    }

    /// Returns `ShopFields`, which applications name.
    pub(crate) fn fields_ident(&self) -> Ident {
        ours(&format_ident!("{}Fields", self.ident))
    }

    /// Returns `__ShopSlots`, which applications do not name.
    pub(crate) fn slots_ident(&self) -> Ident {
        ours(&format_ident!("__{}Slots", self.ident))
    }

    /// Returns `__ShopDescriptors`, a type and its only value.
    pub(crate) fn descriptors_ident(&self) -> Ident {
        ours(&format_ident!("__{}Descriptors", self.ident))
    }

    /// Returns `ShopLookup`, which applications need not name.
    pub(crate) fn lookup_ident(&self) -> Ident {
        ours(&format_ident!("{}Lookup", self.ident))
    }

    /// Returns the fields by which sessions are found, apart from the identity.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.attrs.index.is_some() && field.attrs.skip.is_none())
    }

    /// Returns the field that identifies the user.
    pub(crate) fn identity(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.policy() == Some(Policy::Identity))
    }

    /// Returns the path of the runtime's items for the expansion.
    pub(crate) fn private(&self) -> Private {
        Private::within(self.attrs.krate.as_ref())
    }
}

impl Field {
    fn build(field: syn::Field, cx: &mut Context) -> Option<Self> {
        let attrs = FieldAttrs::read(&field.attrs, cx);
        let inherits = |attribute: &Attribute| ["doc", "deprecated"].iter().any(|name| attribute.path().is_ident(name));
        let inherited = field.attrs.into_iter().filter(inherits).collect();
        let (ident, expires) = (field.ident?, attrs.written.contains(&FieldKey::Expires));
        Some(Self {
            vis: our_visibility(&field.vis),
            ty: field.ty,
            inherited,
            attrs,
            reader: ours(&ident),
            handle: ours(&format_ident!("{ident}_mut")),
            deadline: expires.then(|| ours(&format_ident!("{ident}_expires_at"))),
            ident,
        })
    }

    /// Returns the name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Returns the name that the field is stored under.
    pub(crate) fn stored_name(&self) -> String {
        self.attrs.rename.as_ref().map_or_else(|| self.name(), |rename| rename.value.clone())
    }

    /// Returns the other names that the field is read from: first its aliases, then the names in its migrations.
    pub(crate) fn older_names(&self) -> impl Iterator<Item = String> {
        let aliases = self.attrs.aliases.iter().map(|alias| alias.value.clone());
        aliases.chain(self.attrs.migrations.iter().flat_map(|given| given.value.names.iter().map(LitStr::value)))
    }

    pub(crate) fn policy(&self) -> Option<Policy> {
        self.attrs.policies.first().map(|(policy, _)| *policy)
    }

    /// Returns the names of the field's accessors.
    pub(crate) fn accessors(&self) -> impl Iterator<Item = &Ident> {
        [&self.reader, &self.handle].into_iter().chain(&self.deadline)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_cookie_is_named_after_its_struct() {
        for (name, expected) in [
            ("Shop", "shop"),
            ("AdminArea", "admin-area"),
            ("HTTPShop", "http-shop"),
            ("HTTP", "http"),
            ("Shop2Go", "shop2-go"),
            ("shop_session", "shop-session"),
            ("Shop_Session", "shop-session"),
            ("_Shop", "shop"),
            ("r#type", "type"),
        ] {
            let mut cx = Context::new();
            let input = syn::parse_str(&format!("struct {name} {{ a: u8 }}")).unwrap();
            assert_eq!(Session::build(input, &mut cx).kebab(), expected);
            assert!(cx.messages().is_empty());
        }
    }
}
