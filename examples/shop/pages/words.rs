//! Puts times and counts into words.

use std::time::{Duration, SystemTime};

/// `1 thing`, `2 things`.
pub(super) fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `just now`, `5 minutes ago`.
pub(super) fn ago(moment: SystemTime) -> String {
    match minutes(SystemTime::now().duration_since(moment)) {
        0 => "just now".to_owned(),
        minutes => format!("{} ago", span(minutes)),
    }
}

/// `30 minutes`, rounded up to full minutes.
pub(super) fn left(until: SystemTime) -> String {
    let left = until.duration_since(SystemTime::now());
    span(minutes(left.map(|left| left + Duration::from_secs(59))))
}

/// Returns the full minutes, and 0 for a negative time, which a clock that was set back can cause.
fn minutes<E>(span: Result<Duration, E>) -> u64 {
    span.map_or(0, |span| span.as_secs() / 60)
}

fn span(minutes: u64) -> String {
    match minutes {
        0..120 => many(minutes, "minute"),
        120..2_880 => many(minutes / 60, "hour"),
        _ => many(minutes / 1_440, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_in_minutes_hours_or_days() {
        let table = [
            (0, "0 minutes"),
            (1, "1 minute"),
            (119, "119 minutes"),
            (120, "2 hours"),
            (2_879, "47 hours"),
            (2_880, "2 days"),
            (43_200, "30 days"),
        ];
        for (minutes, words) in table {
            assert_eq!(span(minutes), words);
        }
    }

    #[test]
    fn times_are_described_relative_to_now() {
        let now = SystemTime::now();
        assert_eq!(ago(now), "just now");
        assert_eq!(ago(now + Duration::from_secs(600)), "just now", "a time from a clock that is ahead");
        assert_eq!(ago(now - Duration::from_secs(190)), "3 minutes ago");
        assert_eq!(left(now + Duration::from_secs(190)), "4 minutes");
        assert_eq!(left(now - Duration::from_secs(1)), "0 minutes");
    }
}
