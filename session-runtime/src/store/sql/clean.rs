//! Clean-up: removes expired rows in batches, with a margin for clocks that disagree.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use super::{super::StoreError, SqlStore, database::Value, millis};
use crate::clock::Timestamp;

/// How long a row stays after it has expired. So a process whose clock is ahead by less than this removes no live session.
const MARGIN: Duration = Duration::from_secs(60 * 60);

impl SqlStore {
    pub(super) async fn clean_up(&self, now: Timestamp) -> Result<u64, StoreError> {
        if self.is_clock_ahead().await? {
            return Ok(0);
        }
        let last = Value::Number(millis(now).saturating_sub(MARGIN.as_millis() as i64));
        let mut removed = 0;
        loop {
            let rows = self.database.execute(&self.statements.delete_expired, &[last; 2]).await;
            let rows = rows.map_err(|error| self.failed("remove expired sessions", error))?;
            removed += rows;
            if rows < self.database.dialect().batch() {
                return Ok(removed);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns whether this machine's clock is ahead of the database's by more than the margin. If it is, this process would
    /// remove sessions that are still live for all other processes.
    async fn is_clock_ahead(&self) -> Result<bool, StoreError> {
        let Some(clock) = &self.statements.clock else { return Ok(false) };
        let rows = self.database.rows(clock, &[]).await;
        let rows = rows.map_err(|error| self.failed("read the database's clock", error))?;
        let theirs = rows.first().map_or(0, |row| row.number);
        // Uses the system's clock and not the caller's `now`, which may come from a clock that a test moves.
        let ahead = millis(SystemTime::now().into()).saturating_sub(theirs);
        let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or_default());
        let is_ahead = ahead > MARGIN;
        if !self.warned.swap(is_ahead, Ordering::Relaxed) && is_ahead {
            tracing::warn!(
                target: "session_runtime",
                table = self.shown_name(),
                ahead_seconds = ahead.as_secs(),
                "this machine's clock is far ahead of the database's, so this process removes no expired sessions: it could \
                 remove live ones; correct the clock that is wrong"
            );
        }
        Ok(is_ahead)
    }
}
