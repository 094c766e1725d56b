//! Maps the result of a session's accessor to the field of a view: the value itself, or `None` if the view needs a value and
//! the session has none. The impls cover every form of accessor that the derive generates. They convert nothing: a `u8` field
//! cannot become a `u64`.

/// The type of a view's field that can be taken from an accessor's result of type `Read`. The trait is implemented for the view's
/// type and not for `Read`, so that the compiler's errors point at the view.
#[diagnostic::on_unimplemented(
    message = "a view field of type `{Self}` cannot be taken from a session field read as `{Read}`",
    label = "cannot be taken from the session's field",
    note = "a view field has the type of the session's field, or, where that is an `Option<T>`, `T` to ask for a value",
    note = "what is read by reference is cloned, so its type must be `Clone`"
)]
pub trait Project<Read>: Sized {
    /// Returns the value. `None` if the view needs a value and the session has none.
    fn project(read: Read) -> Option<Self>;
}

/// Takes a view's field from the result of the session's accessor.
#[inline]
pub fn project<Out: Project<Read>, Read>(read: Read) -> Option<Out> {
    Out::project(read)
}

// The impls never overlap: a type that fits two of them would have to contain itself.

// Read by value: numbers, `copy` fields, and results of the application's own methods.

#[diagnostic::do_not_recommend]
impl<T> Project<T> for T {
    #[inline]
    fn project(read: T) -> Option<Self> {
        Some(read)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Project<Option<T>> for T {
    #[inline]
    fn project(read: Option<T>) -> Option<Self> {
        read
    }
}

// Read by reference.

impl<T: Clone> Project<&T> for T {
    #[inline]
    fn project(read: &T) -> Option<Self> {
        Some(read.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<Option<&T>> for T {
    #[inline]
    fn project(read: Option<&T>) -> Option<Self> {
        read.cloned()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<Option<&T>> for Option<T> {
    #[inline]
    fn project(read: Option<&T>) -> Option<Self> {
        Some(read.cloned())
    }
}

// An `Option` behind an alias, which the derive cannot recognise.

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<&Option<T>> for T {
    #[inline]
    fn project(read: &Option<T>) -> Option<Self> {
        read.clone()
    }
}

// Text and lists, read as slices.

#[diagnostic::do_not_recommend]
impl Project<&str> for String {
    #[inline]
    fn project(read: &str) -> Option<Self> {
        Some(read.to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl Project<Option<&str>> for String {
    #[inline]
    fn project(read: Option<&str>) -> Option<Self> {
        read.map(str::to_owned)
    }
}

#[diagnostic::do_not_recommend]
impl Project<Option<&str>> for Option<String> {
    #[inline]
    fn project(read: Option<&str>) -> Option<Self> {
        Some(read.map(str::to_owned))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<&[T]> for Vec<T> {
    #[inline]
    fn project(read: &[T]) -> Option<Self> {
        Some(read.to_vec())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<Option<&[T]>> for Vec<T> {
    #[inline]
    fn project(read: Option<&[T]>) -> Option<Self> {
        read.map(<[T]>::to_vec)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Project<Option<&[T]>> for Option<Vec<T>> {
    #[inline]
    fn project(read: Option<&[T]>) -> Option<Self> {
        Some(read.map(<[T]>::to_vec))
    }
}
