//! Changes drawn by chance, from so few names, values and moments that they meet.

use proptest::prelude::*;
use session_runtime::{
    Timestamp,
    store::{Add, Change, Digest, Expect, Lifetime, Name, Nonce, Renew, Set, Sign, Target},
};

use crate::{digest, integer};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(u64),
    Delete,
    Change(Box<Change>),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u64).prop_map(Step::Wait),
        1 => Just(Step::Delete),
        24 => change().prop_map(|change| Step::Change(Box::new(change))),
    ]
}

/// Moments around those that a short history gets to, and the end of time.
pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![9 => (0..60_u64).prop_map(Timestamp::from_millis), 1 => Just(Timestamp::NEVER)]
}

pub(crate) fn lifetime() -> impl Strategy<Value = Lifetime> {
    (moment(), moment(), any::<bool>()).prop_map(|(idle_until, ends_at, remembered)| Lifetime {
        idle_until,
        ends_at,
        remembered,
    })
}

pub(crate) fn few_digests() -> impl Strategy<Value = Digest> {
    (0..3_u8).prop_map(digest)
}

pub(crate) fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        1 => (few_digests(), moment(), lifetime())
            .prop_map(|(verifier, created_at, lifetime)| Target::New { verifier, created_at, lifetime }),
        4 => prop_oneof![4 => Just(0_u64), 2 => Just(1), 1 => Just(2)]
            .prop_map(|generation| Target::Existing { generation }),
    ]
}

pub(crate) fn renew() -> impl Strategy<Value = Renew> {
    prop_oneof![
        1 => few_digests().prop_map(|to| Renew::Privilege { to }),
        5 => (few_digests(), few_digests(), few_digests())
            .prop_map(|(from, presented, to)| Renew::Timer { from, presented, to }),
        5 => few_digests().prop_map(|verifier| Renew::Presented { verifier }),
    ]
}

pub(crate) fn renewal_step() -> impl Strategy<Value = Step> {
    let change = (0..2_u64, renew()).prop_map(|(generation, renew)| {
        Step::Change(Box::new(Change { renew: Some(renew), ..Change::update(generation) }))
    });
    prop_oneof![1 => (0..6_u64).prop_map(Step::Wait), 3 => change]
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let about_the_session = (
        // So few that some come again.
        0..60_u64,
        target(),
        prop::option::of(moment()),
        prop::option::weighted(0.2, lifetime()),
        prop::option::weighted(
            0.3,
            prop_oneof![
                Just(Sign::Out),
                (prop::collection::vec(any::<u8>(), 0..3), moment())
                    .prop_map(|(user, at)| Sign::In { user: user.into(), at }),
            ],
        ),
        prop::option::weighted(0.4, renew()),
    );
    let about_fields = (
        prop::option::weighted(0.1, prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..3)),
        prop::collection::vec(about_field(), 4),
        prop::option::weighted(0.3, (prop::sample::select(vec!["a", "b", "c"]), counter_value())),
    );
    (about_the_session, about_fields).prop_map(
        |((nonce, target, touch, restart, sign, renew), (keep, fields, expect))| {
            let mut change = Change { nonce: Nonce(nonce), target, touch, restart, sign, renew, ..Change::update(0) };
            change.keep = keep.map(|names| names.into_iter().map(Name::from).collect());
            change.expect.extend(expect.map(|(name, value)| Expect { name: name.into(), value }));
            for (name, field) in ["a", "b", "c", "d"].into_iter().zip(fields) {
                match field {
                    None => {}
                    Some(AboutField::Set(value, expires)) => change.set.push(Set { name: name.into(), value, expires }),
                    Some(AboutField::Unset) => change.unset.push(name.into()),
                    Some(AboutField::Add(add)) => change.add.push(Add { name: name.into(), ..add }),
                }
            }
            change
        },
    )
}

#[derive(Clone, Debug)]
pub(crate) enum AboutField {
    Set(Vec<u8>, Timestamp),
    Unset,
    Add(Add),
}

pub(crate) fn about_field() -> impl Strategy<Value = Option<AboutField>> {
    prop::option::weighted(
        0.5,
        prop_oneof![
            2 => (counter_value(), moment()).prop_map(|(value, at)| AboutField::Set(value.unwrap_or_default(), at)),
            1 => Just(AboutField::Unset),
            2 => (any_add(), moment()).prop_map(|(add, expires)| AboutField::Add(Add { expires, ..add })),
        ],
    )
}

/// Absent, a number, or no number.
pub(crate) fn counter_value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        (0..2_u8).prop_map(|number| Some(vec![number])),
        any::<i64>().prop_map(|number| Some(integer(number.into()))),
        any::<u64>().prop_map(|number| Some(integer(number.into()))),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Some),
    ]
}

/// A move within the bounds of some type.
pub(crate) fn any_add() -> impl Strategy<Value = Add> {
    let bounds = prop_oneof![
        Just((0, i128::from(u8::MAX))),
        Just((i128::from(i8::MIN), i128::from(i8::MAX))),
        Just((i128::from(i64::MIN), i128::from(i64::MAX))),
        Just((0, i128::from(u64::MAX))),
        (any::<i64>(), any::<i64>()).prop_map(|(one, other)| (one.min(other).into(), one.max(other).into())),
    ];
    let amount = prop_oneof![-300..300_i128, any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from)];
    (amount, bounds, -10..10_i128).prop_map(|(amount, (floor, ceiling), initial)| Add {
        name: "n".into(),
        amount,
        floor,
        ceiling,
        initial,
        expires: Timestamp::NEVER,
    })
}
