//! The suite that every store must pass notices a store that does not do as it should: each defect here is one that a
//! store in the field had or could have, and names the behaviour that must catch it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod index;
mod scan;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use session_runtime::{
    Timestamp,
    store::{
        Applied, Change, Ended, Entry, Fields, Key, Lifetime, Nonce, Previous, Record, Renew, Replaced, Store,
        StoreError, Target,
    },
    testing::conformance,
};

/// What is wrong with a store, and the behaviour that this breaks.
const DEFECTS: &[(Defect, &str)] = &[
    (Defect::ServesExpired, "deadlines: silence ends a session"),
    (Defect::DeadlineIsLive, "deadlines: the deadline itself is expired"),
    (Defect::RevivesExpired, "deadlines: an expired record is revived by no change"),
    (Defect::MakesGhosts, "guards: an update after deletion is gone"),
    (Defect::OverwritesOnCreate, "records: a taken key is a conflict"),
    (Defect::IgnoresGeneration, "guards: another generation is moved"),
    (Defect::IgnoresExpectations, "guards: an unmet expectation is a conflict"),
    (Defect::ConflictBeforeMoved, "guards: gone comes before moved and moved before conflict"),
    (Defect::ExpectsPrefixes, "guards: an expectation compares every byte"),
    (Defect::WritesHalfOfWhatItRefuses, "guards: nothing is written unless applied"),
    (Defect::ForgetsNonces, "nonces: a change sent again counts once"),
    (Defect::RemembersOneNonce, "nonces: the last eight changes are recognised"),
    (Defect::RemembersRefused, "nonces: a refused change may be sent again"),
    (Defect::TouchesBack, "deadlines: touching never moves it back"),
    (Defect::CountsSecondsIn32Bits, "deadlines: deadlines past 2038 and 2106"),
    (Defect::RoundsToSeconds, "deadlines: the deadline itself is expired"),
    (Defect::CleansUpTheLiving, "deadlines: cleaning up removes only the expired"),
    (Defect::MiscountsCleaning, "deadlines: cleaning up counts what it removes"),
    (Defect::ForgetsWhenSeen, "seen: every change moves it on"),
    (Defect::SeesWhenCreated, "seen: a new record was just seen"),
    (Defect::SeesTheRefused, "seen: a refused change does not move it"),
    (Defect::SeesTheRefused, "seen: a change sent again does not move it"),
    (Defect::SeesItEarlier, "seen: it never moves back"),
    (Defect::ForgetsTheUser, "identity: signing in and out"),
    (Defect::RenewsTwice, "renewal: who loses the timer race writes all the same"),
    (Defect::RefusesTheTimersLoser, "renewal: who loses the timer race writes all the same"),
    (Defect::KeepsTheRenewedVerifier, "renewal: the timer keeps what was presented"),
    (Defect::PresentsAgain, "renewal: presenting starts the minute once"),
    (Defect::DropsUnknownFields, "fields: fields that no change names stay"),
    (Defect::IgnoresKeep, "fields: keeping drops all others"),
    (Defect::KeepsTextOnly, "fields: values are any bytes"),
    (Defect::CutsValues, "fields: large values"),
    (Defect::DropsEmptyValues, "fields: empty values are values"),
    (Defect::FoldsCase, "fields: names are any text up to 255 bytes"),
    (Defect::CountsInFloats, "counters: numbers of every size"),
    (Defect::IgnoresBounds, "counters: bounds hold"),
    (Defect::CountsFromZero, "counters: an absent counter counts from initial"),
    (Defect::IgnoresFieldDeadlines, "expiring: an expired value is absent to expectations"),
    (Defect::ExpiresAllWithOne, "expiring: the rest outlives an expired value"),
    (Defect::KeepsExpiredValues, "expiring: an expired value goes with the next write"),
    (Defect::EndsNothing, "ending: ending removes"),
    (Defect::EndsByTheClock, "ending: ending removes"),
    (Defect::EndsAnyGeneration, "ending: another generation does not end"),
    (Defect::EndsTheMissing, "ending: ending what is not there is gone"),
    (Defect::EndsWithoutLock, "ending: one end of many wins"),
    (Defect::DeletesNothing, "records: deleting removes"),
    (Defect::RefusesToDeleteTheMissing, "records: deleting what is missing is fine"),
    (Defect::WritesWithoutLock, "races: additions at once are all counted"),
    (Defect::WritesWithoutLock, "races: what is deleted while written stays deleted"),
    (Defect::WritesWithoutLock, "races: one create of many wins"),
    (Defect::WritesInTwoSteps, "races: a reader never sees half a change"),
    (Defect::WritesInTwoSteps, "races: a write given up is whole or nothing"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    ServesExpired,
    DeadlineIsLive,
    RevivesExpired,
    MakesGhosts,
    OverwritesOnCreate,
    IgnoresGeneration,
    IgnoresExpectations,
    ConflictBeforeMoved,
    ExpectsPrefixes,
    WritesHalfOfWhatItRefuses,
    ForgetsNonces,
    RemembersOneNonce,
    RemembersRefused,
    TouchesBack,
    CountsSecondsIn32Bits,
    RoundsToSeconds,
    CleansUpTheLiving,
    MiscountsCleaning,
    ForgetsWhenSeen,
    SeesWhenCreated,
    SeesTheRefused,
    SeesItEarlier,
    ForgetsTheUser,
    RenewsTwice,
    RefusesTheTimersLoser,
    KeepsTheRenewedVerifier,
    PresentsAgain,
    DropsUnknownFields,
    IgnoresKeep,
    KeepsTextOnly,
    CutsValues,
    DropsEmptyValues,
    FoldsCase,
    CountsInFloats,
    IgnoresBounds,
    CountsFromZero,
    IgnoresFieldDeadlines,
    ExpiresAllWithOne,
    KeepsExpiredValues,
    EndsNothing,
    EndsByTheClock,
    EndsAnyGeneration,
    EndsTheMissing,
    EndsWithoutLock,
    DeletesNothing,
    RefusesToDeleteTheMissing,
    WritesWithoutLock,
    WritesInTwoSteps,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_defect_is_noticed() {
    let suite = |defect| conformance::run(async move || BadStore { records: Mutex::default(), defect });
    all_are_noticed(DEFECTS, suite).await;
}

/// Runs the suite against each defect, and checks that it is found where it should be.
async fn all_are_noticed<D: Copy + fmt::Debug, F>(defects: &[(D, &str)], suite: impl Fn(D) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    // The checks say no by panicking; thousands of lines of that tell nothing.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (defect, behaviour) in defects {
        // A race is won by chance: on a busy machine a bad store may look good for a while.
        let tries = if behaviour.contains("races") || behaviour.contains("of many") { 30 } else { 1 };
        let mut found = String::new();
        for _ in 0..tries {
            let suite = tokio::spawn(suite(*defect));
            found = suite.await.err().map_or_else(String::new, |failure| *failure.into_panic().downcast().unwrap());
            if found.contains(&format!("\n  {behaviour}:")) {
                break;
            }
        }
        if !found.contains(&format!("\n  {behaviour}:")) {
            missed.push(format!("{defect:?} was not noticed by `{behaviour}`, but by: {found}"));
        }
    }
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The shelf of the documentation with one defect.
struct BadStore {
    records: Mutex<HashMap<[u8; 16], Arc<Record>>>,
    defect: Defect,
}

impl BadStore {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], Arc<Record>>> {
        self.records.lock().unwrap()
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// The change, the record and the time as this store misunderstands them.
    fn misread(&self, change: &mut Change, current: &mut Option<Record>, now: &mut Timestamp) {
        let millisecond = Duration::from_millis(1);
        match self.defect {
            Defect::DeadlineIsLive if now.as_millis() > 0 => *now = Timestamp::from_millis(now.as_millis() - 1),
            Defect::RevivesExpired => *now = Timestamp::from_millis(0),
            Defect::MakesGhosts if current.is_none() && !matches!(change.target, Target::New { .. }) => {
                let ends = *now + millisecond * 1_000_000;
                change.target = Change::create([0; 16].into(), *now, ends, ends).target;
            }
            Defect::OverwritesOnCreate if matches!(change.target, Target::New { .. }) => *current = None,
            Defect::IgnoresGeneration => {
                if let (Target::Existing { generation }, Some(record)) = (&mut change.target, &current) {
                    *generation = record.generation;
                }
            }
            Defect::IgnoresExpectations => change.expect.clear(),
            Defect::ExpectsPrefixes => {
                for expect in &mut change.expect {
                    let stored = current.as_ref().and_then(|record| record.fields.get(&expect.name));
                    if let (Some(expected), Some(stored)) = (&mut expect.value, stored)
                        && stored.value.starts_with(expected)
                    {
                        *expected = stored.value.to_vec();
                    }
                }
            }
            Defect::ForgetsNonces => change.nonce = Nonce::next(),
            Defect::RemembersOneNonce => {
                if let Some(record) = current {
                    record.nonces.drain(..record.nonces.len().saturating_sub(1));
                }
            }
            Defect::TouchesBack => {
                if let (Some(touch), Some(record)) = (change.touch, current)
                    && record.is_live(*now)
                {
                    record.idle_until = touch.max(*now + millisecond);
                }
            }
            Defect::RenewsTwice => {
                if let (Some(Renew::Timer { from, .. }), Some(record)) = (&mut change.renew, current) {
                    *from = record.verifier;
                }
            }
            Defect::KeepsTheRenewedVerifier => {
                if let Some(Renew::Timer { from, presented, .. }) = &mut change.renew {
                    *presented = *from;
                }
            }
            Defect::PresentsAgain => {
                if let (
                    Some(Renew::Presented { .. }),
                    Some(Record {
                        previous: Some(Previous { replaced: Replaced::ByTimer { presented_at }, .. }), ..
                    }),
                ) = (&change.renew, current)
                {
                    *presented_at = None;
                }
            }
            Defect::DropsUnknownFields if !change.set.is_empty() => {
                change.keep = Some(change.set.iter().map(|set| set.name.clone()).collect());
            }
            Defect::IgnoresKeep => change.keep = None,
            Defect::KeepsTextOnly => {
                for set in &mut change.set {
                    set.value = String::from_utf8_lossy(&set.value).into_owned().into_bytes();
                }
            }
            Defect::CutsValues => change.set.iter_mut().for_each(|set| set.value.truncate(65_535)),
            Defect::DropsEmptyValues => change.set.retain(|set| !set.value.is_empty()),
            Defect::FoldsCase => {
                for set in &mut change.set {
                    set.name = set.name.to_lowercase().into();
                }
            }
            Defect::CountsInFloats => {
                for add in &mut change.add {
                    add.amount = add.amount as f64 as i128;
                }
            }
            Defect::IgnoresBounds => {
                for add in &mut change.add {
                    (add.floor, add.ceiling) = (i128::MIN, i128::MAX);
                }
            }
            Defect::CountsFromZero => change.add.iter_mut().for_each(|add| add.initial = 0),
            Defect::IgnoresFieldDeadlines => {
                if let Some(record) = current {
                    record.fields =
                        gather(record.fields.iter().map(|entry| Entry { expires: Timestamp::NEVER, ..entry }));
                }
            }
            _ => {}
        }
    }

    /// The answer, and what is to be written only after a while.
    fn write(
        &self,
        key: &Key,
        mut change: Change,
        early: Option<Arc<Record>>,
        mut now: Timestamp,
    ) -> (Applied, Option<Arc<Record>>) {
        let mut records = self.lock();
        let stored = if self.has(Defect::WritesWithoutLock) { early } else { records.get(&key.digest()).cloned() };
        let mut current = stored.as_deref().cloned();
        self.misread(&mut change, &mut current, &mut now);
        let verdict = change.judge(current.as_ref(), now);
        if let (Some(record), None, true) = (current, &verdict.write, stored.is_some()) {
            let (answer, record) = self.misrefuse(&change, record, verdict.answer, now);
            records.insert(key.digest(), Arc::new(record));
            return (answer, None);
        }
        let Some(record) = verdict.write else { return (verdict.answer, None) };
        if let (Defect::RefusesTheTimersLoser, Some(Renew::Timer { .. }), Applied::Applied { renewed: false }) =
            (self.defect, &change.renew, verdict.answer)
        {
            return (Applied::Conflict, None);
        }
        let mut record = Arc::unwrap_or_clone(record);
        self.miswrite(&mut record, stored.as_deref(), now);
        let Some(stored) = stored.filter(|_| self.has(Defect::WritesInTwoSteps)) else {
            records.insert(key.digest(), Arc::new(record));
            return (verdict.answer, None);
        };
        // The first field, and only then the others.
        let fields = record.fields.iter().take(1).chain(stored.fields.iter().skip(1));
        let half = Record { fields: gather(fields), ..record.clone() };
        records.insert(key.digest(), Arc::new(half));
        (verdict.answer, Some(Arc::new(record)))
    }

    /// What is answered and left behind by this store when it refuses, or has the change already.
    fn misrefuse(&self, change: &Change, mut record: Record, answer: Applied, now: Timestamp) -> (Applied, Record) {
        match self.defect {
            Defect::RemembersRefused if !record.has_seen(change.nonce) => record.nonces.push(change.nonce),
            Defect::WritesHalfOfWhatItRefuses => {
                record.idle_until = record.idle_until.max(change.touch.unwrap_or(record.idle_until));
            }
            Defect::SeesTheRefused => record.seen_at = now,
            Defect::ConflictBeforeMoved if answer == Applied::Moved && !change.expect.is_empty() => {
                return (Applied::Conflict, record);
            }
            _ => {}
        }
        (answer, record)
    }

    /// The record as this store keeps it.
    fn miswrite(&self, record: &mut Record, before: Option<&Record>, now: Timestamp) {
        let kept_in = |unit: u64, moment: &mut Timestamp| {
            if *moment != Timestamp::NEVER {
                *moment = Timestamp::from_millis(moment.as_millis() / unit * unit);
            }
        };
        match self.defect {
            Defect::CountsSecondsIn32Bits => {
                for moment in [&mut record.idle_until, &mut record.ends_at, &mut record.created_at] {
                    *moment = (*moment).min(Timestamp::from_millis(u64::from(u32::MAX) * 1_000));
                }
            }
            Defect::RoundsToSeconds => {
                kept_in(1_000, &mut record.idle_until);
                kept_in(1_000, &mut record.ends_at);
            }
            Defect::ForgetsWhenSeen => record.seen_at = before.map_or(record.seen_at, |before| before.seen_at),
            Defect::SeesWhenCreated if before.is_none() => record.seen_at = record.created_at,
            Defect::SeesItEarlier => record.seen_at = now,
            Defect::ForgetsTheUser => record.user = None,
            Defect::ExpiresAllWithOne => {
                let first = record.fields.iter().map(|entry| entry.expires).min();
                record.idle_until = record.idle_until.min(first.unwrap_or(Timestamp::NEVER)).max(now);
            }
            Defect::KeepsExpiredValues => {
                for entry in before.iter().flat_map(|before| before.fields.iter()) {
                    if !entry.is_live(now) && record.fields.get(entry.name).is_none() {
                        record.fields.push(entry);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Store for BadStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let record = self.lock().get(&key.digest()).cloned();
        Ok(record.filter(|record| match self.defect {
            Defect::ServesExpired => true,
            Defect::DeadlineIsLive => record.expires_at() >= now,
            _ => record.is_live(now),
        }))
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let early = self.lock().get(&key.digest()).cloned();
        if self.has(Defect::WritesWithoutLock) {
            tokio::task::yield_now().await;
        }
        let (answer, late) = self.write(key, change.clone(), early, now);
        if let Some(record) = late {
            tokio::task::yield_now().await;
            self.lock().insert(key.digest(), record);
        }
        Ok(answer)
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        let applied = Applied::Applied { renewed: false };
        let verdict = change.judge(self.lock().get(&key.digest()).map(|record| &**record), now);
        match self.defect {
            Defect::EndsNothing => return Ok(verdict.answer.into()),
            Defect::EndsByTheClock => {
                let mut change = change.clone();
                change.restart = Some(Lifetime { idle_until: now, ends_at: now, remembered: false });
                return self.apply(key, &change, now).await.map(Ended::from);
            }
            Defect::EndsTheMissing if verdict.answer == Applied::Gone => return Ok(applied.into()),
            Defect::EndsAnyGeneration if verdict.answer == Applied::Moved => {}
            _ if verdict.write.is_none() => return Ok(verdict.answer.into()),
            Defect::EndsWithoutLock => tokio::task::yield_now().await,
            _ => {}
        }
        self.lock().remove(&key.digest());
        Ok(applied.into())
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        if self.has(Defect::DeletesNothing) {
            return Ok(());
        }
        let removed = self.lock().remove(&key.digest());
        if removed.is_none() && self.has(Defect::RefusesToDeleteTheMissing) {
            return Err(StoreError::new("there is no such session"));
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut records = self.lock();
        let before = records.len();
        records.retain(|_, record| match self.defect {
            Defect::CleansUpTheLiving => {
                record.created_at.passed(now) && record.idle_until.min(record.ends_at) > now + Duration::from_secs(600)
            }
            _ => record.is_live(now),
        });
        let removed = (before - records.len()) as u64;
        Ok(if self.has(Defect::MiscountsCleaning) { removed / 2 } else { removed })
    }
}

fn gather<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Fields {
    let mut fields = Fields::default();
    entries.for_each(|entry| fields.push(entry));
    fields
}
