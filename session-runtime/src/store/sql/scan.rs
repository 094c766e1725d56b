//! Lists all values, in the order of their ids.

use super::{
    super::{Key, Position, Scan, Scanned, StoreError},
    SqlStore,
    database::{Row, Value},
    millis,
    statements::SCANNED,
    versioned,
};
use crate::clock::Timestamp;

impl Scan for SqlStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        if !matches!(from.as_bytes().len(), 0 | 16) {
            return Err(Position::unknown());
        }
        let values = [Value::Bytes(from.as_bytes()), Value::Number(millis(now))];
        let rows = self.database.rows(&self.statements.scan, &values).await;
        let rows = rows.map_err(|error| self.failed("go through the sessions", error))?;
        let last = rows.last().and_then(|row| row.id.clone()).filter(|_| rows.len() == SCANNED);
        let with_key = |mut row: Row| Some((Key::from_digest(row.id.take()?.try_into().ok()?), versioned(row)));
        Ok(Scanned { values: rows.into_iter().filter_map(with_key).collect(), next: last.map(Position::new) })
    }
}
