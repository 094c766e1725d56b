//! All fields of a session in turn, their types forgotten.

use super::{Slot, State};
use crate::{engine::Op, error::Error, schema::Meta};

/// Meets every field of a session in turn, whatever its type.
#[doc(hidden)]
pub struct Visitor<'a>(pub(crate) &'a mut dyn FnMut(&'static Meta, &mut dyn AnySlot));

impl Visitor<'_> {
    /// Shows the visitor one field.
    pub fn field<T>(&mut self, slot: &mut Slot<T>) {
        (self.0)(&slot.field.meta, slot);
    }
}

/// A slot, its type forgotten.
pub(crate) trait AnySlot {
    /// Forgets value and edits: the field reads as stored again.
    fn reset(&mut self);
    /// What the handle did to the field, taken out of the slot.
    fn take_edit(&mut self, state: &State) -> Result<Option<Op>, Error>;
    /// Whether the handle did anything.
    fn is_edited(&self) -> bool;
    /// Whether the handle left a value there, as opposed to taking or removing one.
    fn leaves_something(&self) -> bool;
    /// The value's stored form; `None` where nothing is stored.
    #[cfg(feature = "testing")]
    fn record(&self, state: &State) -> Result<Option<Vec<u8>>, Error>;
    /// Fails if something is stored that cannot be read.
    #[cfg(feature = "testing")]
    fn replay(&self, state: &State) -> Result<(), Error>;
}
