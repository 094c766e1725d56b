//! Signing: what everybody may read and nobody else can write, by HMAC-SHA256 under a key of one purpose, for one place.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that signed |
//! | n | the value |
//! | 16 | MAC, cut to 128 bits as that of session tokens is |
//!
//! The MAC covers purpose, algorithm and place too, each behind its length: a value moved to another place opens nothing
//! (SECURITY S40, S41). Session tokens, which are read for every request, have a format of their own (`cookie/token.rs`).

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Derived, KeyId, KeyRing, Purpose, framed};
use crate::{clock::Timestamp, error::Error};

const VERSION: u8 = 1;
pub(crate) const HEAD: usize = 1 + size_of::<KeyId>();
pub(crate) const MAC: usize = 16;

/// What a signed value says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    pub(crate) value: &'a [u8],
    /// Whether the current key signed it; else it is to be signed again (SECURITY S45).
    pub(crate) current: bool,
}

/// Signs values under the ring's current key, and opens what any of its keys signed.
pub(crate) struct Signer(Derived<Hmac<Sha256>>);

impl Signer {
    /// A signer of one purpose.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, purpose: Purpose) -> Result<Self, Error> {
        let context = framed(&[purpose.name, purpose.algorithm, purpose.version]);
        Derived::new(ring, |key| Ok(key.mac(purpose)?.chain_update(&context))).map(Self)
    }

    /// The value as it may leave the process, bound to `place`, all parts of it.
    pub(crate) fn sign(&self, value: &[u8], place: &[&[u8]]) -> Vec<u8> {
        let (id, key) = self.0.current();
        let mut signed = Vec::with_capacity(HEAD + value.len() + MAC);
        signed.push(VERSION);
        signed.extend_from_slice(id);
        signed.extend_from_slice(value);
        let mac = mac(key, place, &signed);
        signed.extend_from_slice(&mac);
        signed
    }

    /// What was signed for this place, if that is what it is. Whatever else is wrong with it, nobody is told what.
    pub(crate) fn open<'a>(&self, signed: &'a [u8], place: &[&[u8]], now: Timestamp) -> Option<Opened<'a>> {
        let (body, tag) = signed.split_last_chunk::<MAC>()?;
        let (&[version], rest) = body.split_first_chunk()?;
        let (id, value) = rest.split_first_chunk()?;
        let (key, current) = self.0.find(id, now)?;
        let genuine = bool::from(mac(key, place, body).ct_eq(tag));
        (version == VERSION && genuine).then_some(Opened { value, current })
    }
}

/// The last part of the list is what is signed, so where the place ends is never in doubt.
fn mac(key: &Hmac<Sha256>, place: &[&[u8]], signed: &[u8]) -> [u8; MAC] {
    let hash = key.clone().chain_update(framed(place)).chain_update(framed(&[signed])).finalize().into_bytes();
    let mut mac = [0; MAC];
    mac.copy_from_slice(&hash[..MAC]);
    mac
}

#[cfg(test)]
mod tests;
