//! [`Snapshot`]: a handle's view of the session, before the handle's own changes. It consists of the record as loaded and the
//! changes of the request's other handles.

use std::sync::Arc;

use super::Standing;
use crate::{
    record::{Fields, Record},
    schema::Meta,
};

/// A request's session at one moment. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    /// The stored session. `None`: a new one.
    pub(crate) record: Option<Arc<Record>>,
    /// The fields, if they differ from the record's.
    pub(crate) overlay: Option<Arc<Fields>>,
    /// Whether there may be a stored session that this snapshot does not show: the store did not answer, or another request has
    /// just replaced the session's id. Each change that a handle makes then counts, since it cannot be compared with what is
    /// stored. The commit refuses it.
    pub(crate) is_hidden: bool,
    /// How many steps of the request had discarded fields.
    pub(crate) era: u32,
    /// How the visitor is signed in, if this request changed that.
    pub(crate) standing: Option<Box<Standing>>,
}

impl Snapshot {
    pub(crate) fn fields(&self) -> Option<&Fields> {
        match (&self.overlay, &self.record) {
            (Some(fields), _) => Some(fields),
            (None, Some(record)) => Some(&record.fields),
            (None, None) => None,
        }
    }

    /// Hides all fields except those for which `keeps` returns true.
    pub(crate) fn retain(&mut self, metas: &[Meta], keeps: impl Fn(&Meta) -> bool) {
        let mut kept = Fields::default();
        if let Some(fields) = self.fields() {
            metas
                .iter()
                .filter(|meta| keeps(meta))
                .filter_map(|meta| meta.find(fields))
                .for_each(|entry| kept.push(entry));
        }
        self.overlay = Some(Arc::new(kept));
    }
}
