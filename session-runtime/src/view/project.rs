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
    /// Whether the session may have no value for this field.
    const CAN_BE_MISSING: bool = false;

    /// Returns the value. `None` if the view needs a value and the session has none.
    fn project(read: Read) -> Option<Self>;
}

/// Takes a view's field from the result of the session's accessor.
#[derive(Debug)]
pub struct Projection<Out, Read> {
    project: fn(Read) -> Option<Out>,
    can_be_missing: bool,
}

/// Returns how to take a view's field from the result of the session's accessor. The handler and the check of the whole view
/// both call this function, so that the compiler reports a mistake only once.
#[inline]
#[must_use]
pub const fn project<Out: Project<Read>, Read>() -> Projection<Out, Read> {
    Projection { project: Out::project, can_be_missing: Out::CAN_BE_MISSING }
}

impl<Out, Read> Projection<Out, Read> {
    /// Returns the field's value. `None` if the view needs a value and the session has none.
    #[inline]
    pub fn of(self, read: Read) -> Option<Out> {
        (self.project)(read)
    }

    /// Returns whether the session may have no value for this field. The arguments only name the accessor's type: they are never
    /// used.
    #[must_use]
    pub const fn can_be_missing<'a, Fields>(
        self,
        _fields: Option<&'a Fields>,
        _accessor: fn(&'a Fields) -> Read,
    ) -> bool {
        self.can_be_missing
    }
}

/// Returns whether one of these is true.
#[must_use]
pub const fn any(mut conditions: &[bool]) -> bool {
    while let [first, rest @ ..] = conditions {
        if *first {
            return true;
        }
        conditions = rest;
    }
    false
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
    const CAN_BE_MISSING: bool = true;

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
    const CAN_BE_MISSING: bool = true;

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
    const CAN_BE_MISSING: bool = true;

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
    const CAN_BE_MISSING: bool = true;

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
    const CAN_BE_MISSING: bool = true;

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
