//! Atomic fields. A closure changes the value, and runs again if another request changed the value meanwhile.

use std::ops::Deref;

use super::{
    Edit, Slot, State,
    reordered::is_reordered,
    slot::{decode, encode, encode_readable},
};
use crate::{
    engine::Start,
    error::{Error, Kind},
    schema::Field,
    session::{Core, Schema},
};

/// Changes an atomic field by compare-and-swap.
///
/// ```
/// # use session_runtime::{Error, Session};
/// # #[derive(Session)] struct Shop { #[session(atomic)] cart: Vec<String> }
/// # async fn handler(mut session: Session<Shop>) -> Result<(), Error> {
/// session.cart_mut().update(|cart| cart.push("tea".into())).await?;
/// # Ok(()) }
/// ```
#[must_use = "a handle does nothing until `update` is awaited"]
pub struct Atomic<'a, S: Schema, T: 'static> {
    core: &'a mut Core<S>,
    read: fn(&S::Slots) -> &Slot<T>,
    slot: fn(&mut S::Slots) -> &mut Slot<T>,
}

/// Returns the handle of an atomic field.
#[doc(hidden)]
#[inline]
pub fn atomic<S: Schema, T>(
    core: &mut Core<S>,
    read: fn(&S::Slots) -> &Slot<T>,
    slot: fn(&mut S::Slots) -> &mut Slot<T>,
) -> Atomic<'_, S, T> {
    Atomic { core, read, slot }
}

impl<S: Schema, T: 'static> Atomic<'_, S, T> {
    /// Runs `change` on the value and immediately stores the result, without the request's changes to other fields. If another
    /// request changed the field meanwhile, `change` runs again on the newer value, so it must not have side effects.
    ///
    /// If the session is not stored yet, or the request signs in or out, renews or ends the session, the change is not stored
    /// immediately, but with the request's other changes, before the response is sent.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in, a sign-out or `renew` elsewhere replaced
    /// its id, [`Error::is_unavailable`] if the store is down, [`Error::is_conflict`] if other requests kept changing the
    /// session until `commit_timeout`, [`Error::is_too_large`] if the field or the session would become too large. Also if the
    /// new value cannot be encoded. After [`Error::is_gone`] or [`Error::is_moved`] the handle shows a guest, and all of its
    /// further changes fail. If the response has been sent and the session was never stored, it can no longer be stored: `update`
    /// and `save` then return an error.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(atomic)] cart: Vec<String> }
    /// # async fn handler(mut session: Session<Shop>) -> Result<(), Error> {
    /// let last = session.cart_mut().update(|cart| cart.pop()).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update<R>(self, mut change: impl FnMut(&mut T) -> R) -> Result<R, Error> {
        let Self { core, slot, .. } = self;
        let Core { __slots, __state: state } = &mut *core;
        let field_slot = slot(__slots);
        let field = field_slot.field;
        state.check_failed()?;
        // If this handle has changes that wait for the commit, this update waits with them. A further update then starts from
        // its result.
        if state.steps_wait() || matches!(field_slot.edit, Edit::Swapped { .. }) {
            let outcome = change(field_slot.get_mut(state));
            if !matches!(field_slot.edit, Edit::Swapped { .. }) {
                field_slot.edit = Edit::Swapped { seen: state.stored(field).map(<[u8]>::to_vec) };
            }
            return Ok(outcome);
        }
        let Some(request) = state.request().cloned() else { return Err(Error::new(Kind::Detached)) };
        let deadline = request.deadline();
        let updated = match request.update(state.snapshot.era, field, &deadline).await {
            Ok(Start::Now(mut update)) => loop {
                let (mut value, unread) = begin(update.value(), state, field);
                let outcome = change(&mut value);
                match update.store(end(&value, update.value(), unread, field)?).await {
                    Ok(true) => break Ok((value, outcome)),
                    Ok(false) => {}
                    Err(error) => break Err(error),
                }
            },
            Ok(Start::Waits(mut seen)) => loop {
                let (mut value, unread) = begin(seen.as_deref(), state, field);
                let outcome = change(&mut value);
                let new = end(&value, seen.as_deref(), unread, field)?;
                let unchanged = seen == new && field.expires.is_none();
                let newer = if unchanged { None } else { request.swap_pending(field, seen.clone(), new) };
                match newer {
                    None => break Ok((value, outcome)),
                    Some(newer) => seen = newer,
                }
            },
            Err(error) => Err(error),
        };
        core.see(&request, updated.as_ref().err());
        let (value, outcome) = updated?;
        slot(&mut core.__slots).put(value);
        Ok(outcome)
    }
}

/// Returns the value that an update begins with, and whether the stored value is unreadable.
fn begin<T>(stored: Option<&[u8]>, state: &State, field: &'static Field<T>) -> (T, bool) {
    match stored.map(|stored| decode(stored, state, field)) {
        Some(Some(value)) => (value, false),
        Some(None) => ((field.initial)(), true),
        None => ((field.initial)(), false),
    }
}

/// Returns the bytes to store in place of `stored`, or `stored` itself if the update changed nothing. If the stored value is
/// unreadable, the update began with the default. If it also ends with the default, `stored` is kept for a build that can read
/// it.
fn end<T>(value: &T, stored: Option<&[u8]>, unread: bool, field: &'static Field<T>) -> Result<Option<Vec<u8>>, Error> {
    let new = encode_readable(value, field)?;
    let same = match (stored, &new) {
        (Some(_), new) if unread => encode(&(field.initial)(), field)? == *new,
        (Some(stored), Some(new)) => field.unordered && is_reordered(stored, new),
        _ => false,
    };
    Ok(if same { stored.map(<[u8]>::to_vec) } else { new })
}

impl<S: Schema, T: 'static> Deref for Atomic<'_, S, T> {
    type Target = T;

    fn deref(&self) -> &T {
        (self.read)(&self.core.__slots).get(&self.core.__state)
    }
}
