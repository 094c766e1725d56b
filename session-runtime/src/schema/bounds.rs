//! Bounds of a field's stored form. They let the compiler check that a session fits into its cookie.

use rmp::{Marker, decode::read_marker};

use super::Spec;
use crate::cookie::LARGEST_PAIR;

/// A type whose values take a limited number of bytes in MessagePack.
///
/// Numbers, `bool`, `char`, tuples and arrays of such types, `Option` and `Box` implement it. Text and lists get their limit
/// from `#[session(max_len = …)]` on the field. For your own type, state the size of its largest value in bytes. If a value
/// turns out to be larger, writing it is an error, and the stored session stays as it was.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use session_runtime::{Bounded, Session};
///
/// #[derive(Clone, Copy, Default, Serialize, Deserialize)]
/// enum Theme {
///     #[default]
///     Light,
///     Dark,
/// }
///
/// impl Bounded for Theme {
///     // A variant is stored as its name: here a byte for the length, and the longest name.
///     const MAX_BYTES: usize = 1 + "Light".len();
/// }
///
/// #[derive(Session)]
/// #[session(bounded)]
/// struct Preferences {
///     theme: Theme,
///     #[session(max_len = 40)]
///     name: String,
///     #[session(max_len = 20)]
///     recent: Vec<u64>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no bound, so a `bounded` session cannot hold it",
    label = "this may be of any length",
    note = "text and lists take `#[session(max_len = 64)]`; for a type of your own write `impl session_runtime::Bounded for \
            {Self} {{ const MAX_BYTES: usize = …; }}`"
)]
pub trait Bounded {
    /// The size of the largest value in MessagePack, in bytes. The fields of a struct are written with their names.
    const MAX_BYTES: usize;
}

macro_rules! bounded {
    ($($type:ty => $bytes:literal,)*) => {$(
        impl Bounded for $type {
            const MAX_BYTES: usize = $bytes;
        }
    )*};
}

bounded! {
    () => 1, bool => 1, char => 5,
    u8 => 2, u16 => 3, u32 => 5, u64 => 9, usize => 9,
    i8 => 2, i16 => 3, i32 => 5, i64 => 9, isize => 9,
    f32 => 5, f64 => 9,
}

impl<T: Bounded> Bounded for Option<T> {
    const MAX_BYTES: usize = if T::MAX_BYTES == 0 { 1 } else { T::MAX_BYTES };
}

impl<T: Bounded> Bounded for Box<T> {
    const MAX_BYTES: usize = T::MAX_BYTES;
}

impl<T: Bounded, const N: usize> Bounded for [T; N] {
    const MAX_BYTES: usize = list_head(N) + N * T::MAX_BYTES;
}

macro_rules! tuples {
    ($(($($item:ident)*))*) => {$(
        impl<$($item: Bounded),*> Bounded for ($($item,)*) {
            const MAX_BYTES: usize = 1 $(+ $item::MAX_BYTES)*;
        }
    )*};
}

tuples!((A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F));

/// The bound of one field.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The largest `len()`: bytes of text, or items of a list. `None` if `len()` has no limit of its own.
    pub(crate) len: Option<usize>,
    /// The largest size in MessagePack, in bytes. `usize::MAX`: any size.
    pub(crate) bytes: usize,
}

impl Bound {
    /// Returns the bound of a type.
    #[must_use]
    pub const fn of<T: Bounded>() -> Self {
        Self { len: None, bytes: T::MAX_BYTES }
    }

    /// Returns the bound of text of at most `len` bytes.
    #[must_use]
    pub const fn text(len: usize) -> Self {
        let head = match len {
            0..32 => 1,
            32..0x100 => 2,
            0x100..0x1_0000 => 3,
            _ => 5,
        };
        Self { len: Some(len), bytes: len.saturating_add(head) }
    }

    /// Returns the bound of a list of at most `len` items.
    #[must_use]
    pub const fn list<T: Bounded>(len: usize) -> Self {
        Self { len: Some(len), bytes: len.saturating_mul(T::MAX_BYTES).saturating_add(list_head(len)) }
    }

    /// Returns the bound of a list of at most `len` items of any size.
    #[must_use]
    pub const fn items(len: usize) -> Self {
        Self { len: Some(len), bytes: usize::MAX }
    }

    /// Returns the limit that the value exceeds, with the value's length; `None` if it exceeds none.
    pub(crate) fn exceeded(&self, value: &[u8]) -> Option<Exceeded> {
        if let (Some(most), Some(length)) = (self.len, length_of(value))
            && length > most
        {
            return Some(Exceeded::Length { length, most });
        }
        (value.len() > self.bytes).then_some(Exceeded::Bytes { bytes: value.len(), most: self.bytes })
    }
}

const fn list_head(len: usize) -> usize {
    match len {
        0..16 => 1,
        16..0x1_0000 => 3,
        _ => 5,
    }
}

/// The limit that a value exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// `max_len`.
    Length { length: usize, most: usize },
    /// The size in bytes, which follows from the type and `max_len`.
    Bytes { bytes: usize, most: usize },
}

/// Returns the `len()` of an encoded text (its bytes) or list (its items). `None` for any other value.
fn length_of(mut value: &[u8]) -> Option<usize> {
    let bytes = match read_marker(&mut value).ok()? {
        Marker::FixStr(length) | Marker::FixArray(length) => return Some(length.into()),
        Marker::Str8 => 1,
        Marker::Str16 | Marker::Array16 => 2,
        Marker::Str32 | Marker::Array32 => 4,
        _ => return None,
    };
    let length = value.get(..bytes)?;
    Some(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

/// The maximum size, in bytes, of an encrypted session without its fields: the overhead of the encryption, the session's name,
/// its deadlines, and the time when its user last proved who they are.
const OVERHEAD: usize = 45 + 64 + 10;
/// The maximum size of a field without its value: its shortened name and its length.
const PER_FIELD: usize = 2 + 4;
/// The maximum size of a field's own deadline.
const DEADLINE: usize = 10;

/// Returns the maximum size of the cookie of an encrypted session, if the cookie's name has `name` bytes. `None` if a field has
/// no bound.
pub(crate) const fn most_bytes(spec: &Spec, name: usize) -> Option<usize> {
    let (mut at, mut bytes) = (0, OVERHEAD);
    while at < spec.fields.len() {
        let meta = &spec.fields[at];
        match (&meta.bound, meta.is_stored()) {
            (Some(bound), true) => bytes = bytes.saturating_add(bound.bytes).saturating_add(PER_FIELD),
            (None, true) => return None,
            (_, false) => {}
        }
        if meta.expires.is_some() {
            bytes = bytes.saturating_add(DEADLINE);
        }
        at += 1;
    }
    Some(bytes.saturating_mul(4).div_ceil(3).saturating_add(name))
}

/// Stops the compilation if a session might not fit into one cookie.
#[doc(hidden)]
#[allow(clippy::panic, reason = "it only runs while compiling")]
pub const fn fits(spec: &Spec) {
    let Some(bytes) = most_bytes(spec, spec.cookie.name.len()) else { return };
    if bytes <= LARGEST_PAIR {
        return;
    }
    let (mut largest, mut at) = (0, 1);
    while at < spec.fields.len() {
        if bytes_of(spec, at) > bytes_of(spec, largest) {
            largest = at;
        }
        at += 1;
    }
    let text = Text::new()
        .text("a `")
        .text(spec.name)
        .text("` session may need ")
        .number(bytes)
        .text(" bytes in its cookie, and browsers keep ")
        .number(LARGEST_PAIR)
        .text("; the largest field is `")
        .text(spec.fields[largest].name)
        .text("` with up to ")
        .number(bytes_of(spec, largest))
        .text(" bytes: lower its `max_len`, or drop `bounded` and keep these sessions in a store");
    panic!("{}", text.as_str());
}

const fn bytes_of(spec: &Spec, at: usize) -> usize {
    match &spec.fields[at].bound {
        Some(bound) => bound.bytes,
        None => 0,
    }
}

/// A message that is built at compile time.
struct Text {
    bytes: [u8; 1024],
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; 1024], length: 0 }
    }

    const fn text(mut self, text: &str) -> Self {
        let (text, mut at) = (text.as_bytes(), 0);
        while at < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    const fn number(self, number: usize) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let before = if number >= 10 { self.number(number / 10) } else { self };
        before.text(DIGITS[number % 10])
    }

    const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "a session may need more bytes than browsers keep of a cookie",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::schema::to_bytes;

    fn takes<T: Bounded + Serialize>(value: &T) -> usize {
        let bytes = to_bytes(value).unwrap().len();
        assert!(bytes <= T::MAX_BYTES, "{bytes} > {}", T::MAX_BYTES);
        bytes
    }

    #[test]
    fn the_largest_value_takes_max_bytes() {
        assert_eq!(takes(&u8::MAX), u8::MAX_BYTES);
        assert_eq!(takes(&u16::MAX), u16::MAX_BYTES);
        assert_eq!(takes(&u32::MAX), u32::MAX_BYTES);
        assert_eq!(takes(&u64::MAX), u64::MAX_BYTES);
        assert_eq!(takes(&i8::MIN), i8::MAX_BYTES);
        assert_eq!(takes(&i16::MIN), i16::MAX_BYTES);
        assert_eq!(takes(&i32::MIN), i32::MAX_BYTES);
        assert_eq!(takes(&i64::MIN), i64::MAX_BYTES);
        assert_eq!(takes(&f32::MAX), f32::MAX_BYTES);
        assert_eq!(takes(&f64::MIN), f64::MAX_BYTES);
        assert_eq!((takes(&true), takes(&char::MAX), takes(&())), (1, 5, 1));
        assert_eq!(takes(&Some(u64::MAX)), Option::<u64>::MAX_BYTES);
        assert_eq!(takes(&[u32::MAX; 17]), <[u32; 17]>::MAX_BYTES);
        assert_eq!(takes(&(u64::MAX, char::MAX, [true])), <(u64, char, [bool; 1])>::MAX_BYTES);
    }

    #[test]
    fn the_bounds_of_text_and_lists_are_exact() {
        for len in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
            let (text, list) = ("x".repeat(len), vec![u64::MAX; len]);
            let (text, list) = (to_bytes(&text).unwrap(), to_bytes(&list).unwrap());
            assert_eq!(text.len(), Bound::text(len).bytes, "text of {len}");
            assert_eq!(list.len(), Bound::list::<u64>(len).bytes, "list of {len}");
            assert_eq!((length_of(&text), length_of(&list)), (Some(len), Some(len)));
            assert_eq!(Bound::text(len).exceeded(&text), None);
            if let Some(less) = len.checked_sub(1) {
                let exceeded = Some(Exceeded::Length { length: len, most: less });
                assert_eq!(Bound::text(less).exceeded(&text), exceeded);
                assert_eq!(Bound::list::<u64>(less).exceeded(&list), exceeded);
            }
        }
        let bytes = Exceeded::Bytes { bytes: 3, most: 2 };
        assert_eq!(Bound::of::<u8>().exceeded(&[0xcd, 1, 1]), Some(bytes));
        // Nil encodes an absent value, which has no length.
        assert_eq!(Bound::text(9).exceeded(&[0xc0]), None);
    }

    proptest! {
        #[test]
        fn no_value_takes_more_than_max_bytes(values: (u64, i32, char, f64, Option<u16>), nested: [Option<(u8, i64)>; 20]) {
            takes(&values);
            takes(&nested);
        }
    }
}
