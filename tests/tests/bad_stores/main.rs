//! Tests that the conformance suite notices a store that breaks the contract. The table lists defects that real stores have had
//! or could have. Each defect stands beside the check that must catch it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use session_runtime::{
    Timestamp,
    store::{Class, Feed, Key, Position, Revision, Scanned, Store, StoreError, Swapped, Value, Versioned},
    testing::conformance::{self, Expiry},
};
use tokio::task::yield_now;

macro_rules! defects {
    ($($defect:ident: $check:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Defect {
            None,
            $($defect,)+
        }

        /// All defects, each with the check that must fail.
        const DEFECTS: &[(Defect, &str)] = &[$((Defect::$defect, $check),)+];
    };
}

defects! {
    IgnoresBefore: "swap: an older revision is stale",
    OverwritesOnCreate: "swap: a taken key is not created",
    CreatesWhatIsGone: "swap: a removed value stays removed",
    OverwritesTheExpired: "expiry: an expired value is swapped like any other",
    HidesTheExpired: "expiry: an expired value is swapped like any other",
    RefusesNothingForNothing: "swap: a swap of nothing for nothing is done",
    ComparesContents: "swap: revisions are compared and not contents",
    AnswersDoneAgain: "swap: a swap sent again is stale",
    WritesWhatIsStale: "swap: an older revision is stale",
    StaleSaysNothing: "swap: an older revision is stale",
    StaleSaysBefore: "swap: an older revision is stale",
    DoneSaysAnOldRevision: "swap: done carries the revision that a load answers",
    RemovesNothing: "swap: a removed value stays removed",
    RemovesAnything: "swap: a taken key is not created",
    LoadsFromACache: "swap: every handle sees a write at once",
    AnswersBeforeItWrites: "swap: every handle sees a write at once",
    KeepsTextOnly: "load: any bytes come back and can be replaced",
    CutsValues: "load: contents of every size come back",
    RefusesDamagedValues: "load: any bytes come back and can be replaced",
    LoadsManyInAnotherOrder: "load: several values are loaded at once",
    LoadsManyWithoutTheAbsent: "load: several values are loaded at once",
    LoadsManyOnceEach: "load: several values are loaded at once",
    LoadsAtMost64: "load: several values are loaded at once",
    CutsKeys: "load: keys do not collide",
    FoldsKeys: "load: keys do not collide",
    SecondsIn32Bits: "expiry: deadlines of every size come back",
    RefusesTheExpired: "expiry: a value that has expired already can be written",
    WritesWithoutALock: "races: no update is lost",
    WritesInTwoSteps: "races: a reader never sees half a value",
    WritesWhatWasGivenUp: "races: a swap given up is whole or nothing",
    CleansUpTheLiving: "expiry: cleaning up removes nothing live",
    CleansUpByOldDeadlines: "expiry: cleaning up removes nothing live",
    CleansUpNothing: "expiry: cleaning up removes the expired and counts them",
    MiscountsCleaning: "expiry: cleaning up removes the expired and counts them",
    CleansUpWithoutComparing: "races: cleaning up removes nothing that is extended",
    LivesForMilliseconds: "expiry: a server keeps values until they expire",
    AnnouncesNothing: "feed: critical writes are announced",
    AnnouncesNoRemovals: "feed: critical writes are announced",
    StopsListening: "feed: critical writes are announced",
    ScanStopsEarly: "scan: every value is found as it is",
    ScanSkipsOne: "scan: every value is found as it is",
    ScanMixesUp: "scan: every value is found as it is",
    ScanMakesOneUp: "scan: every value is found as it is",
    ScanNeverEnds: "scan: every value is found as it is",
    ScanStopsAnswering: "scan: every value is found as it is",
    ScanTakesAnyPosition: "scan: a position of another store is an error",
}

#[test]
fn every_defect_is_caught() {
    // The checks fail by panicking. Without the hook, the test would print thousands of lines of panic messages.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (defect, check) in DEFECTS {
        // Whether a race goes wrong depends on chance, so a bad store may pass a few times, above all on a busy machine.
        let tries = if check.starts_with("races") { 30 } else { 1 };
        let says: Vec<_> = (0..tries).map(|_| suite(*defect)).take_while(|says| !says.contains(check)).collect();
        if says.len() == tries {
            missed.push(format!("{defect:?} should fail `{check}`, and the suite says: {:?}", says.last()));
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The store passes the suite if it has no defect, so the failures in `every_defect_is_caught` come from the defects.
#[test]
fn a_store_without_a_defect_passes() {
    assert_eq!(suite(Defect::None), "");
}

/// Returns the suite's failures for a store with this defect.
fn suite(defect: Defect) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let place = Place::default();
    let feeds = Feeds::default();
    let open = async || BadStore { place: place.clone(), feeds: feeds.clone(), cache: Mutex::default(), defect };
    let run = async || match defect {
        Defect::LivesForMilliseconds => conformance::run_with(Expiry::ByServer, open).await,
        _ => conformance::run(open).await,
    };
    let failed = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run()))).err();
    failed.map(|failed| *failed.downcast::<String>().unwrap()).unwrap_or_default()
}

/// The stored values, each with the time at which a clean-up removes it.
type Held = BTreeMap<Vec<u8>, (Value, Timestamp)>;
type Place = Arc<Mutex<Held>>;
type Feeds = Arc<Mutex<Vec<Feed>>>;

struct BadStore {
    place: Place,
    feeds: Feeds,
    cache: Mutex<HashMap<Key, Option<Value>>>,
    defect: Defect,
}

impl BadStore {
    fn name(&self, key: &Key) -> Vec<u8> {
        match self.defect {
            Defect::CutsKeys => key.digest()[..15].to_vec(),
            Defect::FoldsKeys => String::from_utf8_lossy(&key.digest()).to_lowercase().into_bytes(),
            _ => key.digest().to_vec(),
        }
    }

    fn held(&self, key: &Key) -> Option<Value> {
        let held = self.place.lock().unwrap().get(&self.name(key)).cloned();
        let held = held.filter(|(_, deadline)| {
            self.defect != Defect::LivesForMilliseconds || !deadline.passed(SystemTime::now().into())
        });
        held.map(|(value, _)| value)
    }

    fn put(&self, place: &mut Held, key: &Key, value: Value) {
        let before = place.get(&self.name(key)).map(|(_, deadline)| *deadline);
        let deadline = match self.defect {
            Defect::CleansUpByOldDeadlines => before.unwrap_or(value.expires_at()),
            Defect::LivesForMilliseconds => {
                let now = SystemTime::now().into();
                now + value.expires_at().since(now) / 1_000
            }
            _ => value.expires_at(),
        };
        place.insert(self.name(key), (value, deadline));
    }

    /// Whether the store accepts `before` as the key's current value.
    fn is_current(
        &self,
        held: Option<&Value>,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> bool {
        let revision = held.map(|held| Revision::from(held.revision()));
        let content = |value: &Value| value.to_bytes().slice(value.to_bytes().len().min(8)..);
        revision.as_ref() == before.map(Versioned::revision)
            || match self.defect {
                Defect::IgnoresBefore => true,
                Defect::OverwritesOnCreate => before.is_none(),
                Defect::CreatesWhatIsGone => held.is_none(),
                Defect::OverwritesTheExpired => {
                    before.is_none() && held.is_some_and(|held| held.expires_at().passed(now))
                }
                Defect::ComparesContents => held.map(content) == before.map(|before| content(before.value())),
                Defect::AnswersDoneAgain => held.map(Value::revision) == after.map(Value::revision),
                Defect::RemovesAnything => after.is_none(),
                _ => false,
            }
    }

    /// Lists the expired values, and then removes them without checking again that they are expired.
    async fn delete_by_name(&self, now: Timestamp) -> u64 {
        let is_due =
            |(name, (_, deadline)): (&Vec<u8>, &(Value, Timestamp))| deadline.passed(now).then(|| name.clone());
        let due: Vec<_> = self.place.lock().unwrap().iter().filter_map(is_due).collect();
        yield_now().await;
        let mut place = self.place.lock().unwrap();
        due.iter().filter(|name| place.remove(*name).is_some()).count() as u64
    }

    /// Returns `value` as this store stores it. Some defects change the value.
    fn kept(&self, value: &Value) -> Value {
        let mut bytes = value.to_bytes().to_vec();
        match self.defect {
            Defect::KeepsTextOnly => bytes = String::from_utf8_lossy(&bytes).into_owned().into_bytes(),
            Defect::CutsValues => bytes.truncate(65_535),
            Defect::SecondsIn32Bits => {
                let end = value.expires_at().as_millis().min(u64::from(u32::MAX) * 1_000);
                bytes.splice(9..15, end.to_be_bytes().into_iter().skip(2));
            }
            _ => {}
        }
        Value::from_bytes(bytes)
    }

    /// Performs the swap while holding the lock. `early` is the value that the key had before the lock was taken.
    fn write(
        &self,
        key: &Key,
        early: Option<Value>,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Swapped {
        let place = &mut *self.place.lock().unwrap();
        let held = place.get(&self.name(key)).map(|(value, _)| value.clone());
        let held = if self.defect == Defect::WritesWithoutALock { early } else { held };
        if !self.is_current(held.as_ref(), before, after, now) {
            if let (Defect::WritesWhatIsStale, Some(after)) = (self.defect, after) {
                self.put(place, key, after.clone());
            }
            return Swapped::Stale(match self.defect {
                Defect::StaleSaysNothing => None,
                Defect::StaleSaysBefore => before.cloned(),
                _ => held.map(Versioned::new),
            });
        }
        match (after, self.defect) {
            (None, Defect::RemovesNothing) => {}
            (None, _) => drop(place.remove(&self.name(key))),
            (Some(after), _) => self.put(place, key, self.kept(after)),
        }
        match (before, self.defect) {
            (Some(before), Defect::DoneSaysAnOldRevision) => Swapped::Done(before.revision().clone()),
            _ => after.map_or_else(Swapped::removed, Swapped::written),
        }
    }
}

impl Store for BadStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        let held = match self.defect {
            Defect::LoadsFromACache => self.cache.lock().unwrap().entry(*key).or_insert_with(|| self.held(key)).clone(),
            Defect::HidesTheExpired => self.held(key).filter(|held| !held.expires_at().passed(now)),
            _ => self.held(key),
        };
        Ok(held.map(Versioned::new))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let early = self.held(key);
        match (self.defect, after) {
            (Defect::RefusesDamagedValues, _) if early.as_ref().is_some_and(|held| held.class() == Class::Unknown) => {
                return Err(StoreError::new("this is not a value"));
            }
            (Defect::RefusesNothingForNothing, None) if before.is_none() && early.is_none() => {
                return Ok(Swapped::Stale(None));
            }
            (Defect::RefusesTheExpired, Some(after)) if after.expires_at().passed(now) => {
                return Err(StoreError::new("a time to live must be positive"));
            }
            (Defect::WritesInTwoSteps, Some(after)) if self.is_current(early.as_ref(), before, None, now) => {
                let mut half = after.to_bytes().to_vec();
                let middle = half.len() / 2;
                half[middle..].fill(0);
                self.put(&mut self.place.lock().unwrap(), key, Value::from_bytes(half));
                yield_now().await;
                self.put(&mut self.place.lock().unwrap(), key, after.clone());
                return Ok(Swapped::written(after));
            }
            (Defect::AnswersBeforeItWrites, Some(after)) if self.is_current(early.as_ref(), before, None, now) => {
                let (place, name, value) = (self.place.clone(), self.name(key), after.clone());
                tokio::spawn(async move {
                    yield_now().await;
                    place.lock().unwrap().insert(name, (value.clone(), value.expires_at()));
                });
                return Ok(Swapped::written(after));
            }
            (Defect::WritesWhatWasGivenUp, Some(after)) => {
                let late = Late { store: self, key, value: after };
                yield_now().await;
                std::mem::forget(late);
            }
            (Defect::WritesWithoutALock, _) => yield_now().await,
            _ => {}
        }
        let swapped = self.write(key, early, before, after, now);
        let is_silent = self.defect == Defect::AnnouncesNoRemovals && after.is_none();
        if matches!(swapped, Swapped::Done(_)) && after.is_none_or(Value::is_critical) && !is_silent {
            self.feeds.lock().unwrap().iter().for_each(|feed| feed.wrote(key));
        }
        Ok(swapped)
    }

    async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        let mut keys = keys.to_vec();
        match self.defect {
            Defect::LoadsManyInAnotherOrder => keys.sort_by_key(Key::digest),
            Defect::LoadsManyOnceEach => keys.dedup(),
            Defect::LoadsAtMost64 => keys.truncate(64),
            _ => {}
        }
        let mut values = Vec::new();
        for key in &keys {
            values.push(self.load(key, now).await?);
        }
        if self.defect == Defect::LoadsManyWithoutTheAbsent {
            values.retain(Option::is_some);
        }
        Ok(values)
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        if self.defect == Defect::StopsListening {
            let (heard, hears) = tokio::sync::oneshot::channel::<()>();
            let heard = Mutex::new(Some(heard));
            self.feeds.lock().unwrap().push(Feed::new(move |key| {
                if heard.lock().unwrap().take().is_some() {
                    feed.wrote(key);
                }
            }));
            let _ = hears.await;
            return Ok(());
        }
        if self.defect != Defect::AnnouncesNothing {
            self.feeds.lock().unwrap().push(feed);
        }
        std::future::pending().await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        if self.defect == Defect::CleansUpWithoutComparing {
            return Ok(self.delete_by_name(now).await);
        }
        if self.defect == Defect::LivesForMilliseconds {
            return Ok(0);
        }
        let mut place = self.place.lock().unwrap();
        let (all, early) = (place.len(), Duration::from_millis(u64::from(self.defect == Defect::CleansUpTheLiving)));
        place.retain(|_, (_, deadline)| self.defect == Defect::CleansUpNothing || !deadline.passed(now + early));
        let removed = (all - place.len()) as u64;
        Ok(if self.defect == Defect::MiscountsCleaning { removed / 2 } else { removed })
    }

    async fn scan(&self, from: &Position, _now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        if self.defect == Defect::ScanStopsAnswering && *from != Position::start() {
            return Ok(None);
        }
        if from.as_bytes().len() > 16 && self.defect != Defect::ScanTakesAnyPosition {
            return Err(StoreError::new("this position is not one of this store"));
        }
        let place = self.place.lock().unwrap();
        let rest = place.iter().filter(|(name, _)| name.as_slice() > from.as_bytes());
        let key = |name: &[u8]| Key::from_digest(name.try_into().unwrap());
        let mut values: Vec<_> =
            rest.take(100).map(|(name, (value, _))| (key(name), Versioned::new(value.clone()))).collect();
        let mut next = values.last().map(|(key, _)| Position::new(key.digest()));
        match self.defect {
            Defect::ScanStopsEarly => next = None,
            Defect::ScanSkipsOne => drop(values.pop()),
            Defect::ScanMixesUp if values.len() > 1 => {
                let (first, second) = (values[0].0, values[1].0);
                (values[0].0, values[1].0) = (second, first);
            }
            Defect::ScanMakesOneUp if next.is_none() => {
                values.push((Key::random().unwrap(), Versioned::new(Value::from_bytes(vec![7; 40]))));
            }
            Defect::ScanNeverEnds if next.is_none() => next = Some(Position::start()),
            _ => {}
        }
        Ok(Some(Scanned { values, next }))
    }
}

/// Performs the write when the future of a swap is dropped.
struct Late<'a> {
    store: &'a BadStore,
    key: &'a Key,
    value: &'a Value,
}

impl Drop for Late<'_> {
    fn drop(&mut self) {
        let (place, name, value) = (self.store.place.clone(), self.store.name(self.key), self.value.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            place.lock().unwrap().insert(name, (value.clone(), value.expires_at()));
        });
    }
}
