//! Fields without a policy: read and written freely, and the last writer wins.

use std::ops::{Deref, DerefMut};

use super::{Edit, Slot, State};

/// Changes a plain field through `*handle`, [`Plain::set`] or [`Plain::reset`].
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { theme: String }
/// # fn handler(mut session: Session<Shop>) {
/// *session.theme_mut() = "dark".into();
/// session.theme_mut().push_str("er");
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Plain<'a, T: 'static> {
    slot: &'a mut Slot<T>,
    state: &'a mut State,
}

/// Returns the handle of a plain field.
#[doc(hidden)]
#[inline]
pub fn plain<'a, T>(slot: &'a mut Slot<T>, state: &'a mut State) -> Plain<'a, T> {
    Plain { slot, state }
}

impl<T: 'static> Plain<'_, T> {
    /// Sets the field to `value`, even if another request changed the field meanwhile. If the field already has this value,
    /// nothing is written, unless the field has `expires`: then its time starts again.
    ///
    /// `*session.theme_mut() = value` also sets the field, with one difference: if `value` equals the value that this request
    /// loaded, a change by another request stays.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.theme_mut().set("dark".into());
    /// # }
    /// ```
    // It takes `T` and not `impl Into<T>`: otherwise `set(5)` would be an `i32`, which does not convert to most integers, and
    // `.parse()?`, `.collect()` and `.into()` would have no type to infer. For `set("dark")` the compiler suggests
    // `.to_string()`.
    pub fn set(&mut self, value: T) {
        self.slot.put(value);
        self.slot.edit = Edit::Written;
    }

    /// Sets the field to its default, even if another request changed the field meanwhile, and removes the stored value.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.theme_mut().reset();
    /// # }
    /// ```
    pub fn reset(&mut self) {
        self.slot.put((self.slot.field.initial)());
        self.slot.edit = Edit::Reset;
    }
}

impl<T: 'static> Deref for Plain<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot.get(self.state)
    }
}

impl<T: 'static> DerefMut for Plain<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // A value that was set, and then changed in place, still counts as set.
        self.slot.edit = match self.slot.edit {
            Edit::Written | Edit::Reset => Edit::Written,
            _ => Edit::Touched,
        };
        self.slot.get_mut(self.state)
    }
}

/// Changes a plain `Option` field through `*handle`, [`Maybe::set`] or [`Maybe::clear`].
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { coupon: Option<String> }
/// # fn handler(mut session: Session<Shop>) {
/// session.coupon_mut().get_or_insert_default().push('!');
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Maybe<'a, T: 'static>(Plain<'a, Option<T>>);

/// Returns the handle of a plain `Option`.
#[doc(hidden)]
#[inline]
pub fn maybe<'a, T>(slot: &'a mut Slot<Option<T>>, state: &'a mut State) -> Maybe<'a, T> {
    Maybe(plain(slot, state))
}

impl<T: 'static> Maybe<'_, T> {
    /// Sets the field to `value`, even if another request changed the field meanwhile. If the field already has this value,
    /// nothing is written, unless the field has `expires`: then its time starts again.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { coupon: Option<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.coupon_mut().set("SPRING".into());
    /// # }
    /// ```
    pub fn set(&mut self, value: T) {
        self.0.set(Some(value));
    }

    /// Sets the field to `None`, even if another request changed the field meanwhile.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { coupon: Option<String> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.coupon_mut().clear();
    /// # }
    /// ```
    pub fn clear(&mut self) {
        self.0.set(None);
    }
}

impl<T: 'static> Deref for Maybe<'_, T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<T: 'static> DerefMut for Maybe<'_, T> {
    fn deref_mut(&mut self) -> &mut Option<T> {
        &mut self.0
    }
}
