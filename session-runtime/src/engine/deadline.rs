//! [`Deadline`]: until when one commit may take, its waits and retries included; and the waits between retries.

use std::{sync::OnceLock, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::id::Nonce;

/// Until when one commit may take. It counts from the first time that this is asked, before the first wait: a commit that
/// waits for nothing needs no clock.
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
            // A limit beyond what the clock can say is as good as a day.
            now.checked_add(self.limit).unwrap_or(now + Duration::from_secs(86_400))
        })
    }

    pub(super) fn left(&self) -> Duration {
        self.at().saturating_duration_since(Instant::now())
    }

    pub(super) fn passed(&self) -> bool {
        Instant::now() >= self.at()
    }
}

/// How long to wait before a swap is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Of changes: the more are lost, the longer, up to 64 ms.
    Patient,
    /// Of ends, which must get through: the first few at once, then a millisecond at most.
    Urgent,
}

impl Pace {
    /// Waits after so many lost races, a random part of the time so that two that meet do not meet again.
    pub(super) async fn wait(self, lost: u32, deadline: &Deadline) {
        let micros: u64 = match self {
            Self::Patient if lost < 2 => return,
            Self::Patient => 500 << (lost - 2).min(7),
            Self::Urgent if lost < 8 => return,
            Self::Urgent => 1_000,
        };
        let part = Nonce::next().0 >> 32;
        let until = Instant::now() + Duration::from_micros((micros * part) >> 32);
        // In a box: few commits wait, and every one would have room for a timer.
        Box::pin(sleep_until(until.min(deadline.at()))).await;
    }
}
