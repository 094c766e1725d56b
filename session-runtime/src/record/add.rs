//! The change that a request makes to a counter.

/// A change of a counter: `new = (old + amount)`, clamped to `floor` and `ceiling`. Several changes combine into one with exactly
/// the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Add {
    /// The amount to add; below zero counts down.
    pub(crate) amount: i128,
    /// The smallest result.
    pub(crate) floor: i128,
    /// The largest result.
    pub(crate) ceiling: i128,
    /// The start value of an absent, expired or unreadable counter.
    pub(crate) initial: i128,
}

impl Add {
    /// Returns the counter after this change.
    pub(crate) fn to(&self, old: i128) -> i128 {
        old.saturating_add(self.amount).clamp(self.floor, self.ceiling)
    }

    /// Returns this change followed by `next`, as one change. Clamped additions are closed under composition, so the result is
    /// exact.
    pub(crate) fn then(&self, next: &Self) -> Self {
        Self {
            amount: self.amount.saturating_add(next.amount),
            floor: next.to(self.floor),
            ceiling: next.to(self.ceiling),
            initial: self.initial,
        }
    }
}
