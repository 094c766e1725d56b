//! Flashes: put by one response, taken by the next, shown once.

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

/// The handle of a flash in an `Option`.
#[doc(hidden)]
#[inline]
pub fn flash<'a, T>(slot: &'a mut Slot<Option<T>>, state: &'a mut State) -> Flash<'a, T> {
    Flash { slot, state }
}

impl<T: 'static> Flash<'_, T> {
    /// Leaves `value` for whoever takes it next. It replaces one that nobody took.
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

    /// Takes the flash: it is gone once the response is. One that another request puts meanwhile stays. In a HEAD it stays
    /// too, since nothing of it is shown.
    ///
    /// A page that the browser fetches in advance (`Sec-Purpose: prefetch`) takes it, since the browser shows that very
    /// response if the visitor goes there. Where a flash must not get lost, answer such requests 503, which takes nothing.
    ///
    /// A flash is for messages. A code or token that must count once belongs in a plain field, cleared in a POST.
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
        // Taking nothing is no write (B27).
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

/// The handle of flashes in a `Vec`.
#[doc(hidden)]
#[inline]
pub fn flash_list<'a, T>(slot: &'a mut Slot<Vec<T>>, state: &'a mut State) -> FlashList<'a, T> {
    FlashList { slot, state }
}

impl<T: 'static> FlashList<'_, T> {
    /// Leaves `item`, after those that are there and those that other requests put meanwhile. If what is stored cannot be
    /// read any more, `item` takes its place.
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
        // What no build can read any more would hide all that is put behind it (F18).
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

    /// Takes all that is there: it is gone once the response is. What another request puts meanwhile stays. In a HEAD all of
    /// it stays; see [`Flash::take`] for that, and for pages that are fetched in advance.
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
