//! The parsed view. Building it never fails: the checks report mistakes.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Fields, Generics, Type};

use super::arguments::Arguments;
use crate::{model::Form, private::Private};

/// The struct below `#[view(…)]`, with the attribute's arguments.
pub(super) struct View {
    pub(super) arguments: Arguments,
    pub(super) ident: Ident,
    /// The item's `#[cfg]` attributes. The expansion repeats them, since the compiler evaluates a `#[cfg]` below `#[view]` only
    /// after the expansion.
    pub(super) cfgs: Vec<Attribute>,
    pub(super) generics: Generics,
    pub(super) form: Form,
    pub(super) fields: Vec<Field>,
}

/// A field of the view.
pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    /// The field's `#[cfg]` attributes.
    pub(super) cfgs: Vec<Attribute>,
}

impl View {
    pub(super) fn build(arguments: Arguments, input: DeriveInput) -> Self {
        let (form, fields) = match input.data {
            Data::Struct(data) => match data.fields {
                Fields::Named(named) if !named.named.is_empty() => {
                    (Form::Struct, named.named.into_iter().filter_map(Field::build).collect())
                }
                Fields::Named(_) | Fields::Unit => (Form::Empty, Vec::new()),
                Fields::Unnamed(unnamed) => (Form::Tuple(unnamed.to_token_stream()), Vec::new()),
            },
            Data::Enum(data) => (Form::Other(data.enum_token.to_token_stream()), Vec::new()),
            Data::Union(data) => (Form::Other(data.union_token.to_token_stream()), Vec::new()),
        };
        Self { arguments, ident: input.ident, cfgs: cfgs(input.attrs), generics: input.generics, form, fields }
    }

    pub(super) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty() || self.generics.where_clause.is_some()
    }

    /// Returns the path of the runtime's items for the expansion.
    pub(super) fn private(&self) -> Private {
        Private::within(self.arguments.krate.as_ref())
    }
}

impl Field {
    fn build(field: syn::Field) -> Option<Self> {
        Some(Self { ident: field.ident?, ty: field.ty, cfgs: cfgs(field.attrs) })
    }
}

fn cfgs(attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.into_iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}
