//! Tests the invariants of a record, its fields and its counters. `value/tests.rs` tests how a record is encoded.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Add, Entry, Fields, Lifetime, NONCES, Record, integer};
use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
    varint,
};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn entry<'a>(name: &'a str, value: &'a [u8]) -> Entry<'a> {
    Entry { name, value, expires: Timestamp::NEVER }
}

fn record() -> Record {
    let (idle_until, ends_at) = (Timestamp::from_millis(5_000), Timestamp::from_millis(9_000));
    Record::new(Digest::from([1; 16]), NOW, Lifetime { idle_until, ends_at, remembered: false })
}

#[test]
fn the_earlier_deadline_ends_a_record() {
    let mut record = record();
    assert_eq!(record.expires_at(), record.idle_until);
    record.set_lifetime(Lifetime { idle_until: Timestamp::NEVER, ends_at: record.ends_at, remembered: true });
    assert!(record.remembered);
    assert_eq!(record.expires_at(), record.ends_at);
    assert!(record.is_live(Timestamp::from_millis(8_999)));
    assert!(!record.is_live(Timestamp::from_millis(9_000)));
}

// B34
#[test]
fn a_record_remembers_its_last_nonces_in_order() {
    let mut record = record();
    for number in 1..=3 * NONCES as u64 {
        assert!(!record.knows(Nonce(number)));
        record.note_write(Nonce(number), NOW);
        let oldest = number.saturating_sub(NONCES as u64) + 1;
        assert_eq!(record.nonces.as_slice(), (oldest..=number).map(Nonce).collect::<Vec<_>>());
        assert!(record.knows(Nonce(number)) && !record.knows(Nonce(oldest - 1)));
        assert_eq!(record.writes, number);
    }
}

// B34: one swap may store many commits.
#[test]
fn commits_with_one_nonce_count_as_one_write() {
    let mut record = record();
    for number in [1, 2, 2, 2, 2, 2, 3, 3] {
        record.note_write(Nonce(number), NOW);
    }
    assert_eq!(record.nonces.as_slice(), [1, 2, 3].map(Nonce));
    assert_eq!(record.writes, 3);
}

#[test]
fn old_nonces_are_dropped_and_the_write_count_saturates() {
    let mut record = Record { nonces: (0..100).map(Nonce).collect(), writes: u64::MAX, ..record() };
    record.note_write(Nonce(100), NOW);
    assert_eq!(record.nonces.as_slice(), (97..=100).map(Nonce).collect::<Vec<_>>());
    assert_eq!(record.writes, u64::MAX);
}

// The clock of another node may be ahead.
#[test]
fn seen_at_never_moves_back() {
    let mut record = record();
    for (now, seen) in [(3_000, 3_000), (2_000, 3_000), (3_000, 3_000), (4_999, 4_999)] {
        record.note_write(Nonce::next(), Timestamp::from_millis(now));
        assert_eq!(record.seen_at.as_millis(), seen, "at {now}");
    }
}

#[test]
fn with_fields_changes_only_the_fields() {
    let mut record = record();
    record.note_write(Nonce(1), NOW);
    record.user = Some(b"ada".as_slice().into());
    let mut fields = Fields::default();
    fields.push(entry("a", b"1"));
    let other = record.with_fields(fields.clone());
    assert_eq!(other, Record { fields, ..record });
}

// B12: names and lengths are not secret; values are.
#[test]
fn debug_output_does_not_show_a_value() {
    let mut fields = Fields::default();
    fields.push(entry("code", b"hunter2"));
    let shown = format!("{fields:?} {:?}", record().with_fields(fields.clone()));
    assert!(shown.contains("code: 7 bytes"));
    for form in ["hunter2", "104, 117", "68756e"] {
        assert!(!shown.contains(form), "{shown}");
    }
}

#[test]
fn a_name_that_is_too_long_is_cut_between_characters() {
    let long = "é".repeat(200);
    let mut fields = Fields::default();
    fields.push(entry(&long, b"1"));
    fields.push(entry("next", b"2"));
    let kept: Vec<_> = fields.iter().map(|entry| (entry.name.len(), entry.value)).collect();
    assert_eq!(kept, [(126, &b"1"[..]), (4, b"2")]);
    assert_eq!(Fields::from_bytes(fields.as_bytes().to_vec()), Ok(fields));
}

#[test]
fn a_field_is_found_by_its_whole_name() {
    let mut fields = Fields::default();
    let long = "x".repeat(127);
    for (name, value) in [("theme", &b"1"[..]), ("them", b"2"), ("themes", b""), ("", b"4"), (&long, b"5")] {
        fields.push(Entry { expires: NOW, ..entry(name, value) });
    }
    for (name, value) in [("theme", &b"1"[..]), ("them", b"2"), ("themes", b""), ("", b"4"), (&long, b"5")] {
        assert_eq!(fields.get(name), Some(Entry { expires: NOW, ..entry(name, value) }));
    }
    assert_eq!((fields.get("the"), fields.get("5")), (None, None));
}

#[test]
fn raw_fields_may_be_moved_to_another_buffer() {
    let mut fields = Fields::default();
    fields.push(entry("a", b"1"));
    fields.push(Entry { expires: NOW, ..entry("b", &[7; 300]) });
    let lengths: Vec<_> = fields.raw().map(|raw| raw.length).collect();
    assert_eq!(lengths, [Fields::room_for("a", 1, Timestamp::NEVER), Fields::room_for("b", 300, NOW)]);
    let mut other = Fields::with_capacity(500);
    other.push_raw(&fields.as_bytes()[lengths[0]..]);
    other.push_raw(&fields.as_bytes()[..lengths[0]]);
    other.forgo_room();
    assert_eq!(other.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(other.get("b"), fields.get("b"));
}

#[test]
fn integers_read_in_every_encoding() {
    for (value, number) in [
        (&[0x00][..], 0),
        (&[0x7f], 127),
        (&[0xff], -1),
        (&[0xe0], -32),
        (&[0xcc, 5], 5),
        (&[0xcd, 0, 5], 5),
        (&[0xce, 0, 0, 0, 5], 5),
        (&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i128::from(u64::MAX)),
        (&[0xd0, 0x80], -128),
        (&[0xd1, 0xff, 0xff], -1),
        (&[0xd2, 0x80, 0, 0, 0], i128::from(i32::MIN)),
        (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], i128::from(i64::MIN)),
    ] {
        assert_eq!(integer::read(value), Some(number), "{value:x?}");
        assert_eq!(integer::read(&[value, &[0]].concat()), None, "with a byte after it: {value:x?}");
        assert_eq!(integer::read(&value[..value.len() - 1]), None, "truncated: {value:x?}");
    }
    for no_number in [&[0xc0][..], &[0xc2], &[0xca, 0, 0, 0, 0], &[0xa1, b'1'], &[0x91, 1], &[0xc1]] {
        assert_eq!(integer::read(no_number), None);
    }
}

proptest! {
    #[test]
    fn integers_round_trip(number in i128::from(i64::MIN)..=i128::from(u64::MAX)) {
        let value = integer::write(number);
        prop_assert_eq!(integer::read(&value), Some(number));
        // `write` uses the shortest encoding, as `rmp_serde` does.
        let shortest = u64::try_from(number).map_or_else(|_| rmp_serde::to_vec(&(number as i64)), |n| rmp_serde::to_vec(&n));
        prop_assert_eq!(value, shortest.unwrap());
    }

    #[test]
    fn integers_outside_the_range_become_its_nearest_end(beyond in 1..i128::MAX / 2) {
        prop_assert_eq!(integer::read(&integer::write(i128::from(u64::MAX) + beyond)), Some(u64::MAX.into()));
        prop_assert_eq!(integer::read(&integer::write(i128::from(i64::MIN) - beyond)), Some(i64::MIN.into()));
    }

    #[test]
    fn a_counter_stays_within_its_bounds(old: i64, amount: i128, ends: (i64, i64)) {
        let (floor, ceiling) = (ends.0.min(ends.1).into(), ends.0.max(ends.1).into());
        let add = Add { amount, floor, ceiling, initial: 0 };
        let new = add.to(old.into());
        prop_assert!(floor <= new && new <= ceiling);
        prop_assert!(add.then(&add).floor <= add.then(&add).ceiling);
    }

    #[test]
    fn two_changes_of_a_counter_combine_into_one(old: i64, moves: [(i64, i64, i64); 2]) {
        let [first, second] = moves.map(|(amount, one, other)| {
            let (floor, ceiling) = (one.min(other).into(), one.max(other).into());
            Add { amount: amount.into(), floor, ceiling, initial: 0 }
        });
        prop_assert_eq!(first.then(&second).to(old.into()), second.to(first.to(old.into())));
    }

    #[test]
    fn fields_round_trip(entries in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..300), any::<u64>()), 0..20)) {
        let mut fields = Fields::default();
        for (name, value, expires) in &entries {
            fields.push(Entry { name, value, expires: Timestamp::from_millis(*expires) });
        }
        let read = Fields::from_bytes(fields.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(read.iter().count(), entries.len());
        for (read, (name, value, expires)) in read.iter().zip(&entries) {
            prop_assert_eq!((read.name, read.value, read.expires.as_millis()), (&**name, &**value, *expires));
        }
    }

    // S46: truncated or overwritten bytes are rejected, or read as some fields. The reader never panics or reads past the end.
    #[test]
    fn any_bytes_read_as_fields_or_are_rejected(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(fields) = Fields::from_bytes(bytes.clone()) {
            prop_assert_eq!(fields.raw().map(|raw| raw.length).sum::<usize>(), bytes.len());
            prop_assert_eq!(fields.raw().count(), fields.iter().count());
            for entry in fields.iter() {
                prop_assert!(fields.get(entry.name).is_some());
            }
        }
    }

    #[test]
    fn truncated_fields_are_rejected(value in prop::collection::vec(any::<u8>(), 0..50), cut in 1..60_usize) {
        let mut fields = Fields::default();
        fields.push(entry("name", &value));
        let bytes = fields.as_bytes();
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(Fields::from_bytes(bytes[..bytes.len() - cut].to_vec()).is_err());
    }

    // F10: a length is checked against the number of bytes that follow.
    #[test]
    fn lengths_past_the_end_are_rejected(name: u8, size: u64, rest in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = vec![name];
        varint::write(&mut bytes, size | 1 << 40);
        bytes.extend(rest);
        prop_assert!(Fields::from_bytes(bytes).is_err());
    }
}
