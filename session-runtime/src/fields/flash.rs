//! Flashes: one request puts a value, and a later one takes it, so that it is shown once.

use std::ops::Deref;

use super::{Edit, Listed, Slot, State, slot::encode_readable};
use crate::engine::Items;

/// Puts or takes a flash in an `Option`.
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { #[session(flash)] notice: Option<String> }
/// # fn handler(mut session: Session<Shop>) {
/// session.notice_mut().put("Saved".into());
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Flash<'a, T: 'static> {
    slot: &'a mut Slot<Option<T>>,
    state: &'a mut State,
}

/// Returns the handle of a flash in an `Option`.
#[doc(hidden)]
#[inline]
pub fn flash<'a, T>(slot: &'a mut Slot<Option<T>>, state: &'a mut State) -> Flash<'a, T> {
    Flash { slot, state }
}

impl<T: 'static> Flash<'_, T> {
    /// Leaves `value` for the next `take`. Replaces a value that was not taken before.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(flash)] notice: Option<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.notice_mut().put("Saved".into());
    /// # }
    /// ```
    pub fn put(&mut self, value: T) {
        self.slot.put(Some(value));
        self.slot.edit = Edit::Written;
    }

    /// Takes the flash; the commit removes it from the session. A flash that another request puts meanwhile stays. A HEAD request
    /// does not remove the flash, since its response has no body that could show it.
    ///
    /// A prefetch of the page (`Sec-Purpose: prefetch`) removes the flash too, since the browser shows the prefetched response
    /// if the visitor follows the link. If the visitor never follows it, the flash is lost. To prevent that, answer prefetch
    /// requests with 503: the changes of a failed request are dropped, so the flash stays.
    ///
    /// Use a flash for messages only. A code or token that is valid once belongs in a plain field that a POST clears.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(flash)] notice: Option<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// if let Some(notice) = session.notice_mut().take() {
    ///     println!("{notice}");
    /// }
    /// # }
    /// ```
    pub fn take(&mut self) -> Option<T> {
        let value = self.slot.get_mut(self.state).take();
        // Taking nothing is not a write (B27).
        if value.is_some() {
            self.slot.edit = match self.state.is_shown() {
                true => Edit::Taken { seen: self.state.stored(self.slot.field).map(<[u8]>::to_vec) },
                false => Edit::None,
            };
        }
        value
    }
}

impl<T: 'static> Deref for Flash<'_, T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        self.slot.get(self.state)
    }
}

/// Puts or takes flashes in a `Vec`.
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { #[session(flash)] notices: Vec<String> }
/// # fn handler(mut session: Session<Shop>) {
/// session.notices_mut().put("Saved".into());
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct FlashList<'a, T: 'static> {
    slot: &'a mut Slot<Vec<T>>,
    state: &'a mut State,
}

/// Returns the handle of flashes in a `Vec`.
#[doc(hidden)]
#[inline]
pub fn flash_list<'a, T>(slot: &'a mut Slot<Vec<T>>, state: &'a mut State) -> FlashList<'a, T> {
    FlashList { slot, state }
}

impl<T: 'static> FlashList<'_, T> {
    /// Adds `item` to the end of the list, after any items that other requests put meanwhile. If the stored items cannot be
    /// decoded, `item` replaces them.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(flash)] notices: Vec<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.notices_mut().put("Saved".into());
    /// session.notices_mut().put("Mailed".into());
    /// # }
    /// ```
    pub fn put(&mut self, item: T) {
        let one = vec![item];
        let encoded = encode_readable(&one, self.slot.field).transpose();
        // If the stored items cannot be decoded, an item that is added to them would never be shown (F18).
        let stored = self.state.stored(self.slot.field);
        let unreadable = stored.filter(|_| matches!(self.slot.edit, Edit::None) && self.slot.is_unreadable(self.state));
        let unreadable = unreadable.map(<[u8]>::to_vec);
        self.slot.get_mut(self.state).extend(one);
        match (&mut self.slot.edit, encoded) {
            (edit, Some(Err(error))) => *edit = Edit::Failed(error),
            (Edit::Listed(listed), Some(Ok(one))) => listed.put.append(&one),
            (edit @ Edit::None, Some(Ok(one))) => {
                *edit = Edit::Listed(Box::new(Listed { taken: unreadable, put: Items::of(&one) }));
            }
            _ => {}
        }
    }

    /// Takes all items; the commit removes them from the session. Items that another request puts meanwhile stay. For HEAD
    /// requests and prefetched pages, see [`Flash::take`].
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(flash)] notices: Vec<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// for notice in session.notices_mut().take() {
    ///     println!("{notice}");
    /// }
    /// # }
    /// ```
    pub fn take(&mut self) -> Vec<T> {
        let items = std::mem::take(self.slot.get_mut(self.state));
        if !items.is_empty() && !matches!(self.slot.edit, Edit::Failed(_)) {
            self.slot.edit = match self.state.is_shown() {
                true => {
                    let taken = self.state.stored(self.slot.field).map(<[u8]>::to_vec);
                    Edit::Listed(Box::new(Listed { taken, put: Items::default() }))
                }
                false => Edit::None,
            };
        }
        items
    }
}

impl<T: 'static> Deref for FlashList<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.slot.get(self.state)
    }
}
