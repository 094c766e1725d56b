//! The law by which moves of a counter fold into one.

use proptest::prelude::*;
use session_runtime::{
    Timestamp,
    store::{Add, Change, Record, Set},
};

use crate::{
    chance::{any_add, counter_value},
    digest,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

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
