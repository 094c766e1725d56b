//! The record's own invariants. What changes do to it is in the conformance suite and in `change_model.rs`.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Add, Change, Entry, Expect, Fields, NONCES, Record, Set, apply::integer};
use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn entry<'a>(name: &'a str, value: &'a [u8]) -> Entry<'a> {
    Entry { name, value, expires: Timestamp::NEVER }
}

fn record() -> Record {
    let create =
        Change::create(Digest::from([1; 16]), NOW, Timestamp::from_millis(5_000), Timestamp::from_millis(9_000));
    Record::clone(&create.judge(None, NOW).write.unwrap())
}

#[test]
fn the_earlier_deadline_ends_a_record() {
    let mut record = record();
    assert_eq!(record.expires_at(), record.idle_until);
    record.idle_until = Timestamp::NEVER;
    assert_eq!(record.expires_at(), record.ends_at);
    assert!(record.is_live(Timestamp::from_millis(8_999)));
    assert!(!record.is_live(Timestamp::from_millis(9_000)));
}

// B34
#[test]
fn a_record_remembers_its_last_nonces_in_order() {
    let mut record = record();
    let mut all = record.nonces.clone();
    for number in 1..=3 * NONCES as u64 {
        let change = Change { nonce: Nonce(number), ..Change::update(0) };
        record = Record::clone(&change.judge(Some(&record), NOW).write.unwrap());
        all.push(change.nonce);
        assert_eq!(record.nonces, all[all.len().saturating_sub(NONCES)..]);
    }
}

#[test]
fn a_record_that_remembers_too_much_is_brought_back() {
    let record = Record { nonces: (0..100).map(Nonce).collect(), ..record() };
    let written = Change { nonce: Nonce(100), ..Change::update(0) }.judge(Some(&record), NOW).write.unwrap();
    assert_eq!(written.nonces, (93..=100).map(Nonce).collect::<Vec<_>>());
}

#[test]
fn each_change_that_is_written_says_when() {
    let mut record = record();
    assert_eq!(record.seen_at, NOW);
    // Also a touch that moves nothing.
    let touch = Change { touch: Some(record.idle_until), ..Change::update(0) };
    for (now, seen) in [(3_000, 3_000), (2_000, 3_000), (3_000, 3_000), (4_999, 4_999)] {
        let change = Change { nonce: Nonce::next(), ..touch.clone() };
        record = Record::clone(&change.judge(Some(&record), Timestamp::from_millis(now)).write.unwrap());
        assert_eq!((record.seen_at.as_millis(), record.idle_until.as_millis()), (seen, 5_000), "at {now}");
    }
}

// B12: neither names nor lengths are secret, values are.
#[test]
fn nothing_shows_a_value() {
    let mut fields = Fields::default();
    fields.push(entry("code", b"hunter2"));
    let mut change = Change::update(0);
    change.set.push(Set { name: "code".into(), value: b"hunter2".to_vec(), expires: Timestamp::NEVER });
    change.expect.push(Expect { name: "code".into(), value: Some(b"hunter2".to_vec()) });
    let shown = format!("{fields:?} {change:?} {:?} {:#?}", Record { fields: fields.clone(), ..record() }, change);
    assert!(shown.contains("code: 7 bytes"));
    for form in ["hunter2", "104, 117", "68756e"] {
        assert!(!shown.contains(form), "{shown}");
    }
}

#[test]
fn a_name_too_long_is_cut_between_characters() {
    let long = "é".repeat(200);
    let mut fields = Fields::default();
    fields.push(entry(&long, b"1"));
    fields.push(entry("next", b"2"));
    let kept: Vec<_> = fields.iter().map(|entry| (entry.name.len(), entry.value)).collect();
    assert_eq!(kept, [(254, &b"1"[..]), (4, b"2")]);
    assert_eq!(Fields::from_bytes(fields.as_bytes().to_vec()), Ok(fields));
}

#[test]
fn a_record_survives_serde() {
    let mut full = record();
    full.user = Some(b"\xff\0".as_slice().into());
    full.authenticated_at = Some(NOW);
    full.fields.push(entry("a", b"\xc1"));
    for record in [record(), full] {
        for bytes in [rmp_serde::to_vec(&record).unwrap(), rmp_serde::to_vec_named(&record).unwrap()] {
            assert_eq!(rmp_serde::from_slice::<Record>(&bytes).unwrap(), record);
        }
    }
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
        assert_eq!(integer::read(&[value, &[0]].concat()), None, "with something behind it: {value:x?}");
        assert_eq!(integer::read(&value[..value.len() - 1]), None, "cut: {value:x?}");
    }
    for no_number in [&[0xc0][..], &[0xc2], &[0xca, 0, 0, 0, 0], &[0xa1, b'1'], &[0x91, 1], &[0xc1]] {
        assert_eq!(integer::read(no_number), None);
    }
}

proptest! {
    #[test]
    fn integers_survive(number in i128::from(i64::MIN)..=i128::from(u64::MAX)) {
        let value = integer::write(number);
        prop_assert_eq!(integer::read(&value), Some(number));
        // The shortest encoding, as the derive's own.
        let shortest = u64::try_from(number).map_or_else(|_| rmp_serde::to_vec(&(number as i64)), |n| rmp_serde::to_vec(&n));
        prop_assert_eq!(value, shortest.unwrap());
    }

    #[test]
    fn integers_past_the_range_become_its_ends(beyond in 1..i128::MAX / 2) {
        prop_assert_eq!(integer::read(&integer::write(i128::from(u64::MAX) + beyond)), Some(u64::MAX.into()));
        prop_assert_eq!(integer::read(&integer::write(i128::from(i64::MIN) - beyond)), Some(i64::MIN.into()));
    }

    #[test]
    fn a_counter_stays_within_its_bounds(old: i64, amount: i128, ends: (i64, i64)) {
        let (floor, ceiling) = (ends.0.min(ends.1).into(), ends.0.max(ends.1).into());
        let add = Add { name: "n".into(), amount, floor, ceiling, initial: 0, expires: Timestamp::NEVER };
        let new = add.to(old.into());
        prop_assert!(floor <= new && new <= ceiling);
        prop_assert!(add.then(&add).floor <= add.then(&add).ceiling);
    }

    #[test]
    fn fields_survive(entries in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..300), any::<u64>()), 0..20)) {
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

    // S46: what was truncated or overwritten is refused or read as some fields; it never panics, nor reads past its end.
    #[test]
    fn any_bytes_read_as_fields_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(fields) = Fields::from_bytes(bytes.clone()) {
            let total: usize = fields.iter().map(|entry| 13 + entry.name.len() + entry.value.len()).sum();
            prop_assert_eq!(total, bytes.len());
        }
    }

    #[test]
    fn cut_fields_are_refused(value in prop::collection::vec(any::<u8>(), 0..50), cut in 1..60_usize) {
        let mut fields = Fields::default();
        fields.push(entry("name", &value));
        let bytes = fields.as_bytes();
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(Fields::from_bytes(bytes[..bytes.len() - cut].to_vec()).is_err());
    }
}
