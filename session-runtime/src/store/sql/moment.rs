//! Moments as the database has them: milliseconds since 1970 with a sign.

use crate::{clock::Timestamp, store::ENTRY_GRACE};

/// How long an entry stands without a session.
pub(super) const GRACE: i64 = ENTRY_GRACE.as_millis() as i64;

const NEVER: i64 = i64::MAX - GRACE;

/// A deadline. One that is too late for it, in 292 million years, is never.
pub(super) fn deadline(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(NEVER).min(NEVER)
}

/// The present, which is always before that.
pub(super) fn present(now: Timestamp) -> i64 {
    deadline(now).min(NEVER - 1)
}
