//! Handles a request with several cookies of one name: chooses the cookie that opens a live session (F5). A browser keeps one
//! cookie for each domain and path that it was set with, and sends them all.

use std::cmp::Ordering;

use futures_util::future::join_all;

use super::{
    Engine,
    backend::Backend,
    open::{Credential, Match, matched},
    presented::{Found, Presented},
};
use crate::{
    clock::Timestamp,
    cookie::{Chunks, Token},
    error::Error,
    event::{About, Event},
    id::Verifier,
    key::Key,
};

/// The session that several cookies open.
pub(super) struct Chosen {
    pub(super) presented: Presented,
    /// The session that events name, if any.
    pub(super) subject: Option<Key>,
    /// A session that is kept in cookies may be split over several (chunks). This is the number of chunks of the session that has
    /// the most.
    pub(super) chunks: Chunks,
    /// Whether none of the cookies opens a session.
    pub(super) opens_none: bool,
}

impl Chosen {
    const fn nothing(chunks: Chunks) -> Self {
        Self { presented: Presented::Nothing, subject: None, chunks, opens_none: false }
    }

    /// Returns the choice if no cookie could be looked up.
    pub(super) fn of(presented: Presented) -> Self {
        Self { presented, ..Self::nothing(Chunks::ONE) }
    }
}

impl Engine {
    /// Looks up each session that the cookies name, and opens the live one. If two different sessions are live, opens neither: an
    /// attacker may have planted the cookie of one of them in this browser.
    pub(super) async fn open_several(&self, brought: &[Credential], now: Timestamp) -> Result<Chosen, Error> {
        let chunks = brought.iter().map(Credential::chunks).max().unwrap_or_default();
        let looked_up = join_all(brought.iter().map(|credential| self.live(credential, now))).await;
        let mut live = Vec::with_capacity(brought.len());
        for found in looked_up {
            live.extend(found?);
        }
        let chosen = match choose(live) {
            Choice::One(found) => {
                let subject = Some(found.key);
                Chosen { presented: Presented::Found(found), subject, ..Chosen::nothing(chunks) }
            }
            Choice::Ambiguous => {
                self.events.emit(&Event::DuplicateCookie, About::NOTHING);
                Chosen::nothing(chunks)
            }
            Choice::None => self.open_none(brought, chunks, now).await?,
        };
        Ok(chosen)
    }

    /// Returns the verifier that proves `found`, from the cookies that were looked up.
    pub(super) fn verifier_of(&self, found: &Found, brought: &[Credential]) -> Option<Verifier> {
        let proves = |verifier: &&Verifier| self.digest(found.selector, verifier) == found.digest;
        brought.iter().filter_map(Credential::verifier).find(proves).cloned()
    }

    /// Returns the live session that a cookie opens. Emits no event: cookies that open nothing are expected beside one that does.
    async fn live(&self, credential: &Credential, now: Timestamp) -> Result<Option<Found>, Error> {
        match (credential, &self.backend) {
            (Credential::Token(token), _) => self.live_stored(token, now).await,
            (Credential::Session(opened, _), Backend::Cookie(client)) => self.live_carried(client, opened, now).await,
            (Credential::Session(..), Backend::Store(_)) => Ok(None),
        }
    }

    async fn live_stored(&self, token: &Token, now: Timestamp) -> Result<Option<Found>, Error> {
        let key = self.scope.session(token.selector);
        let Some((stored, record)) = self.load_session(&key, now).await? else { return Ok(None) };
        let digest = self.digest(token.selector, &token.verifier);
        Ok(match matched(&record, digest, now) {
            Match::Current | Match::StillGood => Some(self.found(token, &key, digest, stored, record, now)),
            Match::JustReplaced | Match::LongReplaced | Match::None => None,
        })
    }

    /// Opens cookies that named no live session, this time with an event for each. Stops at the first one that opens a session
    /// after all.
    async fn open_none(&self, brought: &[Credential], chunks: Chunks, now: Timestamp) -> Result<Chosen, Error> {
        let mut chosen = Chosen { opens_none: true, ..Chosen::nothing(chunks) };
        for credential in brought {
            let key = self.key_of(credential);
            match self.open(credential, &key, now).await? {
                Presented::Nothing => {}
                presented => {
                    chosen.subject = Some(key);
                    (chosen.presented, chosen.opens_none) = (presented, false);
                    // This session may have become live since the first look-up. A later cookie's session may have too, but the
                    // first one is chosen.
                    break;
                }
            }
        }
        Ok(chosen)
    }
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is rare")]
enum Choice {
    None,
    One(Found),
    Ambiguous,
}

/// Returns the session if all of `live` are the same session. The cookies may carry different verifiers of that session or, if it
/// is kept in cookies, different states. Then returns the newest.
fn choose(live: Vec<Found>) -> Choice {
    let mut live = live.into_iter();
    let Some(mut chosen) = live.next() else { return Choice::None };
    for other in live {
        if other.selector != chosen.selector {
            return Choice::Ambiguous;
        }
        match newer(&chosen, &other) {
            Some(Ordering::Less) => chosen = other,
            Some(_) => {}
            None => return Choice::Ambiguous,
        }
    }
    Choice::One(chosen)
}

/// Compares two states of one session by age. `None` if they differ and neither is newer.
fn newer(one: &Found, other: &Found) -> Option<Ordering> {
    let (record, others) = (one.record(), other.record());
    // In a store, a session has one state, and the current verifier counts as newer than the one that the timer replaced.
    let is_current = |found: &Found| found.is_current(found.record());
    let order = is_current(one).cmp(&is_current(other)).then(record.seen_at.cmp(&others.seen_at));
    let is_same = one.stored.is_some() || record == others;
    (order != Ordering::Equal || is_same).then_some(order)
}
