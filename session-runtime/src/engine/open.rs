//! Opens the session that a request's cookies name.

use std::{sync::Arc, time::Duration};

use super::{
    Engine,
    backend::Backend,
    presented::{Found, Lost, Presented},
    read::Held,
};
use crate::{
    clock::Timestamp,
    cookie::{Brought, Chunks, OpenedSession, Token, present},
    error::Error,
    event::{About, Event, ImpersonationEnd},
    id::{Digest, Verifier},
    key::Key,
    record::{Older, Owner, Record, Replaced},
    value::{Damage, Decoded, EndReason, Versioned},
};

/// For this long after a change of privilege replaces a verifier, a request with the previous one counts as late, not as stolen.
/// For this long after the browser first presents a verifier from a renewal by the timer, the previous one stays valid. One
/// minute is long enough for the requests of one page. The tombstone of an ended session is kept for the same time.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// How a verifier relates to a record.
pub(super) enum Match {
    /// It is the record's current verifier.
    Current,
    /// The timer or a re-authentication replaced it, and it is still valid.
    StillGood,
    /// It was replaced a short time ago, and is no longer valid.
    JustReplaced,
    /// It was replaced long ago.
    LongReplaced,
    /// The record's verifier was never replaced, so this one does not belong to the session.
    None,
}

/// The content of a valid cookie.
pub(super) enum Credential {
    /// The session's selector, and its proof.
    Token(Token),
    /// The session itself.
    Session(OpenedSession, Chunks),
}

impl Credential {
    /// Returns how many cookies the credential came in.
    pub(super) fn chunks(&self) -> Chunks {
        match self {
            Self::Token(_) => Chunks::ONE,
            Self::Session(_, chunks) => *chunks,
        }
    }

    pub(super) const fn verifier(&self) -> Option<&Verifier> {
        match self {
            Self::Token(token) => Some(&token.verifier),
            Self::Session(..) => None,
        }
    }
}

/// Why a token opens no session.
enum OpensNothing {
    /// The store has no live session under the key. This is its value.
    NotLive(Option<Versioned>),
    /// The token's verifier was replaced long ago, so the session is to end.
    Replayed { generation: u64 },
}

impl Engine {
    /// Returns the credentials in these `Cookie` headers.
    pub(super) fn identify<'a>(&self, cookies: impl Iterator<Item = &'a [u8]>, now: Timestamp) -> Brought<Credential> {
        match &self.backend {
            Backend::Store(_) => {
                let open = |value: &[u8]| self.signer.open(value, now);
                present(cookies, &self.cookie.name, &self.events, open, Token::is_same).map(Credential::Token)
            }
            Backend::Cookie(client) => {
                let brought = client.cookie.present(cookies, &self.events, now);
                brought.map(|(opened, chunks)| Credential::Session(opened, chunks))
            }
        }
    }

    /// Returns the key of the session that a cookie names.
    pub(super) fn key_of(&self, credential: &Credential) -> Key {
        self.scope.session(match credential {
            Credential::Token(token) => token.selector,
            Credential::Session(opened, _) => opened.carried.selector,
        })
    }

    /// Opens the session that a cookie names, if it may still be opened. `key`: see [`key_of`](Self::key_of).
    pub(super) async fn open(&self, credential: &Credential, key: &Key, now: Timestamp) -> Result<Presented, Error> {
        match (credential, &self.backend) {
            (Credential::Token(token), _) => self.open_stored(token, key, now).await,
            (Credential::Session(opened, _), Backend::Cookie(client)) => {
                self.open_carried(client, opened, key, now).await
            }
            (Credential::Session(..), Backend::Store(_)) => Ok(Presented::Nothing),
        }
    }

    /// Loads the session that a token names.
    async fn open_stored(&self, token: &Token, key: &Key, now: Timestamp) -> Result<Presented, Error> {
        let stored = self.load(key, now).await?;
        match self.opened(token, key, stored, now) {
            Ok(presented) => Ok(presented),
            // Boxed because it is rare: otherwise every request's future would reserve room for it.
            Err(rest) => {
                Box::pin(self.open_nothing(token, key, rest, now)).await?;
                Ok(Presented::Nothing)
            }
        }
    }

    /// Returns what a token opens, given the stored value. If it opens nothing, and the store may have to be changed because of
    /// that, returns what is left to do.
    fn opened(
        &self,
        token: &Token,
        key: &Key,
        stored: Option<Versioned>,
        now: Timestamp,
    ) -> Result<Presented, OpensNothing> {
        let (stored, record) = match (self.read(stored.as_ref(), now), stored) {
            (Held::Live(record), Some(stored)) => (stored, record),
            (_, stored) => return Err(OpensNothing::NotLive(stored)),
        };
        let digest = self.digest(token.selector, &token.verifier);
        let about = About::record(&record).with_session(Some(key));
        match matched(&record, digest, now) {
            Match::Current | Match::StillGood => {}
            Match::JustReplaced => {
                self.events.emit(&Event::Replayed { recently: true }, about);
                return Ok(Presented::Lost(Lost::to_another_generation(&record)));
            }
            Match::LongReplaced => {
                self.events.emit(&Event::Replayed { recently: false }, about);
                return match self.end_replayed {
                    true => Err(OpensNothing::Replayed { generation: record.generation }),
                    false => Ok(Presented::Nothing),
                };
            }
            Match::None => {
                self.events.emit(&Event::Unknown, About::session(key));
                return Ok(Presented::Nothing);
            }
        }
        Ok(Presented::Found(self.found(token, key, digest, stored, record, now)))
    }

    async fn open_nothing(&self, token: &Token, key: &Key, rest: OpensNothing, now: Timestamp) -> Result<(), Error> {
        match rest {
            OpensNothing::NotLive(stored) => self.open_none_live(key, token, stored.as_ref(), now).await,
            OpensNothing::Replayed { generation } => self.end_replayed(key, generation).await?,
        }
        Ok(())
    }

    /// Returns the stored session that a token opens.
    #[inline]
    pub(super) fn found(
        &self,
        token: &Token,
        key: &Key,
        digest: Digest,
        stored: Versioned,
        record: Arc<Record>,
        now: Timestamp,
    ) -> Found {
        Found {
            key: *key,
            selector: token.selector,
            digest,
            opened: self.open_record(key, record, now),
            stored: Some(stored),
            by_current_key: token.current,
            is_drawn: false,
        }
    }

    /// Ends a session after a request presented a verifier that was replaced long ago: the cookie may have been stolen.
    async fn end_replayed(&self, key: &Key, generation: u64) -> Result<(), Error> {
        let is_same = |record: &Record| if record.generation == generation { Owner::Own } else { Owner::Other };
        let why = ImpersonationEnd::Revoked;
        self.end_stored(key, EndReason::Replayed, why, is_same).await?;
        Ok(())
    }

    /// Reports that a token names no live session. Removes a damaged one.
    async fn open_none_live(&self, key: &Key, token: &Token, stored: Option<&Versioned>, now: Timestamp) {
        match stored.map(|stored| (stored, self.decode(stored.value()))) {
            Some((_, Ok(Decoded::Session(record)))) if !record.is_live(now) => {
                let digest = self.digest(token.selector, &token.verifier);
                if matches!(matched(&record, digest, now), Match::Current | Match::StillGood)
                    && self.expirations.note(key, record.expires_at())
                {
                    let about = About::record(&record).with_session(Some(key));
                    self.events.emit(&Event::Expired { idle: record.idle_until < record.ends_at }, about);
                    return;
                }
            }
            Some((stored, Err(Damage::Corrupt))) => self.remove_damaged(key, stored).await,
            _ => {}
        }
        self.events.emit(&Event::Unknown, About::session(key));
    }
}

/// Classifies a validly signed verifier against the stored record. If the session was ever renewed, a verifier other than the
/// current one counts as replaced, by the latest renewal or an earlier one.
pub(super) fn matched(record: &Record, digest: Digest, now: Timestamp) -> Match {
    if record.verifier == digest {
        return Match::Current;
    }
    let Some(previous) = record.previous.as_deref() else { return Match::None };
    if let Some(Older { presented_at, .. }) =
        record.former(digest).filter(|former| former.presented_at.is_none_or(|at| now.since(at) < GRACE))
    {
        // If `presented_at` is a minute or more in the future, this clock was set back, or another node's clock is ahead. The
        // former verifier must not stay valid until this clock catches up. But the request does not count as the replay of a
        // stolen cookie.
        return if presented_at.is_some_and(|at| at.since(now) >= GRACE) {
            Match::JustReplaced
        } else {
            Match::StillGood
        };
    }
    let is_late = match previous.replaced {
        Replaced::ByPrivilege { at } => now.since(at) < GRACE,
        // A re-authentication may follow soon after another renewal. The record then no longer knows the verifier of that
        // renewal's late requests, and they must not count as replays.
        Replaced::ByTimer { .. } => record.is_renewed_by_proof() && now.since(record.renewed_at) < GRACE,
    };
    if is_late { Match::JustReplaced } else { Match::LongReplaced }
}
