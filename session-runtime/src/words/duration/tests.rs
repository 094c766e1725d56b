#![allow(clippy::unwrap_used, reason = "tests")]

use super::{TOO_LONG, parse};

#[test]
fn every_unit_is_parsed_alone_and_combined() {
    for (text, expected) in [
        ("500ms", 500),
        ("30s", 30_000),
        ("15m", 900_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1h 30m", 5_400_000),
        (" 1h30m ", 5_400_000),
        ("1d 12h 5s 1ms", 129_605_001),
        ("1_000ms", 1_000),
        ("1h 0m", 3_600_000),
        ("18446744073709551615ms", u64::MAX.into()),
    ] {
        assert_eq!(parse(text).unwrap().as_millis(), expected, "{text}");
    }
}

// B18
#[test]
fn the_error_for_a_wrong_duration_says_what_to_write() {
    for (text, expected) in [
        ("", "the duration is empty; write it such as `15m`"),
        (" ", "the duration is empty; write it such as `15m`"),
        ("5", "the duration `5` lacks a unit; did you mean `5s` or `5m`?"),
        ("1h 30", "the duration `30` lacks a unit; did you mean `30s` or `30m`?"),
        ("5min", "unknown unit `min` in `5min`; did you mean `5m`?"),
        ("5M", "unknown unit `M` in `5M`; did you mean `5m`?"),
        ("3fortnights", "unknown unit `fortnights` in `3fortnights`; units are `ms`, `s`, `m`, `h`, `d` and `w`"),
        ("5us", "the unit `us` of `5us` is too small; the smallest is `ms`"),
        ("1y", "the unit `y` of `1y` has no fixed length; write days, such as `30d`"),
        ("0s", "the duration `0s` is zero; give it some time, or leave it out"),
        ("0h 0m", "the duration `0h 0m` is zero; give it some time, or leave it out"),
        ("1.5h", "the duration `1.5h` is a fraction; did you mean `1h 30m`?"),
        ("0.5ms", "the duration `0.5ms` is a fraction; use a smaller unit"),
        ("18446744073709551616ms", TOO_LONG),
        ("18446744073709551615w", TOO_LONG),
        ("1s 18446744073709551615ms", TOO_LONG),
        ("-5m", "a duration cannot be negative; drop the `-`"),
        ("30 m", "the unit stands apart from its number; did you mean `30m`?"),
        ("30m 1h", "`1h` comes after a smaller unit; write the larger unit first"),
        ("1h 2h", "the unit `h` is given twice; add the two up"),
        ("soon", "`soon` is not a duration; write it such as `15m` or `1h 30m`"),
        ("5m\u{7}", "unknown unit `m\\u{7}` in `5m\\u{7}`; units are `ms`, `s`, `m`, `h`, `d` and `w`"),
    ] {
        assert_eq!(parse(text).unwrap_err(), expected, "{text}");
    }
}
