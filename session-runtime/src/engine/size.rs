//! How large a session may grow (SECURITY S46): what a visitor can fill must have an end, before the store's.

use super::{Engine, open::Presented, plan::Plan};
use crate::{
    error::{Error, Kind},
    record::{Change, Fields},
    schema::Exceeded,
};

impl Engine {
    /// Refuses a change of one field that makes too much of it, or of the session.
    pub(super) fn check_swap(&self, change: &Change, stored: &Fields) -> Result<(), Error> {
        self.check_lengths(change)?;
        self.check_size(change, stored)
    }

    pub(super) fn check_size_of(&self, plan: &Plan, presented: &Presented) -> Result<(), Error> {
        if let Plan::Create { change, .. } | Plan::Update { change, .. } = plan {
            self.check_lengths(change)?;
        }
        match (plan, presented) {
            (Plan::Create { change, .. }, _) => self.check_size(change, &Fields::default()),
            (Plan::Update { change, .. }, Presented::Found(found)) => self.check_size(change, &found.record.fields),
            _ => Ok(()),
        }
    }

    /// Refuses a value that is longer than its field may be (`max_len`, [`Bounded`](crate::Bounded)).
    fn check_lengths(&self, change: &Change) -> Result<(), Error> {
        if !self.has_bounds {
            return Ok(());
        }
        for set in &change.set {
            let Some(meta) = self.fields.iter().find(|meta| meta.is_stored_as(&set.name)) else { continue };
            match meta.bound.and_then(|bound| bound.exceeded(&set.value)) {
                None => {}
                Some(Exceeded::Length { length, most }) => {
                    return Err(Error::new(Kind::FieldTooLong { field: meta.name, length, most }));
                }
                Some(Exceeded::Bytes { bytes, most }) => {
                    return Err(Error::new(Kind::Unbounded { field: meta.name, bytes, most }));
                }
            }
        }
        Ok(())
    }

    /// Refuses a change that would make more of the `stored` fields than allowed. One that makes less of them passes, also
    /// where a limit was lowered. A concurrent change may add to it.
    fn check_size(&self, change: &Change, stored: &Fields) -> Result<(), Error> {
        let new: usize = change.set.iter().map(|set| set.name.len() + set.value.len()).sum();
        if new == 0 || stored.as_bytes().len() + new <= self.max_bytes {
            return Ok(()); // far from it, as nearly always: the buffer is no less than the fields in it
        }
        let written = |name: &str| change.set.iter().any(|set| set.name == name);
        let goes = |name: &str| {
            let kept = change.keep.as_ref().is_none_or(|keep| keep.iter().any(|kept| kept == name));
            !kept || written(name) || change.unset.iter().any(|unset| unset == name)
        };
        let after = || {
            let stays = stored.iter().filter(|entry| !goes(entry.name)).map(|entry| (entry.name, entry.value.len()));
            stays.chain(change.set.iter().map(|set| (&*set.name, set.value.len())))
        };
        let bytes: usize = after().map(|(name, bytes)| name.len() + bytes).sum();
        let before: usize = stored.iter().map(|entry| entry.name.len() + entry.value.len()).sum();
        if bytes <= self.max_bytes || bytes <= before {
            return Ok(());
        }
        let mut largest: Vec<_> = after().collect();
        largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let largest: Vec<_> = largest.iter().take(3).map(|(name, bytes)| format!("`{name}` ({bytes})")).collect();
        Err(Error::new(Kind::TooLarge { bytes, allowed: self.max_bytes, largest: largest.join(", ") }))
    }
}
