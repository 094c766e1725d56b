//! Adds a session to its user's list at sign-in, and ends the sessions over the limit.
//!
//! A sign-in stores its session first, enters it in its user's list second, and sets its cookie last. So every session that a
//! visitor can open is in its user's list.

use std::sync::Arc;

use super::{
    Criterion, Engine,
    attempt::{Because, Entering},
    deadline::{Deadline, Pace},
    lists::BATCH,
    read::Held,
};
use crate::{
    error::Error,
    record::Owner,
    schema::SessionLimit,
    value::{EndReason, ListEntry, UserList, Value},
};

impl Engine {
    /// Enters a session in its user's list, and ends the sessions over the limit. Returns `false` if the limit refuses the
    /// session instead.
    ///
    /// Each of several concurrent sign-ins sees the earlier ones in the list, so a race leaves no more sessions than allowed.
    pub(super) async fn enter(&self, entering: &Entering, deadline: &Deadline) -> Result<bool, Error> {
        let Entering { identity, key, ends_at, at, because } = entering;
        let signs_in = *because == Because::SignsIn;
        let by = Criterion::user(identity);
        let list = self.list_of(&by);
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
                others = self.live_entries(&by, others).await?;
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
                self.end_session(&by, &one.key, EndReason::Displaced).await?;
            }
            self.drop_entries(&list, &surplus).await?;
        }
        Ok(true)
    }

    /// Returns the entries whose sessions are live and that the criterion still finds. A session that a newer version of this crate
    /// wrote counts as live.
    async fn live_entries(&self, by: &Criterion<'_>, entries: Vec<ListEntry>) -> Result<Vec<ListEntry>, Error> {
        let mut live = Vec::with_capacity(entries.len() + 1);
        let now = self.clock.now();
        for batch in entries.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().map(|entry| entry.key).collect();
            let loaded = self.load_many(&keys, now).await?;
            for (entry, held) in batch.iter().zip(loaded) {
                let stays = match self.read(held.as_ref(), now) {
                    Held::Live(record) => self.relation(by, &record, now) != Owner::Other,
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
}
