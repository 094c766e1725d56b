//! The row of one session: read, written if it is still as it was, and discarded if it is none.

use std::sync::Arc;

use super::{
    super::{Key, Record, StoreError, User},
    SqlStore,
    advice::failed,
    database::{Row, Value},
    moment::deadline,
};

/// The first byte of a stored record.
const VERSION: u8 = 1;

impl SqlStore {
    /// What is stored under this id, expired or not.
    pub(super) async fn look(&self, id: &[u8; 16], doing: &str) -> Result<Option<Arc<Record>>, StoreError> {
        let rows = self.database.rows(&self.statements.load, &[Value::Bytes(id)]).await;
        let Some(Row { bytes, number, .. }) = rows.map_err(|error| failed(doing, error))?.pop() else {
            self.recent.forget(id);
            return Ok(None);
        };
        let record = read(&bytes).filter(|record| revision(record) == Some(number));
        match record {
            Some(record) => {
                let record = Arc::new(record);
                self.recent.put(*id, Arc::clone(&record));
                Ok(Some(record))
            }
            None => {
                self.discard(id, number).await;
                Ok(None)
            }
        }
    }

    /// Removes what was found and is no session, unless it is one by now.
    async fn discard(&self, id: &[u8; 16], revision: i64) {
        let key = Key::from_digest(*id).hex();
        tracing::warn!(target: "session_runtime", key, "what is stored here is no session of this version; it is removed");
        let values = [Value::Bytes(id), Value::Number(revision)];
        if let Err(error) = self.database.change_again(&self.statements.discard, &values).await {
            tracing::warn!(target: "session_runtime", %error, "it could not be removed; it reads as none all the same");
        }
    }

    /// Puts `new` in the place of `old`. Whether it could, since `old` was still there.
    pub(super) async fn replace(&self, id: &[u8; 16], old: Option<&Record>, new: &Record) -> Result<bool, Refused> {
        let mut bytes = vec![VERSION];
        new.encode(&mut bytes).map_err(|error| {
            Refused::ForGood(StoreError::new("cannot encode a session; this is a defect").because(error))
        })?;
        let (id, record) = (Value::Bytes(id), Value::Bytes(&bytes));
        let revision_of = |record| Value::Number(revision(record).unwrap_or_default());
        let stays = |old: &Record| old.user == new.user && deadline(old.expires_at()) == deadline(new.expires_at());
        let changed = if let Some(old) = old.filter(|old| stays(old)) {
            let values = [revision_of(new), record, id, revision_of(old)];
            self.database.change(&self.statements.rewrite, &values).await
        } else {
            let digest = new.user.as_ref().map(|user| User::new(&**user).digest());
            let user = digest.as_ref().map_or(Value::Null, |digest| Value::Bytes(digest));
            let expires = Value::Number(deadline(new.expires_at()));
            match old {
                None => {
                    let values = [id, revision_of(new), expires, user, record];
                    self.database.change(&self.statements.insert, &values).await
                }
                Some(old) => {
                    let values = [revision_of(new), expires, user, record, id, revision_of(old)];
                    self.database.change(&self.statements.update, &values).await
                }
            }
        };
        match changed {
            Ok(rows) => Ok(rows > 0),
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => Ok(false),
            Err(error) => Err(Refused::Now(error)),
        }
    }

    /// Removes the row of `old`, and its entry among its user's. Whether it could, since it was still there.
    pub(super) async fn remove(&self, id: &[u8; 16], old: &Record) -> Result<bool, sqlx::Error> {
        let values = [Value::Bytes(id), Value::Number(revision(old).unwrap_or_default())];
        let removed = match &self.statements.end {
            Some(end) => !self.database.rows_once(end, &values).await?.is_empty(),
            None => self.database.change(&self.statements.discard, &values).await? > 0,
        };
        self.recent.forget(id);
        if let Some(entries) = &self.statements.delete_entries
            && removed
            && old.user.is_some()
            && let Err(error) = self.database.change_again(entries, &[Value::Bytes(id)]).await
        {
            tracing::debug!(target: "session_runtime", %error, "an entry without a session stays until clean-up meets it");
        }
        Ok(removed)
    }
}

/// Why a row was not written.
pub(super) enum Refused {
    /// By the database, for the time being perhaps.
    Now(sqlx::Error),
    ForGood(StoreError),
}

/// A stored record, if it is one of this version.
pub(super) fn read(bytes: &[u8]) -> Option<Record> {
    let (&version, bytes) = bytes.split_first()?;
    if version == VERSION { Record::decode(bytes) } else { None }
}

/// What tells one state of a session from the next: the nonce of its last change, which no other has.
fn revision(record: &Record) -> Option<i64> {
    record.nonces.last().map(|nonce| nonce.0.cast_signed())
}
