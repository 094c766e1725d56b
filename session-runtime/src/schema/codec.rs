//! How a field's value becomes bytes and back: MessagePack through serde, structs by field name so that they may grow.

use rmp_serde::{
    config::{DefaultConfig, StructMapConfig},
    decode::ReadRefReader,
};
use serde::{Serialize, de::DeserializeOwned};

/// Deeper nesting than this reads as undecodable rather than as a full stack (SECURITY S46).
const MAX_DEPTH: usize = 128;

/// MessagePack's nil, which is what `None` becomes.
pub(crate) const NIL: &[u8] = &[0xc0];

/// The one byte that MessagePack never uses: stands where a secret could not be opened, and reads as absent.
pub(crate) const UNREADABLE: &[u8] = &[0xc1];

/// What `with = "module"` is given to write to: a [`serde::Serializer`].
#[doc(hidden)]
pub type Encoder<'a> = &'a mut rmp_serde::Serializer<Vec<u8>, StructMapConfig<DefaultConfig>>;
/// What `with = "module"` is given to read from: a [`serde::Deserializer`].
#[doc(hidden)]
pub type Decoder<'a, 'de> = &'a mut rmp_serde::Deserializer<ReadRefReader<'de, [u8]>>;

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
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    read(&mut deserializer)
}

/// A value as [`Codec::serde`] encodes it.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    written(|encoder| value.serialize(encoder))
}

fn written(
    write: impl FnOnce(Encoder<'_>) -> Result<(), rmp_serde::encode::Error>,
) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(Vec::with_capacity(32)).with_struct_map();
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
