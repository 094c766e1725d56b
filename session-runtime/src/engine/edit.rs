//! Edits the fields of listed sessions from outside a request, such as from a job. The sessions keep their ids.

use std::sync::Arc;

use super::{
    Criterion, Engine, Op,
    deadline::{Deadline, Pace},
    read::Held,
    write::{Written, check_size},
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::Nonce,
    key::Key,
    record::{Owner, Record},
    schema::Meta,
    store::StoreError,
    value::Value,
};

/// An edit's changes to the fields of a session.
pub(crate) type Ops = Vec<(&'static Meta, Op)>;

impl Engine {
    /// Edits each live session that the criterion finds. Returns how many changed. Calls `edit` again for a session that
    /// another request has changed meanwhile.
    ///
    /// # Errors
    /// The first error; the other sessions are still edited.
    pub(crate) async fn edit_sessions_of(
        &self,
        by: &Criterion<'_>,
        mut edit: impl FnMut(Key, Arc<Record>) -> Result<Ops, Error>,
    ) -> Result<u64, Error> {
        let now = self.clock.now();
        let list = self.read_list(self.load(&self.list_of(by), now).await?.as_ref(), now)?;
        let (mut changed, mut failed) = (0, None);
        for entry in &list.entries {
            match self.edit_session(by, &entry.key, &mut edit).await {
                Ok(is_changed) => changed += u64::from(is_changed),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(changed), Err)
    }

    async fn edit_session(
        &self,
        by: &Criterion<'_>,
        key: &Key,
        edit: &mut impl FnMut(Key, Arc<Record>) -> Result<Ops, Error>,
    ) -> Result<bool, Error> {
        let deadline = &Deadline::new(self.commit_timeout);
        let mut claim = self.claim_loaded(key, Pace::Patient, deadline).await?;
        let nonce = Nonce::next();
        let mut is_critical = false;
        loop {
            let now = self.clock.now();
            let raw = match self.read(claim.current(), now) {
                // The first write succeeded, but its answer was lost.
                Held::Live(raw) if raw.knows(nonce) => {
                    if is_critical {
                        claim.confirm().await?;
                    }
                    return Ok(true);
                }
                Held::Live(raw) if self.relation(by, &raw, now) == Owner::Own => raw,
                _ if claim.reload_handed().await? => continue,
                Held::Newer => {
                    let sentence =
                        "a session was written by a newer version of this crate, so this version cannot change it";
                    return Err(Error::new(Kind::Unavailable).because(StoreError::new(sentence)));
                }
                Held::Live(_) | Held::Ended(_) | Held::Nothing => return Ok(false),
            };
            // While the user acts as another, the edit applies to their own session, which is set aside.
            let own = self.own(&raw).map(Arc::new);
            let opened = self.open_record(key, own.clone().unwrap_or_else(|| Arc::clone(&raw)), now);
            let ops = edit(*key, Arc::clone(&opened.record))?;
            let Some(record) = edited(&opened.record, &ops, self.max_bytes, nonce, now)? else { return Ok(false) };
            is_critical = record.generation != opened.record.generation;
            let opened = self.codec.close(key, record.into(), Some(&opened))?;
            let mut record = match own {
                None => Record::clone(opened.raw()),
                Some(_) => self.with_own(&raw, opened.raw()),
            };
            record.entered = self.enter_by_index(key, &record, deadline).await?;
            let value = Value::session(self.scope, record.into());
            let value = if is_critical { value.critical() } else { value };
            if claim.swap(Some(&value), now).await? {
                return Ok(true);
            }
        }
    }
}

/// Returns the session after an edit; `None` if the edit changes nothing. It keeps `seen_at`, since the visitor did nothing.
///
/// If an edited field is `rotates`, the session keeps its id, since no response can carry a new one. But it gets a new
/// generation: open streams end, and a request that read the former rights cannot write.
fn edited(
    current: &Record,
    ops: &[(&'static Meta, Op)],
    max_bytes: usize,
    nonce: Nonce,
    now: Timestamp,
) -> Result<Option<Record>, Error> {
    let written = Written::of(ops, &current.fields, now).ok_or_else(|| Error::new(Kind::Conflict))?;
    if written.is_empty() {
        return Ok(None);
    }
    let fields = written.fields();
    written.check_lengths()?;
    check_size(&fields, &current.fields, max_bytes)?;
    let mut record = current.with_fields(fields);
    if written.rotates() {
        record.generation = record.generation.saturating_add(1);
    }
    record.note_write(nonce, now);
    record.seen_at = current.seen_at;
    Ok(Some(record))
}
