//! Whose the sessions are: an entry for each that somebody signed in to, which clean-up compares with the sessions.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{
    super::{Key, StoreError, User, UserEntry, UserIndex},
    SqlStore,
    advice::failed,
    database::{Row, Value},
    moment::{GRACE, present},
};
use crate::clock::Timestamp;

/// How many sessions one statement takes off a user's list.
const LEAVING: usize = 500;
/// After how long an entry whose session is there is looked at again, in milliseconds: a day. So long may one stay that was
/// left behind when a process or a connection ended at the wrong moment.
const RECHECK: i64 = 24 * 60 * 60 * 1_000;

impl UserIndex for SqlStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let (id, user, at) = (key.digest(), user.digest(), present(now));
        let failed = |error| failed("enter a session among those of its user", error);
        let (id, user, mut place) = (Value::Bytes(&id), Value::Bytes(&user), next_place(at));
        if let Some(last) = &self.statements.last {
            let last = self.database.rows(last, &[user]).await.map_err(failed)?;
            place = place.max(last.first().map_or(0, |last| last.number.saturating_add(1)));
        }
        let [entered, place, check] = [at, place, at + GRACE].map(Value::Number);
        let values = match self.statements.last {
            Some(_) => vec![id, user, entered, place, check],
            None => vec![id, user, entered, place, user, check],
        };
        self.database.change_again(&self.statements.enter, &values).await.map(|_| ()).map_err(failed)
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        let rows = self.database.rows(&self.statements.entries, &[Value::Bytes(&user.digest())]).await;
        let rows = rows.map_err(|error| failed("list the sessions of a user", error))?;
        let entry = |row: Row| {
            let at = Timestamp::from_millis(u64::try_from(row.number).unwrap_or_default());
            Some(UserEntry { key: Key::from_digest(row.bytes.try_into().ok()?), at })
        };
        Ok(rows.into_iter().filter_map(entry).collect())
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        let user = user.digest();
        for keys in keys.chunks(LEAVING) {
            let ids: Vec<_> = keys.iter().map(Key::digest).collect();
            let values: Vec<_> =
                [Value::Bytes(&user)].into_iter().chain(ids.iter().map(|id| Value::Bytes(id))).collect();
            let left = self.database.change_again(&self.statements.leave(ids.len()), &values).await;
            left.map_err(|error| failed("take sessions out of those of their user", error))?;
        }
        Ok(())
    }
}

impl SqlStore {
    /// Has clean-up look after the entry of a session that this user has just left. It is no more than early if it fails.
    pub(super) async fn left(&self, id: &[u8; 16], user: &[u8]) {
        let (user, grace) = (User::new(user).digest(), Value::Number(GRACE));
        let values = [grace, Value::Bytes(id), Value::Bytes(&user)];
        if let Err(error) = self.database.change_again(&self.statements.check, &values).await {
            tracing::debug!(target: "session_runtime", %error, "an entry without a session stays until that would have expired");
        }
    }

    /// Compares the entries that are due with the sessions, and takes those out that have none.
    pub(super) async fn look_after_users(&self, now: i64) -> Result<(), StoreError> {
        let failed = |error| failed("look after the lists of users' sessions", error);
        let [later, now] = [now.saturating_add(RECHECK), now].map(Value::Number);
        loop {
            // Of a batch of entries that are due, those whose session is there; and then those without one, of the next.
            let rechecked = self.database.change_again(&self.statements.recheck, &[later, now, now]).await;
            let forgotten = self.database.change_again(&self.statements.forget, &[now, now]).await;
            if rechecked.map_err(failed)? + forgotten.map_err(failed)? == 0 {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Where an entry of this moment stands among its user's at least: after all that this process has made before. The
/// database puts it after all others.
fn next_place(at: i64) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    // However late it is, there is room for as many again.
    let from = at.min(i64::MAX / 2_000) * 1_000;
    let next = |last: i64| last.saturating_add(1).max(from);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    next(last.unwrap_or_else(|last| last))
}
