//! One field within one handle: decoded when it is first read, encoded when it is folded.

use std::{
    sync::{OnceLock, atomic::Ordering},
    time::SystemTime,
};

use super::{AnySlot, State, reordered::is_reordered};
use crate::{
    engine::{Items, Op},
    error::{Error, Kind},
    event::Event,
    record::Add,
    schema::{Field, NIL, Policy, UNREADABLE, is_too_deep},
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
    /// The same, in place.
    Touched,
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
    Failed(Error),
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
            self.value = OnceLock::from(load(state, self.field));
        }
        match self.value.get_mut() {
            Some(value) => value,
            None => unreachable!("the value was put there just above"),
        }
    }

    pub(crate) fn put(&mut self, value: T) {
        self.value = OnceLock::from(value);
    }

    /// Returns what this handle wrote, or `None` if it changed nothing. An equal value is no write of its own (B27), but it
    /// restarts the clock of a field that expires. `touched`: the value was changed in place, from what was stored. A value that
    /// was set is what the field holds afterwards, also if another request has changed the field meanwhile, so an equal one is
    /// handed on: it is stored if anything else is (F31).
    fn changed(&self, state: &State, touched: bool) -> Result<Option<Op>, Error> {
        let (value, field) = (self.get(state), self.field);
        let new = encode(value, field)?;
        let old = state.stored(field);
        let same = match (old, &new) {
            // What is stored is not known, and a request that changes something is told so.
            _ if state.snapshot.unknown => false,
            (Some(old), Some(new)) if old == new || field.unordered && is_reordered(old, new) => {
                field.expires.is_none()
            }
            // Still the default that it began as: what could not be read stays for a build that can.
            (Some(_), new) if touched && state.unread.load(Ordering::Relaxed) && self.is_unreadable(state) => {
                encode(&(field.initial)(), field)? == *new
            }
            (Some(_), _) => false,
            (None, None) => true,
            // Nothing is stored, and the default need not be.
            (None, Some(_)) => encode(&(field.initial)(), field)? == new,
        };
        if same {
            return Ok((!touched).then(|| Op::write(old.map(<[u8]>::to_vec))));
        }
        if let Some(new) = &new {
            check_readable(new, field)?;
        }
        Ok(Some(Op::write(new)))
    }

    /// Whether something is stored that does not decode.
    pub(crate) fn is_unreadable(&self, state: &State) -> bool {
        let Some((stored, codec)) = state.stored(self.field).zip(self.field.codec.as_ref()) else { return false };
        codec.decode(stored).is_err()
    }

    /// The value, out of the slot.
    pub fn into_value(self, state: &State) -> T {
        match self.value.into_inner() {
            Some(value) => value,
            None => load(state, self.field),
        }
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
            Edit::Written | Edit::Touched => {
                self.field.policy != Policy::Skip && self.value.get().is_some_and(|value| !is_initial(value, self.field))
            }
            Edit::Added(_) | Edit::Swapped { .. } => self.field.policy != Policy::Skip,
            Edit::Listed(listed) => !listed.put.is_empty(),
            Edit::None | Edit::Signed | Edit::Reset | Edit::Taken { .. } | Edit::Failed(_) => false,
        }
    }

    #[cfg(feature = "testing")]
    fn record(&self, state: &State) -> Result<Option<Vec<u8>>, Error> {
        encode_readable(self.get(state), self.field)
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
            edit @ (Edit::Written | Edit::Touched) => self.changed(state, matches!(edit, Edit::Touched))?,
            Edit::Signed => encode(self.get(state), field)?.map(|value| Op::Set { value }),
            Edit::Reset => Some(Op::Unset),
            Edit::Added(add) => Some(Op::Add(add)),
            Edit::Taken { seen } => Some(Op::Take { seen }),
            Edit::Listed(listed) => {
                let Listed { taken, put } = *listed;
                (taken.is_some() || !put.is_empty()).then_some(Op::List { taken, put })
            }
            Edit::Swapped { seen } => self.changed(state, true)?.map(|op| op.if_still(seen)),
            Edit::Failed(error) => return Err(error),
        })
    }
}

/// The stored form of `value`; `None` where leaving the field out says the same.
///
/// # Errors
/// If it cannot be encoded, or is encoded as nothing at all though it is not nothing.
pub(crate) fn encode<T>(value: &T, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let Some(codec) = &field.codec else { return Ok(None) };
    let encode = |value: &T| codec.encode(value).map_err(|error| unencodable(field, error));
    let bytes = encode(value)?;
    if bytes != NIL {
        return Ok(Some(bytes));
    }
    if field.is_some.is_some_and(|is_some| is_some(value)) {
        let why = "what is in the `Option` is stored as nothing at all, which reads as `None`";
        return Err(Error::new(Kind::Unreadable { field: field.name }).because(why));
    }
    let absent_says_the_same = encode(&(field.initial)())? == NIL;
    Ok((!absent_says_the_same).then_some(bytes))
}

/// Returns whether `value` is stored as the default is.
fn is_initial<T>(value: &T, field: &'static Field<T>) -> bool {
    let stored = |value: &T| encode(value, field).ok();
    stored(value).is_some_and(|bytes| stored(&(field.initial)()).is_some_and(|initial| initial == bytes))
}

/// [`encode`] for a value that is about to be stored.
///
/// # Errors
/// Also if it could not be read again (F19).
pub(crate) fn encode_readable<T>(value: &T, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let bytes = encode(value, field)?;
    if let Some(bytes) = &bytes {
        check_readable(bytes, field)?;
    }
    Ok(bytes)
}

/// Fails if a value that is stored so could not be read again (F19). Reading takes about as long as writing, a tenth of a
/// request for a short list, so release builds only do it for who is signed in. They also look at the depth, which a visitor may
/// choose; other faults are faults of the type, which a debug build meets.
pub(super) fn check_readable<T>(bytes: &[u8], field: &Field<T>) -> Result<(), Error> {
    let Some(codec) = &field.codec else { return Ok(()) };
    let read = if cfg!(debug_assertions) || field.policy == Policy::Identity {
        codec.decode(bytes).map(drop)
    } else if is_too_deep(bytes) {
        Err(rmp_serde::decode::Error::DepthLimitExceeded)
    } else {
        return Ok(());
    };
    read.map_err(|error| {
        let failed = Error::new(Kind::Unreadable { field: field.name });
        if field.secret { failed } else { failed.because(error) }
    })
}

fn unencodable<T>(field: &Field<T>, error: rmp_serde::encode::Error) -> Error {
    let failed = Error::new(Kind::Encode { field: field.meta.name });
    // What serde says may quote the value (B12).
    if field.secret { failed } else { failed.because(error) }
}

fn load<T>(state: &State, field: &'static Field<T>) -> T {
    state.stored(field).and_then(|value| decode(value, state, field)).unwrap_or_else(field.initial)
}

/// The value behind stored bytes. One unreadable field must not cost the session (B30): it is reported, and shows its default.
pub(super) fn decode<T>(value: &[u8], state: &State, field: &'static Field<T>) -> Option<T> {
    let codec = field.codec.as_ref()?;
    if field.secret && value == UNREADABLE {
        state.unread.store(true, Ordering::Relaxed);
        return None; // which was reported when it was loaded
    }
    match codec.decode(value) {
        Ok(value) => return Some(value),
        Err(_) if field.secret => {
            warn_limited!(field = field.name, "a stored secret cannot be read");
        }
        Err(error) => {
            warn_limited!(field = field.name, %error, "a stored value cannot be read");
        }
    }
    state.unread.store(true, Ordering::Relaxed);
    state.emit(&Event::Undecodable { field: field.name });
    None
}
