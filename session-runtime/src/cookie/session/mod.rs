//! A session in its visitor's cookie: encrypted, or signed and readable.
//!
//! - [`SessionCookie`]: turns a session into a cookie's value, and back.
//! - `payload`: the parts of a session that a cookie carries.
//! - `binary`: the payload in as few bytes as possible, for the encrypted form; `names` shortens field names to two bytes.
//! - `json`: the payload as JSON, for the signed form.
//! - `chunks`: splits a value over several cookies.

mod binary;
mod chunks;
#[cfg(feature = "testing")]
mod fuzz;
mod json;
mod names;
mod payload;
#[cfg(test)]
mod tests;

use std::{cell::Cell, cmp::Reverse, sync::Arc};

use zeroize::Zeroizing;

pub(crate) use self::{
    chunks::{Chunks, MAX_CHUNKS, split},
    payload::{Carried, new_selector},
};
use self::{
    names::Names,
    payload::{NAME, Payload},
};
use super::{Brought, decoded, encoded, find_all, present, spec::chunk_name};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    event::Events,
    id::Selector,
    keys::{KeyRing, Purpose, seal::Sealer, sign::Signer},
    record::Record,
    schema::{Meta, Policy},
};

/// How many fields the error names if a session is too large for its cookie.
const NAMED: usize = 10;

/// How many values may be opened for a request. This is enough for two sessions of [`MAX_CHUNKS`] cookies each, in any order.
/// Each attempt costs some microseconds, and any client can send many.
const TRIES: usize = 16;

/// The form of a session in a cookie: readable only by this server, or by the browser too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Encrypted,
    Signed,
}

/// Makes and opens the cookies of one kind of session.
pub(crate) struct SessionCookie {
    how: How,
    app: String,
    name: String,
    /// The most cookies that one session may take.
    max_chunks: usize,
    fields: &'static [Meta],
    /// Whether compile-time checks prove that a session with only these fields fits into its cookie.
    bounded: bool,
    /// The field that identifies the user.
    identity: Option<&'static Meta>,
}

enum How {
    Encrypted { sealer: Sealer, names: Names },
    Signed(Signer),
}

/// The session in a valid cookie.
pub(crate) struct OpenedSession {
    pub(crate) carried: Carried,
    /// Whether the current key sealed or signed the session. If not, the response does so again under that key (SECURITY S45).
    pub(crate) current: bool,
}

impl SessionCookie {
    /// Prepares the cookies called `cookie` of the application `app`, for one kind of session with these fields.
    ///
    /// # Errors
    /// If the ring is empty, if a session cannot take that many cookies, or if its fields cannot be in this form.
    pub(crate) fn new(
        form: Form,
        chunks: u8,
        keys: &KeyRing,
        app: &str,
        cookie: &str,
        kind: &str,
        fields: &'static [Meta],
    ) -> Result<Self, Error> {
        if !(1..=MAX_CHUNKS).contains(&chunks) {
            return Err(Error::setup(format!(
                "a session can be in 1 to {MAX_CHUNKS} cookies, not in {chunks}: change `CookieStore::split`"
            )));
        }
        let secret = fields.iter().find(|meta| meta.secret);
        let how = match (form, secret) {
            (Form::Encrypted, _) => {
                How::Encrypted { sealer: Sealer::new(keys, Purpose::SESSION, app)?, names: Names::of(kind, fields)? }
            }
            (Form::Signed, None) => How::Signed(Signer::new(keys, Purpose::SESSION_TEXT)?),
            (Form::Signed, Some(secret)) => {
                return Err(Error::setup(format!(
                    "`{}` of the `{kind}` sessions is `secret`, and a signed cookie is readable: keep them \
                     in `CookieStore::encrypted()`, which is `cookie:` as a URL",
                    secret.name
                )));
            }
        };
        let identity = fields.iter().find(|meta| meta.policy == Policy::Identity);
        let (app, name) = (app.to_owned(), cookie.to_owned());
        Ok(Self { how, app, name, max_chunks: chunks.into(), fields, bounded: false, identity })
    }

    /// Sets `bounded`. If it is true, a session that does not fit into its cookie may lose the fields that only other builds
    /// know.
    pub(crate) fn bounded(self, bounded: bool) -> Self {
        Self { bounded, ..self }
    }

    /// Prepares a session for its cookie.
    pub(crate) fn carry(&self, selector: Selector, record: Arc<Record>) -> Carried {
        Carried { selector, record, identity: self.identity }
    }

    /// Returns the value of the cookie that carries a session.
    ///
    /// # Errors
    /// If the value is longer than browsers keep, or if its form cannot hold a field's value.
    pub(crate) fn seal(&self, carried: &Carried, now: Timestamp) -> Result<String, Error> {
        let allowed = chunks::room(&self.name, self.max_chunks);
        let value = self.write(carried, now)?;
        if value.len() <= allowed {
            return Ok(value);
        }
        if self.bounded {
            let value = self.write(&carried.only(self.fields), now)?;
            if value.len() <= allowed {
                warn_limited!("a session left no room in its cookie for fields of another build, which were dropped");
                return Ok(value);
            }
        }
        Err(Error::new(Kind::TooLargeForCookie {
            bytes: self.name.len() + value.len(),
            allowed: self.name.len() + allowed,
            fields: self.sizes(carried, now),
        }))
    }

    /// Returns the value of the cookie, however long it is.
    fn write(&self, carried: &Carried, now: Timestamp) -> Result<String, Error> {
        Ok(match &self.how {
            How::Encrypted { sealer, names } => {
                let sealed = sealer.seal(&binary::write(carried, names, now), &self.place())?;
                encoded(&sealed)
            }
            How::Signed(signer) => json::sign(&json::write(carried, now)?, signer, &self.place()),
        })
    }

    /// Returns the sessions in these `Cookie` headers, each with its number of cookies.
    pub(crate) fn present<'a>(
        &self,
        headers: impl Iterator<Item = &'a [u8]>,
        events: &Events,
        now: Timestamp,
    ) -> Brought<(OpenedSession, Chunks)> {
        let headers: Vec<_> = headers.collect();
        let tries = Cell::new(TRIES);
        let open = |first: &'a [u8]| {
            let candidates = |number| find_all(headers.iter().copied(), &chunk_name(&self.name, number));
            chunks::open_joined(first, self.max_chunks, candidates, |value| {
                tries.set(tries.get().checked_sub(1)?);
                self.open(value, now)
            })
        };
        let is_same = |(first, _): &mut (OpenedSession, Chunks), (other, _): &(OpenedSession, Chunks)| {
            let is_same =
                first.carried.selector == other.carried.selector && first.carried.record == other.carried.record;
            // A browser may hold the cookie that was sealed again under one path, and the older cookie under another.
            first.current |= is_same && other.current;
            is_same
        };
        present(headers.iter().copied(), &self.name, events, open, is_same)
    }

    /// Returns the session in a cookie's value, if the value is valid.
    fn open(&self, value: &[u8], now: Timestamp) -> Option<OpenedSession> {
        let (bytes, current) = self.verify(value, now)?;
        let payload = match &self.how {
            How::Encrypted { names, .. } => binary::read(&bytes, names),
            How::Signed(_) => json::read(&bytes),
        };
        let Some(payload) = payload else {
            warn_limited!("a session cookie is authentic but cannot be decoded; its visitor is anonymous");
            return None;
        };
        Some(OpenedSession { carried: payload.into_carried(self.identity), current })
    }

    /// Returns the payload if one of our keys sealed it, and whether that was the current key. Only verified bytes reach a
    /// decoder (SECURITY S39).
    fn verify(&self, value: &[u8], now: Timestamp) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        match &self.how {
            How::Encrypted { sealer, .. } => {
                let sealed = decoded(value)?;
                let opened = sealer.open(&sealed, &self.place(), now)?;
                Some((opened.value, opened.current))
            }
            How::Signed(signer) => json::verify(value, signer, &self.place(), now),
        }
    }

    /// The context that a sealed session is bound to, besides key and purpose.
    fn place(&self) -> [&[u8]; 2] {
        [self.app.as_bytes(), self.name.as_bytes()]
    }

    /// Describes the sizes of the fields, the largest first.
    fn sizes(&self, carried: &Carried, now: Timestamp) -> String {
        let live = carried.fields(now);
        let mut sizes: Vec<_> = match &self.how {
            How::Encrypted { names, .. } => {
                live.map(|entry| (entry.name, binary::bytes_of(entry, names, carried.record.created_at))).collect()
            }
            How::Signed(_) => live.map(|entry| (entry.name, json::bytes_of(entry))).collect(),
        };
        sizes.sort_by_key(|(_, bytes)| Reverse(*bytes));
        let named = |(name, bytes): &(&str, usize)| match names::is_unknown(name) {
            true => format!("one that this build does not know ({bytes})"),
            false => format!("`{}` ({bytes})", name.escape_debug()),
        };
        let mut named: Vec<_> = sizes.iter().take(NAMED).map(named).collect();
        if sizes.len() > NAMED {
            named.push(format!("{} more", sizes.len() - NAMED));
        }
        named.join(", ")
    }
}
