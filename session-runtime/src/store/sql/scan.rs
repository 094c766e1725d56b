//! Going through the sessions, in the order of their ids.

use std::sync::Arc;

use super::{
    super::{Key, Position, Scan, Scanned, StoreError},
    SqlStore,
    advice::failed,
    database::{Row, Value},
    moment::present,
    row::read,
    statements::SCANNED,
};
use crate::clock::Timestamp;

impl Scan for SqlStore {
    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Scanned, StoreError> {
        if !matches!(from.as_bytes().len(), 0 | 16) {
            return Err(Position::unknown());
        }
        let values = [Value::Bytes(from.as_bytes()), Value::Number(present(now))];
        let rows = self.database.rows(&self.statements.scan, &values).await;
        let rows = rows.map_err(|error| failed("go through the sessions", error))?;
        let last = rows.last().and_then(|row| row.id.clone()).filter(|_| rows.len() == SCANNED);
        let session = |row: Row| {
            // What cannot be read is removed by whoever opens the session.
            let record = read(&row.bytes).filter(|record| record.is_live(now))?;
            Some((Key::from_digest(row.id?.try_into().ok()?), Arc::new(record)))
        };
        Ok(Scanned { sessions: rows.into_iter().filter_map(session).collect(), next: last.map(Position::new) })
    }
}
