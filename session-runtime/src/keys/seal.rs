//! Sealing: what is encrypted and signed for one place, by XChaCha20-Poly1305 under a key of one purpose, and opens nowhere else.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that sealed |
//! | 24 | nonce, random: never the same twice, without a count to keep |
//! | n | ciphertext, as long as the value |
//! | 16 | tag |
//!
//! The tag covers purpose, algorithm, application, key id and place too, each behind its length: a value moved to another
//! application or place opens nothing (SECURITY S40, S41). There is no other format to fall back to (S39). What is not
//! hidden: how long a value is, and that an older one of the same place was put back.

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

/// By how much what is sealed is longer than the value.
pub(crate) const OVERHEAD: usize = HEAD + TAG;

/// Seals values under the ring's current key, and opens what any of its keys sealed.
pub(crate) struct Sealer(Derived<SealingKey>);

/// What a sealed value says.
pub(crate) struct Opened {
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// Whether the current key sealed it; else it is to be sealed again (SECURITY S45).
    pub(crate) current: bool,
}

impl Sealer {
    /// A sealer of one purpose for the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, purpose: Purpose, app: &str) -> Result<Self, Error> {
        Derived::new(ring, |key| SealingKey::new(key, purpose, app)).map(Self)
    }

    /// The value as it may leave the process, unlike any before. It is bound to `place`, all parts of it.
    ///
    /// # Errors
    /// If the operating system gives no random bytes, or the value is longer than the 256 GiB that the cipher takes.
    pub(crate) fn seal(&self, value: &[u8], place: &[&[u8]]) -> Result<Vec<u8>, Error> {
        self.seal_with(value, place, random()?)
    }

    /// [`Sealer::seal`] with a nonce that a test chose.
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

    /// What was sealed for this place, if that is what it is. Whatever else is wrong with it, nobody is told what.
    pub(crate) fn open(&self, sealed: &[u8], place: &[&[u8]], now: Timestamp) -> Option<Opened> {
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
        Some(Opened { value, current })
    }
}

/// A key of the ring, bound to one application. The cipher wipes its key when it is dropped.
struct SealingKey {
    cipher: XChaCha20Poly1305,
    /// What is the same for all places.
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

    /// All that a value is bound to besides its key. One list after another, each part behind its length, is one list.
    fn context(&self, place: &[&[u8]]) -> Vec<u8> {
        [self.context.as_slice(), &framed(place)].concat()
    }
}

#[cfg(test)]
mod tests;
