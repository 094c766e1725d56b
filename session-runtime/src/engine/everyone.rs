//! The sessions of all visitors, of one kind and application: lists and ends them by a scan of the store.

use futures_util::future::join_all;
use tokio::task::yield_now;

use super::{
    Engine, Listing,
    deadline::{Deadline, Pace},
    lists::{AT_ONCE, CLOCK_DIFFERENCE, End},
    read::Held,
};
use crate::{
    clock::Timestamp,
    error::Error,
    event::ImpersonationEnd,
    key::Key,
    record::Owner,
    store::{Position, Scanned},
    value::{EndReason, Versioned},
};

impl Engine {
    /// Returns the live sessions in the next batch of the store's values, and the position of the batch after it.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub(crate) async fn sessions_from(&self, from: &Position) -> Result<(Vec<Listing>, Option<Position>), Error> {
        let Scanned { values, next } = self.scan(from).await?;
        let now = self.clock.now();
        let sessions = values.iter().filter_map(|(key, stored)| self.live_in(key, stored, now)).collect();
        Ok((sessions, next))
    }

    /// Returns the session in a stored value, if it holds a live session of this kind. If its user acts as another, returns the
    /// user's own session.
    fn live_in(&self, key: &Key, stored: &Versioned, now: Timestamp) -> Option<Listing> {
        if !stored.value().may_be_session_of(self.scope) {
            return None;
        }
        match self.read(Some(stored), now) {
            Held::Live(record) => Some(self.listing(*key, record, Owner::Own)),
            Held::Newer => {
                warn_limited!(
                    "a newer version of this crate wrote a session, so this version leaves it out of the list"
                );
                None
            }
            Held::Ended(_) | Held::Nothing => None,
        }
    }

    /// Ends the sessions of all visitors, except those that begin a minute after this call or later. Returns how many it ended.
    ///
    /// Without that exception, visitors who begin sessions faster than this call can end them could keep this call running without
    /// end.
    ///
    /// # Errors
    /// The first error. If a batch of the scan cannot be loaded, the sessions after it stay.
    pub(crate) async fn end_everyone(&self) -> Result<u64, Error> {
        let (mut ended, mut failed, mut next) = (0, None, Some(Position::start()));
        let until = self.clock.now() + CLOCK_DIFFERENCE;
        while let Some(from) = next {
            let batch = match self.scan(&from).await {
                Ok(batch) => batch,
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            let sessions: Vec<_> =
                batch.values.iter().filter(|(_, stored)| stored.value().may_be_session_of(self.scope)).collect();
            for some in sessions.chunks(AT_ONCE) {
                for end in join_all(some.iter().map(|(key, stored)| self.end_found(key, stored, until))).await {
                    match end {
                        Ok(end) => ended += u64::from(end == End::Ended),
                        // One failure must not keep the other sessions alive.
                        Err(error) => {
                            failed.get_or_insert(error);
                        }
                    }
                }
                yield_now().await;
            }
            next = batch.next;
        }
        failed.map_or(Ok(ended), Err)
    }

    /// Ends a session whose value a scan has loaded, unless it began after `until`.
    async fn end_found(&self, key: &Key, stored: &Versioned, until: Timestamp) -> Result<End, Error> {
        let now = self.clock.now();
        // Until `until` has passed, no session can have begun after it, so the value need not be decoded here.
        if now > until && matches!(self.read(Some(stored), now), Held::Live(record) if record.created_at > until) {
            return Ok(End::Spared);
        }
        let deadline = &Deadline::new(self.commit_timeout);
        let claim = self.claim(key, Some(stored), Pace::Urgent, deadline).await?;
        match self.end_claimed(claim, key, EndReason::Revoked, ImpersonationEnd::Revoked, |_| Owner::Own).await? {
            // The value that the scan loaded may have expired, but a request may have extended the session since. So load it
            // again.
            End::Gone => self.end_any(key).await,
            end => Ok(end),
        }
    }

    /// Ends a session of any visitor.
    async fn end_any(&self, key: &Key) -> Result<End, Error> {
        self.end_stored(key, EndReason::Revoked, ImpersonationEnd::Revoked, |_| Owner::Own).await
    }

    /// Ends one session, of any visitor. Returns whether this call ended it.
    ///
    /// # Errors
    /// If sessions are in cookies. [`Error::is_unavailable`] if the store does not answer.
    pub(crate) async fn end_one(&self, key: &Key) -> Result<bool, Error> {
        self.backend.sessions()?;
        Ok(self.end_any(key).await? == End::Ended)
    }
}
