//! Limits of length: `max_len` is only for types with a length, and a `bounded` session needs a bound for each field.

use crate::{
    attr::keys::FieldKey,
    context::Context,
    model::{Field, Session},
    shape::{Shape, spelling},
};

/// Returns whether the type is spelled as text or a list, or an `Option` of one.
fn has_length(field: &Field) -> bool {
    let long = |shape: &Shape<'_>| matches!(shape, Shape::Text | Shape::List(_));
    match Shape::of(&field.ty) {
        Shape::Maybe(inner) => long(&Shape::of(inner)),
        shape => long(&shape),
    }
}

// #[session(max_len = 64)] visits: u64
pub(super) fn lengths(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| !has_length(field)) {
        if let Some(max_len) = &field.attrs.max_len {
            let ty = spelling(&field.ty);
            cx.error_at(
                max_len.at_key(),
                format!("`max_len` is for `String` and `Vec`, and `{ty}` is spelled as neither; drop it"),
            );
        }
    }
}

// #[session(bounded)] on a struct with name: String
pub(super) fn bounded(session: &Session, cx: &mut Context) {
    if session.attrs.bounded.is_none() {
        return;
    }
    for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
        if has_length(field) && !field.attrs.written.contains(&FieldKey::MaxLen) {
            let ty = spelling(&field.ty);
            cx.error_at(
                &field.ty,
                format!(
                    "`{ty}` may be of any length, so a `bounded` session cannot hold it; write `#[session(max_len = 64)]` \
                     above it"
                ),
            );
        }
        if let Some(with) = &field.attrs.with {
            cx.error_at(
                with.at_key(),
                "a `with` module can write any length, so a `bounded` session cannot hold the field; drop `with`, or `bounded`",
            );
        }
    }
}
