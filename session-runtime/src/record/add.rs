//! What a request does to a counter.

/// A counter to move: `new = (old + amount)`, held between `floor` and `ceiling`. Several moves fold into one, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Add {
    /// How far; below zero counts down.
    pub(crate) amount: i128,
    /// The result is at least this.
    pub(crate) floor: i128,
    /// The result is at most this.
    pub(crate) ceiling: i128,
    /// What an absent, expired or unreadable counter counts from.
    pub(crate) initial: i128,
}

impl Add {
    /// The counter after this move.
    pub(crate) fn to(&self, old: i128) -> i128 {
        old.saturating_add(self.amount).clamp(self.floor, self.ceiling)
    }

    /// This move followed by `next`, as one: clamped additions are closed under composition, so no step is lost.
    pub(crate) fn then(&self, next: &Self) -> Self {
        Self {
            amount: self.amount.saturating_add(next.amount),
            floor: next.to(self.floor),
            ceiling: next.to(self.ceiling),
            initial: self.initial,
        }
    }
}
