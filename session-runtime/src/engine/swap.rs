//! Compare-and-swap of one field: at once where there is a session to do it to, else with the commit.

use super::{
    Op, Request, Step,
    commit::Outcome,
    open::{Lost, Presented},
    plan::write_ops,
};
use crate::{
    error::{Error, Kind},
    record::{Applied, Change},
    schema::Meta,
};

impl Request {
    /// Replaces one field's value at once if it is still `seen`; says `false` if it is not, and sees anew. For a handle
    /// that was opened in `era`: if the visitor has left since, by another handle, it is of another session.
    pub(crate) async fn swap(
        &self,
        era: u32,
        meta: &'static Meta,
        seen: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        let _gate = self.enter().await;
        let now = self.now();
        if !self.inner().pending.is_theirs(era, meta) {
            return self.report(Outcome::Moved).into_result().map(|()| false);
        }
        if let Some(swapped) = self.swap_pending(meta, &seen, &value) {
            return Ok(swapped);
        }
        let planned = match &self.inner().presented {
            Some(Presented::Found(found)) => {
                let mut change = Change::update(found.record.generation);
                let fits = write_ops(&mut change, &[(meta, Op::Swap { seen, value })], &found.record.fields, now);
                self.engine.check_swap(&change, &found.record.fields)?;
                self.engine.seal(found, &mut change, now)?;
                Some((found.selector.key(), fits.then_some(change)))
            }
            _ => None,
        };
        let (key, change) = match planned {
            None => return Err(Error::new(Kind::Gone)),
            Some((_, None)) => return Ok(false),
            Some((key, Some(change))) => (key, change),
        };
        match self.engine.apply(&key, &change, now).await? {
            Applied::Applied { .. } => {
                self.adopt(&change, now);
                Ok(true)
            }
            Applied::Gone => self.report(self.lose(Lost::Gone)).into_result().map(|()| false),
            Applied::Moved => self.report(self.lose(Lost::Moved)).into_result().map(|()| false),
            Applied::Conflict => match self.reload(&key, &change).await? {
                None => Ok(false),
                Some(outcome) => self.report(outcome).into_result().map(|()| false),
            },
        }
    }

    /// Does a compare-and-swap to what waits for the commit, if it has to wait: there is nothing stored yet, or this
    /// request changes whose it is. Says whether the field was still `seen`.
    fn swap_pending(&self, meta: &'static Meta, seen: &Option<Vec<u8>>, value: &Option<Vec<u8>>) -> Option<bool> {
        let mut inner = self.inner();
        let found = matches!(&inner.presented, Some(Presented::Found(_)));
        let stays = |step: &Step| matches!(step, Step::Remember(_));
        if found && inner.underway.is_none() && inner.pending.steps.iter().all(stays) {
            return None;
        }
        let overlay = inner.overlay(&self.engine, self.now());
        let fits = meta.find(&overlay).map(|entry| entry.value) == seen.as_deref();
        if fits {
            inner.pending.follow(vec![(meta, Op::Swap { seen: seen.clone(), value: value.clone() })]);
        }
        Some(fits)
    }
}
