//! Values of `secret` fields as a store sees them: sealed with XChaCha20-Poly1305 under a key that serves nothing else.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that sealed |
//! | 24 | nonce, random: never the same twice, without a count to keep |
//! | n | ciphertext, as long as the value |
//! | 16 | tag |
//!
//! The tag covers purpose, algorithm, application, key id, record and stored name too, each behind its length: a value
//! moved to another application, session or field opens nothing (SECURITY S40, S41). There is no other format to fall back
//! to (S39). What is not hidden: how long a value is, and that an older one of the same field was put back.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::random,
    keys::{KeyId, KeyRing, MasterKey, Purpose, framed},
};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const HEAD: usize = 1 + size_of::<KeyId>() + NONCE;

/// Seals values under the ring's current key, and opens what any of its keys sealed.
pub(super) struct Sealer {
    current: SealingKey,
    previous: Box<[SealingKey]>,
}

/// Where a value belongs. It opens nowhere else.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The record's name in the store, which stays for the session's life, whatever its id.
    pub(super) record: &'a [u8; 16],
    /// The name that the field is stored under.
    pub(super) name: &'a str,
}

/// What a sealed value says.
pub(super) struct Opened {
    pub(super) value: Zeroizing<Vec<u8>>,
    /// Whether the current key sealed it; else it is to be sealed again (SECURITY S45).
    pub(super) current: bool,
}

impl Sealer {
    /// A sealer for the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(super) fn new(ring: &KeyRing, app: &str) -> Result<Self, Error> {
        let (current, previous) = ring.keys()?;
        Ok(Self {
            current: SealingKey::new(current, app)?,
            previous: previous.iter().map(|key| SealingKey::new(key, app)).collect::<Result<_, _>>()?,
        })
    }

    /// The value as it may be stored, unlike any before.
    ///
    /// # Errors
    /// If the operating system gives no random bytes, or the value is longer than the 256 GiB that the cipher takes.
    pub(super) fn seal(&self, value: &[u8], place: Place<'_>) -> Result<Vec<u8>, Error> {
        self.seal_with(value, place, random()?)
    }

    fn seal_with(&self, value: &[u8], place: Place<'_>, nonce: [u8; NONCE]) -> Result<Vec<u8>, Error> {
        let key = &self.current;
        let mut sealed = Vec::with_capacity(HEAD + value.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let body = &mut sealed[HEAD..];
        let tag = key.cipher.encrypt_inout_detached(&XNonce::from(nonce), &key.context(place), body.into());
        let Ok(tag) = tag else { return Err(Error::new(Kind::TooLong)) };
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// What was sealed for this place, if that is what it is. Whatever else is wrong with it, nobody is told what.
    pub(super) fn open(&self, sealed: &[u8], place: Place<'_>, now: Timestamp) -> Option<Opened> {
        let (&[version], rest) = sealed.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let (key, current) = self.key(id)?;
        if version != VERSION || key.end.passed(now) {
            return None;
        }
        let mut value = Zeroizing::new(body.to_vec());
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        key.cipher.decrypt_inout_detached(&nonce, &key.context(place), value.as_mut_slice().into(), &tag).ok()?;
        Some(Opened { value, current })
    }

    fn key(&self, id: &KeyId) -> Option<(&SealingKey, bool)> {
        if self.current.id == *id {
            return Some((&self.current, true));
        }
        self.previous.iter().find(|key| key.id == *id).map(|key| (key, false))
    }
}

/// A key of the ring, bound to one application. The cipher wipes its key when it is dropped.
struct SealingKey {
    id: KeyId,
    end: Timestamp,
    cipher: XChaCha20Poly1305,
    /// What is the same for all places.
    context: Vec<u8>,
}

impl SealingKey {
    fn new(key: &MasterKey, app: &str) -> Result<Self, Error> {
        let purpose = Purpose::SECRET;
        let (derived, id) = (key.derive::<32>(purpose)?, key.id());
        let parts = [purpose.name, purpose.algorithm, purpose.version, app].map(str::as_bytes);
        let mut context = framed(&parts);
        context.extend(framed(&[id]));
        Ok(Self { id, end: key.end(), cipher: XChaCha20Poly1305::new((&*derived).into()), context })
    }

    /// All that a value is bound to besides its key. One list after another, each part behind its length, is one list.
    fn context(&self, place: Place<'_>) -> Vec<u8> {
        let place = framed(&[place.record.as_slice(), place.name.as_bytes()]);
        [self.context.as_slice(), &place].concat()
    }
}

#[cfg(test)]
mod tests;
