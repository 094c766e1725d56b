//! The store against [`Change::judge`], by long histories of changes of every kind. The histories are drawn by chance,
//! but always the same.

use std::sync::Arc;

use super::subject::{NOW, Seen, Sentence as _, Subject, by_timer, create, digest};
use crate::{
    clock::Timestamp,
    store::{Add, Change, Record, Renew, Store},
};

pub(super) async fn a_long_history_ends_as_the_reference_says<S: Store>(store: Arc<S>) {
    for seed in 1..=12 {
        let mut chance = Chance(seed);
        let session = Subject::created(&store).await;
        // The same record by the reference: its nonces differ, since no two changes have one.
        let mut record = create().judge(None, NOW).write.expect("a free key");
        let mut now = NOW;
        for step in 0..60 {
            now = now + std::time::Duration::from_secs(chance.below(200));
            let change = any_change(&mut chance, &record, now);
            let expected = change.judge(Some(&record), now);
            assert_eq!(session.apply_at(&change, now).await, expected.answer, "seed {seed}, step {step}: {change:#?}");
            record = expected.write.unwrap_or(record);
            let expected = record.is_live(now).then(|| Seen::at(&record, now));
            assert_eq!(session.load(now).await, expected, "seed {seed}, step {step}, after {change:#?}");
        }
    }
}

fn any_change(chance: &mut Chance, record: &Record, now: Timestamp) -> Change {
    let minutes = |minutes: u64| now + std::time::Duration::from_secs(60 * minutes);
    let stale = u64::from(chance.below(12) == 0);
    let mut change = Change::update(record.generation.wrapping_sub(stale));
    if chance.below(2) == 0 {
        change = change.touching(minutes(chance.below(40)));
    }
    if chance.below(10) == 0 {
        change = change.restarting(minutes(5 + chance.below(60)), minutes(5 + chance.below(200)), chance.below(2) == 0);
    }
    change = match chance.below(8) {
        0 => change.signing_in(&[chance.below(256) as u8; 3], now),
        1 => change.signing_out(),
        _ => change,
    };
    let to = digest(chance.below(250) as u8);
    change = match chance.below(10) {
        0 => change.renewing(Renew::Privilege { to }),
        1 => change.renewing(Renew::Timer { from: record.verifier, presented: digest(252), to }),
        2 => change.renewing(by_timer(digest(251), to)),
        3 => change.renewing(Renew::Presented { verifier: record.verifier }),
        _ => change,
    };
    if chance.below(10) == 0 {
        change = change.keeping(["a", "n"]);
    }
    for name in ["a", "b", "c", "n", "m"] {
        let expires = if chance.below(3) == 0 { minutes(1 + chance.below(10)) } else { Timestamp::NEVER };
        change = match chance.below(10) {
            0 | 1 => change.setting_until(name, [chance.below(256) as u8], expires),
            2 => change.unsetting(name),
            3 | 4 => change.adding_with(any_add(chance, name, expires)),
            5 if chance.below(2) == 0 => {
                let live = record.fields.get(name).filter(|entry| entry.is_live(now)).map(|entry| entry.value);
                change.expecting(name, live)
            }
            5 if chance.below(2) == 0 => change.expecting(name, None),
            _ => change,
        };
    }
    change
}

fn any_add(chance: &mut Chance, name: &'static str, expires: Timestamp) -> Add {
    let amount = i128::from(chance.below(1_000)) - 400;
    let (floor, ceiling) = [(0, 255), (i64::MIN.into(), i64::MAX.into()), (-100, 100_000)][chance.below(3) as usize];
    Add { name: name.into(), amount, floor, ceiling, initial: 7, expires }
}

/// Marsaglia's xorshift: any generator would do, as long as it is the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        for _ in 0..2 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
        }
        self.0 % bound
    }
}
