//! Between a handle and its request: what the handle sees, and what it changed.

use super::{Core, Schema};
use crate::{
    engine::{Ops, Request, Snapshot, Step},
    error::{Error, Kind},
    event::Event,
    fields::Visitor,
    key::Key,
    schema::Stays,
};

impl<S: Schema> Core<S> {
    /// Sees the session as the request has it by now, after a write that met this error if it failed. What was read before is
    /// read again: other requests may have changed it. If the session is lost, all that this handle did goes too.
    pub(crate) fn see(&mut self, request: &Request, error: Option<&Error>) {
        let lost = error.and_then(Error::lost);
        self.__state.snapshot = request.snapshot();
        self.__state.failed = lost.or(self.__state.failed);
        S::visit(
            &mut self.__slots,
            &mut Visitor(&mut |_, slot| {
                if lost.is_some() || !slot.is_edited() {
                    slot.reset();
                }
            }),
        );
    }

    /// Whether the store could not be asked, so that this shows nobody though somebody may be signed in.
    #[cfg(feature = "tower")]
    pub(crate) fn is_unknown(&self) -> bool {
        self.__state.snapshot.unknown
    }

    /// Which record this is, if it is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        self.__state.origin.key()
    }

    /// Returns the fields that do not stay to their defaults.
    pub(crate) fn forget(&mut self, stays: Stays) {
        if S::SPEC.fields.iter().all(|meta| meta.stays(stays)) {
            return;
        }
        let Self { __slots, __state } = self;
        S::visit(
            __slots,
            &mut Visitor(&mut |meta, slot| {
                if !meta.stays(stays) {
                    if slot.leaves_something() {
                        __state.emit(&Event::Discarded { field: meta.name });
                    }
                    slot.reset();
                }
            }),
        );
        let snapshot = &mut self.__state.snapshot;
        match stays {
            Stays::None => (snapshot.record, snapshot.overlay) = (None, None),
            Stays::Device | Stays::Guest => snapshot.retain(S::SPEC.fields, |meta| meta.stays(stays)),
        }
    }

    /// Shows another state of the session, beneath what this handle did to fields of the device.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        self.__state.snapshot = snapshot;
        S::visit(
            &mut self.__slots,
            &mut Visitor(&mut |_, slot| {
                if !slot.is_edited() {
                    slot.reset();
                }
            }),
        );
    }

    /// Hands what this handle changed to the request.
    pub(super) fn fold(&mut self) {
        let Some(request) = self.__state.request().cloned() else { return };
        let Some((mut steps, ops, failure)) = self.take_changes() else { return };
        steps.extend(failure.map(Step::Failed));
        if !(steps.is_empty() && ops.is_empty()) {
            let dropped = request.fold(self.__state.snapshot.era, steps, ops);
            if dropped {
                self.__state.emit(&Event::Moved);
            }
        }
    }

    /// Hands out what this handle changed of its fields.
    ///
    /// # Errors
    /// If a value cannot be encoded, or if it changed more than fields.
    pub(crate) fn take_ops(&mut self) -> Result<Ops, Error> {
        match self.take_changes() {
            None => Ok(Vec::new()),
            Some((_, _, Some(failure))) => Err(failure),
            Some((steps, _, None)) if !steps.is_empty() => Err(Error::new(Kind::Elsewhere)),
            Some((_, ops, None)) => Ok(ops),
        }
    }

    /// Returns the changes of this handle, or the error of a value that could not be encoded.
    fn take_changes(&mut self) -> Option<(Vec<Step>, Ops, Option<Error>)> {
        let Self { __slots, __state } = self;
        let mut edited = 0;
        S::visit(__slots, &mut Visitor(&mut |_, slot| edited += usize::from(slot.is_edited())));
        if edited == 0 && __state.steps.is_empty() {
            return None;
        }
        let steps = std::mem::take(&mut __state.steps);
        let mut ops = Vec::with_capacity(edited);
        let mut failure = None;
        S::visit(
            __slots,
            &mut Visitor(&mut |meta, slot| {
                if slot.is_edited() {
                    match slot.take_edit(__state) {
                        Ok(Some(op)) => ops.push((meta, op)),
                        Ok(None) => {}
                        Err(error) => failure = Some(error),
                    }
                }
            }),
        );
        Some((steps, ops, failure))
    }
}
