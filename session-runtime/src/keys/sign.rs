//! Signing: anyone can read a signed value, but only this server can write one. The signature is an HMAC-SHA256 under a key of
//! one purpose, and is valid for one place only.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that signed |
//! | n | the value |
//! | 16 | MAC, cut to 128 bits like that of session tokens |
//!
//! The MAC also covers purpose, algorithm and place, each after its length: a value that is moved to another place does not
//! open (SECURITY S40, S41). Session tokens, which are read for every request, have their own format (`cookie/token.rs`).

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Derived, KeyId, KeyRing, Purpose, framed};
use crate::{clock::Timestamp, error::Error};

const VERSION: u8 = 1;
pub(crate) const HEAD: usize = 1 + size_of::<KeyId>();
pub(crate) const MAC: usize = 16;

/// The contents of a signed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified<'a> {
    pub(crate) value: &'a [u8],
    /// Whether the current key signed it. If not, the caller signs it again (SECURITY S45).
    pub(crate) current: bool,
}

/// Signs values under the ring's current key, and opens values that any of its keys signed.
pub(crate) struct Signer(Derived<Hmac<Sha256>>);

impl Signer {
    /// Creates a signer of one purpose.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, purpose: Purpose) -> Result<Self, Error> {
        let context = framed(&[purpose.name, purpose.algorithm, purpose.version]);
        Derived::new(ring, |key| Ok(key.mac(purpose)?.chain_update(&context))).map(Self)
    }

    /// Signs `value` and binds it to all parts of `place`.
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

    /// Returns the value if it was signed for this place, otherwise `None`, which does not say why.
    pub(crate) fn open<'a>(&self, signed: &'a [u8], place: &[&[u8]], now: Timestamp) -> Option<Verified<'a>> {
        let (body, tag) = signed.split_last_chunk::<MAC>()?;
        let (&[version], rest) = body.split_first_chunk()?;
        let (id, value) = rest.split_first_chunk()?;
        let (key, current) = self.0.find(id, now)?;
        let genuine = bool::from(mac(key, place, body).ct_eq(tag));
        (version == VERSION && genuine).then_some(Verified { value, current })
    }
}

/// Computes the MAC. The signed bytes are the last part of the list, so the end of `place` is never ambiguous.
fn mac(key: &Hmac<Sha256>, place: &[&[u8]], signed: &[u8]) -> [u8; MAC] {
    let hash = key.clone().chain_update(framed(place)).chain_update(framed(&[signed])).finalize().into_bytes();
    let mut mac = [0; MAC];
    mac.copy_from_slice(&hash[..MAC]);
    mac
}

#[cfg(test)]
mod tests;
