//! Visits all fields of a session, whatever their types.

use super::{Slot, State};
use crate::{engine::Op, error::Error, schema::Meta};

/// A callback for each field of a session, whatever its type.
#[doc(hidden)]
pub struct Visitor<'a>(pub(crate) &'a mut dyn FnMut(&'static Meta, &mut dyn AnySlot));

impl Visitor<'_> {
    /// Calls the callback with one field.
    pub fn field<T>(&mut self, slot: &mut Slot<T>) {
        (self.0)(&slot.field.meta, slot);
    }
}

/// A slot without its type.
pub(crate) trait AnySlot {
    /// Drops the value and the edit, so that the next read returns the stored value.
    fn reset(&mut self);
    /// Takes the handle's change out of the slot.
    fn take_edit(&mut self, state: &State) -> Result<Option<Op>, Error>;
    /// Returns whether the handle changed the field.
    fn is_edited(&self) -> bool;
    /// Returns whether the handle's change would store a value other than the default. Taking or removing a value and signing in
    /// do not count.
    fn leaves_something(&self) -> bool;
    /// Returns the value's stored form; `None` if nothing is stored.
    #[cfg(feature = "testing")]
    fn record(&self, state: &State) -> Result<Option<Vec<u8>>, Error>;
    /// Fails if the stored value cannot be read.
    #[cfg(feature = "testing")]
    fn replay(&self, state: &State) -> Result<(), Error>;
}
