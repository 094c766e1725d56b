//! The documentation of the generated code.

use syn::{Ident, ext::IdentExt};

use crate::{
    model::{Field, Session},
    shape::Shape,
};

/// Documents `ShopFields`.
pub(super) fn wrapper(session: &Session) -> String {
    format!(" Typed access to a [`{0}`] session: a reader and a handle for each field.", session.ident)
}

/// Documents a reader whose field has no documentation.
pub(super) fn reader(field: &Field) -> String {
    format!(" Returns the `{}`.", field.name())
}

/// Returns the line below a reader's documentation, which says under which name the value is stored, and for how long.
pub(super) fn storage(field: &Field) -> String {
    if field.attrs.skip.is_some() {
        return "\n Not stored: lasts as long as the request.".to_owned();
    }
    let how_long = match &field.attrs.expires {
        Some(expires) => format!("for {} after the last write", expires.value.words()),
        None => "for as long as the session".to_owned(),
    };
    let how = if field.attrs.secret.is_some() { ", encrypted" } else { "" };
    format!("\n Stored as `{}`{how}, {how_long}.", field.stored_name())
}

pub(super) fn handle(field: &Field) -> String {
    format!(" Changes {}.", link(&field.ident))
}

pub(super) fn deadline(field: &Field) -> String {
    format!(" Returns when {} expires.", link(&field.ident))
}

/// Documents `ShopLookup`.
pub(super) fn lookup(session: &Session) -> String {
    format!(
        " Finds [`{0}`] sessions by the values of their `index` fields: `Sessions<{0}>` has these methods.",
        session.ident
    )
}

/// Documents the lookup by a field.
pub(super) fn by(field: &Field) -> String {
    let has = match Shape::of(&field.ty) {
        Shape::List(_) => "whose `{}` contain this value",
        _ => "whose `{}` is this value",
    };
    format!(" Returns access to the sessions {}.", has.replace("{}", &field.name()))
}

fn link(reader: &Ident) -> String {
    format!("[`{}`](Self::{reader})", reader.unraw())
}
