#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    id::{Digest, Selector},
    key::Scope,
    keys::tests::ring,
    record::Lifetime,
    schema::{Field, Meta, UNREADABLE},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_800_000_000_001);

static CODE: Field<String> = Field::plain("code").alias(&["otp"]).secret();
static NAME: Field<String> = Field::plain("name");
static FIELDS: &[Meta] = &[CODE.meta, NAME.meta];

type Given = (&'static str, &'static [u8], Timestamp);

fn codec(seeds: &[u8]) -> Codec {
    Codec { secrets: Secrets::new(&ring(seeds), "shop", FIELDS).unwrap(), migrations: &[] }
}

fn key() -> Key {
    Scope::new("shop", "Shop").session(Selector([3; 16]))
}

fn plain(given: &[Given]) -> Arc<Record> {
    let lifetime = Lifetime { idle_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, remembered: false };
    let mut record = Record::new(Digest::from([1; 16]), NOW, lifetime);
    given.iter().for_each(|(name, value, expires)| record.fields.push(Entry { name, value, expires: *expires }));
    Arc::new(record)
}

/// Returns a record with these fields, as it is stored.
fn stored(codec: &Codec, given: &[Given]) -> Arc<Record> {
    codec.close(&key(), plain(given), None).unwrap().raw().clone()
}

fn open(codec: &Codec, raw: &Arc<Record>, now: Timestamp) -> OpenRecord {
    codec.open(&key(), Arc::clone(raw), &Events::default(), now)
}

fn value<'a>(record: &'a Record, name: &'a str) -> &'a [u8] {
    record.fields.get(name).unwrap().value
}

#[test]
fn secrets_is_none_for_a_session_without_secret_fields() {
    assert!(Secrets::new(&ring(&[1]), "shop", &FIELDS[1..]).unwrap().is_none());
}

#[test]
fn records_without_secrets_are_left_as_they_are() {
    let codec = codec(&[1]);
    let raw = stored(&codec, &[("name", b"\xa3ada", Timestamp::NEVER), ("unknown", b"x", LATER)]);
    let opened = open(&codec, &raw, NOW);
    assert!(opened.closed.is_none() && Arc::ptr_eq(&opened.record, &raw));
}

// S2, B38
#[test]
fn a_secret_is_encrypted_in_the_store_and_plain_to_the_request() {
    let codec = codec(&[1]);
    let given: [Given; 3] =
        [("name", b"\xa3ada", LATER), ("code", b"\xa44711", LATER), ("other", b"x", Timestamp::NEVER)];
    let raw = stored(&codec, &given);
    assert!(value(&raw, "code").len() > 40 && value(&raw, "name") == b"\xa3ada");
    let opened = open(&codec, &raw, NOW);
    assert_eq!(opened.record, plain(&given));
}

// S39: a value that cannot be decrypted never reaches a decoder. The failure is reported once.
#[test]
fn a_value_that_cannot_be_decrypted_is_unreadable_and_reported_once() {
    let (codec, other) = (codec(&[1]), codec(&[2]));
    let mut raw = Record::clone(&stored(&other, &[("code", b"\xa44711", Timestamp::NEVER)]));
    raw.fields.push(Entry { name: "otp", value: b"\xa44711", expires: Timestamp::NEVER });
    let raw = Arc::new(raw);
    let reported = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&reported);
    let events = Events::new(move |report| heard.lock().unwrap().push(report.event.clone()));
    let opened = codec.open(&key(), Arc::clone(&raw), &events, NOW);
    assert!(["code", "otp"].iter().all(|name| value(&opened.record, name) == UNREADABLE));
    assert_eq!(*reported.lock().unwrap(), [Event::Undecodable { field: "code" }]);
    // A write of another field leaves the sealed value as it is, because the encryption key may be configured again later.
    let written = codec.close(&key(), Arc::new(opened.record.with_fields(opened.record.fields.clone())), Some(&opened));
    assert_eq!(written.unwrap().raw().fields, raw.fields);
}

#[test]
fn an_expired_secret_is_neither_decrypted_nor_reported() {
    let codec = codec(&[1]);
    let raw = stored(&codec, &[("code", b"\xa44711", LATER)]);
    let events = Events::new(|report| panic!("{report:?}"));
    let opened = codec.open(&key(), raw, &events, LATER);
    assert_eq!(value(&opened.record, "code"), UNREADABLE);
}

// A field that the request did not change is stored byte for byte as before, so the secret keeps its ciphertext.
#[test]
fn an_untouched_secret_keeps_its_ciphertext() {
    let codec = codec(&[1]);
    let raw = stored(&codec, &[("code", b"\xa44711", LATER), ("name", b"\xa3ada", Timestamp::NEVER)]);
    let opened = open(&codec, &raw, NOW);
    let next = plain(&[("code", b"\xa44711", LATER), ("name", b"\xa3bob", Timestamp::NEVER)]);
    let closed = codec.close(&key(), next.clone(), Some(&opened)).unwrap();
    assert_eq!(value(closed.raw(), "code"), value(&raw, "code"));
    assert_eq!(value(closed.raw(), "name"), b"\xa3bob");
    let changed = plain(&[("code", b"\xa44712", LATER)]);
    let closed = codec.close(&key(), changed.clone(), Some(&opened)).unwrap();
    assert_ne!(value(closed.raw(), "code"), value(&raw, "code"));
    assert_eq!(open(&codec, closed.raw(), NOW).record, changed);
}

// S45
#[test]
fn a_secret_under_an_older_key_is_encrypted_again_and_keeps_its_deadline() {
    let (old, new) = (codec(&[1]), codec(&[2, 1]));
    let raw = stored(&old, &[("code", b"\xa44711", LATER), ("name", b"\xa3ada", Timestamp::NEVER)]);
    let opened = open(&new, &raw, NOW);
    let written = new.close(&key(), opened.record.clone(), Some(&opened)).unwrap();
    assert_eq!(written.raw().fields.get("code").unwrap().expires, LATER);
    assert_ne!(value(written.raw(), "code"), value(&raw, "code"));
    let again = open(&new, written.raw(), NOW);
    assert_eq!(value(&again.record, "code"), b"\xa44711");
    let kept = new.close(&key(), again.record.clone(), Some(&again)).unwrap();
    assert_eq!(kept.raw().fields, written.raw().fields, "it is encrypted again only once");
}
