//! The only clock: every deadline is computed from it and checked against it, never against the time of a store's server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, UTC.
///
/// Arithmetic saturates, so a lifetime of `Duration::MAX` means [`Timestamp::NEVER`] and no date is out of range.
///
/// ```
/// # use session_runtime::Timestamp;
/// # use std::time::Duration;
/// let now = Timestamp::from_millis(1_000);
/// assert_eq!((now + Duration::from_secs(2)).as_millis(), 3_000);
/// assert_eq!(now + Duration::MAX, Timestamp::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than any other time: a value with this deadline does not expire.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the time `millis` milliseconds after the Unix epoch.
    ///
    /// ```
    /// # use session_runtime::Timestamp;
    /// assert_eq!(Timestamp::from_millis(5).as_millis(), 5);
    /// ```
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    ///
    /// ```
    /// # use session_runtime::Timestamp;
    /// assert_eq!(Timestamp::NEVER.as_millis(), u64::MAX);
    /// ```
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to this one; zero if this one is not later.
    ///
    /// ```
    /// # use session_runtime::Timestamp;
    /// # use std::time::Duration;
    /// let (a, b) = (Timestamp::from_millis(10), Timestamp::from_millis(25));
    /// assert_eq!(b.since(a), Duration::from_millis(15));
    /// assert_eq!(a.since(b), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns whether a deadline at this time has passed by `now`. The deadline itself counts as passed.
    ///
    /// ```
    /// # use session_runtime::Timestamp;
    /// let deadline = Timestamp::from_millis(10);
    /// assert!(!deadline.passed(Timestamp::from_millis(9)));
    /// assert!(deadline.passed(Timestamp::from_millis(10)));
    /// ```
    #[must_use]
    pub const fn passed(self, now: Self) -> bool {
        self.0 <= now.0
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    /// A time before 1970 becomes the epoch.
    fn from(time: SystemTime) -> Self {
        Self(0) + time.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl From<Timestamp> for SystemTime {
    /// A time after the year 9999 becomes the end of that year, since not every platform can represent later times.
    fn from(moment: Timestamp) -> Self {
        const YEAR_9999: u64 = 253_402_300_799_000;
        UNIX_EPOCH + Duration::from_millis(moment.0.min(YEAR_9999))
    }
}

/// The source of the current time: the system, or a clock that a test moves by hand.
///
/// ```
/// # use session_runtime::Clock;
/// # use std::time::Duration;
/// let clock = Clock::stopped();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// Returns the system's clock, the default.
    ///
    /// ```
    /// # use session_runtime::{Clock, Timestamp};
    /// assert!(Clock::system().now() > Timestamp::from_millis(1_700_000_000_000));
    /// ```
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Returns a clock for tests. It stands at the current time until it is moved; its clones move with it.
    ///
    /// ```
    /// # use session_runtime::Clock;
    /// let clock = Clock::stopped();
    /// assert_eq!(clock.now(), clock.clone().now());
    /// ```
    #[must_use]
    pub fn stopped() -> Self {
        Self::stopped_at(SystemTime::now().into())
    }

    /// Returns a clock for tests that starts at a chosen time.
    ///
    /// ```
    /// # use session_runtime::{Clock, Timestamp};
    /// let in_2106 = Timestamp::from_millis(4_294_967_296_000);
    /// assert_eq!(Clock::stopped_at(in_2106).now(), in_2106);
    /// ```
    #[must_use]
    pub fn stopped_at(moment: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicU64::new(moment.0))))
    }

    /// Returns the current time.
    ///
    /// ```
    /// # use session_runtime::Clock;
    /// let now = Clock::system().now();
    /// ```
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => SystemTime::now().into(),
            Some(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a stopped clock forward. Does nothing to the system's clock.
    ///
    /// ```
    /// # use session_runtime::Clock;
    /// # use std::time::Duration;
    /// let clock = Clock::stopped();
    /// clock.advance(Duration::from_millis(1));
    /// ```
    pub fn advance(&self, by: Duration) {
        if let Some(millis) = &self.0 {
            let later = |now| Some((Timestamp(now) + by).0);
            // This cannot fail, since `later` always returns a time.
            let _ = millis.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        }
    }

    /// Sets a stopped clock, even backwards, to test how a server behaves after its clock was corrected.
    ///
    /// ```
    /// # use session_runtime::{Clock, Timestamp};
    /// let clock = Clock::stopped();
    /// clock.set(Timestamp::from_millis(0));
    /// assert_eq!(clock.now().as_millis(), 0);
    /// ```
    pub fn set(&self, moment: Timestamp) {
        if let Some(millis) = &self.0 {
            millis.store(moment.0, Ordering::SeqCst);
        }
    }
}
