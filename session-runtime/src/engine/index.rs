//! Enters a session in the lists of the values of its `index` fields, before it is stored with them.
//!
//! A sign-in can withhold its cookie until the user's list is stored. A change of an `index` field cannot, since the cookie may
//! already open the session. So the list is stored first: it names every session that has the value. It may also name sessions that
//! have not been stored yet, and sessions that no longer have the value.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{
    Criterion, Engine,
    deadline::{Deadline, Pace},
    lists::{CLOCK_DIFFERENCE, on_slow_clock},
    read::Held,
};
use crate::{
    clock::Timestamp,
    error::Error,
    id::Nonce,
    key::Key,
    record::{Entry, Fields, Owner, Record},
    value::{ListEntry, UserList, Value},
};

/// If an entry is younger than this, a commit relies on it and does not store it again.
const RECENT: Duration = Duration::from_secs(10);
/// The length from which a list is checked for entries that can be removed.
const CHECKED_FROM: usize = 16;
/// How many entries are checked each time that one is added. So a list has at most about twice as many entries as sessions.
const CHECKED: usize = 2;

/// Returns the session's fields, and those that an impersonation has set aside.
fn fields(record: &Record) -> impl Iterator<Item = &Fields> {
    std::iter::once(&record.fields).chain(record.impersonation().map(|impersonation| &impersonation.fields))
}

impl Engine {
    /// Enters the session in the list of each value of its `index` fields. Returns [`Record::entered`] for the session to be
    /// stored. Does nothing if the entries are already there.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if a list could not be stored. The session must not be stored then.
    pub(super) async fn enter_by_index(
        &self,
        session: &Key,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<u32, Error> {
        let now = self.clock.now();
        let criteria = self.criteria(record, now);
        let entered = self.entered(record, &criteria);
        if entered != record.entered {
            self.enter_in(&criteria, session, record.ends_at, deadline).await?;
        }
        Ok(entered)
    }

    /// Returns how long an entry stays although its session does not have the value: the session may be about to be stored, by a
    /// server whose clock is behind.
    pub(super) fn protected(&self) -> Duration {
        self.commit_timeout + RECENT + CLOCK_DIFFERENCE
    }

    /// Enters the session in its lists again, before an earlier state of the session is restored.
    pub(super) async fn enter_again(&self, session: &Key, record: &Record, deadline: &Deadline) -> Result<(), Error> {
        let criteria = self.criteria(record, self.clock.now());
        self.enter_in(&criteria, session, record.ends_at, deadline).await
    }

    async fn enter_in(
        &self,
        criteria: &[Criterion<'_>],
        session: &Key,
        ends_at: Timestamp,
        deadline: &Deadline,
    ) -> Result<(), Error> {
        let enter = |criterion| self.enter_one(criterion, session, ends_at, deadline);
        // A conflict over a list counts as an unavailable store, not as a conflict over the session.
        try_join_all(criteria.iter().map(enter)).await.map_err(Error::into_unavailable)?;
        Ok(())
    }

    /// Returns the criteria that find the session, apart from its user. They include the values that an impersonation has set
    /// aside.
    fn criteria<'a>(&self, record: &'a Record, now: Timestamp) -> Vec<Criterion<'a>> {
        let mut criteria: Vec<Criterion<'a>> = Vec::new();
        for meta in &self.indexes {
            let values = fields(record).flat_map(|fields| meta.indexed(fields, now));
            for value in values {
                let is_it = |known: &Criterion<'_>| match known {
                    Criterion::Field { meta: other, value: known } => other.name == meta.name && **known == *value,
                    Criterion::User(_) => false,
                };
                if !criteria.iter().any(is_it) {
                    criteria.push(Criterion::Field { meta, value: value.into() });
                }
            }
        }
        criteria
    }

    /// Returns the digest of the session's lists, its verifier and its absolute deadline. The digest is keyed, so that a visitor
    /// cannot choose values with equal digests.
    fn entered(&self, record: &Record, criteria: &[Criterion<'_>]) -> u32 {
        if criteria.is_empty() {
            return 0;
        }
        let lists: Vec<_> = criteria.iter().map(|criterion| self.list_of(criterion).digest()).collect();
        let ends_at = record.ends_at.as_millis().to_be_bytes();
        let parts = [record.verifier.as_bytes().as_slice(), &ends_at];
        // The deadlines are included because the entry of an expired value may be removed. If the same value is then set again,
        // the session must be entered again.
        let deadlines = fields(record).flat_map(|fields| self.indexes.iter().map(|meta| fields.get(meta.name)));
        let deadline =
            |entry: Option<Entry<'_>>| entry.map_or(Timestamp::NEVER, |entry| entry.expires).as_millis().to_be_bytes();
        let deadlines: Vec<_> = deadlines.map(deadline).collect();
        let parts = parts.into_iter().chain(deadlines.iter().map(|deadline| deadline.as_slice()));
        let parts = parts.chain(lists.iter().map(|list| list.as_slice()));
        self.signer.fingerprints().digest(parts).max(1)
    }

    async fn enter_one(
        &self,
        criterion: &Criterion<'_>,
        session: &Key,
        ends_at: Timestamp,
        deadline: &Deadline,
    ) -> Result<(), Error> {
        let list = self.list_of(criterion);
        let is_it = |entry: &&ListEntry| entry.key == *session;
        let mut claim = self.claim_loaded(&list, Pace::Patient, deadline).await?;
        let (mut leaving, mut is_checked) = (Vec::new(), false);
        loop {
            let now = self.clock.now();
            let before = self.read_list(claim.current(), now)?;
            let known = before.entries.iter().find(is_it).copied();
            if known.is_some_and(|known| known.ends_at >= ends_at && now.since(known.at) < RECENT) {
                return Ok(());
            }
            if !is_checked {
                is_checked = true;
                leaving = self.stale(criterion, &before, now).await;
            }
            let stays = |entry: &&ListEntry| {
                !is_it(entry) && !entry.ends_at.passed(on_slow_clock(now)) && !leaving.contains(*entry)
            };
            let mut entries = Vec::with_capacity(before.entries.len() + 1);
            entries.extend(before.entries.iter().filter(stays));
            let ends_at = known.map_or(ends_at, |known| known.ends_at.max(ends_at));
            entries.push(ListEntry { key: *session, at: now, ends_at, is_impersonation: false });
            let after = Value::list(self.scope, UserList { entries }.into());
            if claim.swap(Some(&after), now).await? {
                return Ok(());
            }
        }
    }

    /// Checks a few entries, chosen at random, and returns those that can be removed. Returns no entries if their sessions cannot
    /// be loaded.
    async fn stale(&self, criterion: &Criterion<'_>, list: &UserList, now: Timestamp) -> Vec<ListEntry> {
        if list.entries.len() < CHECKED_FROM {
            return Vec::new();
        }
        let chosen = (0..CHECKED).filter_map(|_| {
            let at = usize::try_from(Nonce::next().0 % list.entries.len() as u64).ok()?;
            list.entries.get(at).filter(|entry| now.since(entry.at) >= self.protected())
        });
        let chosen: Vec<_> = chosen.copied().collect();
        if chosen.is_empty() {
            return Vec::new();
        }
        let keys: Vec<_> = chosen.iter().map(|entry| entry.key).collect();
        let Ok(loaded) = self.load_many(&keys, now).await else { return Vec::new() };
        let earlier = on_slow_clock(now);
        let finds = |held: Option<&_>| match self.read(held, earlier) {
            Held::Live(record) => self.relation(criterion, &record, earlier) != Owner::Other,
            Held::Newer => true,
            Held::Ended(_) | Held::Nothing => false,
        };
        let found = chosen.into_iter().zip(loaded);
        found.filter(|(_, held)| !finds(held.as_ref())).map(|(entry, _)| entry).collect()
    }
}
