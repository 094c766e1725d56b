#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    id::{Selector, Verifier},
    keys::tests::ring,
    record::Applied,
    schema::Field,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_800_000_000_001);
const SELECTOR: Selector = Selector([3; 16]);

static CODE: Field<String> = Field::plain("code").alias(&["otp"]).secret();
static NAME: Field<String> = Field::plain("name");
static FIELDS: &[Meta] = &[CODE.meta, NAME.meta];

fn secrets(seeds: &[u8]) -> Secrets {
    Secrets::new(&ring(seeds), "shop", FIELDS).unwrap().unwrap()
}

fn set(name: &'static str, value: &[u8], expires: Timestamp) -> Set {
    Set { name: name.into(), value: value.to_vec(), expires }
}

/// A record with these fields, sealed by `secrets` where they are secret.
fn record(secrets: &Secrets, sets: &[Set]) -> Arc<Record> {
    let mut change = Change::create([1; 16].into(), NOW, Timestamp::NEVER, Timestamp::NEVER);
    change.set = sets.to_vec();
    secrets.seal(&SELECTOR.key(), &mut change, &Fields::default(), NOW).unwrap();
    change.judge(None, NOW).write.unwrap()
}

fn found(secrets: &Secrets, raw: &Arc<Record>) -> Found {
    let (record, sealed) = secrets.reveal(&SELECTOR.key(), Arc::clone(raw), NOW);
    let verifier = Verifier::random().unwrap();
    Found { selector: SELECTOR, verifier, record, sealed, by_current: true, by_current_key: true }
}

fn value<'a>(record: &'a Record, name: &str) -> &'a [u8] {
    record.fields.get(name).unwrap().value
}

#[test]
fn sessions_without_secrets_have_none() {
    assert!(Secrets::new(&ring(&[1]), "shop", &FIELDS[1..]).unwrap().is_none());
}

#[test]
fn records_without_secrets_are_left_as_they_are() {
    let secrets = secrets(&[1]);
    let raw = record(&secrets, &[set("name", b"\xa3ada", Timestamp::NEVER), set("unknown", b"x", LATER)]);
    let found = found(&secrets, &raw);
    assert!(found.sealed.is_none() && Arc::ptr_eq(&found.record, &raw));
}

// S2, B38: in the store it is sealed, above it is plain, under its name and with its deadline; all else is the same.
#[test]
fn a_record_is_sealed_below_and_plain_above() {
    let secrets = secrets(&[1]);
    let sets = [set("name", b"\xa3ada", LATER), set("code", b"\xa44711", LATER), set("other", b"x", Timestamp::NEVER)];
    let raw = record(&secrets, &sets);
    assert!(value(&raw, "code").len() > 40 && value(&raw, "name") == b"\xa3ada");
    let found = found(&secrets, &raw);
    let plain: Vec<_> = found.record.fields.iter().map(|entry| set_of(&entry)).collect();
    assert_eq!(plain, sets);
    assert_eq!(
        Record { fields: Fields::default(), ..(*found.record).clone() },
        Record { fields: Fields::default(), ..(*raw).clone() }
    );
    assert!(!found.is_outdated() && found.sealed.unwrap().unreadable.is_empty());
}

fn set_of(entry: &Entry<'_>) -> Set {
    Set { name: entry.name.to_owned().into(), value: entry.value.to_vec(), expires: entry.expires }
}

// S39: it stands there as what no decoder is given, and is named once.
#[test]
fn what_cannot_be_opened_is_unreadable() {
    let (secrets, other) = (secrets(&[1]), secrets(&[2]));
    let mut raw = (*record(&other, &[set("code", b"\xa44711", Timestamp::NEVER)])).clone();
    raw.fields.push(Entry { name: "otp", value: b"\xa44711", expires: Timestamp::NEVER });
    let found = found(&secrets, &Arc::new(raw));
    assert!(["code", "otp"].iter().all(|name| value(&found.record, name) == UNREADABLE));
    assert_eq!(found.sealed.unwrap().unreadable, ["code"]);
}

// An expired one is nobody's business.
#[test]
fn what_expired_is_neither_opened_nor_reported() {
    let secrets = secrets(&[1]);
    let raw = record(&secrets, &[set("code", b"\xa44711", LATER)]);
    let (plain, sealed) = secrets.reveal(&SELECTOR.key(), raw, LATER);
    assert_eq!(value(&plain, "code"), UNREADABLE);
    assert!(sealed.unwrap().unreadable.is_empty());
}

// An expectation is of the bytes that are there, whatever they are, and under whatever name.
#[test]
fn expectations_speak_of_what_is_stored() {
    let secrets = secrets(&[1]);
    let mut raw = (*record(&secrets, &[set("code", b"\xa44711", LATER)])).clone();
    raw.fields.push(Entry { name: "otp", value: b"garbage", expires: Timestamp::NEVER });
    raw.fields.push(Entry { name: "name", value: b"\xa3ada", expires: Timestamp::NEVER });
    let raw = Arc::new(raw);
    let expected = |now, name: &'static str, value: Option<&[u8]>| {
        let mut change = Change::update(0);
        change.expect.push(Expect { name: name.into(), value: value.map(<[u8]>::to_vec) });
        secrets.seal(&SELECTOR.key(), &mut change, &raw.fields, now).unwrap();
        change.expect.remove(0).value
    };
    assert_eq!(expected(NOW, "code", Some(b"\xa44711")).as_deref(), Some(value(&raw, "code")));
    assert_eq!(expected(LATER, "code", None), None);
    assert_eq!(expected(NOW, "otp", Some(UNREADABLE)).as_deref(), Some(&b"garbage"[..]));
    assert_eq!(expected(NOW, "name", Some(b"\xa3bob")).as_deref(), Some(&b"\xa3bob"[..]));
}

// What is moved to a new name without having been opened is not sealed as if it were a value.
#[test]
fn an_unreadable_value_is_not_written() {
    let secrets = secrets(&[1]);
    let mut change = Change::update(0);
    change.set = vec![set("code", UNREADABLE, Timestamp::NEVER), set("name", UNREADABLE, Timestamp::NEVER)];
    secrets.seal(&SELECTOR.key(), &mut change, &Fields::default(), NOW).unwrap();
    assert_eq!(change.set, [set("name", UNREADABLE, Timestamp::NEVER)]);
}

// S45
#[test]
fn what_an_older_key_sealed_is_sealed_anew_with_its_deadline() {
    let (old, new) = (secrets(&[1]), secrets(&[2, 1]));
    let raw = record(&old, &[set("code", b"\xa44711", LATER), set("name", b"\xa3ada", Timestamp::NEVER)]);
    let found = found(&new, &raw);
    assert!(found.is_outdated());
    let mut change = Change::update(0);
    new.seal_anew(&found, &mut change, NOW).unwrap();
    let written = change.judge(Some(&raw), NOW).write.unwrap();
    assert_eq!(written.fields.get("code").unwrap().expires, LATER);
    assert_ne!(value(&written, "code"), value(&raw, "code"));
    let again = tests::found(&new, &written);
    assert!(!again.is_outdated() && value(&again.record, "code") == b"\xa44711");
    // Somebody else was first.
    assert_eq!(change.judge(Some(&written), NOW).answer, Applied::Applied { renewed: false }, "its own change");
    change.nonce = crate::id::Nonce::next();
    assert_eq!(change.judge(Some(&written), NOW).answer, Applied::Conflict);
}

#[test]
fn what_a_request_changes_itself_is_not_sealed_anew() {
    let (old, new) = (secrets(&[1]), secrets(&[2, 1]));
    let raw = record(&old, &[set("otp", b"\xa44711", LATER)]);
    let mut found = found(&new, &raw);
    let anew = |found: &Found, mut change: Change, now| {
        let before = change.set.len();
        new.seal_anew(found, &mut change, now).unwrap();
        change.set.len() - before
    };
    let (plain, mut writes, mut removes, mut forgets) =
        (Change::update(0), Change::update(0), Change::update(0), Change::update(0));
    writes.set.push(set("code", b"\xa44712", LATER));
    removes.unset.push("otp".into());
    forgets.keep = Some(vec!["code".into()]);
    assert_eq!(anew(&found, plain.clone(), NOW), 1);
    assert_eq!(anew(&found, plain.clone(), LATER), 0, "it expired meanwhile");
    for change in [writes, removes, forgets] {
        assert_eq!(anew(&found, change, NOW), 0);
    }
    found.forgo_sealing();
    assert_eq!(anew(&found, plain, NOW), 0);
}
