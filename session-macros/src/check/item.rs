//! What can be a session at all.

use quote::ToTokens;
use syn::{GenericParam, Type};

use crate::{
    context::Context,
    model::{Form, Session},
    shape::{Shape, bare, borrowed},
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
        Form::Other(keyword) => cx.error_at(
            keyword,
            format!("a session is a struct, not `{keyword}`; write a struct and make `{name}` the type of a field"),
        ),
    }
}

// struct Shop<T> { … }
// struct Shop<'a> { … }
pub(super) fn generics(session: &Session, cx: &mut Context) {
    let name = &session.ident;
    for param in &session.generics.params {
        match param {
            // The fields that borrow are pointed at already.
            GenericParam::Lifetime(_) if session.fields.iter().any(|field| borrowed(&field.ty).is_some()) => {}
            GenericParam::Lifetime(lifetime) => {
                cx.error_at(
                    lifetime,
                    format!("a session cannot borrow: its values outlive the request; let `{name}` own them and drop `{}`", lifetime.lifetime),
                );
            }
            param => cx.error_at(
                param,
                format!("a session cannot be generic: stored fields need one type each; write a struct for each kind of `{name}`"),
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
    for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
        if let Some(reference) = borrowed(&field.ty) {
            let target = bare(&reference.elem).to_token_stream().to_string();
            let owned = match (target.as_str(), bare(&reference.elem)) {
                ("str", _) => "String".to_owned(),
                ("[u8]", _) => "Vec<u8>".to_owned(),
                (_, Type::Slice(slice)) => format!("Vec<{}>", slice.elem.to_token_stream()),
                _ => match Shape::of(&reference.elem) {
                    Shape::Reference => "an owned type".to_owned(),
                    _ => target,
                },
            };
            cx.error_at(reference, format!("a session cannot borrow: its values outlive the request; use `{owned}`"));
        }
    }
}
