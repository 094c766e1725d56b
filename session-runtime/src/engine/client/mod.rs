//! Sessions that are not in a store but in their visitors' cookies: encrypted, or signed and readable.
//!
//! - [`Client`]: makes the cookie's value of a session, and a session of the value.
//! - `carried`: what a cookie carries of a session.
//! - `layout`: a session as few bytes, for the encrypted form.
//! - `text`: a session as JSON, for the signed form; `json`: a value in it.
//! - `pieces`: a value in several cookies.
//! - `carry`: opens such a session, and stores what a request makes of it.

mod carried;
mod carry;
#[cfg(feature = "testing")]
mod fuzz;
mod json;
mod layout;
mod pieces;
#[cfg(test)]
mod tests;
mod text;

use std::{cmp::Reverse, sync::Arc};

use zeroize::Zeroizing;

pub(super) use self::pieces::{Pieces, split};
use self::{
    carried::{Carried, NAME, Parts, Whose, new_selector},
    layout::Names,
};
use super::presented::Found;
use crate::{
    clock::Timestamp,
    cookie::{LONGEST, decoded, encoded},
    error::{Error, Kind},
    id::Selector,
    keys::{KeyRing, Purpose, seal::Sealer, sign::Signer},
    record::Record,
    schema::{Meta, Policy},
    store::{
        DynStore,
        cookie::{CookieStore, Form, MOST},
    },
};

/// The fields that are named where a session is too large for its cookie.
const NAMED: usize = 10;

/// Makes and opens the cookies of one kind of session.
pub(crate) struct Client {
    how: How,
    app: String,
    /// The cookie's name.
    cookie: String,
    /// In how many cookies a session may be.
    most: usize,
    fields: &'static [Meta],
    /// Whether it was proved that a session of these fields fits.
    bounded: bool,
    revoked: Option<Arc<dyn DynStore>>,
    /// What was last written before this opens nothing.
    issued_after: Timestamp,
    /// Whose sessions these are.
    whose: Whose,
}

enum How {
    Encrypted { sealer: Sealer, names: Names },
    Signed(Signer),
}

/// A session that was opened.
pub(crate) struct Opened {
    pub(crate) carried: Carried,
    /// Whether the current key sealed it; else it is to be sealed again (SECURITY S45).
    pub(crate) current: bool,
}

impl Client {
    /// # Errors
    /// If the ring is empty, or what these sessions ask for cannot be had without a store.
    pub(crate) fn new(
        store: CookieStore,
        keys: &KeyRing,
        app: &str,
        cookie: &str,
        name: &str,
        fields: &'static [Meta],
    ) -> Result<Self, Error> {
        if !(1..=MOST).contains(&store.pieces) {
            return Err(Error::setup(format!(
                "a session can be in 1 to {MOST} cookies, not in {}: change `CookieStore::split`",
                store.pieces
            )));
        }
        let secret = fields.iter().find(|meta| meta.secret);
        let how = match (store.form, secret) {
            (Form::Encrypted, _) => {
                How::Encrypted { sealer: Sealer::new(keys, Purpose::SESSION, app)?, names: Names::of(name, fields)? }
            }
            (Form::Signed, None) => How::Signed(Signer::new(keys, Purpose::SESSION_TEXT)?),
            (Form::Signed, Some(secret)) => {
                return Err(Error::setup(format!(
                    "`{}` of the `{name}` sessions is `secret`, and whoever has a signed cookie can read it: keep them \
                     in `CookieStore::encrypted()`, which is `cookie:` as a URL",
                    secret.name
                )));
            }
        };
        let (most, issued_after) = (store.pieces.into(), store.issued_after);
        let revoked = store.revoked;
        let identity = fields.iter().find(|meta| meta.policy == Policy::Identity);
        let whose = Whose { field: identity };
        let (app, cookie) = (app.to_owned(), cookie.to_owned());
        Ok(Self { how, app, cookie, most, fields, bounded: false, revoked, issued_after, whose })
    }

    /// Lets what other builds left in a session go where it does not fit with that.
    pub(crate) fn bounded(self, bounded: bool) -> Self {
        Self { bounded, ..self }
    }

    /// The store of revocations, if there is one.
    pub(super) fn revocations(&self) -> Option<&dyn DynStore> {
        self.revoked.as_deref()
    }

    /// A session to be carried.
    fn carry(&self, selector: Selector, record: Arc<Record>) -> Carried {
        Carried { selector, record, whose: self.whose }
    }

    /// The cookie of a session that did not change, under the current key.
    pub(super) fn seal_found(&self, found: &Found, now: Timestamp) -> Result<String, Error> {
        self.seal(&self.carry(found.selector, Arc::clone(found.opened.raw())), now)
    }

    /// The value of the cookie that carries a session.
    ///
    /// # Errors
    /// If it is longer than browsers keep, or has what cannot be written in its form.
    fn seal(&self, carried: &Carried, now: Timestamp) -> Result<String, Error> {
        let allowed = pieces::room(&self.cookie, self.most);
        let value = self.write(carried, now)?;
        if value.len() <= allowed {
            return Ok(value);
        }
        if self.bounded {
            let value = self.write(&carried.only(self.fields), now)?;
            if value.len() <= allowed {
                tracing::warn!(target: "session_runtime", "a session left no room in its cookie for fields of another build, which were dropped");
                return Ok(value);
            }
        }
        Err(Error::new(Kind::TooLargeForCookie {
            bytes: self.cookie.len() + value.len(),
            allowed: self.cookie.len() + allowed,
            fields: self.sizes(carried, now),
        }))
    }

    /// The value, however long it is.
    fn write(&self, carried: &Carried, now: Timestamp) -> Result<String, Error> {
        Ok(match &self.how {
            How::Encrypted { sealer, names } => {
                let sealed = sealer.seal(&layout::write(carried, names, now), &self.place())?;
                encoded(&sealed)
            }
            How::Signed(signer) => text::sign(&text::write(carried, now)?, signer, &self.place()),
        })
    }

    /// The session that a cookie's value carries, if it is one of ours.
    fn open(&self, value: &[u8], now: Timestamp) -> Option<Opened> {
        let (bytes, current) = self.verify(value, now)?;
        let parts = match &self.how {
            How::Encrypted { names, .. } => layout::read(&bytes, names),
            How::Signed(_) => text::read(&bytes),
        };
        let Some(parts) = parts else {
            tracing::warn!(target: "session_runtime", "a session that was sealed by us cannot be read; its visitor is anonymous");
            return None;
        };
        Some(Opened { carried: parts.into_carried(self.whose), current })
    }

    /// What was written, if we sealed it, and whether under the current key. Nothing else gets as far as a decoder (SECURITY
    /// S39).
    fn verify(&self, value: &[u8], now: Timestamp) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        match &self.how {
            How::Encrypted { sealer, .. } => {
                let sealed = decoded(value)?;
                let opened = sealer.open(&sealed, &self.place(), now)?;
                Some((opened.value, opened.current))
            }
            How::Signed(signer) => text::verify(value, signer, &self.place(), now),
        }
    }

    /// What a sealed session is bound to besides its key and purpose.
    fn place(&self) -> [&[u8]; 2] {
        [self.app.as_bytes(), self.cookie.as_bytes()]
    }

    /// Whether a session may still be served.
    pub(super) fn is_good(&self, record: &Record, now: Timestamp) -> bool {
        // Stores keep an entry for so long, and browsers a cookie: an older one is a copy that may have been revoked.
        let is_kept = self.revoked.is_none() || now.since(record.seen_at) < LONGEST;
        record.is_live(now) && record.seen_at >= self.issued_after && is_kept
    }

    /// The fields, the largest first.
    fn sizes(&self, carried: &Carried, now: Timestamp) -> String {
        let live = carried.fields(now);
        let mut sizes: Vec<_> = match &self.how {
            How::Encrypted { names, .. } => {
                live.map(|entry| (entry.name, layout::bytes_of(entry, names, carried.record.created_at))).collect()
            }
            How::Signed(_) => live.map(|entry| (entry.name, text::bytes_of(entry))).collect(),
        };
        sizes.sort_by_key(|(_, bytes)| Reverse(*bytes));
        let named = |(name, bytes): &(&str, usize)| match layout::is_unknown(name) {
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

