//! From the request's cookies to the session they open.

use std::{sync::Arc, time::Duration};

use super::{
    Engine, Home,
    client::{self, Pieces},
    plan::end,
    secrets::Sealed,
};
use crate::{
    clock::Timestamp,
    cookie::{Opened, present},
    error::Error,
    event::Event,
    id::{Digest, Key, Selector, Verifier},
    record::{Applied, Previous, Record, Replaced},
};

/// How long a replaced verifier is recognised, or after a renewal by the clock good for: the requests of one page.
pub(super) const GRACE: Duration = Duration::from_secs(60);

/// Whom a request's cookie brings.
pub(crate) enum Presented {
    /// Nobody that we know.
    Nobody,
    /// A session that is no longer this request's to change. It reads as anonymous, and what the request writes lands
    /// nowhere and sets no cookie, unless it signs in.
    Lost(Lost),
    /// Nobody knows, since the store is down: reads as anonymous, and whoever wants to change something is told.
    Unknown,
    /// A session.
    Found(Found),
}

impl Presented {
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Found(found) => Some(found.selector.key()),
            Self::Nobody | Self::Lost(_) | Self::Unknown => None,
        }
    }
}

/// How a session was lost to a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It ended elsewhere.
    Gone,
    /// A sign-in or sign-out replaced its id, within the last minute or since this request loaded it: a cookie now would
    /// replace the one that the sign-in has just set.
    Moved,
}

/// A session that the request's cookie opens.
pub(crate) struct Found {
    pub(crate) selector: Selector,
    pub(crate) verifier: Verifier,
    /// The record, with its secrets open.
    pub(crate) record: Arc<Record>,
    /// What the store has instead, if there are any.
    pub(super) sealed: Option<Sealed>,
    /// Whether the cookie carries the record's verifier, rather than the one before.
    pub(crate) by_current: bool,
    /// Whether the cookie is signed by the ring's current key.
    pub(crate) by_current_key: bool,
}

impl Found {
    /// Whether this is the first that is seen of a verifier renewed by the clock.
    pub(crate) fn presents_renewal(&self) -> bool {
        self.by_current && self.renewal_is_unseen()
    }

    /// Whether the clock may renew it: not for requests that were under way with the verifier before, unless the answer
    /// with the new one seems lost.
    pub(crate) fn may_renew(&self) -> bool {
        self.by_current || self.renewal_is_unseen()
    }

    fn renewal_is_unseen(&self) -> bool {
        let unseen = Replaced::ByTimer { presented_at: None };
        self.record.previous.as_ref().is_some_and(|previous| previous.replaced == unseen)
    }
}

/// What a verifier is to a record.
enum Match {
    Current,
    StillGood,
    JustReplaced,
    LongReplaced,
    None,
}

/// What a cookie of ours says.
pub(super) enum Recognised {
    /// Which session it is, and the proof.
    Token(Opened),
    /// The session.
    Session(client::Opened, Pieces),
}

impl Recognised {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Token(token) => token.selector.key(),
            Self::Session(opened, _) => opened.key(),
        }
    }

    /// In how many cookies it came.
    pub(super) fn pieces(&self) -> Pieces {
        match self {
            Self::Token(_) => Pieces::ONE,
            Self::Session(_, pieces) => *pieces,
        }
    }
}

impl Engine {
    /// What these `Cookie` headers bring.
    pub(super) fn recognise<'a>(&self, cookies: impl Iterator<Item = &'a [u8]>) -> Option<Recognised> {
        match &self.home {
            Home::Store { .. } => {
                let now = self.clock.now();
                let open = |value: &[u8]| self.signer.open(value, now);
                let token = present(cookies, &self.cookie.name, &self.events, open, Opened::is_same)?;
                Some(Recognised::Token(token))
            }
            Home::Cookie(client) => {
                let (opened, pieces) = client.present(cookies, self)?;
                Some(Recognised::Session(opened, pieces))
            }
        }
    }

    /// Opens what a cookie says, if it may still be.
    pub(super) async fn open(&self, recognised: &Recognised) -> Result<Presented, Error> {
        match (recognised, &self.home) {
            (Recognised::Token(token), _) => self.load_named(token).await,
            (Recognised::Session(opened, _), Home::Cookie(client)) => self.admit_carried(client, opened).await,
            (Recognised::Session(..), Home::Store { .. }) => Ok(Presented::Nobody),
        }
    }

    /// Loads the session that a token names.
    async fn load_named(&self, token: &Opened) -> Result<Presented, Error> {
        let (now, key) = (self.clock.now(), token.selector.key());
        let Some(record) = self.load(&key, now).await? else {
            self.events.emit(&Event::Unknown, Some(&key));
            return Ok(Presented::Nobody);
        };
        let matched = matched(&record, self.digester.digest(token.selector, &token.verifier), now);
        let by_current = match matched {
            Match::Current => true,
            Match::StillGood => false,
            Match::JustReplaced => {
                self.events.emit(&Event::Replayed { recently: true }, Some(&key));
                return Ok(Presented::Lost(Lost::Moved));
            }
            Match::LongReplaced => {
                self.events.emit(&Event::Replayed { recently: false }, Some(&key));
                // In a box: it is rare, and every request would have room for it.
                Box::pin(self.end_if_told(&key, &record, now)).await?;
                return Ok(Presented::Nobody);
            }
            Match::None => {
                self.events.emit(&Event::Unknown, Some(&key));
                return Ok(Presented::Nobody);
            }
        };
        let (selector, verifier, by_current_key) = (token.selector, token.verifier.clone(), token.current);
        let (record, sealed) = self.reveal_loaded(&key, record, now);
        Ok(Presented::Found(Found { selector, verifier, record, sealed, by_current, by_current_key }))
    }
}

impl Engine {
    /// Ends the session that somebody presented a long replaced verifier of, if that is wanted: the cookie may be stolen.
    async fn end_if_told(&self, key: &Key, record: &Record, now: Timestamp) -> Result<(), Error> {
        if self.end_replayed
            && let Applied::Applied { .. } = self.end(key, &end(record.generation), now).await?
        {
            self.events.emit(&Event::Ended, Some(key));
        }
        Ok(())
    }
}

/// What a token that we signed for this session's selector is to it by now. If it is not the current one, a renewal
/// replaced it, or several did.
fn matched(record: &Record, digest: Digest, now: Timestamp) -> Match {
    if record.verifier == digest {
        return Match::Current;
    }
    match &record.previous {
        Some(Previous { verifier, replaced: Replaced::ByTimer { presented_at } })
            if *verifier == digest && presented_at.is_none_or(|at| now.since(at) < GRACE) =>
        {
            Match::StillGood
        }
        Some(Previous { replaced: Replaced::ByPrivilege { at }, .. }) if now.since(*at) < GRACE => Match::JustReplaced,
        Some(_) => Match::LongReplaced,
        None => Match::None,
    }
}
