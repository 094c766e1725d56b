//! One field within one handle: decoded when it is first read, encoded when it is folded.

use std::{sync::OnceLock, time::SystemTime};

use super::{AnySlot, State};
use crate::{
    engine::{Items, Op},
    error::{Error, Kind},
    event::Event,
    record::Add,
    schema::{Field, NIL, Policy, UNREADABLE},
};

/// The place of a field's value. It knows which field that is, so that an accessor need not say it again.
#[doc(hidden)]
pub struct Slot<T: 'static> {
    pub(crate) field: &'static Field<T>,
    value: OnceLock<T>,
    pub(crate) edit: Edit,
}

/// What this handle did to a field so far. What few fields need is in a box, since each field has room for this.
pub(crate) enum Edit {
    /// Nothing.
    None,
    /// Gave it the value in the slot.
    Written,
    /// Signed in whom the slot names, whoever was before.
    Signed,
    /// Returned it to its default.
    Reset,
    /// Moved a counter.
    Added(Box<Add>),
    /// Took the flash that was stored so.
    Taken { seen: Option<Vec<u8>> },
    /// Took items, put some, or both.
    Listed(Box<Listed>),
    /// Changed, from what was stored, an atomic field that could not be applied at once.
    Swapped { seen: Option<Vec<u8>> },
    /// Did something that cannot be encoded.
    Failed(Box<rmp_serde::encode::Error>),
}

/// What a handle did to a list.
pub(crate) struct Listed {
    /// It took the items that were stored so, if any were taken.
    pub(crate) taken: Option<Vec<u8>>,
    /// And put these since.
    pub(crate) put: Items,
}

/// An empty slot. What the expansion calls for each field is a function of its own, not one of a type's: that is found
/// without a search.
#[doc(hidden)]
#[inline]
#[must_use]
pub const fn slot<T>(field: &'static Field<T>) -> Slot<T> {
    Slot { field, value: OnceLock::new(), edit: Edit::None }
}

/// A slot of a session made by hand.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn filled<T>(field: &'static Field<T>, value: T) -> Slot<T> {
    Slot { field, value: OnceLock::from(value), edit: Edit::None }
}

impl<T> Slot<T> {
    /// The value: what this handle wrote, else what is stored, else the default.
    #[inline]
    pub fn get(&self, state: &State) -> &T {
        match self.value.get() {
            Some(value) => value,
            None => self.value.get_or_init(|| load(state, self.field)),
        }
    }

    /// The value to change in place. The caller notes the edit.
    pub(crate) fn get_mut(&mut self, state: &State) -> &mut T {
        if self.value.get().is_none() {
            self.put(load(state, self.field));
        }
        match self.value.get_mut() {
            Some(value) => value,
            None => unreachable!("the value was put there just above"),
        }
    }

    pub(crate) fn put(&mut self, value: T) {
        self.value = OnceLock::from(value);
    }

    /// Whether something is stored that does not decode.
    pub(crate) fn is_unreadable(&self, state: &State) -> bool {
        let Some((stored, codec)) = state.stored(self.field).zip(self.field.codec.as_ref()) else { return false };
        codec.decode(stored).is_err()
    }

    /// The value, out of the slot.
    pub fn into_value(self, state: &State) -> T {
        self.value.into_inner().unwrap_or_else(|| load(state, self.field))
    }

    /// When the value ceases to be readable, if it has a deadline of its own and is there.
    pub fn expires_at(&self, state: &State) -> Option<SystemTime> {
        let deadline = match self.edit {
            Edit::None => state.deadline_of(self.field),
            Edit::Reset | Edit::Taken { .. } => None,
            _ => self.field.expires.map(|expires| state.now() + expires),
        };
        deadline.map(|deadline| deadline.min(state.expires_at()).into())
    }
}

impl<T> AnySlot for Slot<T> {
    fn reset(&mut self) {
        if self.field.policy != Policy::Skip {
            *self = slot(self.field);
        }
    }

    fn is_edited(&self) -> bool {
        self.field.policy != Policy::Skip && !matches!(self.edit, Edit::None)
    }

    fn leaves_something(&self) -> bool {
        match &self.edit {
            Edit::Written | Edit::Added(_) | Edit::Swapped { .. } => self.field.policy != Policy::Skip,
            Edit::Listed(listed) => !listed.put.is_empty(),
            Edit::None | Edit::Signed | Edit::Reset | Edit::Taken { .. } | Edit::Failed(_) => false,
        }
    }

    #[cfg(feature = "testing")]
    fn record(&self, state: &State) -> Result<Option<Vec<u8>>, Error> {
        encode(self.get(state), self.field)
    }

    #[cfg(feature = "testing")]
    fn replay(&self, state: &State) -> Result<(), Error> {
        match (state.stored(self.field), &self.field.codec) {
            (Some(value), Some(codec)) => codec.decode(value).map(|_| ()).map_err(|error| {
                Error::setup(format!("what live sessions have for `{}` cannot be read: {error}", self.field.name))
            }),
            _ => Ok(()),
        }
    }

    fn take_edit(&mut self, state: &State) -> Result<Option<Op>, Error> {
        let field = self.field;
        Ok(match std::mem::replace(&mut self.edit, Edit::None) {
            Edit::None => None,
            Edit::Written => changed(self.get(state), state, field)?.map(|value| match value {
                Some(value) => Op::Set { value },
                None => Op::Unset,
            }),
            Edit::Signed => encode(self.get(state), field)?.map(|value| Op::Set { value }),
            Edit::Reset => (state.stored(field).is_some() || state.snapshot.unknown).then_some(Op::Unset),
            Edit::Added(add) => Some(Op::Add(add)),
            Edit::Taken { seen } => Some(Op::Take { seen }),
            Edit::Listed(listed) => {
                let Listed { taken, put } = *listed;
                (taken.is_some() || !put.is_empty()).then_some(Op::List { taken, put })
            }
            Edit::Swapped { seen } => changed(self.get(state), state, field)?.map(|value| Op::Swap { seen, value }),
            Edit::Failed(error) => return Err(unencodable(field, *error)),
        })
    }
}

/// The stored form of `value`; `None` where leaving the field out says the same.
pub(crate) fn encode<T>(value: &T, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let Some(codec) = &field.codec else { return Ok(None) };
    let encode = |value: &T| codec.encode(value).map_err(|error| unencodable(field, error));
    let bytes = encode(value)?;
    let absent_says_the_same = bytes == NIL && encode(&(field.initial)())? == NIL;
    Ok((!absent_says_the_same).then_some(bytes))
}

/// What is to be stored, or `None` if it is stored already: an equal value is no write (B27), but restarts the clock of a
/// field that expires.
fn changed<T>(value: &T, state: &State, field: &'static Field<T>) -> Result<Option<Option<Vec<u8>>>, Error> {
    let new = encode(value, field)?;
    let same = match (state.stored(field), &new) {
        // Nobody knows what is stored; who changes something will be told so.
        _ if state.snapshot.unknown => false,
        (Some(old), Some(new)) => old == new && field.expires.is_none(),
        (None, None) => true,
        (Some(_), None) => false,
        // Nothing is stored, and the default need not be.
        (None, Some(_)) => encode(&(field.initial)(), field)? == new,
    };
    Ok((!same).then_some(new))
}

fn unencodable<T>(field: &Field<T>, error: rmp_serde::encode::Error) -> Error {
    let failed = Error::new(Kind::Encode { field: field.meta.name });
    // What serde says may quote the value (B12).
    if field.secret { failed } else { failed.because(error) }
}

fn load<T>(state: &State, field: &'static Field<T>) -> T {
    state.stored(field).map_or_else(field.initial, |value| decode(value, state, field))
}

/// The value behind stored bytes. One unreadable field must not cost the session (B30): it shows its default.
pub(super) fn decode<T>(value: &[u8], state: &State, field: &'static Field<T>) -> T {
    let Some(codec) = &field.codec else { return (field.initial)() };
    if field.secret && value == UNREADABLE {
        return (field.initial)(); // which was reported when it was loaded
    }
    codec.decode(value).unwrap_or_else(|error| {
        let name = field.name;
        if field.secret {
            warn_limited!(field = name, "a stored secret cannot be read");
        } else {
            warn_limited!(field = name, %error, "a stored value cannot be read");
        }
        state.emit(&Event::Undecodable { field: name });
        (field.initial)()
    })
}
