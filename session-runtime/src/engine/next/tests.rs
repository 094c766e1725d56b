//! Tests `next` against a plain model of each op, and against the required result of two concurrent requests.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    KeyRing,
    cookie::CookieSpec,
    engine::{Items, Op, Step, codec::OpenRecord, pending::Pending},
    fields::{State, Visitor},
    id::{Digest, Nonce},
    record::{Add, Entry, NONCES, Proof, Rare, integer},
    schema::{Field, Meta, Spec},
    session::{Core, Schema},
    sessions::{NoIndex, Sessions},
    store::{AnyPlace, cookie::CookieStore},
};

static PLAIN: Field<String> = Field::plain("plain").alias(&["older"]);
static OTHER: Field<String> = Field::plain("other").device();
static RIGHTS: Field<String> = Field::plain("rights").rotates();
static COUNT: Field<i64> = Field::plain("count");
static NOTICE: Field<Option<String>> = Field::plain("notice");
static NOTICES: Field<Vec<u8>> = Field::plain("notices");
static SHORT: Field<String> = Field::plain("short").expires(std::time::Duration::from_secs(60));
static FIELDS: &[Meta] = &[PLAIN.meta, OTHER.meta, RIGHTS.meta, COUNT.meta, NOTICE.meta, NOTICES.meta, SHORT.meta];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Shop;

impl Schema for Shop {
    type Fields = Box<Core<Self>>;
    type Slots = ();
    type Lookup = NoIndex;
    type Needs = AnyPlace;
    const SPEC: Spec = Spec::new("Shop", CookieSpec::new("__Host-shop"), FIELDS);

    fn visit((): &mut (), _: &mut Visitor<'_>) {}

    fn split(self) {}

    fn join((): (), _: &State) -> Self {
        Self
    }
}

/// Returns an engine. `next` uses only its lifetimes, fields and limits.
fn engine() -> Arc<Engine> {
    let sessions = Sessions::<Shop>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
    Arc::clone(&sessions.build().unwrap().engine)
}

fn record(engine: &Engine, fields: &[(&str, &[u8])]) -> Record {
    let mut record = Record::new(Digest::from([0; 16]), NOW, engine.lifetimes.starting(NOW, false));
    for (name, value) in fields {
        record.fields.push(Entry { name, value, expires: Timestamp::NEVER });
    }
    record
}

fn found(record: Record) -> Found {
    let opened = OpenRecord { record: Arc::new(record), closed: None };
    let (selector, digest) = (Selector([7; 16]), Digest::from([0; 16]));
    Found {
        key: crate::key::Key::from_digest([7; 16]),
        selector,
        digest,
        stored: None,
        opened,
        by_current_key: true,
        is_drawn: false,
    }
}

fn attempt(ops: Vec<(&'static Meta, Op)>, steps: Vec<Step>) -> Attempt {
    let mut pending = Pending::default();
    (pending.ops, pending.steps) = (ops, steps);
    Attempt::new(pending)
}

/// Returns the record that `next` stores; `None` if it stores nothing.
fn put(engine: &Engine, attempt: &mut Attempt, record: &Record, now: Timestamp) -> Option<Record> {
    match next(engine, attempt, &found(record.clone()), true, now).unwrap() {
        Next::Put(put) => Some(put.record),
        Next::Nothing => None,
        Next::End | Next::Conflict => panic!("`next` ended the session or found a conflict"),
    }
}

type Map = BTreeMap<String, Vec<u8>>;

fn map(fields: &Fields) -> Map {
    fields.iter().map(|entry| (entry.name.to_owned(), entry.value.to_vec())).collect()
}

/// Applies one op to a field, written as plainly as possible.
fn model(map: &mut Map, meta: &'static Meta, op: &Op) {
    let name = meta.names().find(|name| map.contains_key(*name));
    let old = name.and_then(|name| map.get(name).cloned());
    let new = match op {
        Op::Set { value } => Some(value.clone()),
        Op::Unset => None,
        Op::Add(add) => {
            let from = old.as_deref().and_then(integer::read).unwrap_or(add.initial);
            Some(integer::write((from + add.amount).clamp(add.floor, add.ceiling)))
        }
        Op::Take { seen } => old.clone().filter(|old| Some(old) != seen.as_ref()),
        Op::List { taken, put } => {
            let mut items: Vec<u8> = old.as_deref().and_then(|old| rmp_serde::from_slice(old).ok()).unwrap_or_default();
            let taken: Vec<u8> =
                taken.as_deref().and_then(|taken| rmp_serde::from_slice(taken).ok()).unwrap_or_default();
            if items.starts_with(&taken) {
                items.drain(..taken.len());
            }
            items.extend(rmp_serde::from_slice::<Vec<u8>>(&put.encode()).unwrap());
            (!items.is_empty()).then(|| rmp_serde::to_vec(&items).unwrap())
        }
        Op::Swap { value, .. } | Op::Hold { value } => value.clone(),
        Op::Contested => old.clone(),
    };
    if new == old && matches!(op, Op::Take { .. } | Op::List { .. } | Op::Hold { .. }) {
        return;
    }
    // Setting an equal value under the field's own name is not a write, so a value under an older name stays too; nothing reads
    // it.
    if new == old && matches!(op, Op::Set { .. }) && name == Some(meta.name) && meta.expires.is_none() {
        return;
    }
    meta.names().for_each(|name| drop(map.remove(name)));
    if let Some(new) = new {
        map.insert(meta.name.to_owned(), new);
    }
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..6)
}

fn small_list() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..100_u8, 0..4)
}

fn op() -> impl Strategy<Value = (&'static Meta, Op)> {
    let set = |meta: &'static Meta| value().prop_map(move |value| (meta, Op::Set { value }));
    prop_oneof![
        set(&PLAIN.meta),
        set(&OTHER.meta),
        set(&RIGHTS.meta),
        set(&SHORT.meta),
        prop_oneof![Just(&PLAIN.meta), Just(&OTHER.meta), Just(&NOTICE.meta)].prop_map(|meta| (meta, Op::Unset)),
        prop::option::of(value()).prop_map(|value| (&PLAIN.meta, Op::Hold { value })),
        (-50..50_i128).prop_map(|amount| {
            (&COUNT.meta, Op::Add(Box::new(Add { amount, floor: -100, ceiling: 100, initial: 3 })))
        }),
        prop::option::of(value()).prop_map(|seen| (&NOTICE.meta, Op::Take { seen })),
        (prop::option::of(small_list()), small_list()).prop_map(|(taken, put)| {
            let encode = |list: &Vec<u8>| rmp_serde::to_vec(list).unwrap();
            (&NOTICES.meta, Op::List { taken: taken.as_ref().map(encode), put: Items::of(&encode(&put)) })
        }),
    ]
}

/// Generates the ops of one request: at most one for each field.
fn ops() -> impl Strategy<Value = Vec<(&'static Meta, Op)>> {
    prop::collection::vec(op(), 0..8).prop_map(|all| {
        let mut ops: Vec<(&'static Meta, Op)> = Vec::new();
        for (meta, op) in all {
            if !ops.iter().any(|(known, _)| known.name == meta.name) {
                ops.push((meta, op));
            }
        }
        ops
    })
}

fn stored() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    const NAMES: &[&str] = &["plain", "older", "other", "rights", "count", "notice", "notices", "short", "unknown"];
    prop::collection::vec((prop::sample::select(NAMES), value()), 0..9).prop_map(|all| {
        let mut stored: Vec<(&'static str, Vec<u8>)> = Vec::new();
        for (name, value) in all {
            // A list field's stored value is always a list here; `behaviours/stored.rs` tests other values.
            let value =
                if name == "notices" { rmp_serde::to_vec(&vec![1_u8; value.len().max(1)]).unwrap() } else { value };
            if !stored.iter().any(|(known, _)| *known == name) {
                stored.push((name, value));
            }
        }
        stored
    })
}

proptest! {
    // Each op does what the model says, and a field that no op names stays the same byte for byte.
    #[test]
    fn ops_do_what_the_model_says(stored in stored(), ops in ops()) {
        let engine = engine();
        let given: Vec<_> = stored.iter().map(|(name, value)| (*name, &value[..])).collect();
        let record = record(&engine, &given);
        let mut expected = map(&record.fields);
        ops.iter().for_each(|(meta, op)| model(&mut expected, meta, op));
        let after = put(&engine, &mut attempt(ops, Vec::new()), &record, NOW);
        let after = after.map_or_else(|| map(&record.fields), |after| map(&after.fields));
        prop_assert_eq!(after, expected);
    }

    // B19: two requests that change different fields give the same result in either order.
    #[test]
    fn changes_of_different_fields_commute(stored in stored(), ops in ops(), split in 0..8_usize) {
        let engine = engine();
        let given: Vec<_> = stored.iter().map(|(name, value)| (*name, &value[..])).collect();
        let record = record(&engine, &given);
        let (one, other) = ops.split_at(split.min(ops.len()));
        let both = |first: &[(&'static Meta, Op)], second: &[(&'static Meta, Op)]| {
            let after = put(&engine, &mut attempt(first.to_vec(), Vec::new()), &record, NOW).unwrap_or_else(|| record.clone());
            let last = put(&engine, &mut attempt(second.to_vec(), Vec::new()), &after, NOW).unwrap_or(after);
            map(&last.fields)
        };
        prop_assert_eq!(both(one, other), both(other, one));
    }

    // B34: a record recognises its last `NONCES` commits; B20: no time moves back.
    #[test]
    fn a_write_is_recognised_and_moves_no_time_back(times in prop::collection::vec(-90_000..90_000_i64, 1..12)) {
        let engine = engine();
        let (mut before, mut nonces) = (record(&engine, &[]), Vec::<Nonce>::new());
        for (at, offset) in times.into_iter().enumerate() {
            let now = Timestamp::from_millis(NOW.as_millis().saturating_add_signed(offset));
            let mut attempt = attempt(vec![(&OTHER.meta, Op::Set { value: vec![at as u8] })], Vec::new());
            let after = put(&engine, &mut attempt, &before, now).unwrap();
            nonces.push(attempt.nonce);
            let kept = &nonces[nonces.len().saturating_sub(NONCES)..];
            prop_assert!(kept.iter().all(|nonce| after.knows(*nonce)));
            prop_assert_eq!(after.nonces.as_slice().len(), kept.len());
            prop_assert_eq!(after.writes, before.writes + 1);
            prop_assert!(after.seen_at >= before.seen_at && after.idle_until >= before.idle_until);
            prop_assert_eq!((after.ends_at, after.created_at), (before.ends_at, before.created_at));
            before = after;
        }
    }

    // B21: an `atomic` edit that waits for the commit is stored, or is a conflict.
    #[test]
    fn an_atomic_edit_of_a_changed_value_is_a_conflict(old in prop::option::of(value()), seen in prop::option::of(value()), new in prop::option::of(value())) {
        let engine = engine();
        let given: Vec<_> = old.iter().map(|old| ("other", &old[..])).collect();
        let record = record(&engine, &given);
        let mut attempt = attempt(vec![(&OTHER.meta, Op::Swap { seen: seen.clone(), value: new.clone() })], Vec::new());
        match next(&engine, &mut attempt, &found(record.clone()), true, NOW).unwrap() {
            Next::Conflict => prop_assert_ne!(old, seen),
            Next::Put(put) => {
                prop_assert_eq!(&old, &seen);
                prop_assert_eq!(put.record.fields.get("other").map(|entry| entry.value.to_vec()), new);
            }
            Next::Nothing => prop_assert!(old == seen && old.is_none() && new.is_none()),
            Next::End => prop_assert!(false, "an edit does not end the session"),
        }
    }

    // S9: the generation changes when the visitor's rights may have changed, and only then.
    #[test]
    fn only_a_change_of_privilege_changes_the_generation(ops in ops(), renews: bool) {
        let engine = engine();
        let record = record(&engine, &[("rights", b"old")]);
        let changes_rights = ops.iter().any(|(meta, _)| meta.name == "rights");
        let steps = if renews { vec![Step::Renew] } else { Vec::new() };
        let after = put(&engine, &mut attempt(ops, steps), &record, NOW);
        let generation = after.as_ref().map_or(0, |after| after.generation);
        prop_assert_eq!(generation, u64::from(renews || changes_rights));
        prop_assert_eq!(after.is_some_and(|after| after.previous.is_some()), renews || changes_rights);
    }
}

// B20: once a request has refreshed the idle deadline, the next one does not refresh it again.
#[test]
fn a_touch_is_due_once() {
    let engine = engine();
    let record = record(&engine, &[]);
    let later = NOW + engine.lifetimes.touch;
    assert!(put(&engine, &mut attempt(Vec::new(), Vec::new()), &record, NOW).is_none());
    let touched = put(&engine, &mut attempt(Vec::new(), Vec::new()), &record, later).unwrap();
    assert_eq!(touched.idle_until, later + engine.lifetimes.idle);
    assert!(put(&engine, &mut attempt(Vec::new(), Vec::new()), &touched, later).is_none());
}

// B25, S13: a sign-out keeps the `device` fields, under a new generation; without any, the session ends.
#[test]
fn a_sign_out_keeps_the_device_fields_or_ends_the_session() {
    let engine = engine();
    let out = || attempt(Vec::new(), vec![Step::LogOut]);
    let mut signed_in = record(&engine, &[("plain", b"\x01"), ("other", b"\x02"), ("unknown", b"\x03")]);
    (signed_in.user, signed_in.signed_in_at) = (Some(b"\x07".as_slice().into()), NOW);
    let after = put(&engine, &mut out(), &signed_in, NOW).unwrap();
    assert_eq!(map(&after.fields), Map::from([("other".to_owned(), vec![2])]));
    assert_eq!((after.signed_in_at(), after.user, after.generation), (None, None, 1));
    let nothing = signed_in.with_fields(Fields::default());
    for (record, cookie) in [(&nothing, true), (&signed_in, false)] {
        let next = next(&engine, &mut out(), &found(record.clone()), cookie, NOW).unwrap();
        assert!(matches!(next, Next::End));
    }
}

fn signed_in(engine: &Engine, fields: &[(&str, &[u8])]) -> Record {
    let mut record = record(engine, fields);
    record.user = Some(b"\x01".as_slice().into());
    record
}

fn user(number: u8) -> Arc<[u8]> {
    [number].as_slice().into()
}

/// Generates values for a `device` field, for other fields, and for one that this build does not know.
fn some_fields() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = prop::sample::select(vec!["plain", "other", "rights", "unknown"]);
    prop::collection::btree_map(name, prop::collection::vec(any::<u8>(), 0..9), 0..4)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    // F4: when a user stops acting as another, their session is restored, except for `device` fields. During the impersonation,
    // requests see only those of the session's earlier fields.
    #[test]
    fn stopping_an_impersonation_restores_the_session(
        before in some_fields(),
        written in some_fields(),
        proof in prop::sample::select(vec![Proof::AtSignIn, Proof::Missing, Proof::At(Timestamp::from_millis(7))]),
        is_capped: bool,
        remembers: bool,
        late in 0..200_u64,
    ) {
        let engine = engine();
        let fields: Vec<_> = before.iter().map(|(name, value)| (*name, &value[..])).collect();
        let mut own = signed_in(&engine, &fields);
        own.set_rare(Rare { proof, is_capped, ..Rare::default() });
        let minutes = |minutes: u64| NOW + std::time::Duration::from_secs(60 * minutes);
        let step = Step::Impersonate { by: user(1), user: user(7), ends_at: minutes(late) };
        let mut acting = put(&engine, &mut attempt(Vec::new(), vec![step]), &own, NOW).unwrap();
        prop_assert_eq!((acting.user.as_deref(), acting.authenticated_at()), (Some(&[7][..]), None));
        prop_assert!(acting.fields.iter().all(|entry| entry.name == "other"));
        prop_assert_eq!((acting.ends_at, acting.idle_until), (own.ends_at, own.idle_until));
        prop_assert!(acting.impersonation().unwrap().ends_at <= own.ends_at);
        for (name, value) in &written {
            let fields: Vec<_> = acting.fields.iter().filter(|entry| entry.name != *name)
                .map(|entry| (entry.name.to_owned(), entry.value.to_vec())).collect();
            acting.fields = Fields::default();
            for (name, value) in &fields {
                acting.fields.push(Entry { name, value, expires: Timestamp::NEVER });
            }
            acting.fields.push(Entry { name, value, expires: Timestamp::NEVER });
        }
        if remembers {
            let remembered = put(&engine, &mut attempt(Vec::new(), vec![Step::Remember(true)]), &acting, NOW);
            prop_assert!(remembered.is_none(), "`remember` is ignored during an impersonation");
        }
        let stop = Step::StopImpersonating { by: user(1), user: user(7) };
        let after = put(&engine, &mut attempt(Vec::new(), vec![stop]), &acting, NOW).unwrap();
        let mut expected = map(&own.fields);
        expected.remove("other");
        expected.extend(map(&acting.fields).remove_entry("other"));
        prop_assert_eq!(map(&after.fields), expected);
        prop_assert_eq!((&after.user, after.signed_in_at, after.proof()), (&own.user, own.signed_in_at, proof));
        prop_assert_eq!((after.ends_at, after.is_capped(), after.remembered), (own.ends_at, is_capped, own.remembered));
        prop_assert!(after.generation > acting.generation && acting.generation > own.generation);
        prop_assert_eq!(after.impersonation(), None);
    }

    // F4: a re-authentication changes only the time of the authentication.
    #[test]
    fn a_reauthentication_changes_only_the_time_of_authentication(fields in some_fields(), late in 0..600_u64, twice: bool) {
        let engine = engine();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &value[..])).collect();
        let before = signed_in(&engine, &fields);
        let now = NOW + std::time::Duration::from_secs(late);
        let step = || Step::Reauthenticate { user: user(1) };
        let steps = if twice { vec![step(), step()] } else { vec![step()] };
        let after = put(&engine, &mut attempt(Vec::new(), steps), &before, now).unwrap();
        prop_assert_eq!(after.authenticated_at(), Some(now));
        prop_assert_eq!((after.signed_in_at, after.ends_at, after.generation), (NOW, before.ends_at, before.generation));
        prop_assert_eq!((&after.user, map(&after.fields)), (&before.user, map(&before.fields)));
    }
}

// F4: a sign-in or a sign-out ends an impersonation, and removes the session that was set aside.
#[test]
fn a_sign_in_or_sign_out_ends_an_impersonation() {
    let engine = engine();
    let own = signed_in(&engine, &[("plain", b"\x01"), ("other", b"\x02")]);
    let step = Step::Impersonate { by: user(1), user: user(7), ends_at: Timestamp::NEVER };
    let acting = put(&engine, &mut attempt(Vec::new(), vec![step]), &own, NOW).unwrap();
    let log_in = Step::LogIn { user: user(7), first: false, same: false, terms: None };
    for step in [log_in, Step::LogOut] {
        let after = put(&engine, &mut attempt(Vec::new(), vec![step]), &acting, NOW).unwrap();
        assert_eq!((after.rare.as_ref(), map(&after.fields)), (None, Map::from([("other".to_owned(), vec![2])])));
    }
}

// F4: a user cannot act as another while they already do, or if another user has signed in meanwhile.
#[test]
fn an_impersonation_conflicts_with_another_user_or_impersonation() {
    let engine = engine();
    let own = signed_in(&engine, &[]);
    let step = |by| Step::Impersonate { by: user(by), user: user(7), ends_at: Timestamp::NEVER };
    let acting = put(&engine, &mut attempt(Vec::new(), vec![step(1)]), &own, NOW).unwrap();
    for (record, by) in [(&own, 2), (&acting, 1), (&acting, 7)] {
        let next = next(&engine, &mut attempt(Vec::new(), vec![step(by)]), &found(record.clone()), true, NOW).unwrap();
        assert!(matches!(next, Next::Conflict));
    }
}
