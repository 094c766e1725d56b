//! The list of a user's sessions: adds a session at sign-in, lists the sessions, and ends them.
//!
//! A sign-in stores its session first, enters it in its user's list second, and sets its cookie last. So every session that a
//! visitor can open is in its user's list. An entry is removed only after its session has ended or belongs to another user.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Engine,
    attempt::{Because, Entering},
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
    schema::SessionLimit,
    value::{EndReason, ListEntry, Tombstone, UserList, Value},
};

/// How many sessions are loaded at a time.
const BATCH: usize = 16;

/// One of a user's sessions.
pub(crate) struct Listing {
    pub(crate) key: Key,
    /// The session as it is stored. If the user acts as another, their own session, which was set aside.
    pub(crate) record: Arc<Record>,
    /// The encoded identity of the user as whom this one acts.
    pub(crate) acts_as: Option<Arc<[u8]>>,
}

/// The result of ending a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This call ended the session.
    Ended,
    /// The session had already ended. No other session ever gets its key.
    Gone,
    /// The session belongs to another user, or to a guest.
    Spared,
}

impl Engine {
    /// Returns a user's live sessions that have the relation `whose` to the user: the user's own, or those in which another user
    /// acts as this one. The earliest sign-in comes first.
    pub(crate) async fn sessions_of(&self, identity: &[u8], whose: Owner) -> Result<Vec<Listing>, Error> {
        let now = self.clock.now();
        let list = self.read_list(self.load(&self.scope.list(identity), now).await?.as_ref(), now)?;
        let mut live = Vec::with_capacity(list.entries.len());
        for batch in list.entries.chunks(BATCH) {
            let loaded = join_all(batch.iter().map(|entry| self.session_of(identity, whose, &entry.key))).await;
            for listing in loaded {
                live.extend(listing?);
            }
        }
        Ok(live)
    }

    /// Ends the sessions of a user for which `which` returns true. Returns how many it ended.
    pub(crate) async fn end_sessions_of(&self, identity: &[u8], which: impl Fn(&Key) -> bool) -> Result<u64, Error> {
        let (list, now) = (self.scope.list(identity), self.clock.now());
        let deadline = &Deadline::new(self.commit_timeout);
        let loaded = self.load_before(&list, now, Some(deadline)).await?;
        let entries = self.read_list(loaded.as_ref(), now)?;
        let (mut ended, mut leaving, mut failed) = (0, Vec::new(), None);
        for entry in entries.entries.iter().filter(|entry| which(&entry.key)) {
            let end = match self.end_session(identity, &entry.key, EndReason::Revoked).await {
                Ok(end) => end,
                // One failure must not keep the later sessions alive.
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            ended += u64::from(end == End::Ended);
            // The entry of a session that is now another user's stays: this user may be signing in to it again right now.
            if end != End::Spared {
                leaving.push(*entry);
            }
        }
        if !leaving.is_empty() {
            self.drop_entries(&list, &leaving).await?;
        }
        failed.map_or(Ok(ended), Err)
    }

    /// Ends one session, if it is the user's. A session in which another user acts as this one becomes the acting user's own
    /// again.
    pub(super) async fn end_session(&self, identity: &[u8], key: &Key, reason: EndReason) -> Result<End, Error> {
        self.end_stored(key, reason, ImpersonationEnd::Revoked, |record| record.owner(identity)).await
    }

    /// Ends what a user acts as in their own sessions, which continue. Returns how many impersonations it ended.
    pub(crate) async fn end_impersonations_by(&self, identity: &[u8]) -> Result<u64, Error> {
        let now = self.clock.now();
        let list = self.read_list(self.load(&self.scope.list(identity), now).await?.as_ref(), now)?;
        let acts = |record: &Record| match record.impersonation() {
            Some(impersonation) if *impersonation.by == *identity => Owner::Impersonator,
            _ => Owner::Other,
        };
        let (mut ended, mut failed) = (0, None);
        for entry in &list.entries {
            match self.end_stored(&entry.key, EndReason::Revoked, ImpersonationEnd::Withdrawn, acts).await {
                Ok(end) => ended += u64::from(end == End::Ended),
                // One failure must not keep the other impersonations alive.
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(ended), Err)
    }

    /// Ends a session of which `owner` returns `Own`, or only the impersonation if it returns `Impersonator`. `why` is the reason
    /// that the event of the impersonation's end gives.
    pub(super) async fn end_stored(
        &self,
        key: &Key,
        reason: EndReason,
        why: ImpersonationEnd,
        owner: impl Fn(&Record) -> Owner,
    ) -> Result<End, Error> {
        let deadline = &Deadline::new(self.commit_timeout);
        let mut claim = self.claim_loaded(key, Pace::Urgent, deadline).await?;
        let nonce = Nonce::next();
        // The session before the last swap, whose answer may be lost.
        let mut unanswered: Option<(Arc<Record>, Owner)> = None;
        loop {
            let now = self.clock.now();
            let held = self.read(claim.current(), now);
            let (value, record) = match &held {
                // The tombstone is from an earlier write of this call, whose answer was lost.
                Held::Ended(tombstone) if tombstone.nonce == nonce => {
                    claim.confirm().await?;
                    if let Some((record, owner)) = unanswered {
                        self.report_end(key, &record, owner, reason, why);
                    }
                    return Ok(End::Ended);
                }
                Held::Live(record) if record.knows(nonce) => {
                    claim.confirm().await?;
                    if let Some((record, owner)) = unanswered {
                        self.report_end(key, &record, owner, reason, why);
                    }
                    return Ok(End::Ended);
                }
                Held::Live(record) if owner(record) == Owner::Own => (self.tombstone(nonce, reason, now), record),
                Held::Live(record) if owner(record) == Owner::Impersonator => {
                    let Some(mut own) = self.own(record) else { return Ok(End::Spared) };
                    own.note_write(nonce, now);
                    (Value::session(self.scope, own.into()).critical(), record)
                }
                _ if claim.reload_handed().await? => continue,
                Held::Live(_) => return Ok(End::Spared),
                Held::Newer => return Err(newer_session()),
                Held::Ended(_) | Held::Nothing => return Ok(End::Gone),
            };
            if claim.swap(Some(&value), now).await? {
                self.report_end(key, record, owner(record), reason, why);
                return Ok(End::Ended);
            }
            unanswered = Some((Arc::clone(record), owner(record)));
        }
    }

    /// Returns the tombstone of a session that ends now.
    pub(super) fn tombstone(&self, nonce: Nonce, reason: EndReason, now: Timestamp) -> Value {
        Value::tombstone(self.scope, Tombstone { nonce, reason }, now + super::GRACE)
    }

    /// Enters a session in its user's list, and ends the sessions over the limit. Returns `false` if the limit refuses the
    /// session instead.
    ///
    /// Each of several concurrent sign-ins sees the earlier ones in the list. So no race leaves more sessions than allowed.
    pub(super) async fn enter(&self, entering: &Entering, deadline: &Deadline) -> Result<bool, Error> {
        let Entering { identity, key, ends_at, at, because } = entering;
        let signs_in = *because == Because::SignsIn;
        let list = self.scope.list(identity);
        let mut surplus = Vec::new();
        let mut claim = self.claim_loaded(&list, Pace::Patient, deadline).await?;
        loop {
            let now = self.clock.now();
            let before = self.read_list(claim.current(), now)?;
            let known = before.entries.iter().find(|entry| entry.key == *key).copied();
            let mut others = Vec::with_capacity(before.entries.len() + usize::from(known.is_none()));
            let stays = |entry: &&ListEntry| entry.key != *key && !entry.ends_at.passed(now);
            others.extend(before.entries.iter().filter(stays));
            surplus.clear();
            // Impersonations of the user do not count towards the limit, and a sign-in does not end them.
            let own = |entry: &&ListEntry| !entry.is_impersonation;
            let limit = self.limit.most();
            if signs_in && others.len() >= limit && others.iter().filter(own).count() >= limit {
                others = self.live_entries(identity, others).await?;
                let count = others.iter().filter(own).count();
                match self.limit {
                    SessionLimit::Refuse(_) if known.is_none() && count >= limit => return Ok(false),
                    SessionLimit::Refuse(_) => {}
                    SessionLimit::EndOldest(most) => {
                        let many = (count + 1).saturating_sub(most as usize);
                        let spare = if many > 0 { self.spare } else { 0 };
                        surplus.extend(others.iter().filter(own).take(many + spare).copied());
                    }
                }
            }
            let place = if signs_in { others.len() } else { others.partition_point(|other| other.at <= *at) };
            // If two requests extended the session, the later deadline may already be listed.
            let ends_at = known.map_or(*ends_at, |known| known.ends_at.max(*ends_at));
            let is_impersonation = *because == Because::Impersonated;
            others.insert(place, ListEntry { key: *key, at: *at, ends_at, is_impersonation });
            if others == before.entries {
                break;
            }
            let after = Value::list(self.scope, Arc::new(UserList { entries: others }));
            if claim.swap(Some(&after), now).await? {
                break;
            }
        }
        drop(claim);
        if !surplus.is_empty() {
            for one in &surplus {
                self.end_session(identity, &one.key, EndReason::Displaced).await?;
            }
            self.drop_entries(&list, &surplus).await?;
        }
        Ok(true)
    }

    /// Returns the entries whose sessions are live and still the user's. A session that a newer version of this crate wrote
    /// counts as live.
    async fn live_entries(&self, identity: &[u8], entries: Vec<ListEntry>) -> Result<Vec<ListEntry>, Error> {
        let mut live = Vec::with_capacity(entries.len() + 1);
        let now = self.clock.now();
        for batch in entries.chunks(BATCH) {
            let loaded = join_all(batch.iter().map(|entry| self.load(&entry.key, now))).await;
            for (entry, held) in batch.iter().zip(loaded) {
                let stays = match self.read(held?.as_ref(), now) {
                    Held::Live(record) => record.owner(identity) != Owner::Other,
                    Held::Newer => true,
                    Held::Ended(_) | Held::Nothing => false,
                };
                if stays {
                    live.push(*entry);
                }
            }
        }
        Ok(live)
    }

    /// Removes the entries of ended sessions from a list. An entry that was added after its session ended stays: an impersonation
    /// can begin again in the same session.
    async fn drop_entries(&self, list: &Key, leaving: &[ListEntry]) -> Result<(), Error> {
        // This part has its own deadline, since ending many sessions may have taken long.
        let deadline = &Deadline::new(self.commit_timeout);
        let mut claim = self.claim_loaded(list, Pace::Urgent, deadline).await?;
        loop {
            let now = self.clock.now();
            let before = self.read_list(claim.current(), now)?;
            let mut entries = before.entries.clone();
            let leaves = |entry: &ListEntry| leaving.iter().any(|left| left.key == entry.key && left.at == entry.at);
            entries.retain(|entry| !leaves(entry));
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

    /// Returns a live session, if this user's relation to it is `whose`.
    async fn session_of(&self, identity: &[u8], whose: Owner, key: &Key) -> Result<Option<Listing>, Error> {
        let found = self.load_session(key, self.clock.now()).await?;
        let record = found.map(|(_, record)| record).filter(|record| record.owner(identity) == whose);
        Ok(record.map(|record| match self.own(&record) {
            Some(own) if whose == Owner::Own => {
                Listing { key: *key, record: Arc::new(own), acts_as: record.user.clone() }
            }
            _ => Listing { key: *key, record, acts_as: None },
        }))
    }
}
