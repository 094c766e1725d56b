//! [`Deadline`]: how long one commit may take, waits and retries included; [`Pace`]: the waits between retries.

use std::{sync::OnceLock, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::id::Nonce;

/// How long one commit may take. The time starts when the deadline is first queried, which is before the first wait. So a commit
/// that never waits does not read the clock.
pub(crate) struct Deadline {
    limit: Duration,
    at: OnceLock<Instant>,
}

impl Deadline {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, at: OnceLock::new() }
    }

    pub(super) fn at(&self) -> Instant {
        *self.at.get_or_init(|| {
            let now = Instant::now();
            // A limit beyond the clock's range counts as a day.
            now.checked_add(self.limit).unwrap_or(now + Duration::from_secs(86_400))
        })
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn left(&self) -> Duration {
        self.at().saturating_duration_since(Instant::now())
    }

    pub(super) fn passed(&self) -> bool {
        Instant::now() >= self.at()
    }
}

/// How long a commit waits before it retries a swap. It waits before every second retry. After a wait, the known value is usually
/// outdated, so the first swap fails and returns the current value. The second swap follows immediately, before that value is
/// outdated too.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// For changes: the longest wait doubles each time, up to 64 ms.
    Patient,
    /// For changes that must get through, such as ends of sessions: the first retries follow immediately, then each wait lasts at
    /// most a millisecond.
    Urgent,
}

impl Pace {
    /// Waits after `lost` lost races, for a random part of the longest wait, so that two commits that collide do not collide
    /// again.
    pub(super) async fn wait(self, lost: u32, deadline: &Deadline) {
        let micros: u64 = match self {
            Self::Patient if !lost.is_multiple_of(2) => return,
            Self::Patient => 500 << (lost / 2).saturating_sub(1).min(7),
            Self::Urgent if lost < 8 || !lost.is_multiple_of(2) => return,
            Self::Urgent => 1_000,
        };
        let part = Nonce::next().0 >> 32;
        let until = Instant::now() + Duration::from_micros((micros * part) >> 32);
        // Boxed because few commits wait: otherwise every commit's future would reserve room for a timer.
        Box::pin(sleep_until(until.min(deadline.at()))).await;
    }
}
