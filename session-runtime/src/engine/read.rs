//! Reads a stored value as a live session, an ended one, or nothing.

use std::sync::Arc;

use super::{Engine, codec::OpenRecord, lists::on_slow_clock};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    key::Key,
    record::Record,
    store::StoreError,
    value::{Damage, Decoded, Tombstone, UserList, Value, Versioned},
};

/// The value under a session's key.
pub(super) enum Held {
    /// A live session, as it is stored.
    Live(Arc<Record>),
    /// The tombstone of an ended session.
    Ended(Tombstone),
    /// A session written by a newer version of this crate. It reads as absent, and is left in the store.
    Newer,
    /// Nothing: no value, an expired one, or one that cannot be read.
    Nothing,
}

impl Engine {
    /// Classifies a decoded session: live at `now`, or nothing.
    pub(super) fn held(&self, record: &Arc<Record>, now: Timestamp) -> Held {
        if record.is_live(now) { Held::Live(self.by_now(Arc::clone(record), now)) } else { Held::Nothing }
    }

    /// Decodes and classifies a stored value.
    pub(super) fn read(&self, held: Option<&Versioned>, now: Timestamp) -> Held {
        let Some(value) = held.map(Versioned::value).filter(|value| !value.expires_at().passed(now)) else {
            return Held::Nothing;
        };
        match self.decode(value) {
            Ok(Decoded::Session(record)) => self.held(&record, now),
            Ok(Decoded::Tombstone(tombstone)) => Held::Ended(tombstone),
            Err(Damage::Newer) => Held::Newer,
            _ => Held::Nothing,
        }
    }

    /// Loads a session. If the stored value is damaged, removes it.
    pub(super) async fn load_session(
        &self,
        key: &Key,
        now: Timestamp,
    ) -> Result<Option<(Versioned, Arc<Record>)>, StoreError> {
        let Some(stored) = self.load(key, now).await? else { return Ok(None) };
        if let Held::Live(record) = self.read(Some(&stored), now) {
            return Ok(Some((stored, record)));
        }
        if self.decode(stored.value()).is_err_and(|damage| damage == Damage::Corrupt) {
            // Boxed because it is rare: otherwise every request's future would reserve room for it.
            Box::pin(self.remove_damaged(key, &stored)).await;
        }
        Ok(None)
    }

    pub(super) async fn remove_damaged(&self, key: &Key, stored: &Versioned) {
        warn_limited!("a stored session is damaged and will be removed; its visitor starts again as a guest");
        if let Err(error) = self.swap(key, Some(stored), None, self.clock.now(), None).await {
            warn_limited!(%error, "the damaged session could not be removed; it still reads as absent");
        }
    }

    /// Decodes a value. Rejects a value that belongs to another kind of session.
    pub(super) fn decode(&self, value: &Value) -> Result<Decoded, Damage> {
        if !value.is_of(self.scope) && value.decode().is_ok() {
            return Err(Damage::Corrupt);
        }
        value.decode()
    }

    /// Reads a list of sessions. An absent list is empty; an unreadable one is an error, since it may name live sessions. A list
    /// that has just expired may name sessions that are live on a server whose clock is behind.
    pub(super) fn read_list(&self, held: Option<&Versioned>, now: Timestamp) -> Result<Arc<UserList>, Error> {
        let is_over = |value: &&Value| value.expires_at().passed(on_slow_clock(now));
        let Some(value) = held.map(Versioned::value).filter(|value| !is_over(value)) else {
            return Ok(Arc::default());
        };
        match self.decode(value) {
            Ok(Decoded::List(list)) => Ok(list),
            Ok(_) | Err(Damage::Corrupt) => Err(unreadable("is damaged; remove it, and let its users sign in again")),
            Err(Damage::Newer) => Err(unreadable("was written by a newer version of this crate; deploy that version")),
        }
    }

    /// Returns a stored session as a request sees it.
    pub(super) fn open_record(&self, key: &Key, raw: Arc<Record>, now: Timestamp) -> OpenRecord {
        self.codec.open(key, raw, &self.events, now)
    }
}

/// Returns the error for ending a session that a newer version of this crate wrote.
pub(super) fn newer_session() -> Error {
    let sentence =
        "a newer version of this crate wrote a session, and only that version can end it; deploy that version";
    Error::new(Kind::Unavailable).because(StoreError::new(sentence))
}

fn unreadable(what: &str) -> Error {
    Error::new(Kind::Unavailable).because(StoreError::new(format!("a list of sessions {what}")))
}
