#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    cookie::session::{NAME, names::short},
    schema::{Field, Meta},
};

const FIELDS: &[Meta] = &[
    Field::<String>::plain("theme").meta,
    Field::<u32>::plain("size").alias(&["font"]).meta,
    Field::<Option<String>>::plain("note").meta,
];

fn carried(payload: &Payload) -> Carried {
    payload.clone().into_carried(None)
}

fn names() -> Names {
    Names::of("Shop", FIELDS).unwrap()
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::NEVER),
        (0..1_u64 << 50).prop_map(Timestamp::from_millis),
        (0..1_u64 << 30).prop_map(|seconds| Timestamp::from_millis(seconds * 1000))
    ]
}

/// Generates moments in the order of a session's life.
fn moments<const N: usize>() -> impl Strategy<Value = [Timestamp; N]> {
    prop::array::uniform::<_, N>(moment()).prop_map(|mut moments| {
        moments.sort();
        moments
    })
}

fn field() -> impl Strategy<Value = (String, Vec<u8>, Timestamp)> {
    let name = prop_oneof![
        Just("theme".to_owned()),
        Just("size".to_owned()),
        Just("font".to_owned()),
        Just("\0beef".to_owned())
    ];
    (name, any::<Vec<u8>>(), moment())
}

/// Generates a user, and when they last authenticated.
fn user() -> impl Strategy<Value = (Option<Vec<u8>>, Proof)> {
    let proof = prop_oneof![Just(Proof::AtSignIn), Just(Proof::Missing), moment().prop_map(Proof::At)];
    let user = (any::<Vec<u8>>(), proof).prop_map(|(user, proof)| (Some(user), proof));
    prop_oneof![Just((None, Proof::AtSignIn)), user]
}

prop_compose! {
    fn payload()(
        name: [u8; NAME],
        [created_at, signed_in, seen_at, idle_until, ends_at] in moments(),
        (remembered, is_capped) in any::<(bool, bool)>(),
        (user, proof) in user(),
        fields in prop::collection::btree_map("[a-z]{1}", field(), 0..4),
    ) -> Payload {
        let mut written = Fields::default();
        let mut taken = Vec::new();
        for (name, value, expires) in fields.values() {
            if !taken.contains(&name) {
                written.push(Entry { name, value, expires: (*expires).max(created_at) });
                taken.push(name);
            }
        }
        let signed_in = user.map(|user| (signed_in, user.into()));
        Payload { name, created_at, seen_at, idle_until, ends_at, remembered, signed_in, proof, is_capped, fields: written }
    }
}

proptest! {
    // S41: everything that was written is read again.
    #[test]
    fn every_session_round_trips(payload in payload()) {
        let carried = carried(&payload);
        let bytes = write(&carried, &names(), Timestamp::from_millis(0));
        prop_assert_eq!(read(&bytes, &names()), Some(payload));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = read(&bytes, &names());
    }

    #[test]
    fn a_truncated_session_does_not_read_as_the_whole(payload in payload(), length: prop::sample::Index) {
        let bytes = write(&carried(&payload), &names(), Timestamp::from_millis(0));
        let part = &bytes[..length.index(bytes.len())];
        prop_assert_ne!(read(part, &names()), Some(payload));
    }
}

// B30: a build that does not know a field leaves it unchanged.
#[test]
fn a_field_survives_a_build_that_does_not_know_it() {
    let older = Names::of("Shop", &FIELDS[..1]).unwrap();
    let mut fields = Fields::default();
    fields.push(Entry { name: "note", value: b"\xa4dark", expires: Timestamp::NEVER });
    let at = Timestamp::from_millis(9);
    let payload = Payload {
        name: [7; NAME],
        created_at: at,
        seen_at: at,
        idle_until: at,
        ends_at: at,
        remembered: false,
        signed_in: None,
        proof: Proof::AtSignIn,
        is_capped: false,
        fields,
    };
    let bytes = write(&carried(&payload), &names(), at);
    let unknown = read(&bytes, &older).unwrap();
    assert!(unknown.fields.get("note").is_none() && unknown.fields.iter().count() == 1);
    assert_eq!(write(&carried(&unknown), &older, at), bytes);
}

#[test]
fn two_fields_with_the_same_short_name_are_rejected() {
    // Searches for a name whose short name is that of `field_0`.
    let colliding = (0..100_000_u32).find_map(|n| {
        let name: &'static str = Box::leak(format!("field_{n}").into_boxed_str());
        (n > 0 && short(name) == short("field_0")).then_some(name)
    });
    let fields = [Field::<String>::plain("field_0").meta, Field::<String>::plain(colliding.unwrap()).meta];
    let error = Names::of("Shop", &fields).err().unwrap().to_string();
    assert!(error.starts_with("the fields `field_0` and `field_"), "{error}");
    assert!(error.contains("rename"), "{error}");
}

// F14, S43: lists of maps with equal keys are packed as a table, which is shorter. A visitor who chooses the keys of one map
// could tell from the cookie's length whether the other maps have the same keys. So secret fields are not packed.
#[test]
fn the_length_of_a_secret_list_does_not_tell_whether_its_maps_have_the_same_keys() {
    const FIELDS: &[Meta] = &[Field::<Vec<u8>>::plain("open").meta, Field::<Vec<u8>>::plain("hidden").secret().meta];
    let names = Names::of("Shop", FIELDS).unwrap();
    let length = |name: &str, second: &str| {
        let maps = [("abcdef", 1), (second, 1)].map(|(key, value)| std::collections::BTreeMap::from([(key, value)]));
        let value = rmp_serde::to_vec_named(&maps).unwrap();
        bytes_of(Entry { name, value: &value, expires: Timestamp::NEVER }, &names, Timestamp::from_millis(0))
    };
    assert_ne!(length("open", "abcdef"), length("open", "uvwxyz"));
    assert_eq!(length("hidden", "abcdef"), length("hidden", "uvwxyz"));
}
