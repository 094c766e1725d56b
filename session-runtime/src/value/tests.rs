//! Tests that every value round-trips through its bytes, and that no bytes make the reader panic. The examples are those of
//! `docs/format.md`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::{
    id::{Digest, hex},
    key::Key,
    record::{Entry, Fields, Impersonation, Lifetime, NONCES, Older, Previous, Proof, Rare, Replaced},
};

fn scope() -> Scope {
    Scope::new("shop", "Shop")
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::NEVER),
        prop::sample::select(vec![0, 1, i64::MAX as u64, 1 << 63, u64::MAX - 1]).prop_map(Timestamp::from_millis),
        (1_700_000_000_000..2_000_000_000_000_u64).prop_map(Timestamp::from_millis),
        any::<u64>().prop_map(Timestamp::from_millis),
    ]
}

/// Generates times that a header can store: earlier than the year 10889, or never.
fn deadline() -> impl Strategy<Value = Timestamp> {
    moment().prop_map(format::storable)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 16]>().prop_map(Digest::from)
}

fn nonce() -> impl Strategy<Value = Nonce> {
    any::<u64>().prop_map(Nonce)
}

fn older() -> impl Strategy<Value = Older> {
    let at = moment().prop_filter("`Timestamp::NEVER` encodes a missing time", |at| *at != Timestamp::NEVER);
    (digest(), prop::option::of(at)).prop_map(|(verifier, presented_at)| Older { verifier, presented_at })
}

fn previous() -> impl Strategy<Value = Option<Box<Previous>>> {
    let replaced = prop_oneof![
        moment().prop_map(|at| Replaced::ByPrivilege { at }),
        (prop::option::of(moment()), prop::option::of(older()))
            .prop_map(|(presented_at, older)| Replaced::ByTimer { presented_at, older }),
    ];
    prop::option::of((digest(), replaced).prop_map(|(verifier, replaced)| Previous { verifier, replaced }.into()))
}

fn fields() -> impl Strategy<Value = Fields> {
    let field = (".{0,20}", prop::collection::vec(any::<u8>(), 0..200), moment());
    prop::collection::vec(field, 0..8).prop_map(|all| {
        let mut fields = Fields::default();
        all.iter().for_each(|(name, value, expires)| fields.push(Entry { name, value, expires: *expires }));
        fields
    })
}

fn proof() -> impl Strategy<Value = Proof> {
    let at = moment().prop_filter("`Timestamp::NEVER` encodes a missing proof", |at| *at != Timestamp::NEVER);
    prop_oneof![Just(Proof::AtSignIn), Just(Proof::Missing), at.prop_map(Proof::At)]
}

fn rare() -> impl Strategy<Value = Rare> {
    let by = prop::collection::vec(any::<u8>(), 0..40);
    let impersonation = (by, moment(), moment(), proof(), fields());
    let impersonation = impersonation.prop_map(|(by, ends_at, signed_in_at, proof, fields)| Impersonation {
        by: by.into(),
        ends_at,
        signed_in_at,
        proof,
        fields,
    });
    (proof(), any::<bool>(), prop::option::of(impersonation)).prop_map(|(proof, is_capped, impersonation)| Rare {
        proof,
        is_capped,
        impersonation,
        expired: None,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let moments = (moment(), moment(), moment(), deadline(), deadline());
    let user = prop::option::of((prop::collection::vec(any::<u8>(), 0..300), moment(), rare()));
    let counts = (any::<u64>(), any::<u64>(), any::<bool>(), prop::collection::vec(nonce(), 0..=NONCES), any::<u32>());
    (digest(), previous(), moments, user, counts, fields()).prop_map(
        |(verifier, previous, moments, user, (generation, writes, remembered, nonces, entered), fields): (
            _,
            _,
            _,
            _,
            _,
            Fields,
        )| {
            let (created_at, seen_at, renewed_at, idle_until, ends_at) = moments;
            // Often, the first field has the identity as its value.
            let first = fields.iter().next().filter(|_| remembered).map(|field| field.value.to_vec());
            let (user, signed_in_at, rare) = match user {
                Some((user, at, rare)) => (Some(first.unwrap_or(user).into()), at, rare),
                None => (None, created_at, Rare::default()),
            };
            let mut record = Record {
                verifier,
                previous,
                generation,
                created_at,
                seen_at,
                renewed_at,
                signed_in_at,
                idle_until,
                ends_at,
                remembered,
                user,
                writes,
                nonces: nonces.into_iter().collect(),
                fields,
                entered,
                rare: None,
            };
            record.set_rare(rare);
            record
        },
    )
}

fn list() -> impl Strategy<Value = UserList> {
    let entry = (any::<[u8; 16]>(), 0..1_u64 << 61, deadline(), any::<bool>());
    let entry = entry.prop_map(|(key, at, ends_at, is_impersonation)| {
        let (key, at) = (Key::from_digest(key), Timestamp::from_millis(at));
        ListEntry { key, at, ends_at, is_impersonation }
    });
    prop::collection::vec(entry, 0..20).prop_map(|entries| UserList { entries })
}

/// Generates values of every class, each with its decoded content.
fn value() -> impl Strategy<Value = (Value, Decoded)> {
    let reasons =
        [EndReason::Ended, EndReason::Revoked, EndReason::Displaced, EndReason::Replayed, EndReason::Unsettled];
    prop_oneof![
        record().prop_map(|record| {
            let record = Arc::new(record);
            (Value::session(scope(), record.clone()), Decoded::Session(record))
        }),
        list().prop_map(|list| {
            let list = Arc::new(list);
            (Value::list(scope(), list.clone()), Decoded::List(list))
        }),
        (nonce(), prop::sample::select(reasons.to_vec()), deadline()).prop_map(|(nonce, reason, end)| {
            let tombstone = Tombstone { nonce, reason };
            (Value::tombstone(scope(), tombstone, end), Decoded::Tombstone(tombstone))
        }),
        (nonce(), moment(), any::<bool>(), deadline()).prop_map(|(nonce, at, renewed, end)| {
            let revocation = Revocation { nonce, at, renewed };
            (Value::revocation(scope(), revocation, end), Decoded::Revocation(revocation))
        }),
        (prop::collection::vec(any::<[u8; 4]>(), 0..9), deadline()).prop_map(|(keys, end)| {
            let marker = Marker { keys };
            (Value::marker(scope(), marker.clone(), end), Decoded::Marker(Arc::new(marker)))
        }),
    ]
}

proptest! {
    #[test]
    fn every_value_round_trips((value, content) in value()) {
        let bytes = value.to_bytes();
        prop_assert_eq!(&value.to_bytes(), &bytes, "the same value gives the same bytes");
        let read = Value::from_bytes(bytes.clone());
        prop_assert_eq!(read.head, Head { is_critical: false, ..value.head });
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert!(read.is_of(scope()) && !read.is_of(Scope::new("shop", "Staff")));
        prop_assert_eq!(read.decode(), Ok(content.clone()));
        prop_assert_eq!(value.decode(), Ok(content));
    }

    #[test]
    fn the_header_is_where_the_documentation_says((value, _) in value()) {
        let bytes = value.to_bytes();
        let class = match value.class() {
            Class::Guest => 0,
            Class::User => 1,
            Class::List => 2,
            Class::Revocation => 3,
            Class::Tombstone => 4,
            _ => 5,
        };
        prop_assert_eq!(&bytes[..8], value.revision().to_be_bytes());
        prop_assert_eq!(bytes[8], 16 + class);
        prop_assert_eq!(&bytes[9..15], &value.expires_at().as_millis().to_be_bytes()[2..]);
        prop_assert_eq!(&bytes[15..19], scope().id().to_be_bytes());
    }

    // S41, F10
    #[test]
    fn a_truncated_or_extended_value_is_damaged((value, _) in value(), more in prop::collection::vec(any::<u8>(), 1..9)) {
        let bytes = value.to_bytes();
        for length in 0..bytes.len() {
            let cut = Value::from_bytes(bytes.slice(..length));
            prop_assert_eq!(cut.decode(), Err(Damage::Corrupt), "truncated to {} bytes", length);
            prop_assert_eq!(cut.to_bytes(), bytes.slice(..length));
        }
        prop_assert_eq!(Value::from_bytes([&bytes[..], &more].concat()).decode(), Err(Damage::Corrupt));
    }

    // S39, S46, S59
    #[test]
    fn flipped_bits_do_no_harm((value, _) in value(), flips in prop::collection::vec((any::<Index>(), 0..8_u32), 1..6)) {
        let mut bytes = value.to_bytes().to_vec();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        reads_or_is_damaged(&bytes);
    }

    // S46, S59: random bytes rarely pass the header check. The second part therefore puts a header before the random content, so
    // that the decoder reads it.
    #[test]
    fn any_bytes_do_no_harm(class in 0..8_u8, content in prop::collection::vec(any::<u8>(), 0..200), bytes: Vec<u8>) {
        reads_or_is_damaged(&bytes);
        let mut bytes = header(1, class);
        bytes.extend(content);
        reads_or_is_damaged(&bytes);
    }

    #[test]
    fn rewriting_a_value_changes_only_its_revision((value, content) in value()) {
        for value in [value.clone(), Value::from_bytes(value.to_bytes())] {
            let (rewritten, bytes) = (value.rewritten(), value.to_bytes());
            prop_assert!(rewritten.revision() != value.revision());
            prop_assert_eq!(&rewritten.to_bytes()[..8], rewritten.revision().to_be_bytes());
            prop_assert_eq!(&rewritten.to_bytes()[8..], &bytes[8..]);
            let read = Value::from_bytes(rewritten.to_bytes());
            prop_assert_eq!(read.head, Head { is_critical: false, ..rewritten.head });
            prop_assert_eq!(rewritten.decode(), Ok(content.clone()));
            prop_assert_eq!(rewritten.is_critical(), value.is_critical());
        }
    }
}

/// Returns a header of this version and class, without content.
fn header(version: u8, class: u8) -> Vec<u8> {
    let mut bytes = vec![7; 19];
    bytes[8] = version << 4 | class;
    bytes[9..15].copy_from_slice(&1_234_u64.to_be_bytes()[2..]);
    bytes
}

#[test]
fn a_value_of_a_newer_version_is_recognised_and_expires() {
    for bytes in [header(2, 0), header(15, 9), header(1, 6), header(1, 15)] {
        for content in [&b""[..], b"of the future"] {
            let value = Value::from_bytes([&bytes, content].concat());
            assert_eq!(value.decode(), Err(Damage::Newer));
            assert_eq!((value.class(), value.expires_at().as_millis()), (Class::Unknown, 1_234));
            assert_eq!(value.revision(), u64::from_be_bytes([7; 8]));
        }
    }
    let cut = Value::from_bytes(header(2, 0)[..Value::HEADER_BYTES - 1].to_vec());
    assert_eq!((cut.decode(), cut.expires_at()), (Err(Damage::Newer), Timestamp::NEVER));
    let older = Value::from_bytes(header(0, 0));
    assert_eq!((older.decode(), older.class()), (Err(Damage::Corrupt), Class::Unknown));
}

#[test]
fn short_bytes_have_a_revision() {
    for (bytes, revision) in [(&b""[..], 0), (&[1], 1 << 56), (&[1, 2], 0x0102 << 48), (&[0, 0, 0, 0, 0, 0, 0, 5], 5)] {
        let value = Value::from_bytes(bytes);
        assert_eq!((value.revision(), value.decode()), (revision, Err(Damage::Corrupt)));
        assert_eq!((value.class(), value.expires_at()), (Class::Unknown, Timestamp::NEVER));
        assert_eq!(value.rewritten().to_bytes().len(), 8);
    }
}

// A store reads only the class to decide what to evict, so a class that does not match the content is an error.
#[test]
fn a_session_of_the_wrong_class_is_damaged() {
    let user = Some(b"\xa3ada".as_slice().into());
    for (user, class) in [(None, 0x11), (user, 0x10)] {
        let mut bytes = Value::session(scope(), Arc::new(Record { user, ..shop() })).to_bytes().to_vec();
        assert!(Value::from_bytes(bytes.clone()).decode().is_ok());
        bytes[8] = class;
        assert_eq!(Value::from_bytes(bytes).decode(), Err(Damage::Corrupt));
    }
}

// F10: content with a length that is too large is rejected before memory for it is reserved.
#[test]
fn lengths_without_content_are_damaged() {
    let header = |class| header(1, class);
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    // These lengths replace the count of nonces, the user's length, the count of fields, a field's length, and the count of list
    // entries and of keys.
    let (verifier, none) = (&[1; 16][..], &[0x78, 0, 0][..]);
    for (class, content) in [
        (1, [&[0], verifier, &[7]].concat()),
        (1, [&[0], verifier, &[4]].concat()),
        (1, [&[0], verifier, none, &most].concat()),
        (0, [&[0], verifier, none, &most].concat()),
        (0, [&[0], verifier, none, &[1, 1], &most, b"a"].concat()),
        (2, most.to_vec()),
        (5, most.to_vec()),
    ] {
        let bytes = [header(class), content].concat();
        assert_eq!(Value::from_bytes(bytes).decode(), Err(Damage::Corrupt));
    }
    let empty = [header(0), [&[0], verifier, none, &[0]].concat()].concat();
    assert!(Value::from_bytes(empty).decode().is_ok(), "the same without such a length");
}

// A header's deadline is the earlier one, so the other one cannot be earlier.
#[test]
fn deadlines_that_contradict_the_header_are_damaged() {
    let session = |marks: u8, later: &[u8]| {
        let bytes = [&header(1, 0)[..], &[0], &[1; 16], &[marks, 0], later, &[0]].concat();
        Value::from_bytes(bytes).decode()
    };
    assert!(session(0x78, &[1]).is_ok() && session(0xf8, &[1]).is_ok());
    assert!(session(0x78, &[0]).is_ok(), "both deadlines are the same");
    assert_eq!(session(0xf8, &[0]), Err(Damage::Corrupt));
    let wraps = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(session(0x78, &wraps), Err(Damage::Corrupt));
}

#[test]
fn a_deadline_beyond_the_header_counts_as_never() {
    for (idle, absolute) in [(48, 50), (50, 48), (48, 48)] {
        let (idle_until, ends_at) = (Timestamp::from_millis(1 << idle), Timestamp::from_millis(1 << absolute));
        let value = Value::session(scope(), Arc::new(Record { idle_until, ends_at, ..shop() }));
        assert_eq!(value.expires_at(), Timestamp::NEVER);
        let Ok(Decoded::Session(read)) = Value::from_bytes(value.to_bytes()).decode() else { unreachable!() };
        assert_eq!((read.idle_until, read.ends_at), (Timestamp::NEVER, Timestamp::NEVER));
    }
}

#[test]
fn an_identity_that_is_the_first_fields_value_is_stored_only_once() {
    let length = |name: &str, value: &[u8]| {
        let mut record = Record { user: Some(b"\xa3ada".as_slice().into()), ..shop() };
        record.fields.push(Entry { name, value, expires: Timestamp::NEVER });
        record.fields.push(Entry { name: "user", value: b"\xa3ada", expires: Timestamp::NEVER });
        let value = Value::session(scope(), Arc::new(record));
        assert_eq!(Value::from_bytes(value.to_bytes()).decode(), value.decode());
        value.to_bytes().len()
    };
    assert_eq!(length("name", b"\xa3ada") + 5, length("name", b"\xa3eve"));
}

#[cfg(feature = "file")]
#[test]
fn a_store_can_say_that_a_value_is_damaged_or_newer() {
    for (value, damage) in [(Value::damaged(), Damage::Corrupt), (Value::newer(), Damage::Newer)] {
        for value in [value.clone(), value.rewritten(), Value::from_bytes(value.to_bytes())] {
            assert_eq!((value.decode(), value.class()), (Err(damage), Class::Unknown));
            assert_eq!(value.expires_at(), Timestamp::NEVER);
        }
    }
}

// B12
#[test]
fn debug_output_does_not_show_the_content() {
    let mut record = shop();
    record.user = Some(b"hunter2".as_slice().into());
    record.fields.push(Entry { name: "code", value: b"hunter2", expires: Timestamp::NEVER });
    let value = Value::session(scope(), Arc::new(record));
    for value in [value.clone(), Value::from_bytes(value.to_bytes())] {
        let shown = format!(
            "{value:?} {:?} {:?}",
            Versioned::new(value.clone()),
            Swapped::Stale(Some(Versioned::new(value.clone())))
        );
        assert!(shown.contains("User") && !shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}

#[test]
fn a_list_lasts_as_long_as_its_longest_session() {
    let entry = |end| {
        let (key, ends_at) = (Key::from_digest([1; 16]), Timestamp::from_millis(end));
        ListEntry { key, at: NOW, ends_at, is_impersonation: false }
    };
    let list = UserList { entries: vec![entry(5), entry(9), entry(7)] };
    assert_eq!(Value::list(scope(), Arc::new(list)).expires_at().as_millis(), 9);
    assert_eq!(Value::list(scope(), Arc::default()).expires_at().as_millis(), 0);
}

#[test]
fn only_ends_and_revocations_are_critical_by_themselves() {
    let tombstone = Tombstone { nonce: Nonce(1), reason: EndReason::Ended };
    assert!(Value::tombstone(scope(), tombstone, NOW).is_critical());
    assert!(Value::revocation(scope(), Revocation { nonce: Nonce(1), at: NOW, renewed: false }, NOW).is_critical());
    let session = Value::session(scope(), Arc::new(shop()));
    assert!(!session.is_critical() && session.critical().is_critical());
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn shop() -> Record {
    let minutes = |minutes: u64| NOW + Duration::from_secs(60 * minutes);
    let lifetime = Lifetime { idle_until: minutes(30), ends_at: minutes(720), remembered: false };
    Record::new(Digest::from([1; 16]), NOW, lifetime)
}

/// Returns the example values of `docs/format.md`, each with its title.
fn examples() -> [(&'static str, Value); 7] {
    let minutes = |minutes: u64| NOW + Duration::from_secs(60 * minutes);
    let mut guest = shop();
    guest.note_write(Nonce(0x0102_0304_0506_0708), NOW);
    guest.fields.push(Entry { name: "theme", value: b"\xa4dark", expires: Timestamp::NEVER });
    guest.fields.push(Entry { name: "code", value: b"\xa6123456", expires: minutes(5) });
    let mut user = guest.clone();
    user.note_write(Nonce(0x1112_1314_1516_1718), minutes(1));
    (user.user, user.signed_in_at) = (Some(b"\xa3ada".as_slice().into()), minutes(1));
    user.previous =
        Some(Previous { verifier: Digest::from([2; 16]), replaced: Replaced::ByPrivilege { at: minutes(1) } }.into());
    user.generation = 1;
    // The form was sent twice, and the browser has not used either of the two new ids.
    let mut confirmed = user.clone();
    confirmed.set_rare(Rare { proof: Proof::At(minutes(2)), ..Rare::default() });
    confirmed.renewed_at = minutes(2);
    let older = Some(Older { verifier: Digest::from([2; 16]), presented_at: None });
    let replaced = Replaced::ByTimer { presented_at: None, older };
    confirmed.previous = Some(Previous { verifier: Digest::from([3; 16]), replaced }.into());
    confirmed.fields = Fields::default();
    let entry = |key, at| {
        let key = Key::from_digest([key; 16]);
        ListEntry { key, at: minutes(at), ends_at: minutes(720), is_impersonation: false }
    };
    let list = UserList { entries: vec![entry(0xaa, 1), entry(0xbb, 2)] };
    let revocation = Revocation { nonce: Nonce(7), at: NOW, renewed: true };
    let tombstone = Tombstone { nonce: Nonce(7), reason: EndReason::Revoked };
    [
        ("guest", Value::session(scope(), Arc::new(guest))),
        ("user", Value::session(scope(), Arc::new(user))),
        ("confirmed", Value::session(scope(), Arc::new(confirmed))),
        ("list", Value::list(scope(), Arc::new(list))),
        ("revocation", Value::revocation(scope(), revocation, minutes(720))),
        ("tombstone", Value::tombstone(scope(), tombstone, minutes(1))),
        ("marker", Value::marker(scope(), Marker { keys: vec![[1, 2, 3, 4], [5, 6, 7, 8]] }, Timestamp::NEVER)),
    ]
}

#[test]
fn the_examples_on_the_page_are_these_values() {
    let page = include_str!("../../docs/format.md");
    for (title, mut value) in examples() {
        value.head.revision = 0x1020_3040_5060_7080;
        let bytes = value.to_bytes();
        // The page breaks the digits into groups, and a remark follows them.
        let block = page.split(&format!("```text\n{title}\n")).nth(1).and_then(|rest| rest.split("```").next());
        let digits = block.unwrap_or_else(|| unreachable!("the page has no example `{title}`: {}", hex(&bytes)));
        let digits: String = digits.lines().flat_map(|line| line.split("  ").next()).collect();
        assert_eq!(digits.replace(' ', ""), hex(&bytes), "the example `{title}`");
        assert_eq!(Value::from_bytes(bytes).decode(), value.decode());
    }
}

// F27: a node whose clock is 40 minutes ahead writes a value whose deadline another node set.
#[test]
fn a_server_keeps_lists_and_revocations_an_hour_longer() {
    let end = NOW + Duration::from_secs(600);
    let revocation = Revocation { nonce: Nonce(1), at: NOW, renewed: false };
    let list = UserList {
        entries: vec![ListEntry { key: Key::from_digest([1; 16]), at: NOW, ends_at: end, is_impersonation: false }],
    };
    for (value, seconds) in [
        (Value::revocation(scope(), revocation, end), 600 + 3600),
        (Value::list(scope(), Arc::new(list)), 600 + 3600),
        (Value::tombstone(scope(), Tombstone { nonce: Nonce(1), reason: EndReason::Ended }, end), 600 + 60),
        (Value::marker(scope(), Marker { keys: vec![] }, end), 600 + 60),
    ] {
        assert_eq!(value.time_to_live(NOW), Some(Duration::from_secs(seconds)), "{value:?}");
        let ahead = value.time_to_live(NOW + Duration::from_secs(40 * 60)).unwrap();
        assert_eq!(ahead >= Duration::from_secs(600), seconds > 1000, "{value:?}");
    }
}
