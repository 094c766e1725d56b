//! Lists all values, in the order of their ids.

use super::{
    super::{Key, Position, Scanned, StoreError},
    SqlStore,
    database::{Row, Value},
    millis,
    statements::SCANNED,
    versioned,
};
use crate::clock::Timestamp;

impl SqlStore {
    /// Returns the next batch of the values: see [`Store::scan`](super::Store::scan).
    pub(super) async fn list_values(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        if !matches!(from.as_bytes().len(), 0 | 16) {
            return Err(StoreError::unknown_position());
        }
        let values = [Value::Bytes(from.as_bytes()), Value::Number(millis(now))];
        let rows = self.database.rows(&self.statements.scan, &values).await;
        let rows = rows.map_err(|error| self.failed("go through the sessions", error))?;
        let last = rows.last().and_then(|row| row.id.clone()).filter(|_| rows.len() == SCANNED);
        let with_key = |mut row: Row| Some((Key::from_digest(row.id.take()?.try_into().ok()?), versioned(row)));
        Ok(Scanned { values: rows.into_iter().filter_map(with_key).collect(), next: last.map(Position::new) })
    }
}
