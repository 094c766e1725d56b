//! What the derive says about a session struct, and nothing that it does: names, lifetimes, policies, and for each field
//! how it is encoded. Everything a user's crate gets generated is described here; the logic lives elsewhere.

mod codec;
mod field;
mod spec;

use std::ops::DerefMut;

pub(crate) use self::codec::NIL;
pub use self::{
    codec::{Codec, Decoder, Encoder, Initial, Storable, initial},
    field::{Field, Meta, Policy},
    spec::Spec,
};
use crate::{
    fields::{Slot, State},
    session::Core,
};

/// A struct that can be kept in a session. Implemented by `#[derive(Session)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session",
    label = "write `#[derive(Session)]` on `{Self}`",
    note = "the derive is `session_runtime::Session`; it turns each field into a typed accessor"
)]
pub trait Schema: Sized + Send + 'static {
    /// The generated accessors, which `Session<Self>` derefs to.
    #[doc(hidden)]
    type Fields: From<Core<Self>> + DerefMut<Target = Core<Self>> + Send;
    /// One slot per field.
    #[doc(hidden)]
    type Slots: Default + Send;
    /// Names, lifetimes and cookie as the attributes give them.
    #[doc(hidden)]
    const SPEC: Spec;

    #[doc(hidden)]
    fn visit(slots: &mut Self::Slots, visitor: &mut Visitor<'_>);
    #[doc(hidden)]
    fn split(self) -> Self::Slots;
    #[doc(hidden)]
    fn join(slots: Self::Slots, state: &State) -> Self;
}

/// Meets every field of a session in turn, whatever its type.
#[doc(hidden)]
pub struct Visitor<'a>(pub(crate) &'a mut dyn FnMut(&'static Meta, &mut dyn AnySlot));

impl Visitor<'_> {
    /// Shows the visitor one field.
    pub fn field<T: Send + 'static>(&mut self, field: &'static Field<T>, slot: &mut Slot<T>) {
        (self.0)(field.meta(), &mut (field, slot));
    }
}

/// A slot together with its field, its type forgotten.
pub(crate) trait AnySlot {
    /// Forgets value and edits: the field reads as stored again.
    fn reset(&mut self);
    /// What the handle did to the field, taken out of the slot.
    fn take_edit(&mut self, state: &State) -> Result<Option<crate::engine::Op>, crate::Error>;
    /// Whether the handle did anything.
    fn is_edited(&self) -> bool;
}
