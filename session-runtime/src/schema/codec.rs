//! How a field's value becomes bytes and back: MessagePack through serde, structs by field name so that they may grow.
//!
//! To serde it is a format for people, as JSON is: addresses, UUIDs and times are text in it. In a compact format they are
//! bytes, but serde reads the content of tagged, untagged and flattened types as if their format were for people, so an
//! address in one of these would be written as bytes, and never be read again. A UUID is 20 bytes longer as text; an address
//! is hardly longer.

use rmp_serde::{
    config::{DefaultConfig, HumanReadableConfig, StructMapConfig},
    decode::ReadRefReader,
};
use serde::{
    Deserialize as _, Serialize,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};

/// Deeper nesting than this reads as undecodable rather than as a full stack (SECURITY S46).
pub(crate) const MAX_DEPTH: usize = 128;

/// MessagePack's nil, which is what `None` becomes.
pub(crate) const NIL: &[u8] = &[0xc0];

/// The one byte that MessagePack never uses: stands where a secret could not be opened, and reads as absent.
pub(crate) const UNREADABLE: &[u8] = &[0xc1];

/// What `with = "module"` is given to write to: a [`serde::Serializer`].
#[doc(hidden)]
pub type Encoder<'a> = &'a mut rmp_serde::Serializer<Vec<u8>, HumanReadableConfig<StructMapConfig<DefaultConfig>>>;
/// What `with = "module"` is given to read from: a [`serde::Deserializer`].
#[doc(hidden)]
pub type Decoder<'a, 'de> =
    &'a mut rmp_serde::Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

type EncodeFn<T> = for<'a> fn(&T, Encoder<'a>) -> Result<(), rmp_serde::encode::Error>;
type DecodeFn<T> = for<'a, 'de> fn(Decoder<'a, 'de>) -> Result<T, rmp_serde::decode::Error>;

/// Captures once how a type is encoded, so that nothing else needs its bounds.
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
    /// The functions of a `with` module.
    #[must_use]
    pub const fn new(encode: EncodeFn<T>, decode: DecodeFn<T>) -> Self {
        Self { encode, decode }
    }

    /// The type's own serde implementation.
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

/// A value as [`Codec::serde`] decodes it.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    read(bytes, |decoder| T::deserialize(decoder))
}

fn read<T>(
    bytes: &[u8],
    read: impl FnOnce(Decoder<'_, '_>) -> Result<T, rmp_serde::decode::Error>,
) -> Result<T, rmp_serde::decode::Error> {
    // The reader counts the levels of lists and maps, but none of enums, which are a map of one variant.
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

/// Whether a value is nested deeper than can be read.
pub(crate) fn is_too_deep(bytes: &[u8]) -> bool {
    is_deeper(bytes, |byte| matches!(byte, 0x80..=0x9f | 0xdc..=0xdf))
}

/// Whether there are more levels than [`MAX_DEPTH`], each with a byte that `begins` one. Nearly always there are fewer such
/// bytes, which is quick to see.
fn is_deeper(bytes: &[u8], begins: impl Fn(u8) -> bool) -> bool {
    bytes.len() > MAX_DEPTH
        && bytes.iter().filter(|byte| begins(**byte)).count() >= MAX_DEPTH
        && matches!(IgnoredAny::deserialize(&mut decoder(bytes)), Err(rmp_serde::decode::Error::DepthLimitExceeded))
}

/// A value as [`Codec::serde`] encodes it.
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

/// A type whose values can be kept in a session.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a session",
    label = "not serialisable, or not `Send`",
    note = "a session's values must implement `serde::Serialize`, `serde::Deserialize` and `Send`, and borrow nothing",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to the types of yours in it, or give the field \
            `#[session(with = module)]`, or `#[session(skip)]` if it is for this request alone"
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

/// A type with a value for a session that has none yet.
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

/// The value of a field in a new session.
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

    // F10: `rmp_serde` counts no levels of enums, so bytes in a store could overflow the stack.
    #[test]
    fn an_enum_that_is_nested_too_deep_is_an_error() {
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
    fn what_is_wide_is_not_deep() {
        let wide = Tree::Many((0..1_000).map(|_| tree(3)).collect());
        let bytes = to_bytes(&wide).unwrap();
        assert!(!is_too_deep(&bytes));
        assert_eq!(from_bytes::<Tree>(&bytes).unwrap(), wide);
    }
}
