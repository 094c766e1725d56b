//! Rules for the item that derives a session.

use syn::{GenericParam, TypeReference};

use crate::{
    context::Context,
    model::{Field, Form, Session},
    shape::{borrowed, owned},
};

// enum Shop { … }
// struct Shop(u64);
// struct Shop;
pub(super) fn form(session: &Session, cx: &mut Context) {
    let name = &session.ident;
    match &session.form {
        Form::Struct => {}
        Form::Empty => cx.error_at(
            name,
            format!("`{name}` has no fields, so there is nothing to remember; give it one, such as `visits: u64`"),
        ),
        Form::Tuple(fields) => cx.error_at(
            fields,
            format!("a session's fields are stored and read by name; write `struct {name} {{ name: Type, … }}`"),
        ),
        Form::Other(keyword) => {
            let article = if keyword.to_string() == "enum" { "an" } else { "a" };
            cx.error_at(
                keyword,
                format!(
                    "a session is a struct, not {article} `{keyword}`; write a struct with a field of type `{name}`"
                ),
            );
        }
    }
}

// struct Shop<T> { … }
// struct Shop<'a> { … }
pub(super) fn generics(session: &Session, cx: &mut Context) {
    let name = &session.ident;
    for param in &session.generics.params {
        match param {
            // The borrowing fields already have an error.
            GenericParam::Lifetime(_) if session.fields.iter().any(|field| borrow(field).is_some()) => {}
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                cx.error_at(param, format!("{CANNOT_BORROW}; let `{name}` own them and drop `{lifetime}`"));
            }
            param => cx.error_at(
                param,
                format!(
                    "a session cannot be generic: stored fields need one type each; write a struct for each kind of \
                     `{name}`"
                ),
            ),
        }
    }
    if let (true, Some(clause)) = (session.generics.params.is_empty(), &session.generics.where_clause) {
        cx.error_at(clause, "a session has no `where` clause; drop it");
    }
}

// name: &'static str
// names: Vec<&'a str>
pub(super) fn borrows(session: &Session, cx: &mut Context) {
    for reference in session.fields.iter().filter_map(borrow) {
        cx.error_at(reference, format!("{CANNOT_BORROW}; use `{}`", owned(reference)));
    }
}

const CANNOT_BORROW: &str = "a session cannot borrow: its values outlive the request";

/// Returns the first reference in the field's type. In a field that is not stored, `'static` references are allowed.
fn borrow(field: &Field) -> Option<&TypeReference> {
    let for_ever = |reference: &TypeReference| reference.lifetime.as_ref().is_some_and(|it| it.ident == "static");
    borrowed(&field.ty).filter(|reference| field.attrs.skip.is_none() || !for_ever(reference))
}
