//! Encodes and decodes a field's value: MessagePack through serde. A struct is stored as a map by field name, so that a later
//! build can add fields to it.
//!
//! The format tells serde that it is human-readable, as JSON does, so addresses, UUIDs and times are stored as text. A compact
//! format would store them as bytes. But serde always decodes the content of tagged, untagged and flattened types as
//! human-readable, so an address in such a type would be written as bytes and could not be decoded. As text, a UUID takes 20
//! bytes more, and an address hardly more.

use rmp_serde::{
    config::{DefaultConfig, HumanReadableConfig, StructMapConfig},
    decode::ReadRefReader,
};
use serde::{
    Deserialize as _, Serialize,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};

/// A value that is nested this deep, or deeper, counts as undecodable, so that it cannot overflow the stack (SECURITY S46).
pub(crate) const MAX_DEPTH: usize = 128;

/// MessagePack's nil, the encoding of `None`.
pub(crate) const NIL: &[u8] = &[0xc0];

/// The one byte that MessagePack never uses. It replaces a secret that could not be decrypted. The field then shows its default.
pub(crate) const UNREADABLE: &[u8] = &[0xc1];

/// The [`serde::Serializer`] that `with = "module"` gets.
#[doc(hidden)]
pub type Encoder<'a> = &'a mut rmp_serde::Serializer<Vec<u8>, HumanReadableConfig<StructMapConfig<DefaultConfig>>>;
/// The [`serde::Deserializer`] that `with = "module"` gets.
#[doc(hidden)]
pub type Decoder<'a, 'de> =
    &'a mut rmp_serde::Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

type EncodeFn<T> = for<'a> fn(&T, Encoder<'a>) -> Result<(), rmp_serde::encode::Error>;
type DecodeFn<T> = for<'a, 'de> fn(Decoder<'a, 'de>) -> Result<T, rmp_serde::decode::Error>;

/// The functions that encode and decode a type. They are captured once, so that the rest of the code needs no serde bounds.
#[doc(hidden)]
pub struct Codec<T> {
    encode: EncodeFn<T>,
    decode: DecodeFn<T>,
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

impl<T> Codec<T> {
    /// Uses the functions of a `with` module.
    #[must_use]
    pub const fn new(encode: EncodeFn<T>, decode: DecodeFn<T>) -> Self {
        Self { encode, decode }
    }

    /// Uses the type's own serde implementation.
    #[must_use]
    pub const fn serde() -> Self
    where
        T: Storable,
    {
        Self { encode: T::encode, decode: T::decode }
    }

    pub(crate) fn encode(&self, value: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        written(|encoder| (self.encode)(value, encoder))
    }

    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
        read(bytes, |decoder| (self.decode)(decoder))
    }
}

/// Decodes a value as [`Codec::serde`] does.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    read(bytes, |decoder| T::deserialize(decoder))
}

fn read<T>(
    bytes: &[u8],
    read: impl FnOnce(Decoder<'_, '_>) -> Result<T, rmp_serde::decode::Error>,
) -> Result<T, rmp_serde::decode::Error> {
    // `rmp_serde` counts the levels of lists and maps, but not those of enums: a variant with content is encoded as a map with
    // one entry, which `rmp_serde` does not count when it decodes an enum. So the depth is checked before decoding.
    if is_deeper(bytes, |byte| matches!(byte, 0x81 | 0x91 | 0xdc..=0xdf)) {
        return Err(rmp_serde::decode::Error::custom("nested too deep"));
    }
    read(&mut decoder(bytes))
}

fn decoder(bytes: &[u8]) -> rmp_serde::Deserializer<ReadRefReader<'_, [u8]>, HumanReadableConfig<DefaultConfig>> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    deserializer.set_max_depth(MAX_DEPTH);
    deserializer
}

/// Returns whether a value is nested too deeply to be read.
pub(crate) fn is_too_deep(bytes: &[u8]) -> bool {
    is_deeper(bytes, |byte| matches!(byte, 0x80..=0x9f | 0xdc..=0xdf))
}

/// Returns whether a value has [`MAX_DEPTH`] levels or more. `begins` tells which bytes can begin a level. Nearly all values have
/// fewer such bytes than that, so counting the bytes first is quick.
fn is_deeper(bytes: &[u8], begins: impl Fn(u8) -> bool) -> bool {
    bytes.len() > MAX_DEPTH
        && bytes.iter().filter(|byte| begins(**byte)).count() >= MAX_DEPTH
        && matches!(IgnoredAny::deserialize(&mut decoder(bytes)), Err(rmp_serde::decode::Error::DepthLimitExceeded))
}

/// Returns the encoded items of an encoded list. Returns none if the value is not a list.
pub(crate) fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    let count = rmp::decode::read_array_len(&mut rest).unwrap_or(0);
    (0..count).map_while(move |_| {
        let before = rest;
        IgnoredAny::deserialize(&mut rmp_serde::Deserializer::new(&mut rest)).ok()?;
        before.get(..before.len() - rest.len())
    })
}

/// Encodes a value as [`Codec::serde`] does.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    written(|encoder| value.serialize(encoder))
}

fn written(
    write: impl FnOnce(Encoder<'_>) -> Result<(), rmp_serde::encode::Error>,
) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(Vec::with_capacity(32)).with_struct_map().with_human_readable();
    write(&mut serializer)?;
    Ok(serializer.into_inner())
}

/// A type whose values can be stored in a session.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a session",
    label = "not serialisable, or not `Send`",
    note = "a session's values must implement `serde::Serialize`, `serde::Deserialize` and `Send`, and borrow nothing",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to your own types in it, or give the field \
            `#[session(with = module)]`, or `#[session(skip)]` if only this request needs it"
)]
#[doc(hidden)]
pub trait Storable: Sized + Send + 'static {
    fn encode(&self, encoder: Encoder<'_>) -> Result<(), rmp_serde::encode::Error>;
    fn decode(decoder: Decoder<'_, '_>) -> Result<Self, rmp_serde::decode::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Storable for T {
    fn encode(&self, encoder: Encoder<'_>) -> Result<(), rmp_serde::encode::Error> {
        self.serialize(encoder)
    }

    fn decode(decoder: Decoder<'_, '_>) -> Result<Self, rmp_serde::decode::Error> {
        Self::deserialize(decoder)
    }
}

/// A type with an initial value for a new session.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no value for a new session",
    label = "no default",
    note = "derive `Default` for `{Self}`, or write `#[session(default = …)]` on the field, or make it an `Option`"
)]
#[doc(hidden)]
pub trait Initial: Sized {
    fn initial() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Initial for T {
    fn initial() -> Self {
        Self::default()
    }
}

/// Returns the value of a field in a new session.
#[doc(hidden)]
#[must_use]
pub fn initial<T: Initial>() -> T {
    T::initial()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Of(Box<Tree>),
        Many(Vec<Tree>),
    }

    fn tree(levels: usize) -> Tree {
        (0..levels).fold(Tree::Leaf, |tree, _| Tree::Of(tree.into()))
    }

    // F10: `rmp_serde` does not count the levels of enums, so stored bytes could overflow the stack.
    #[test]
    fn an_enum_that_is_nested_too_deeply_is_an_error() {
        for levels in [1, 100, MAX_DEPTH - 1] {
            assert_eq!(from_bytes::<Tree>(&to_bytes(&tree(levels)).unwrap()).unwrap(), tree(levels));
        }
        for levels in [MAX_DEPTH, 300] {
            let bytes = to_bytes(&tree(levels)).unwrap();
            assert!(is_too_deep(&bytes) && from_bytes::<Tree>(&bytes).is_err(), "{levels}");
        }
        let mut bytes = b"\x81\xa2Of".repeat(1_000_000);
        bytes.extend(b"\xa4Leaf");
        assert!(is_too_deep(&bytes) && from_bytes::<Tree>(&bytes).is_err());
    }

    #[test]
    fn a_wide_value_is_not_too_deep() {
        let wide = Tree::Many((0..1_000).map(|_| tree(3)).collect());
        let bytes = to_bytes(&wide).unwrap();
        assert!(!is_too_deep(&bytes));
        assert_eq!(from_bytes::<Tree>(&bytes).unwrap(), wide);
    }
}
