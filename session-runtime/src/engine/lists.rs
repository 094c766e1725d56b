//! Lists the sessions that a criterion finds, and ends them.
//!
//! Each criterion has a list, which names every session that it finds. An entry is removed only after its session has ended or
//! is no longer found by the criterion.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    Criterion, Engine,
    claim::Claim,
    deadline::{Deadline, Pace},
    read::{Held, newer_session},
};
use crate::{
    clock::Timestamp,
    error::Error,
    event::ImpersonationEnd,
    id::Nonce,
    key::Key,
    record::{Owner, Record},
    value::{EndReason, ListEntry, Tombstone, UserList, Value},
};

/// How many sessions are loaded at a time.
pub(super) const BATCH: usize = 64;

/// How much the clocks of two servers may differ.
pub(super) const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// Returns the time on a server whose clock is behind. There, a session that has expired here may still be live.
pub(super) fn on_slow_clock(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(CLOCK_DIFFERENCE.as_millis() as u64))
}

/// How many sessions are ended at a time.
pub(super) const AT_ONCE: usize = 16;

/// A session that a criterion finds.
pub(crate) struct Listing {
    pub(crate) key: Key,
    /// The session as it is stored, or the acting user's own session, which an impersonation has set aside.
    pub(crate) record: Arc<Record>,
    /// The encoded identity of the user as whom the session's user acts.
    pub(crate) acts_as: Option<Arc<[u8]>>,
}

/// The result of ending a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This call ended the session.
    Ended,
    /// This call ended the impersonation in the session, which is the acting user's own again.
    Returned,
    /// The session had already ended. No other session ever gets its key.
    Gone,
    /// The criterion no longer finds the session.
    Spared,
}

impl Engine {
    /// Returns the live sessions that have the relation `whose` to the criterion. The earliest entry comes first.
    pub(crate) async fn sessions_of(&self, by: &Criterion<'_>, whose: Owner) -> Result<Vec<Listing>, Error> {
        let now = self.clock.now();
        let list = self.read_list(self.load(&self.list_of(by), now).await?.as_ref(), now)?;
        let mut live = Vec::with_capacity(list.entries.len());
        for batch in list.entries.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().map(|entry| entry.key).collect();
            let (loaded, now) = (self.load_many(&keys, now).await?, self.clock.now());
            for (key, held) in keys.into_iter().zip(loaded) {
                if let Held::Live(record) = self.read(held.as_ref(), now)
                    && self.relation(by, &record, now) == whose
                {
                    live.push(self.listing(key, record, whose));
                }
            }
        }
        Ok(live)
    }

    /// Ends the sessions that the criterion finds and for which `which` returns true. Returns how many it ended.
    pub(crate) async fn end_sessions_of(&self, by: &Criterion<'_>, which: impl Fn(&Key) -> bool) -> Result<u64, Error> {
        let (list, now) = (self.list_of(by), self.clock.now());
        let deadline = &Deadline::new(self.commit_timeout);
        let loaded = self.load_before(&list, now, Some(deadline)).await?;
        let entries = self.read_list(loaded.as_ref(), now)?;
        let (mut ended, mut leaving, mut failed) = (0, Vec::new(), None);
        let ending: Vec<_> = entries.entries.iter().filter(|entry| which(&entry.key)).collect();
        for batch in ending.chunks(AT_ONCE) {
            let ends = batch.iter().map(|entry| self.end_session(by, &entry.key, EndReason::Revoked));
            for (entry, end) in batch.iter().zip(join_all(ends).await) {
                let end = match end {
                    Ok(end) => end,
                    // One failure must not keep the later sessions alive.
                    Err(error) => {
                        failed.get_or_insert(error);
                        continue;
                    }
                };
                ended += u64::from(matches!(end, End::Ended | End::Returned));
                // The entry of a session that is now another user's stays: this user may be signing in to it again right now. A
                // recent entry of an index value stays too: a session enters that list before it is stored.
                let leaves = match end {
                    End::Ended => true,
                    // In the list of an index value, the entry stays: a commit may rely on it to store the value again.
                    End::Returned => by.is_user(),
                    End::Gone => by.is_user() || now.since(entry.at) >= self.protected(),
                    End::Spared => false,
                };
                if leaves {
                    leaving.push(**entry);
                }
            }
        }
        if !leaving.is_empty() {
            // This part has its own deadline, since ending many sessions may have taken long.
            self.drop_entries(&list, &leaving, &Deadline::new(self.commit_timeout)).await?;
        }
        failed.map_or(Ok(ended), Err)
    }

    /// Ends one session, if the criterion finds it. A session that it finds only by an impersonation becomes the acting user's own
    /// again.
    pub(super) async fn end_session(&self, by: &Criterion<'_>, key: &Key, reason: EndReason) -> Result<End, Error> {
        self.end_session_before(by, key, reason, &Deadline::new(self.commit_timeout)).await
    }

    /// Ends one session, as [`end_session`](Self::end_session) does, but no later than the deadline.
    pub(super) async fn end_session_before(
        &self,
        by: &Criterion<'_>,
        key: &Key,
        reason: EndReason,
        deadline: &Deadline,
    ) -> Result<End, Error> {
        let owner = |record: &Record| self.relation(by, record, self.clock.now());
        let claim = self.claim_loaded(key, Pace::Urgent, deadline).await?;
        self.end_claimed(claim, key, reason, ImpersonationEnd::Revoked, owner).await
    }

    /// Ends the impersonations in the sessions that the criterion finds. The sessions continue as their users' own. Returns how
    /// many impersonations it ended.
    pub(crate) async fn end_impersonations_by(&self, by: &Criterion<'_>) -> Result<u64, Error> {
        let now = self.clock.now();
        let list = self.read_list(self.load(&self.list_of(by), now).await?.as_ref(), now)?;
        let acts = |record: &Record| match record.impersonation() {
            Some(_) if self.relation(by, record, self.clock.now()) == Owner::Own => Owner::Impersonator,
            _ => Owner::Other,
        };
        let (mut ended, mut failed) = (0, None);
        for entry in &list.entries {
            match self.end_stored(&entry.key, EndReason::Revoked, ImpersonationEnd::Withdrawn, acts).await {
                Ok(end) => ended += u64::from(end == End::Returned),
                // One failure must not keep the other impersonations alive.
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(ended), Err)
    }

    /// Ends a session for which `owner` returns `Own`, or only the impersonation in it if `owner` returns `Impersonator`. `why` is
    /// the reason that the event of the impersonation's end gives.
    pub(super) async fn end_stored(
        &self,
        key: &Key,
        reason: EndReason,
        why: ImpersonationEnd,
        owner: impl Fn(&Record) -> Owner,
    ) -> Result<End, Error> {
        let deadline = &Deadline::new(self.commit_timeout);
        let claim = self.claim_loaded(key, Pace::Urgent, deadline).await?;
        self.end_claimed(claim, key, reason, why, owner).await
    }

    /// Ends a session as [`end_stored`](Self::end_stored) does, once the caller has its turn.
    pub(super) async fn end_claimed(
        &self,
        mut claim: Claim<'_>,
        key: &Key,
        reason: EndReason,
        why: ImpersonationEnd,
        owner: impl Fn(&Record) -> Owner,
    ) -> Result<End, Error> {
        let nonce = Nonce::next();
        // The session as it was before this call's last swap.
        let mut before = None;
        let end = loop {
            let now = self.clock.now();
            let mut held = self.read(claim.current(), now);
            // A session that has just expired ends too, but does not count as ended by this call.
            let has_expired = matches!(held, Held::Nothing);
            if has_expired {
                held = self.read(claim.current(), on_slow_clock(now));
            }
            let (value, record, whose) = match held {
                // The tombstone is from an earlier write of this call, whose answer was lost.
                Held::Ended(tombstone) if tombstone.nonce == nonce => {
                    claim.confirm().await?;
                    break End::Ended;
                }
                Held::Live(record) if record.knows(nonce) => {
                    claim.confirm().await?;
                    break End::Returned;
                }
                Held::Live(record) => match owner(&record) {
                    Owner::Own => (self.tombstone(nonce, reason, now), record, Owner::Own),
                    Owner::Impersonator if !has_expired && let Some(mut own) = self.own(&record) => {
                        own.note_write(nonce, now);
                        (Value::session(self.scope, own.into()).critical(), record, Owner::Impersonator)
                    }
                    _ if claim.reload_handed().await? => continue,
                    _ => return Ok(End::Spared),
                },
                _ if claim.reload_handed().await? => continue,
                Held::Newer => return Err(newer_session()),
                Held::Ended(_) | Held::Nothing => return Ok(End::Gone),
            };
            before = Some((record, whose));
            if claim.swap(Some(&value), now).await? {
                match whose {
                    _ if has_expired => return Ok(End::Gone),
                    Owner::Own => break End::Ended,
                    Owner::Impersonator | Owner::Other => break End::Returned,
                }
            }
        };
        if let Some((record, whose)) = before {
            self.report_end(key, &record, whose, reason, why);
        }
        Ok(end)
    }

    /// Returns the tombstone of a session that ends now.
    pub(super) fn tombstone(&self, nonce: Nonce, reason: EndReason, now: Timestamp) -> Value {
        Value::tombstone(self.scope, Tombstone { nonce, reason }, now + super::GRACE)
    }

    /// Removes the entries of ended sessions from a list. An entry that was added again meanwhile stays: after an impersonation has
    /// ended, another can begin in the same session.
    pub(super) async fn drop_entries(
        &self,
        list: &Key,
        leaving: &[ListEntry],
        deadline: &Deadline,
    ) -> Result<(), Error> {
        let name = |entry: &ListEntry| (entry.key.digest(), entry.at.as_millis());
        let leaving: HashSet<_> = leaving.iter().map(name).collect();
        let mut claim = self.claim_loaded(list, Pace::Urgent, deadline).await?;
        loop {
            let now = self.clock.now();
            let before = self.read_list(claim.current(), now)?;
            let mut entries = before.entries.clone();
            entries.retain(|entry| !leaving.contains(&name(entry)));
            if entries.len() == before.entries.len() {
                return Ok(());
            }
            let after = UserList { entries };
            let value = (!after.entries.is_empty()).then(|| Value::list(self.scope, Arc::new(after)));
            if claim.swap(value.as_ref(), now).await? {
                return Ok(());
            }
        }
    }

    /// Returns the listing of a session that was found. If `whose` is `Own` and the session's user acts as another, the listing has
    /// the user's own session.
    pub(super) fn listing(&self, key: Key, record: Arc<Record>, whose: Owner) -> Listing {
        match self.own(&record) {
            Some(own) if whose == Owner::Own => Listing { key, record: Arc::new(own), acts_as: record.user.clone() },
            _ => Listing { key, record, acts_as: None },
        }
    }
}
