//! The same for stores that know whose sessions are whose, and are wrong about it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use session_runtime::{
    Timestamp,
    store::{Applied, Change, ENTRY_GRACE, Key, Record, Store, StoreError, User, UserEntry, UserIndex},
    testing::conformance,
};

/// What is wrong with an index, and the behaviour that this breaks.
const DEFECTS: &[(Defect, &str)] = &[
    (Defect::NewestFirst, "users: entries come oldest first"),
    (Defect::KeepsThePlace, "users: entering again moves to the end"),
    (Defect::EntersTwice, "users: entering again moves to the end"),
    (Defect::NamesTheUser, "users: an entry names its record"),
    (Defect::ForgetsWhen, "users: an entry says when it came"),
    (Defect::OneListForAll, "users: other users are left alone"),
    (Defect::OneUserForEachKey, "users: one key may be under two users"),
    (Defect::UsersAreText, "users: a user is any bytes"),
    (Defect::CutsUsers, "users: a user is any bytes"),
    (Defect::TakesOutTheFirst, "users: leaving takes these out"),
    (Defect::StopsAtTheMissing, "users: leaving what is not there is fine"),
    (Defect::RefusesTheMissing, "users: leaving what is not there is fine"),
    (Defect::EndsWhoLeaves, "users: leaving ends no session"),
    (Defect::TakesOutOfAllLists, "users: other users are left alone"),
    (Defect::DropsArrivals, "sign_ins: an entry stands before its session comes"),
    (Defect::KeepsTheMoment, "sign_ins: entering again is an arrival anew"),
    (Defect::KeepsTheLatest, "sign_ins: an entry called off stays for its session"),
    (Defect::DropsOnWrite, "sign_ins: an entry stands while its session changes"),
    (Defect::KeepsTwenty, "sign_ins: entries stand however many come"),
    (Defect::TakesOutAll, "sign_ins: no order of steps leaves a session unlisted"),
    (Defect::KeepsArrivals, "vanishing: an entry without a session vanishes"),
    (Defect::KeepsTheGone, "vanishing: the entry of a deleted session vanishes"),
    (Defect::KeepsTheGone, "vanishing: the entry of an expired session vanishes"),
    (Defect::IgnoresWhoSignedIn, "vanishing: the entry of who signed out vanishes"),
    (Defect::IgnoresWhoSignedIn, "vanishing: the entry of who signed in as another vanishes"),
    (Defect::CountsEntries, "vanishing: cleaning up counts sessions only"),
    (Defect::EntersInTwoSteps, "user_races: entries of many at once all stand"),
    (Defect::LeavesInTwoSteps, "user_races: who leaves takes nobody along"),
    (Defect::LeavesOneByOne, "user_races: several leave at once"),
    (Defect::LeavesOneByOne, "user_races: an entry given up is there or not"),
    (Defect::TakesOutAll, "user_races: no session outlives the end of all"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    NewestFirst,
    KeepsThePlace,
    EntersTwice,
    NamesTheUser,
    ForgetsWhen,
    OneListForAll,
    OneUserForEachKey,
    UsersAreText,
    CutsUsers,
    TakesOutTheFirst,
    StopsAtTheMissing,
    RefusesTheMissing,
    EndsWhoLeaves,
    TakesOutOfAllLists,
    DropsArrivals,
    KeepsTheMoment,
    KeepsTheLatest,
    DropsOnWrite,
    KeepsTwenty,
    KeepsArrivals,
    KeepsTheGone,
    IgnoresWhoSignedIn,
    CountsEntries,
    EntersInTwoSteps,
    LeavesInTwoSteps,
    LeavesOneByOne,
    TakesOutAll,
    /// None.
    Sound,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_defect_is_noticed() {
    super::all_are_noticed(DEFECTS, suite).await;
}

/// What the defects are noticed by is them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_defect_nothing_is_noticed() {
    suite(Defect::Sound).await;
}

fn suite(defect: Defect) -> impl Future<Output = ()> + Send + 'static {
    conformance::run_user_index(async move || BadIndex { inner: Mutex::default(), defect })
}

struct BadIndex {
    inner: Mutex<Inner>,
    defect: Defect,
}

#[derive(Default)]
struct Inner {
    records: HashMap<[u8; 16], Arc<Record>>,
    users: HashMap<Vec<u8>, Vec<(Key, Timestamp)>>,
}

impl BadIndex {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn name(&self, user: &User) -> Vec<u8> {
        match self.defect {
            Defect::OneListForAll => Vec::new(),
            Defect::UsersAreText => String::from_utf8_lossy(user.as_bytes()).to_lowercase().into_bytes(),
            Defect::CutsUsers => user.as_bytes().iter().take(255).copied().collect(),
            _ => user.as_bytes().to_vec(),
        }
    }

    /// Whether an entry of `user` stands for nothing.
    fn is_dead(
        &self,
        records: &HashMap<[u8; 16], Arc<Record>>,
        user: &[u8],
        entry: (Key, Timestamp),
        now: Timestamp,
    ) -> bool {
        let (key, at) = entry;
        let arriving = match self.defect {
            Defect::DropsArrivals => false,
            Defect::KeepsArrivals => true,
            _ => !(at + ENTRY_GRACE).passed(now),
        };
        match records.get(&key.digest()) {
            _ if self.has(Defect::KeepsTheGone) => false,
            Some(record) if !record.is_live(now) => true,
            Some(record) if self.has(Defect::IgnoresWhoSignedIn) || record.user.as_deref() == Some(user) => false,
            _ => !arriving,
        }
    }

    fn clean(&self, inner: &mut Inner, user: &[u8], now: Timestamp) -> usize {
        let Inner { records, users } = inner;
        let Some(entries) = users.get_mut(user) else { return 0 };
        let before = entries.len();
        entries.retain(|entry| !self.is_dead(records, user, *entry, now));
        before - entries.len()
    }

    /// The entries of a user after one more.
    fn entered(&self, entries: &mut Vec<(Key, Timestamp)>, new: (Key, Timestamp)) {
        match entries.iter().position(|(key, _)| *key == new.0) {
            Some(place) if self.has(Defect::KeepsThePlace) => entries[place] = new,
            Some(place) if self.has(Defect::KeepsTheMoment) => {
                let first = entries.remove(place);
                entries.push(first);
            }
            Some(place) if self.has(Defect::KeepsTheLatest) => {
                let (_, before) = entries.remove(place);
                entries.push((new.0, new.1.max(before)));
            }
            Some(place) => {
                if !self.has(Defect::EntersTwice) {
                    entries.remove(place);
                }
                entries.push(new);
            }
            None => entries.push(new),
        }
        if self.has(Defect::KeepsTwenty) {
            entries.drain(..entries.len().saturating_sub(20));
        }
    }

    /// Whether an entry is among these that are to leave.
    fn leaves(&self, entry: &Key, keys: &[Key], entries: &[(Key, Timestamp)]) -> bool {
        let is_there = |key: &&Key| entries.iter().any(|(there, _)| there == *key);
        match self.defect {
            Defect::TakesOutAll => true,
            Defect::TakesOutTheFirst => keys.first() == Some(entry),
            Defect::StopsAtTheMissing => keys.iter().take_while(is_there).any(|key| key == entry),
            _ => keys.contains(entry),
        }
    }
}

impl UserIndex for BadIndex {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name(user);
        let early = self.lock().users.get(&name).cloned().unwrap_or_default();
        if self.has(Defect::EntersInTwoSteps) {
            tokio::task::yield_now().await;
        }
        let mut inner = self.lock();
        let mut entries = match self.defect {
            Defect::EntersInTwoSteps => early,
            _ => inner.users.get(&name).cloned().unwrap_or_default(),
        };
        self.entered(&mut entries, (*key, now));
        if self.has(Defect::OneUserForEachKey) {
            inner.users.values_mut().for_each(|entries| entries.retain(|(there, _)| there != key));
        }
        inner.users.insert(name, entries);
        Ok(())
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        let there = self.lock().users.get(&self.name(user)).cloned().unwrap_or_default();
        let mut entries: Vec<_> = there.into_iter().map(|(key, at)| UserEntry { key, at }).collect();
        match self.defect {
            Defect::NewestFirst => entries.reverse(),
            Defect::NamesTheUser => entries.iter_mut().for_each(|entry| entry.key = Key::from_digest(user.digest())),
            Defect::ForgetsWhen => entries.iter_mut().for_each(|entry| entry.at = Timestamp::from_millis(0)),
            _ => {}
        }
        Ok(entries)
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        let name = self.name(user);
        let early = self.lock().users.get(&name).cloned().unwrap_or_default();
        if self.has(Defect::RefusesTheMissing) && keys.iter().any(|key| !early.iter().any(|(there, _)| there == key)) {
            return Err(StoreError::new("there is no such entry"));
        }
        if self.has(Defect::LeavesOneByOne) {
            for key in keys {
                self.lock().users.entry(name.clone()).or_default().retain(|(there, _)| there != key);
                tokio::task::yield_now().await;
            }
            return Ok(());
        }
        if self.has(Defect::LeavesInTwoSteps) || self.has(Defect::TakesOutAll) {
            tokio::task::yield_now().await;
        }
        let mut inner = self.lock();
        if self.has(Defect::EndsWhoLeaves) {
            inner.records.retain(|digest, _| !keys.iter().any(|key| key.digest() == *digest));
        }
        if self.has(Defect::TakesOutOfAllLists) {
            inner.users.values_mut().for_each(|entries| entries.retain(|(there, _)| !keys.contains(there)));
        }
        let before = match self.defect {
            Defect::LeavesInTwoSteps => early,
            _ => inner.users.remove(&name).unwrap_or_default(),
        };
        let mut after = before.clone();
        after.retain(|(entry, _)| !self.leaves(entry, keys, &before));
        inner.users.insert(name, after);
        Ok(())
    }
}

impl Store for BadIndex {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        Ok(self.lock().records.get(&key.digest()).filter(|record| record.is_live(now)).cloned())
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let mut inner = self.lock();
        let current = inner.records.get(&key.digest()).cloned();
        let verdict = change.judge(current.as_deref(), now);
        if let Some(record) = verdict.write {
            inner.records.insert(key.digest(), record);
            if current.is_some() && self.has(Defect::DropsOnWrite) {
                inner.users.values_mut().for_each(|entries| entries.retain(|(there, _)| there != key));
            }
        }
        Ok(verdict.answer)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.lock().records.remove(&key.digest());
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut inner = self.lock();
        let before = inner.records.len();
        inner.records.retain(|_, record| record.is_live(now));
        let records = before - inner.records.len();
        let users: Vec<_> = inner.users.keys().cloned().collect();
        let entries: usize = users.iter().map(|user| self.clean(&mut inner, user, now)).sum();
        Ok((records + if self.has(Defect::CountsEntries) { entries } else { 0 }) as u64)
    }
}
