//! One field of one session handle. Its value is decoded when it is first read, and encoded when the handle's changes are merged
//! into the request's.

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

/// Holds a field's value, and a reference to the field's description. So accessors need not pass the description.
#[doc(hidden)]
pub struct Slot<T: 'static> {
    pub(crate) field: &'static Field<T>,
    value: OnceLock<T>,
    pub(crate) edit: Edit,
}

/// A handle's change to a field. Rare variants are boxed to keep the enum small, since every slot contains one.
pub(crate) enum Edit {
    /// No change.
    None,
    /// Set to the value in the slot.
    Written,
    /// Changed in place to the value in the slot.
    Touched,
    /// Signed in the user in the slot, regardless of any user who was signed in before.
    Signed,
    /// Reset to the default.
    Reset,
    /// A counter changed by an amount.
    Added(Box<Add>),
    /// Took the flash whose stored form is `seen`.
    Taken { seen: Option<Vec<u8>> },
    /// Took the items of a flash list, put new ones, or both.
    Listed(Box<Listed>),
    /// Changed an atomic field whose stored form was `seen`. The change waits for the commit.
    Swapped { seen: Option<Vec<u8>> },
    /// The value cannot be encoded.
    Failed(Error),
}

/// A handle's changes to a list.
pub(crate) struct Listed {
    /// The stored form of the items that it took, if it took any.
    pub(crate) taken: Option<Vec<u8>>,
    /// The items that it put and did not take again.
    pub(crate) put: Items,
}

/// Creates an empty slot. The generated code calls this free function for each field: the compiler resolves it faster than a
/// type's method.
#[doc(hidden)]
#[inline]
#[must_use]
pub const fn slot<T>(field: &'static Field<T>) -> Slot<T> {
    Slot { field, value: OnceLock::new(), edit: Edit::None }
}

/// Creates a slot for a session that is built by hand.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn filled<T>(field: &'static Field<T>, value: T) -> Slot<T> {
    Slot { field, value: OnceLock::from(value), edit: Edit::None }
}

impl<T> Slot<T> {
    /// Returns the value: the one that this handle wrote, otherwise the stored one, otherwise the default.
    #[inline]
    pub fn get(&self, state: &State) -> &T {
        match self.value.get() {
            Some(value) => value,
            None => self.value.get_or_init(|| load(state, self.field)),
        }
    }

    /// Returns the value to change in place. The caller records the edit.
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

    /// Returns the op that stores the value of this handle. `touched` says whether the handle changed the stored value in place;
    /// otherwise it set a new value.
    /// A value that equals the stored one is not written (B27), unless the field expires: then the write restarts its time.
    /// If the value is not written, returns `None` for one that was changed in place, and [`Op::Hold`] for one that was set: the
    /// field then keeps this value even if another request changes it meanwhile.
    fn changed(&self, state: &State, touched: bool) -> Result<Option<Op>, Error> {
        let (value, field) = (self.get(state), self.field);
        let new = encode(value, field)?;
        let old = state.stored(field);
        let same = match (old, &new) {
            // The handle does not see the stored value, so it cannot compare. The write is kept, and the commit refuses it, so
            // that the request learns that its session was not available.
            _ if state.snapshot.is_hidden => false,
            (Some(old), Some(new)) if old == new || field.unordered && is_reordered(old, new) => {
                field.expires.is_none()
            }
            // The stored value is unreadable, so the handle began with the default. If the handle's value is still the
            // default, the stored value is kept for a build that can read it.
            (Some(_), new) if touched && state.unread.load(Ordering::Relaxed) && self.is_unreadable(state) => {
                encode(&(field.initial)(), field)? == *new
            }
            (Some(_), _) => false,
            (None, None) => true,
            // Nothing is stored, and a missing field reads as the default, so the default is not written.
            (None, Some(_)) => encode(&(field.initial)(), field)? == new,
        };
        if same {
            return Ok((!touched).then(|| Op::Hold { value: old.map(<[u8]>::to_vec) }));
        }
        if let Some(new) = &new {
            check_readable(new, field)?;
        }
        Ok(Some(Op::write(new)))
    }

    /// Returns whether the stored value cannot be decoded.
    pub(crate) fn is_unreadable(&self, state: &State) -> bool {
        let Some((stored, codec)) = state.stored(self.field).zip(self.field.codec.as_ref()) else { return false };
        codec.decode(stored).is_err()
    }

    /// Returns the value and consumes the slot.
    pub fn into_value(self, state: &State) -> T {
        match self.value.into_inner() {
            Some(value) => value,
            None => load(state, self.field),
        }
    }

    /// Returns the value's own deadline. Returns `None` if the field has no value, or if its value has no deadline.
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
                self.field.policy != Policy::Skip
                    && self.value.get().is_some_and(|value| !is_initial(value, self.field))
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
                Error::setup(format!("`{}` of live sessions cannot be read: {error}", self.field.name))
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
            Edit::Reset if state.stored(field).is_some() || state.snapshot.is_hidden => Some(Op::Unset),
            Edit::Reset => Some(Op::Hold { value: None }),
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

/// Returns the stored form of `value`. `None` if a missing field means the same.
///
/// # Errors
/// If the value cannot be encoded, or if an `Option` with a value is encoded as nil.
pub(crate) fn encode<T>(value: &T, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let Some(codec) = &field.codec else { return Ok(None) };
    let encode = |value: &T| codec.encode(value).map_err(|error| unencodable(field, error));
    let bytes = encode(value)?;
    if bytes != NIL {
        return Ok(Some(bytes));
    }
    if field.is_some.is_some_and(|is_some| is_some(value)) {
        let why = "the value in the `Option` is encoded as nil, which reads as `None`";
        return Err(Error::new(Kind::Unreadable { field: field.name }).because(why));
    }
    let absent_says_the_same = encode(&(field.initial)())? == NIL;
    Ok((!absent_says_the_same).then_some(bytes))
}

/// Returns whether `value` has the same stored form as the default.
fn is_initial<T>(value: &T, field: &'static Field<T>) -> bool {
    let stored = |value: &T| encode(value, field).ok();
    stored(value).is_some_and(|bytes| stored(&(field.initial)()).is_some_and(|initial| initial == bytes))
}

/// Returns the stored form of a value that is about to be stored, as [`encode`] does, and checks that it can be read again.
///
/// # Errors
/// Those of [`encode`], and an error if the stored form could not be read again (F19).
pub(crate) fn encode_readable<T>(value: &T, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let bytes = encode(value, field)?;
    if let Some(bytes) = &bytes {
        check_readable(bytes, field)?;
    }
    Ok(bytes)
}

/// Fails if a value in this stored form could not be read again (F19). Reading takes about as long as writing: for a short
/// list, a tenth of a request. So release builds read back only the identity. For other fields they check only the depth,
/// which visitors may control. Any other fault is in the field's type, and debug builds find it, since they read back every
/// field.
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
    // An error of serde may quote the value (B12).
    if field.secret { failed } else { failed.because(error) }
}

fn load<T>(state: &State, field: &'static Field<T>) -> T {
    state.stored(field).and_then(|value| decode(value, state, field)).unwrap_or_else(field.initial)
}

/// Decodes a stored value. A field that cannot be decoded must not end the session (B30): the failure is reported, and the field
/// shows its default.
pub(super) fn decode<T>(value: &[u8], state: &State, field: &'static Field<T>) -> Option<T> {
    let codec = field.codec.as_ref()?;
    if field.secret && value == UNREADABLE {
        state.unread.store(true, Ordering::Relaxed);
        return None; // already reported when it was loaded
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
