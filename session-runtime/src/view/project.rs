//! From what a session's reader returns to what a view's field holds: the value itself, or `None` where the view needs one
//! and there is none. Every form that the derive gives a reader is here, and nothing is converted: `u8` is not `u64`.

/// What can be taken from a reader's result of type `Read`. The trait is the view's type's rather than the reader's, for the
/// compiler to point at that.
#[diagnostic::on_unimplemented(
    message = "a view field of type `{Self}` cannot be taken from a session field read as `{Read}`",
    label = "cannot be taken from the session's field",
    note = "a view field has the type of the session's field, or, where that is an `Option<T>`, `T` to ask for a value",
    note = "what is read by reference is cloned, so its type must be `Clone`"
)]
pub trait Project<Read>: Sized {
    /// The value; `None` if there is none and the view needs one.
    fn project(read: Read) -> Option<Self>;
}

/// Takes a view's field out of what the session's reader returned.
#[inline]
pub fn project<Out: Project<Read>, Read>(read: Read) -> Option<Out> {
    Out::project(read)
}

// The impls overlap in no type: one that two of them fit would have to contain itself.

// Read by value: numbers, `copy` fields, what verbs of the application's own return.

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

// An `Option` behind an alias, which the derive did not see.

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
