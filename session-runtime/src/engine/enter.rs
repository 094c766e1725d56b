//! Adds a session to its user's list at sign-in, and ends the sessions over the limit.
//!
//! A sign-in stores its session first, enters it in its user's list second, and sets its cookie last. So every session that a
//! visitor can open is in its user's list.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Criterion, Engine,
    attempt::{Because, Entering},
    deadline::{Deadline, Pace},
    lists::{AT_ONCE, BATCH, on_slow_clock},
    read::Held,
};
use crate::{
    error::Error,
    record::{Owner, Record},
    schema::SessionLimit,
    value::{EndReason, ListEntry, UserList, Value},
};

impl Engine {
    /// Enters a session in its user's list, and ends the sessions over the limit, all before the deadline. Returns `false` if the
    /// limit refuses the session instead.
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
            let stays = |entry: &&ListEntry| entry.key != *key && !entry.ends_at.passed(on_slow_clock(now));
            others.extend(before.entries.iter().filter(stays));
            surplus.clear();
            // Impersonations of the user do not count towards the limit, and a sign-in does not end them.
            let own = |entry: &&ListEntry| !entry.is_impersonation;
            let limit = self.limit.most();
            if signs_in && others.len() >= limit && others.iter().filter(own).count() >= limit {
                let (live, expired) = self.live_entries(&by, others, deadline).await?;
                others = live;
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
                others.extend(expired);
                others.sort_by_key(|entry| entry.at);
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
            for batch in surplus.chunks(AT_ONCE) {
                let ends =
                    batch.iter().map(|one| self.end_session_before(&by, &one.key, EndReason::Displaced, deadline));
                for ended in join_all(ends).await {
                    ended?;
                }
            }
            self.drop_entries(&list, &surplus, deadline).await?;
        }
        Ok(true)
    }

    /// Returns the entries whose sessions the criterion finds: those that are live, and those that have just expired and may be
    /// live on a server whose clock is behind. A session that a newer version of this crate wrote counts as live.
    async fn live_entries(
        &self,
        by: &Criterion<'_>,
        entries: Vec<ListEntry>,
        deadline: &Deadline,
    ) -> Result<(Vec<ListEntry>, Vec<ListEntry>), Error> {
        let (mut live, mut expired) = (Vec::with_capacity(entries.len() + 1), Vec::new());
        let now = self.clock.now();
        let finds = |record: &Record, now| self.relation(by, record, now) != Owner::Other;
        for batch in entries.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().map(|entry| entry.key).collect();
            let loaded = self.load_many_before(&keys, now, Some(deadline)).await?;
            for (entry, held) in batch.iter().zip(loaded) {
                match self.read(held.as_ref(), now) {
                    Held::Live(record) if finds(&record, now) => live.push(*entry),
                    Held::Newer => live.push(*entry),
                    Held::Live(_) | Held::Ended(_) => {}
                    Held::Nothing => match self.read(held.as_ref(), on_slow_clock(now)) {
                        Held::Live(record) if finds(&record, on_slow_clock(now)) => expired.push(*entry),
                        _ => {}
                    },
                }
            }
        }
        Ok((live, expired))
    }
}
