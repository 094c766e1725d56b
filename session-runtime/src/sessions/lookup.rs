//! [`Lookup`]: finds sessions by the value of an `index` field. The derive generates a method for each such field.

use std::{marker::PhantomData, sync::Arc};

use serde::Serialize;

use super::SessionsOf;
use crate::{
    engine::{Criterion, Engine},
    schema::Meta,
    session::Schema,
};

/// Finds sessions by the value of an `index` field.
#[doc(hidden)]
pub struct Lookup<S> {
    engine: Arc<Engine>,
    kind: PhantomData<fn() -> S>,
}

impl<S: Schema> Lookup<S> {
    pub(super) fn of(engine: &Arc<Engine>) -> S::Lookup {
        Self { engine: Arc::clone(engine), kind: PhantomData }.into()
    }

    /// Returns access to the sessions in which the field has this value, or in which its `Vec` has this item.
    pub fn by<Q: Serialize + ?Sized>(&self, meta: &'static Meta, value: &Q) -> SessionsOf<S> {
        SessionsOf::found_by(&self.engine, meta.name, value, |value| Criterion::Field { meta, value: value.into() })
    }
}

/// The lookup of sessions without an `index` field.
#[doc(hidden)]
pub struct NoIndex(());

impl<S: Schema> From<Lookup<S>> for NoIndex {
    fn from(_: Lookup<S>) -> Self {
        Self(())
    }
}
