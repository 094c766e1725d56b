//! [`Schema`]: what the derive implements, and so what a [`Session`](super::Session) is made of.

use std::ops::DerefMut;

use super::Core;
use crate::{
    fields::{State, Visitor},
    schema::Spec,
};

/// A struct that can be kept in a session. Implemented by `#[derive(Session)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session",
    label = "write `#[derive(Session)]` on `{Self}`",
    note = "the derive is `session_runtime::Session`; it turns each field into a typed accessor"
)]
pub trait Schema: Sized + 'static {
    /// The generated accessors, which `Session<Self>` derefs to.
    #[doc(hidden)]
    type Fields: From<Core<Self>> + DerefMut<Target = Core<Self>>;
    /// One slot per field.
    #[doc(hidden)]
    type Slots: Default;
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
