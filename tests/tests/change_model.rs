//! What a change means, by chance: against a second, simpler description of it; for every interleaving of two requests;
//! and the law by which counters fold.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use proptest::prelude::*;
use session_runtime::{
    Timestamp,
    store::{
        Add, Applied, Change, Digest, Expect, Lifetime, Name, Nonce, Previous, Record, Renew, Replaced, Set, Sign,
        Target,
    },
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// DESIGN section 3: the order of checks, that nothing is written unless applied, and what each part does.
    #[test]
    fn judge_agrees_with_the_model(history in prop::collection::vec(step(), 1..40)) {
        compare(history)?;
    }

    /// The same for what seldom comes together by chance: who renewed, and who presented what since.
    #[test]
    fn judge_agrees_with_the_model_about_renewals(history in prop::collection::vec(renewal_step(), 1..40)) {
        let create = Change::create(digest(0), Timestamp::from_millis(0), Timestamp::NEVER, Timestamp::NEVER);
        compare([Step::Change(Box::new(create))].into_iter().chain(history))?;
    }

    /// B19, B21, B23: two requests load the same record, then both commit, in either order.
    #[test]
    fn two_requests_end_as_policies_allow(start in start(), requests in (request(), request())) {
        let (first, second) = requests;
        let by_fields = [interleave(&start, &first, &second)?, interleave(&start, &second, &first)?];
        // Requests that have nothing to do with each other commute.
        if first.touches_other_fields_than(&second) {
            prop_assert_eq!(&by_fields[0], &by_fields[1]);
        }
    }

    /// Folding two moves of a counter into one loses nothing, whatever it stood at.
    #[test]
    fn then_is_one_move_after_the_other(first in any_add(), second in any_add(), old: i64) {
        let old = i128::from(old);
        prop_assert_eq!(first.then(&second).to(old), second.to(first.to(old)));
    }

    #[test]
    fn then_is_associative(a in any_add(), b in any_add(), c in any_add(), old: i64) {
        let (left, right) = (a.then(&b).then(&c), a.then(&b.then(&c)));
        prop_assert_eq!(left.to(old.into()), right.to(old.into()));
        prop_assert_eq!((left.amount, left.initial, left.expires), (right.amount, right.initial, right.expires));
    }

    /// B21: a request that counts twice writes what two requests would have.
    #[test]
    fn a_folded_change_ends_as_its_parts(adds in prop::collection::vec(any_add(), 1..5), old in counter_value()) {
        let now = Timestamp::from_millis(0);
        let start = |old: &Option<Vec<u8>>| {
            let mut create = Change::create(digest(0), now, Timestamp::NEVER, Timestamp::NEVER);
            create.set.extend(old.clone().map(|value| Set { name: "n".into(), value, expires: Timestamp::NEVER }));
            create.judge(None, now).write.unwrap()
        };
        let add = |record: &Record, add: Add| {
            let mut change = Change::update(0);
            change.add.push(add);
            change.judge(Some(record), now).write.unwrap()
        };
        let one_by_one = adds.iter().cloned().fold(start(&old), |record, step| add(&record, step));
        let folded = adds[1..].iter().fold(adds[0].clone(), |all, next| all.then(next));
        prop_assert_eq!(&add(&start(&old), folded).fields, &one_by_one.fields);
    }
}

/// Goes through `history` with [`Change::judge`] and with the [`Model`], side by side.
fn compare(history: impl IntoIterator<Item = Step>) -> Result<(), TestCaseError> {
    let (mut record, mut model) = (None::<Arc<Record>>, None::<Model>);
    let mut now = 0;
    for step in history {
        match step {
            Step::Wait(millis) => now += millis,
            Step::Delete => (record, model) = (None, None),
            Step::Change(change) => {
                let before = model.clone();
                let verdict = change.judge(record.as_deref(), Timestamp::from_millis(now));
                let answer = Model::apply(&mut model, &change, now);
                prop_assert_eq!(verdict.answer, answer, "of {:?}", change);
                prop_assert_eq!(verdict.write.is_some(), before != model, "of {:?}", change);
                record = verdict.write.or(record);
                prop_assert_eq!(record.as_deref().map(Model::of), model.clone(), "after {:?}", change);
            }
        }
    }
    Ok(())
}

/// A session, described a second time: maps and plain numbers, one field after the other.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    verifier: Digest,
    previous: Option<Previous>,
    generation: u64,
    created_at: u64,
    renewed_at: u64,
    authenticated_at: Option<u64>,
    idle_until: u64,
    ends_at: u64,
    remembered: bool,
    user: Option<Vec<u8>>,
    /// Oldest first.
    nonces: Vec<u64>,
    fields: HashMap<String, (Vec<u8>, u64)>,
}

impl Model {
    fn of(record: &Record) -> Self {
        let fields =
            record.fields.iter().map(|entry| (entry.name.into(), (entry.value.into(), entry.expires.as_millis())));
        let model = Self {
            verifier: record.verifier,
            previous: record.previous.clone(),
            generation: record.generation,
            created_at: record.created_at.as_millis(),
            renewed_at: record.renewed_at.as_millis(),
            authenticated_at: record.authenticated_at.map(Timestamp::as_millis),
            idle_until: record.idle_until.as_millis(),
            ends_at: record.ends_at.as_millis(),
            remembered: record.remembered,
            user: record.user.as_deref().map(<[u8]>::to_vec),
            nonces: record.nonces.iter().map(|nonce| nonce.0).collect(),
            fields: fields.collect(),
        };
        assert_eq!(model.fields.len(), record.fields.iter().count(), "a field is stored twice");
        model
    }

    fn apply(current: &mut Option<Self>, change: &Change, now: u64) -> Applied {
        let wanted = match change.renew {
            Some(Renew::Privilege { to } | Renew::Timer { to, .. }) => Some(to),
            _ => None,
        };
        if let Some(model) = current
            && model.nonces.contains(&change.nonce.0)
        {
            return Applied::Applied { renewed: wanted == Some(model.verifier) };
        }
        let mut model = match (&change.target, current.clone()) {
            (Target::New { .. }, Some(_)) => return Applied::Conflict,
            (Target::New { verifier, created_at, lifetime }, None) => Self {
                verifier: *verifier,
                previous: None,
                generation: 0,
                created_at: created_at.as_millis(),
                renewed_at: created_at.as_millis(),
                authenticated_at: None,
                idle_until: lifetime.idle_until.as_millis(),
                ends_at: lifetime.ends_at.as_millis(),
                remembered: lifetime.remembered,
                user: None,
                nonces: vec![],
                fields: HashMap::new(),
            },
            (Target::Existing { .. }, None) => return Applied::Gone,
            (Target::Existing { generation }, Some(model)) => {
                if now >= model.idle_until || now >= model.ends_at {
                    return Applied::Gone;
                }
                if model.generation != *generation {
                    return Applied::Moved;
                }
                model
            }
        };
        let mut fields = model.fields.clone();
        fields.retain(|_, (_, expires)| now < *expires);
        for expect in &change.expect {
            if fields.get(&*expect.name).map(|(value, _)| value) != expect.value.as_ref() {
                return Applied::Conflict;
            }
        }
        if change.keep.is_some() || change.set.len() + change.unset.len() + change.add.len() > 0 {
            if let Some(keep) = &change.keep {
                fields.retain(|name, _| keep.iter().any(|kept| kept == name));
            }
            for add in &change.add {
                let old = fields.get(&*add.name).and_then(|(value, _)| number(value)).unwrap_or(add.initial);
                let sum = (old + add.amount).min(add.ceiling).max(add.floor);
                fields.insert(add.name.to_string(), (integer(sum), add.expires.as_millis()));
            }
            for name in &change.unset {
                fields.remove(&**name);
            }
            for set in &change.set {
                fields.insert(set.name.to_string(), (set.value.clone(), set.expires.as_millis()));
            }
            model.fields = fields;
        }
        model.idle_until = change.touch.map_or(0, Timestamp::as_millis).max(model.idle_until);
        if let Some(Lifetime { idle_until, ends_at, remembered }) = change.restart {
            (model.idle_until, model.ends_at, model.remembered) =
                (idle_until.as_millis(), ends_at.as_millis(), remembered);
        }
        match &change.sign {
            None => {}
            Some(Sign::Out) => (model.user, model.authenticated_at) = (None, None),
            Some(Sign::In { user, at }) => {
                (model.user, model.authenticated_at) = (Some(user.to_vec()), Some(at.as_millis()))
            }
        }
        let at = Timestamp::from_millis(now);
        match change.renew {
            None => {}
            Some(Renew::Privilege { to }) => {
                model.previous = Some(Previous { verifier: model.verifier, replaced: Replaced::ByPrivilege { at } });
                (model.verifier, model.renewed_at) = (to, now);
                model.generation += 1;
            }
            Some(Renew::Timer { from, presented, to }) if from == model.verifier => {
                let replaced = Replaced::ByTimer { presented_at: None };
                model.previous = Some(Previous { verifier: presented, replaced });
                (model.verifier, model.renewed_at) = (to, now);
            }
            Some(Renew::Timer { .. }) => {}
            Some(Renew::Presented { verifier }) => {
                let waiting = Replaced::ByTimer { presented_at: None };
                if let Some(previous) = &mut model.previous
                    && verifier == model.verifier
                    && previous.replaced == waiting
                {
                    previous.replaced = Replaced::ByTimer { presented_at: Some(at) };
                }
            }
        }
        model.nonces.push(change.nonce.0);
        model.nonces = model.nonces.split_off(model.nonces.len().saturating_sub(8));
        let renewed = wanted == Some(model.verifier);
        *current = Some(model);
        Applied::Applied { renewed }
    }
}

/// One request's wishes for a record with two plain fields, an atomic one, a counter, and one of another build.
#[derive(Clone, Debug)]
struct Request {
    plain: [Option<Option<u8>>; 2],
    atomic: Option<u8>,
    add: Option<i8>,
    keep: Option<Vec<Name>>,
    renew: Option<bool>,
    touch: Option<u64>,
}

impl Request {
    /// The change this request commits after it loaded `record`.
    fn change(&self, record: &Record, to: Digest) -> Change {
        let mut change = Change::update(record.generation);
        for (name, wish) in ["a", "b"].into_iter().zip(self.plain) {
            match wish {
                None => {}
                Some(None) => change.unset.push(name.into()),
                Some(Some(value)) => {
                    change.set.push(Set { name: name.into(), value: vec![value], expires: Timestamp::NEVER });
                }
            }
        }
        if let Some(value) = self.atomic {
            let seen = record.fields.get("atomic").map(|entry| entry.value.to_vec());
            change.expect.push(Expect { name: "atomic".into(), value: seen });
            change.set.push(Set { name: "atomic".into(), value: vec![value], expires: Timestamp::NEVER });
        }
        if let Some(amount) = self.add {
            let (floor, ceiling) = (i64::MIN.into(), i64::MAX.into());
            change.add.push(Add {
                name: "n".into(),
                amount: amount.into(),
                floor,
                ceiling,
                initial: 0,
                expires: Timestamp::NEVER,
            });
        }
        change.keep.clone_from(&self.keep);
        change.renew = match self.renew {
            None => None,
            Some(true) => Some(Renew::Privilege { to }),
            Some(false) => Some(Renew::Timer { from: record.verifier, presented: record.verifier, to }),
        };
        change.touch = self.touch.map(Timestamp::from_millis);
        change
    }

    /// What the fields are after this request alone.
    fn on(&self, fields: &mut BTreeMap<String, Vec<u8>>) {
        if let Some(keep) = &self.keep {
            fields.retain(|name, _| keep.iter().any(|kept| kept == name));
        }
        let plain = ["a", "b"].into_iter().zip(self.plain);
        let atomic = self.atomic.map(|value| ("atomic", Some(Some(value))));
        for (name, wish) in plain.chain(atomic) {
            match wish {
                None => {}
                Some(None) => drop(fields.remove(name)),
                Some(Some(value)) => drop(fields.insert(name.into(), vec![value])),
            }
        }
        if let Some(amount) = self.add {
            let old = fields.get("n").map_or(0, |value| number(value).unwrap());
            fields.insert("n".into(), integer(old + i128::from(amount)));
        }
    }

    fn touches_other_fields_than(&self, other: &Self) -> bool {
        let alone = self.renew.is_none() && other.renew.is_none() && self.keep.is_none() && other.keep.is_none();
        let apart = self.plain.iter().zip(other.plain).all(|(mine, theirs)| mine.is_none() || theirs.is_none());
        alone && apart && (self.atomic.is_none() || other.atomic.is_none())
    }
}

/// Commits `first`, then `second`, both of which loaded `start`, and checks what became of them. Returns the fields.
fn interleave(
    start: &Arc<Record>,
    first: &Request,
    second: &Request,
) -> Result<BTreeMap<String, Vec<u8>>, TestCaseError> {
    let now = Timestamp::from_millis(10);
    let mut fields = BTreeMap::new();
    for entry in start.fields.iter() {
        fields.insert(entry.name.to_owned(), entry.value.to_vec());
    }
    let atomic_as_loaded = fields.get("atomic").cloned();

    let verdict = first.change(start, digest(1)).judge(Some(start), now);
    prop_assert_eq!(verdict.answer, Applied::Applied { renewed: first.renew.is_some() });
    let record = verdict.write.unwrap();
    first.on(&mut fields);
    prop_assert_eq!(&plainly(&record), &fields);

    let verdict = second.change(start, digest(2)).judge(Some(&record), now);
    let expected = if first.renew == Some(true) {
        // B23: privilege changed under it.
        Applied::Moved
    } else if second.atomic.is_some() && fields.get("atomic") != atomic_as_loaded.as_ref() {
        // B21: it would overwrite what it never saw.
        Applied::Conflict
    } else {
        // By the timer only one renews; the other's fields apply.
        Applied::Applied { renewed: second.renew == Some(true) || (second.renew.is_some() && first.renew.is_none()) }
    };
    prop_assert_eq!(verdict.answer, expected);
    prop_assert_eq!(verdict.write.is_some(), matches!(expected, Applied::Applied { .. }));
    let record = match verdict.write {
        Some(record) => {
            second.on(&mut fields);
            record
        }
        None => record,
    };
    prop_assert_eq!(&plainly(&record), &fields);
    let touched = [first.touch, second.touch.filter(|_| matches!(expected, Applied::Applied { .. }))];
    let idle_until = touched.into_iter().flatten().max().unwrap_or(0).max(start.idle_until.as_millis());
    prop_assert_eq!(record.idle_until.as_millis(), idle_until);
    Ok(fields)
}

fn plainly(record: &Record) -> BTreeMap<String, Vec<u8>> {
    record.fields.iter().map(|entry| (entry.name.to_owned(), entry.value.to_vec())).collect()
}

fn digest(number: u8) -> Digest {
    Digest::from([number; 16])
}

/// A MessagePack integer, read by serde.
fn number(value: &[u8]) -> Option<i128> {
    let mut rest = value;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    let number = <serde_json::Value as serde::Deserialize>::deserialize(&mut reader).ok()?;
    let number = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))?;
    rest.is_empty().then_some(number)
}

fn integer(number: i128) -> Vec<u8> {
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => rmp_serde::to_vec(&number),
        (_, Ok(number)) => rmp_serde::to_vec(&number),
        _ if number > 0 => rmp_serde::to_vec(&u64::MAX),
        _ => rmp_serde::to_vec(&i64::MIN),
    }
    .unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Delete,
    Change(Box<Change>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u64).prop_map(Step::Wait),
        1 => Just(Step::Delete),
        24 => change().prop_map(|change| Step::Change(Box::new(change))),
    ]
}

/// Moments around those that a short history gets to, and the end of time.
fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![9 => (0..60_u64).prop_map(Timestamp::from_millis), 1 => Just(Timestamp::NEVER)]
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    (moment(), moment(), any::<bool>()).prop_map(|(idle_until, ends_at, remembered)| Lifetime {
        idle_until,
        ends_at,
        remembered,
    })
}

fn few_digests() -> impl Strategy<Value = Digest> {
    (0..3_u8).prop_map(digest)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        1 => (few_digests(), moment(), lifetime())
            .prop_map(|(verifier, created_at, lifetime)| Target::New { verifier, created_at, lifetime }),
        4 => prop_oneof![4 => Just(0_u64), 2 => Just(1), 1 => Just(2)]
            .prop_map(|generation| Target::Existing { generation }),
    ]
}

fn renew() -> impl Strategy<Value = Renew> {
    prop_oneof![
        1 => few_digests().prop_map(|to| Renew::Privilege { to }),
        5 => (few_digests(), few_digests(), few_digests())
            .prop_map(|(from, presented, to)| Renew::Timer { from, presented, to }),
        5 => few_digests().prop_map(|verifier| Renew::Presented { verifier }),
    ]
}

fn renewal_step() -> impl Strategy<Value = Step> {
    let change = (0..2_u64, renew()).prop_map(|(generation, renew)| {
        Step::Change(Box::new(Change { renew: Some(renew), ..Change::update(generation) }))
    });
    prop_oneof![1 => (0..6_u64).prop_map(Step::Wait), 3 => change]
}

fn change() -> impl Strategy<Value = Change> {
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
enum AboutField {
    Set(Vec<u8>, Timestamp),
    Unset,
    Add(Add),
}

fn about_field() -> impl Strategy<Value = Option<AboutField>> {
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
fn counter_value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        (0..2_u8).prop_map(|number| Some(vec![number])),
        any::<i64>().prop_map(|number| Some(integer(number.into()))),
        any::<u64>().prop_map(|number| Some(integer(number.into()))),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Some),
    ]
}

/// A move within the bounds of some type.
fn any_add() -> impl Strategy<Value = Add> {
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

fn start() -> impl Strategy<Value = Arc<Record>> {
    let fields = (any::<Option<u8>>(), any::<Option<u8>>(), any::<Option<u8>>(), prop::option::of(-200..200_i128));
    fields.prop_map(|(a, b, atomic, n)| {
        let value = |name: &'static str, value: Vec<u8>| Set { name: name.into(), value, expires: Timestamp::NEVER };
        let (now, ends) = (Timestamp::from_millis(0), Timestamp::from_millis(100));
        let mut create = Change::create(digest(0), now, ends, Timestamp::NEVER);
        for (name, byte) in [("a", a), ("b", b), ("atomic", atomic)] {
            create.set.extend(byte.map(|byte| value(name, vec![byte])));
        }
        create.set.extend(n.map(|number| value("n", integer(number))));
        create.set.push(value("of another build", b"stays".to_vec()));
        create.judge(None, now).write.unwrap()
    })
}

fn request() -> impl Strategy<Value = Request> {
    let wish = || prop::option::of(prop::option::of(any::<u8>()));
    let keep = prop::sample::subsequence(vec!["a", "b", "atomic", "n"], 0..4);
    (
        [wish(), wish()],
        prop::option::of(any::<u8>()),
        prop::option::of(any::<i8>()),
        prop::option::weighted(0.2, keep.prop_map(|names| names.into_iter().map(Name::from).collect())),
        prop::option::weighted(0.4, any::<bool>()),
        prop::option::of(0..200_u64),
    )
        .prop_map(|(plain, atomic, add, keep, renew, touch)| Request { plain, atomic, add, keep, renew, touch })
}
