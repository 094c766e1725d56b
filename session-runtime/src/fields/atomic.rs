//! Atomic fields: changed by a closure that is run again until nobody interfered.

use std::ops::Deref;

use super::{
    Edit, Slot, State,
    slot::{decode, encode},
};
use crate::error::{Error, Kind};

/// Past this many lost races in one `update`, somebody changes the field in an endless loop.
const RETRIES: usize = 10_000;

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
pub struct Atomic<'a, T: 'static> {
    slot: &'a mut Slot<T>,
    state: &'a mut State,
}

/// The handle of an atomic field.
#[doc(hidden)]
#[inline]
pub fn atomic<'a, T>(slot: &'a mut Slot<T>, state: &'a mut State) -> Atomic<'a, T> {
    Atomic { slot, state }
}

impl<T: 'static> Atomic<'_, T> {
    /// Runs `change` on the value and stores the outcome at once, with this field only. If another request changed the
    /// field meanwhile, `change` runs again on the newer value: it must not have effects of its own.
    ///
    /// On a session that is not stored yet, or in a request that signs in or out, renews or ends the session, the change
    /// waits for the response like any other.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in or sign-out renewed it,
    /// [`Error::is_unavailable`] if the store is down, [`Error::is_conflict`] after ten thousand lost races.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(atomic)] cart: Vec<String> }
    /// # async fn handler(mut session: Session<Shop>) -> Result<(), Error> {
    /// let last = session.cart_mut().update(|cart| cart.pop()).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update<R>(self, mut change: impl FnMut(&mut T) -> R) -> Result<R, Error> {
        let Self { slot, state } = self;
        let field = slot.field;
        // What waits in this handle stays in it, so that the next update goes on from there.
        if state.steps_wait() || matches!(slot.edit, Edit::Swapped { .. }) {
            let outcome = change(slot.get_mut(state));
            if !matches!(slot.edit, Edit::Swapped { .. }) {
                slot.edit = Edit::Swapped { seen: state.stored(field).map(<[u8]>::to_vec) };
            }
            return Ok(outcome);
        }
        for _ in 0..RETRIES {
            let mut value = state.stored(field).map_or_else(field.initial, |bytes| decode(bytes, state, field));
            let outcome = change(&mut value);
            let new = encode(&value, field)?;
            let unchanged = state.stored(field) == new.as_deref() && field.expires.is_none() && !state.snapshot.unknown;
            if unchanged || state.swap(field, new).await? {
                slot.put(value);
                return Ok(outcome);
            }
        }
        Err(Error::new(Kind::Conflict))
    }
}

impl<T: 'static> Deref for Atomic<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot.get(self.state)
    }
}
