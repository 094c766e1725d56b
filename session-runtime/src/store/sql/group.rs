//! Writes to SQLite, which has one writer at a time. The writers in this process wait in a queue. Without it, they would poll
//! SQLite's lock, and get it in random order. The one whose turn comes also executes the updates of those that wait behind it, in
//! one statement, so that a burst of n updates takes far fewer than n transactions.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex as Lock, MutexGuard as LockGuard, PoisonError},
    task::Poll,
};

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard, oneshot};

use super::{
    database::{Database, Value},
    statements::{GROUPED, Sql, Statements},
};

/// Replaces one row, if it still has the revision `old`.
#[derive(Clone)]
pub(super) struct Update {
    pub(super) id: [u8; 16],
    pub(super) old: i64,
    pub(super) revision: i64,
    pub(super) expires_at: i64,
    pub(super) value: Bytes,
}

impl Update {
    /// Returns the values of the statement `update`.
    pub(super) fn values(&self) -> [Value<'_>; 5] {
        let [old, revision, expires_at] = [self.old, self.revision, self.expires_at].map(Value::Number);
        [revision, expires_at, Value::Bytes(&self.value), Value::Bytes(&self.id), old]
    }
}

/// The writers of one process.
#[derive(Default)]
pub(super) struct Writers {
    turn: Mutex<()>,
    waiting: Lock<Vec<Waiting>>,
}

/// An update that waits for the turn.
struct Waiting {
    /// The statement that executes a group.
    sql: Sql,
    update: Update,
    /// Sends how many rows were affected. Dropped if the update was not executed, or if that is not known.
    done: oneshot::Sender<u64>,
}

impl Writers {
    /// Waits until no other writer of this process is at work.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    fn waiting(&self) -> LockGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes updates that one statement can execute: of one table, and at most one for each row.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let mut taken: Vec<Waiting> = Vec::new();
        let mut left = Vec::new();
        for next in waiting.drain(..) {
            let fits = taken.first().is_none_or(|first| Arc::ptr_eq(&first.sql, &next.sql))
                && taken.len() < GROUPED
                && taken.iter().all(|other| other.update.id != next.update.id);
            if next.done.is_closed() {
                continue; // its caller has given up
            }
            if fits { taken.push(next) } else { left.push(next) }
        }
        *waiting = left;
        taken
    }
}

impl Database {
    /// Replaces a row on SQLite. Returns how many rows were affected: none if the row has another revision.
    pub(super) async fn update_in_turn(&self, statements: &Statements, update: Update) -> Result<u64, sqlx::Error> {
        if let Some(affected) = self.update_with_others(statements, &update).await {
            return Ok(affected);
        }
        self.execute(&statements.update, &update.values()).await
    }

    /// Waits for the turn unless it is free. Meanwhile, another writer may execute the update; otherwise this one executes it
    /// together with those that wait. Returns how many rows were affected, or `None` if the update was not executed, or if that
    /// is not known. The caller may execute it in both cases: if it was executed before, the row has a new revision, so the
    /// second execution changes nothing.
    async fn update_with_others(&self, statements: &Statements, update: &Update) -> Option<u64> {
        let writers = &self.writers;
        if writers.turn.try_lock().is_ok() {
            return None;
        }
        let (done, mut answer) = oneshot::channel();
        let waiting = Waiting { sql: Arc::clone(&statements.update_group), update: update.clone(), done };
        writers.waiting().push(waiting);
        let mut turn = pin!(writers.turn.lock());
        let first = poll_fn(|context| match Pin::new(&mut answer).poll(context) {
            Poll::Ready(affected) => Poll::Ready(Err(affected.ok())),
            Poll::Pending => turn.as_mut().poll(context).map(Ok),
        });
        match first.await {
            Err(affected) => affected,
            Ok(_turn) => {
                // Another writer may have executed the update just before it passed the turn on.
                if let Ok(affected) = answer.try_recv() {
                    return Some(affected);
                }
                let group = writers.take();
                if group.len() > 1 {
                    self.update_group(group).await;
                }
                answer.try_recv().ok()
            }
        }
    }

    /// Executes the updates in one statement, and tells each writer the result. If the statement fails, each writer executes its
    /// own.
    async fn update_group(&self, group: Vec<Waiting>) {
        let Some(first) = group.first() else { return };
        // No row has this id.
        let nothing = [Value::Number(0), Value::Number(0), Value::Bytes(&[]), Value::Bytes(&[]), Value::Number(0)];
        let rows = group.iter().map(|waiting| waiting.update.values());
        let values: Vec<_> = rows.chain(std::iter::repeat(nothing)).take(GROUPED).flatten().collect();
        let Ok(written) = self.rows_once(&first.sql, &values).await else { return };
        for Waiting { update, done, .. } in group {
            let is_written = written.iter().any(|row| row.id.as_deref() == Some(&update.id));
            let _ = done.send(u64::from(is_written));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
