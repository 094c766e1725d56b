//! The traits that each policy requires of a field's type, with the compiler's message for other types.

/// A type that can count: an integer of up to 64 bits.
#[diagnostic::on_unimplemented(
    message = "a `counter` counts in an integer of up to 64 bits, not in `{Self}`",
    label = "not an integer",
    note = "use `u64` or `i64`, or leave `counter` off"
)]
#[doc(hidden)]
pub trait Integer: Copy {
    const FLOOR: i128;
    const CEILING: i128;
    fn widen(self) -> i128;
    fn narrow(wide: i128) -> Self;
}

macro_rules! integers {
    ($($type:ident)*) => {$(
        impl Integer for $type {
            const FLOOR: i128 = $type::MIN as i128;
            const CEILING: i128 = $type::MAX as i128;

            #[inline]
            fn widen(self) -> i128 {
                self as i128
            }

            #[inline]
            fn narrow(wide: i128) -> Self {
                wide.clamp(Self::FLOOR, Self::CEILING) as $type
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// A type that can hold flashes: an `Option` or a `Vec`.
#[diagnostic::on_unimplemented(
    message = "a `flash` is an `Option<T>` or a `Vec<T>`, not `{Self}`",
    label = "nothing can be taken from this",
    note = "write `Option<{Self}>` for one flash, `Vec<{Self}>` for several"
)]
#[doc(hidden)]
pub trait Collection {
    /// Returns whether it holds a value, even if that value's stored form is nil.
    fn is_some(&self) -> bool;
}

impl<T> Collection for Option<T> {
    fn is_some(&self) -> bool {
        self.is_some()
    }
}

impl<T> Collection for Vec<T> {
    fn is_some(&self) -> bool {
        false // a list is never stored as nil, so this does not matter
    }
}

/// A type that identifies the signed-in user, or says that no user is signed in: an `Option`.
#[diagnostic::on_unimplemented(
    message = "an `identity` is an `Option<T>`, not `{Self}`",
    label = "this cannot say that nobody is signed in",
    note = "write `Option<{Self}>`"
)]
#[doc(hidden)]
pub trait Optional {
    /// Returns whether it holds a value, even if that value's stored form is nil.
    fn is_some(&self) -> bool;
}

impl<T> Optional for Option<T> {
    fn is_some(&self) -> bool {
        self.is_some()
    }
}
