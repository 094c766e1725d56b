//! What tests of stores share.

use session_runtime::Timestamp;

/// When everything happens: in 2027.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
