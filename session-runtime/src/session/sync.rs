//! Synchronises a handle with its request: shows the request's state, and hands over changes.

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
    /// Shows the session in the request's current state, after a save, update or reload. `error` is the error of that call, if
    /// it failed. Fields that this handle has not edited are decoded again, since other requests may have changed them. If the
    /// session is lost, all changes of this handle are dropped.
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

    /// Returns why the session shows a guest although a user may be signed in: the store could not be reached, or another request
    /// has just replaced the session's id. `None` if neither is the case.
    pub(crate) fn hidden(&self) -> Option<Error> {
        self.__state.request().filter(|_| self.__state.snapshot.is_hidden)?.hidden()
    }

    /// Makes the commit fail if the session is hidden, and returns whether it is.
    pub(super) fn refuse_if_hidden(&mut self) -> bool {
        let is_hidden = self.__state.snapshot.is_hidden;
        if is_hidden {
            // Any step would do: the commit of a hidden session refuses all of them.
            self.__state.steps.push(Step::Renew);
        }
        is_hidden
    }

    /// Returns the session's key, if the session is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        self.__state.origin.key()
    }

    /// Resets all fields except those that `stays` keeps.
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

    /// Shows another state of the session. Fields that this handle has edited keep their edits.
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

    /// Hands this handle's changes to the request.
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

    /// Takes this handle's changes of fields.
    ///
    /// # Errors
    /// If a value cannot be encoded, or if the handle did more than change fields, such as sign out.
    pub(crate) fn take_ops(&mut self) -> Result<Ops, Error> {
        match self.take_changes() {
            None => Ok(Vec::new()),
            Some((_, _, Some(failure))) => Err(failure),
            Some((steps, _, None)) if !steps.is_empty() => Err(Error::new(Kind::Elsewhere)),
            Some((_, ops, None)) => Ok(ops),
        }
    }

    /// Takes this handle's changes, with the error of a value that could not be encoded.
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
