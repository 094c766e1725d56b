//! Which sessions open nothing any more, though their cookies are good: kept in a store, for as long as those would be.
//!
//! An entry is a record without fields under the session's name, which ends when the last cookie of that name would, so any
//! [`Store`](crate::store::Store) can keep it and cleans it up as it does others (SECURITY S21).

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    engine::ask::{twice, within},
    event::Events,
    id::{Digest, Key, Nonce},
    record::{Applied, Change, Lifetime, Renew, Sign},
    store::{DynStore, StoreError},
};

/// Whose the entries are: nobody's, since no kind of session is named so shortly.
const USER: &[u8] = b"ended";

/// The list, in a store.
pub(crate) struct Revoked(Arc<dyn DynStore>);

/// Why and when a session was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revocation {
    pub(super) at: Timestamp,
    /// It goes on under another name: somebody signed in or out.
    pub(super) renewed: bool,
    /// The change that it was part of.
    pub(super) by: Option<Nonce>,
}

impl Revoked {
    pub(super) fn new(store: Arc<dyn DynStore>) -> Self {
        Self(store)
    }

    pub(crate) fn observe(&self, events: Events) {
        self.0.observe(events);
    }

    pub(crate) async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.0.delete_expired(now).await
    }

    pub(super) async fn find(
        &self,
        key: &Key,
        now: Timestamp,
        limit: Duration,
    ) -> Result<Option<Revocation>, StoreError> {
        let found = within(limit, self.0.load(key, now)).await?;
        Ok(found.map(|record| Revocation {
            at: record.created_at,
            renewed: record.remembered,
            by: record.nonces.last().copied(),
        }))
    }

    /// Revokes a session whose cookies are good `until` then; says `false` if somebody else did before. By the same change
    /// twice is as good as once.
    pub(super) async fn add(
        &self,
        key: &Key,
        revocation: Revocation,
        until: Timestamp,
        limit: Duration,
    ) -> Result<bool, StoreError> {
        let Revocation { at, renewed, by } = revocation;
        let mut entry = Change::create(Digest::from([0; 16]), at, until, until);
        entry.nonce = by.unwrap_or(entry.nonce);
        // A store that runs full lets guests go before users, and a flood of guests must not open what was ended.
        entry.sign = Some(Sign::In { user: USER.into(), at });
        // So that a store which waits for replicas before a session has ended does so here.
        entry.renew = Some(Renew::Privilege { to: Digest::from([0; 16]) });
        // The one bit of an empty record that no store looks at.
        entry.restart = Some(Lifetime { idle_until: until, ends_at: until, remembered: renewed });
        let added = twice(|| within(limit, self.0.apply(key, &entry, at))).await?;
        Ok(matches!(added, Applied::Applied { .. }))
    }
}
