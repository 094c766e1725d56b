//! Computes a field's value from values that older builds stored under other names: `migrate = function("name")`.

use std::cell::Cell;

use serde::de::DeserializeOwned;

use super::{Field, Meta, codec::from_bytes};

/// The `migrate` of one field.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub(crate) field: &'static Meta,
    /// The names of the older values.
    pub(crate) names: &'static [&'static str],
    run: fn(&Older<'_>) -> Option<Vec<u8>>,
}

impl Migration {
    /// Creates a migration: `run` computes the value of `field` from the values under `names`.
    #[must_use]
    pub const fn new<T>(
        field: &'static Field<T>,
        names: &'static [&'static str],
        run: fn(&Older<'_>) -> Option<Vec<u8>>,
    ) -> Self {
        Self { field: &field.meta, names, run }
    }

    /// Returns the field's stored form, computed from `stored`: the stored value under each of the names. `None` if one of
    /// these values cannot be decoded, if there is only one name and no value under it, or if the result cannot be encoded.
    pub(crate) fn run(&self, stored: &[Option<&[u8]>]) -> Option<Vec<u8>> {
        (self.run)(&Older { stored, unreadable: Cell::new(false) })
    }
}

/// The values that older builds stored.
#[doc(hidden)]
pub struct Older<'a> {
    stored: &'a [Option<&'a [u8]>],
    unreadable: Cell<bool>,
}

impl Older<'_> {
    /// Calls `function` with the `N` values, and returns the result in the field's stored form.
    #[must_use]
    pub fn make<const N: usize, A, T, F: Makes<T, N, A>>(
        &self,
        field: &'static Field<T>,
        function: F,
    ) -> Option<Vec<u8>> {
        let value = function.make(self)?;
        let codec = field.codec.as_ref().filter(|_| !self.unreadable.get())?;
        codec.encode(&value).ok()
    }

    /// Returns the value that is stored under the name at this index.
    fn get<T: DeserializeOwned>(&self, place: usize) -> Option<T> {
        let value = from_bytes((*self.stored.get(place)?)?).ok();
        self.unreadable.set(self.unreadable.get() || value.is_none());
        value
    }
}

/// A function that computes a `T` from `N` values of the types `A`. If `N` is 1, the value is required; otherwise each value
/// is optional.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this function does not make a `{T}` from what is stored under {N} name(s)",
    label = "not of the type that is wanted here",
    note = "for one name it is a `fn(A) -> {T}`, for two a `fn(Option<A>, Option<B>) -> {T}`, and so on up to four; each \
            argument implements `serde::Deserialize` and borrows nothing"
)]
pub trait Makes<T, const N: usize, A> {
    /// Calls the function. Returns `None` if `N` is 1 and the value is missing.
    fn make(&self, older: &Older<'_>) -> Option<T>;
}

#[diagnostic::do_not_recommend]
impl<T, A: DeserializeOwned, F: Fn(A) -> T> Makes<T, 1, (A,)> for F {
    fn make(&self, older: &Older<'_>) -> Option<T> {
        older.get(0).map(self)
    }
}

macro_rules! makes {
    ($($count:literal: $($value:ident $place:literal)*;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T, $($value: DeserializeOwned,)* F: Fn($(Option<$value>),*) -> T> Makes<T, $count, ($($value,)*)> for F {
            fn make(&self, older: &Older<'_>) -> Option<T> {
                Some(self($(older.get($place)),*))
            }
        }
    )*};
}

makes! {
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::to_bytes;

    static NAME: Field<String> = Field::plain("name");

    fn join(first: Option<String>, last: Option<String>) -> String {
        [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    static JOINED: Migration = Migration::new(&NAME, &["first", "last"], |older| older.make::<2, _, _, _>(&NAME, join));

    #[test]
    fn a_missing_value_is_none_and_an_unreadable_one_fails_the_migration() {
        let (ada, number) = (to_bytes("Ada").ok(), to_bytes(&7).ok());
        assert_eq!(JOINED.run(&[ada.as_deref(), ada.as_deref()]), to_bytes("Ada Ada").ok());
        assert_eq!(JOINED.run(&[None, ada.as_deref()]), to_bytes("Ada").ok());
        assert_eq!(JOINED.run(&[ada.as_deref(), number.as_deref()]), None);
    }
}
