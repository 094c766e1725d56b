//! Sessions that are not in a store but in their visitors' cookies: encrypted, or signed and readable.
//!
//! - [`Client`]: makes the cookie's value of a session, and a session of the value.
//! - `layout`: a session as few bytes, for the encrypted form; `table`: a list of structs in them.
//! - `text`: a session as JSON, for the signed form.
//! - `pieces`: a value in several cookies.
//! - `revoked`: which sessions open nothing any more, though their cookies are good.
//! - `keep`: carries a plan out, which here is to judge it and to make the cookie.

mod keep;
mod layout;
mod pieces;
mod revoked;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::{cmp::Reverse, sync::Arc};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zeroize::Zeroizing;

pub(super) use self::pieces::{Pieces, split};
use self::{layout::Names, revoked::Revoked};
use super::open::Found;
use crate::{
    clock::Timestamp,
    cookie::LARGEST_PAIR,
    error::{Error, Kind},
    event::Events,
    id::{Digest, Key, Selector, random},
    keys::{KeyRing, Purpose, seal::Sealer, sign::Signer},
    record::{Entry, Fields, Record},
    schema::{Meta, Policy},
    store::{
        StoreError,
        cookie::{CookieStore, Form, MOST},
    },
};

/// The fields that are named where a session is too large for its cookie.
const NAMED: usize = 10;

/// How long the name is that a session has in its cookie. The rest of its selector is zero.
const NAME: usize = 8;

/// Makes and opens the cookies of one kind of session.
pub(crate) struct Client {
    how: How,
    app: String,
    /// The cookie's name.
    cookie: String,
    /// In how many cookies a session may be.
    most: usize,
    revoked: Option<Revoked>,
    /// What was last written before this opens nothing.
    issued_after: Timestamp,
    /// Whose sessions these are.
    whose: Whose,
}

/// How it is said who is signed in.
#[derive(Clone, Copy)]
struct Whose {
    /// What stands before each identity, here as in a store.
    kind: [u8; 8],
    /// The field that says so too: it goes without saying.
    field: Option<&'static str>,
}

enum How {
    Encrypted { sealer: Sealer, names: Names },
    Signed(Signer),
}

/// A session as a cookie brings it, or as one is to carry it.
#[derive(Clone)]
pub(crate) struct Carried {
    pub(crate) selector: Selector,
    pub(crate) record: Arc<Record>,
    whose: Whose,
}

/// What is written into a cookie of a session, whatever the form.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    name: [u8; NAME],
    created_at: Timestamp,
    seen_at: Timestamp,
    idle_until: Timestamp,
    ends_at: Timestamp,
    remembered: bool,
    /// When and who.
    signed_in: Option<(Timestamp, Box<[u8]>)>,
    fields: Fields,
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
        kind: (&str, [u8; 8]),
        fields: &'static [Meta],
    ) -> Result<Self, Error> {
        let (name, kind) = kind;
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
                     in `CookieStore::encrypted()`",
                    secret.name
                )));
            }
        };
        let (most, issued_after) = (store.pieces.into(), store.issued_after);
        let revoked = store.revoked.map(Revoked::new);
        let identity = fields.iter().find(|meta| meta.policy == Policy::Identity);
        let whose = Whose { kind, field: identity.map(|meta| meta.name) };
        Ok(Self { how, app: app.to_owned(), cookie: cookie.to_owned(), most, revoked, issued_after, whose })
    }

    pub(super) fn observe(&self, events: Events) {
        if let Some(revoked) = &self.revoked {
            revoked.observe(events);
        }
    }

    /// Takes what has ended from the list of what was revoked, and says how much that was.
    pub(super) async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        match &self.revoked {
            Some(revoked) => revoked.delete_expired(now).await,
            None => Ok(0),
        }
    }

    /// A session to be carried.
    fn carry(&self, selector: Selector, record: Arc<Record>) -> Carried {
        Carried { selector, record, whose: self.whose }
    }

    /// The cookie of a session that did not change, under the current key.
    pub(super) fn seal_again(&self, found: &Found, now: Timestamp) -> Result<String, Error> {
        self.seal(&self.carry(found.selector, Arc::clone(found.raw())), now)
    }

    /// The value of the cookie that carries a session.
    ///
    /// # Errors
    /// If it is longer than browsers keep, or has what cannot be written in its form.
    fn seal(&self, carried: &Carried, now: Timestamp) -> Result<String, Error> {
        let value = match &self.how {
            How::Encrypted { sealer, names } => {
                let sealed = sealer.seal(&layout::write(carried, names, now), &self.place())?;
                Base64UrlUnpadded::encode_string(&sealed)
            }
            How::Signed(signer) => text::sign(&text::write(carried, now)?, signer, &self.place()),
        };
        let allowed = pieces::room(&self.cookie, self.most);
        if value.len() <= allowed {
            return Ok(value);
        }
        Err(Error::new(Kind::TooLargeForCookie {
            bytes: self.cookie.len() + value.len(),
            allowed: self.most * LARGEST_PAIR,
            fields: self.sizes(carried, now),
        }))
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
                let sealed = Base64UrlUnpadded::decode_vec(std::str::from_utf8(value).ok()?).ok()?;
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
        record.is_live(now) && record.seen_at >= self.issued_after
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
        let mut named: Vec<_> =
            sizes.iter().take(NAMED).map(|(name, bytes)| format!("`{}` ({bytes})", name.escape_debug())).collect();
        if sizes.len() > NAMED {
            named.push(format!("{} more", sizes.len() - NAMED));
        }
        named.join(", ")
    }
}

impl Parts {
    fn into_carried(mut self, whose: Whose) -> Carried {
        let mut selector = Selector([0; 16]);
        selector.0[..NAME].copy_from_slice(&self.name);
        let (authenticated_at, user) = self.signed_in.unzip();
        if let (Some(user), Some(name)) = (&user, whose.field) {
            self.fields.push(Entry { name, value: user, expires: Timestamp::NEVER });
        }
        let record = Record {
            verifier: Digest::from([0; 16]),
            previous: None,
            generation: 0,
            created_at: self.created_at,
            seen_at: self.seen_at,
            renewed_at: self.created_at,
            authenticated_at,
            idle_until: self.idle_until,
            ends_at: self.ends_at,
            remembered: self.remembered,
            user: user.map(|user| [&whose.kind[..], &user].concat().into()),
            nonces: Vec::new(),
            fields: self.fields,
        };
        Carried { selector, record: Arc::new(record), whose }
    }
}

impl Carried {
    /// The name of the session, by which alone it can be revoked.
    fn name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        name.copy_from_slice(&self.selector.0[..NAME]);
        name
    }

    /// When and who.
    fn signed_in(&self) -> Option<(Timestamp, &[u8])> {
        let user = self.record.user.as_deref()?;
        Some((self.record.authenticated_at?, user.get(self.whose.kind.len()..).unwrap_or_default()))
    }

    /// The fields that are to be written: none that has expired by `now`, and not the identity, which says it twice.
    fn fields(&self, now: Timestamp) -> impl Iterator<Item = Entry<'_>> {
        let user = self.signed_in().map(|(_, user)| user);
        let said = move |entry: &Entry<'_>| Some(entry.name) == self.whose.field && Some(entry.value) == user;
        self.record.fields.iter().filter(move |entry| entry.is_live(now) && !said(entry))
    }
}

/// A name that no session has.
fn new_selector() -> Result<Selector, Error> {
    let mut selector = Selector([0; 16]);
    selector.0[..NAME].copy_from_slice(&random::<NAME>()?);
    Ok(selector)
}

impl Opened {
    pub(super) fn key(&self) -> Key {
        self.carried.selector.key()
    }
}
