//! From what a session's reader returns to what a view's field holds: the value itself, or `None` where the view needs one
//! and there is none. Every form that the derive gives a reader is here, and nothing is converted: `u8` is not `u64`.

/// A reader's result that a view's field of type `Out` can be taken from.
#[diagnostic::on_unimplemented(
    message = "a view field of type `{Out}` cannot be taken from a session field read as `{Self}`",
    label = "the session has another type here",
    note = "a view field has the type of the session's field, or, where that is an `Option<T>`, `T` to ask for a value",
    note = "what is read by reference is cloned, so its type must be `Clone`"
)]
pub trait Project<Out> {
    /// The value; `None` if there is none and `Out` has no way to say so.
    fn project(self) -> Option<Out>;
}

/// Takes a view's field out of what the session's reader returned.
#[inline]
pub fn project<Out, Read: Project<Out>>(read: Read) -> Option<Out> {
    read.project()
}

/// Forms that overlap in no type: none of these could be another one without containing itself.
macro_rules! forms {
    ($([$($bounds:tt)*] $read:ty => $out:ty, |$value:ident| $project:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($bounds)*> Project<$out> for $read {
            #[inline]
            fn project(self) -> Option<$out> {
                let $value = self;
                $project
            }
        }
    )*};
}

forms! {
    // Read by value: numbers, `copy` fields, verbs of the application's own.
    [T] T => T, |value| Some(value);
    [T] Option<T> => T, |value| value;
    // Read by reference.
    [T: Clone] &T => T, |value| Some(value.clone());
    [T: Clone] Option<&T> => T, |value| value.cloned();
    [T: Clone] Option<&T> => Option<T>, |value| Some(value.cloned());
    // An `Option` behind an alias, which the derive did not see.
    [T: Clone] &Option<T> => T, |value| value.clone();
    // Text and lists, read as slices.
    [] &str => String, |value| Some(value.to_owned());
    [] Option<&str> => String, |value| value.map(str::to_owned);
    [] Option<&str> => Option<String>, |value| Some(value.map(str::to_owned));
    [T: Clone] &[T] => Vec<T>, |value| Some(value.to_vec());
    [T: Clone] Option<&[T]> => Vec<T>, |value| value.map(<[T]>::to_vec);
    [T: Clone] Option<&[T]> => Option<Vec<T>>, |value| Some(value.map(<[T]>::to_vec));
}
