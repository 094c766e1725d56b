//! The time that the tests of stores share.

use session_runtime::Timestamp;

/// The time at which everything happens: in 2027.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
