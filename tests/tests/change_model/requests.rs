//! Two requests that load one record and then commit, in either order.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use session_runtime::{
    Timestamp,
    store::{Add, Applied, Change, Digest, Expect, Name, Record, Renew, Set},
};

use crate::{digest, integer, number};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

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
