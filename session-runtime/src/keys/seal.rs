//! Sealing: encrypts and authenticates a value by XChaCha20-Poly1305 under a key of one purpose. The value opens only in the
//! place that it was sealed for.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that sealed |
//! | 24 | nonce: random, and long enough that none repeats |
//! | n | ciphertext, as long as the value |
//! | 16 | tag |
//!
//! The tag also covers purpose, algorithm, application, key id and place, each after its length: a value that is moved to another
//! application or place does not open (SECURITY S40, S41). There is no fallback format (S39). Sealing does not hide the length of
//! a value, and does not prevent an attacker from restoring an older value of the same place.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{Derived, KeyId, KeyRing, MasterKey, Purpose, framed};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::random,
};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const HEAD: usize = 1 + size_of::<KeyId>() + NONCE;

/// How many bytes sealing adds to a value.
pub(crate) const OVERHEAD: usize = HEAD + TAG;

/// Seals values under the ring's current key, and opens values that any of its keys sealed.
pub(crate) struct Sealer(Derived<SealingKey>);

/// The contents of a sealed value.
pub(crate) struct Unsealed {
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// Whether the current key sealed it. If not, the caller seals it again (SECURITY S45).
    pub(crate) current: bool,
}

impl Sealer {
    /// Creates a sealer of one purpose for the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, purpose: Purpose, app: &str) -> Result<Self, Error> {
        Derived::new(ring, |key| SealingKey::new(key, purpose, app)).map(Self)
    }

    /// Encrypts `value` and binds it to all parts of `place`. The result differs each time, even for the same value.
    ///
    /// # Errors
    /// If the operating system gives no random bytes, or the value is longer than the 256 GiB that the cipher takes.
    pub(crate) fn seal(&self, value: &[u8], place: &[&[u8]]) -> Result<Vec<u8>, Error> {
        self.seal_with(value, place, random()?)
    }

    /// Seals with this nonce, which must be new for each value. Only tests call this directly.
    pub(crate) fn seal_with(&self, value: &[u8], place: &[&[u8]], nonce: [u8; NONCE]) -> Result<Vec<u8>, Error> {
        let (id, key) = self.0.current();
        let mut sealed = Vec::with_capacity(value.len() + OVERHEAD);
        sealed.push(VERSION);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let body = &mut sealed[HEAD..];
        let tag = key.cipher.encrypt_inout_detached(&XNonce::from(nonce), &key.context(place), body.into());
        let Ok(tag) = tag else { return Err(Error::new(Kind::TooLong)) };
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Returns the value if it was sealed for this place, otherwise `None`, which does not say why.
    pub(crate) fn open(&self, sealed: &[u8], place: &[&[u8]], now: Timestamp) -> Option<Unsealed> {
        let (&[version], rest) = sealed.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let (key, current) = self.0.find(id, now)?;
        if version != VERSION {
            return None;
        }
        let mut value = Zeroizing::new(body.to_vec());
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        key.cipher.decrypt_inout_detached(&nonce, &key.context(place), value.as_mut_slice().into(), &tag).ok()?;
        Some(Unsealed { value, current })
    }
}

/// A key of the ring, bound to one application. The cipher wipes its key when it is dropped.
struct SealingKey {
    cipher: XChaCha20Poly1305,
    /// The part of the context that is the same for all places.
    context: Vec<u8>,
}

impl SealingKey {
    fn new(key: &MasterKey, purpose: Purpose, app: &str) -> Result<Self, Error> {
        let derived = key.derive::<32>(purpose)?;
        let parts = [purpose.name, purpose.algorithm, purpose.version, app].map(str::as_bytes);
        let mut context = framed(&parts);
        context.extend(framed(&[key.id()]));
        Ok(Self { cipher: XChaCha20Poly1305::new((&*derived).into()), context })
    }

    /// Returns the context that a value is bound to besides its key. Each part has its length in front, so that joining the two
    /// lists of parts is unambiguous.
    fn context(&self, place: &[&[u8]]) -> Vec<u8> {
        [self.context.as_slice(), &framed(place)].concat()
    }
}

#[cfg(test)]
mod tests;
