//! Counters. A change adds an amount, so that the changes of concurrent requests all count.

use std::ops::{AddAssign, Deref, DerefMut, SubAssign};

use super::{Edit, Slot, State};
use crate::{record::Add, schema::Integer};

/// Adds to a counter and subtracts from it. The commit adds the amount to the value that is stored by then, so the changes of
/// concurrent requests all count. The sum stays within the bounds of the type.
///
/// `+=` and `-=` are the same as [`Counter::add`] and [`Counter::sub`]. A counter cannot be set.
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { #[session(counter)] visits: u64 }
/// # fn handler(mut session: Session<Shop>) {
/// session.visits_mut().add(1);
/// *session.visits_mut() += 1;
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Counter<'a, T: 'static>(MovesByAddOrSub<'a, T>);

/// The target of [`Counter`]'s `Deref`. With it, `*session.visits_mut() += 1` adds to the counter, and `= 1` does not compile.
/// The compiler names this type in that error.
#[doc(hidden)]
pub struct MovesByAddOrSub<'a, T: 'static> {
    slot: &'a mut Slot<T>,
    state: &'a mut State,
}

/// Returns the handle of a counter. `T` has no bound here, because the field's descriptor has the bound. So the compiler reports
/// a type that is not an integer only once.
#[doc(hidden)]
#[inline]
pub fn counter<'a, T>(slot: &'a mut Slot<T>, state: &'a mut State) -> Counter<'a, T> {
    Counter(MovesByAddOrSub { slot, state })
}

impl<T: Integer + 'static> Counter<'_, T> {
    /// Adds `amount`. Stops at the type's largest value.
    ///
    /// A HEAD request counts too. Otherwise a visitor could use HEAD requests to bypass a limit that relies on the counter. To
    /// count visits to a page, check the method first.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(counter)] visits: u8 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.visits_mut().add(255);
    /// session.visits_mut().add(1);
    /// assert_eq!(session.visits(), 255);
    /// # }
    /// ```
    pub fn add(&mut self, amount: T) {
        self.0.shift(amount.widen());
    }

    /// Subtracts `amount`. Stops at the type's smallest value.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(counter)] tries_left: u8 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.tries_left_mut().sub(1);
    /// # }
    /// ```
    pub fn sub(&mut self, amount: T) {
        self.0.shift(-amount.widen());
    }
}

impl<T: Integer + 'static> MovesByAddOrSub<'_, T> {
    fn shift(&mut self, amount: i128) {
        if amount == 0 && self.slot.field.expires.is_none() {
            return;
        }
        let next = Add { amount, floor: T::FLOOR, ceiling: T::CEILING, initial: (self.slot.field.initial)().widen() };
        let value = self.slot.get(self.state).widen();
        self.slot.put(T::narrow(next.to(value)));
        self.slot.edit = Edit::Added(Box::new(match &self.slot.edit {
            Edit::Added(before) => before.then(&next),
            _ => next,
        }));
    }
}

impl<T: Integer + 'static> AddAssign<T> for MovesByAddOrSub<'_, T> {
    fn add_assign(&mut self, amount: T) {
        self.shift(amount.widen());
    }
}

impl<T: Integer + 'static> SubAssign<T> for MovesByAddOrSub<'_, T> {
    fn sub_assign(&mut self, amount: T) {
        self.shift(-amount.widen());
    }
}

impl<'a, T: 'static> Deref for Counter<'a, T> {
    type Target = MovesByAddOrSub<'a, T>;

    fn deref(&self) -> &MovesByAddOrSub<'a, T> {
        &self.0
    }
}

impl<'a, T: 'static> DerefMut for Counter<'a, T> {
    fn deref_mut(&mut self) -> &mut MovesByAddOrSub<'a, T> {
        &mut self.0
    }
}

impl<T: 'static> Deref for MovesByAddOrSub<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot.get(self.state)
    }
}
