//! The same for stores that know whose sessions are whose, and are wrong about it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use session_runtime::{
    Timestamp,
    store::{Applied, Change, ENTRY_GRACE, Entered, Key, Leaving, Record, Room, Store, StoreError, User, UserIndex},
    testing::conformance,
};

/// What is wrong with an index, and the behaviour that this breaks.
const DEFECTS: &[(Defect, &str)] = &[
    (Defect::NewestFirst, "users: entries come oldest first"),
    (Defect::KeepsThePlace, "users: entering again moves to the end"),
    (Defect::EntersTwice, "users: entering again moves to the end"),
    (Defect::NamesTheUser, "users: an entry names its record"),
    (Defect::OneListForAll, "users: other users are left alone"),
    (Defect::OneUserForEachKey, "users: one key may be under two users"),
    (Defect::UsersAreText, "users: a user is any bytes"),
    (Defect::CutsUsers, "users: a user is any bytes"),
    (Defect::SaysNobodyLeft, "users: leaving takes all out"),
    (Defect::TakesOutWhoStays, "users: leaving takes all but one out"),
    (Defect::TakesOutAllForOne, "users: leaving takes one out"),
    (Defect::EntersWhoIsRefused, "sign_ins: at most so many are entered"),
    (Defect::RefusesWhoIsThere, "sign_ins: entering again needs no room"),
    (Defect::TheNewestMakeRoom, "sign_ins: the oldest make room"),
    (Defect::OneLeavesAtATime, "sign_ins: a lower limit lets several go"),
    (Defect::DropsArrivals, "sign_ins: an entry stands before its session comes"),
    (Defect::DropsOnWrite, "sign_ins: an entry stands while its session changes"),
    (Defect::KeepsArrivals, "vanishing: an entry without a session vanishes"),
    (Defect::KeepsTheGone, "vanishing: the entry of a deleted session vanishes"),
    (Defect::KeepsTheGone, "vanishing: the entry of an expired session vanishes"),
    (Defect::IgnoresWhoSignedIn, "vanishing: the entry of who signed out vanishes"),
    (Defect::IgnoresWhoSignedIn, "vanishing: the entry of who signed in as another vanishes"),
    (Defect::CountsTheGone, "vanishing: what vanished takes up no room"),
    (Defect::CountsTheGone, "vanishing: what vanished does not leave for another"),
    (Defect::CountsEntries, "vanishing: cleaning up counts sessions only"),
    (Defect::EntersInTwoSteps, "user_races: fifty that make room leave three"),
    (Defect::EntersInTwoSteps, "user_races: fifty at most three admit three"),
    (Defect::EntersInTwoSteps, "user_races: entries of many at once all stand"),
    (Defect::LeavesInTwoSteps, "user_races: each entry leaves once"),
    (Defect::SaysNobodyLeft, "user_races: no session outlives the end of all"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    NewestFirst,
    KeepsThePlace,
    EntersTwice,
    NamesTheUser,
    OneListForAll,
    OneUserForEachKey,
    UsersAreText,
    CutsUsers,
    SaysNobodyLeft,
    TakesOutWhoStays,
    TakesOutAllForOne,
    EntersWhoIsRefused,
    RefusesWhoIsThere,
    TheNewestMakeRoom,
    OneLeavesAtATime,
    DropsArrivals,
    DropsOnWrite,
    KeepsArrivals,
    KeepsTheGone,
    IgnoresWhoSignedIn,
    CountsTheGone,
    CountsEntries,
    EntersInTwoSteps,
    LeavesInTwoSteps,
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

    /// What becomes of the entries of a user.
    fn entered(&self, entries: &mut Vec<(Key, Timestamp)>, new: (Key, Timestamp), room: Room) -> Entered {
        let there = entries.iter().position(|(key, _)| *key == new.0);
        let others = entries.len() - usize::from(there.is_some());
        let (surplus, refuses) = match room {
            Room::Any => (0, false),
            Room::AtMost(most) if self.has(Defect::RefusesWhoIsThere) => (0, entries.len() >= most.get() as usize),
            Room::AtMost(most) => (0, there.is_none() && others >= most.get() as usize),
            Room::MakeRoom(most) => ((others + 1).saturating_sub(most.get() as usize), false),
        };
        if refuses && !self.has(Defect::EntersWhoIsRefused) {
            return Entered::Full;
        }
        match there {
            Some(place) if self.has(Defect::KeepsThePlace) => entries[place] = new,
            Some(place) => {
                if !self.has(Defect::EntersTwice) {
                    entries.remove(place);
                }
                entries.push(new);
            }
            None => entries.push(new),
        }
        let mut left = Vec::new();
        let surplus = if self.has(Defect::OneLeavesAtATime) { surplus.min(1) } else { surplus };
        for _ in 0..surplus {
            let place = match self.defect {
                Defect::TheNewestMakeRoom => entries.iter().rposition(|(key, _)| *key != new.0),
                _ => entries.iter().position(|(key, _)| *key != new.0),
            };
            left.push(entries.remove(place.unwrap()).0);
        }
        if refuses { Entered::Full } else { Entered::Entered { left } }
    }
}

impl UserIndex for BadIndex {
    async fn enter(&self, user: &User, key: &Key, room: Room, now: Timestamp) -> Result<Entered, StoreError> {
        let name = self.name(user);
        if !self.has(Defect::CountsTheGone) {
            self.clean(&mut self.lock(), &name, now);
        }
        let early = self.lock().users.get(&name).cloned().unwrap_or_default();
        if self.has(Defect::EntersInTwoSteps) {
            tokio::task::yield_now().await;
        }
        let mut inner = self.lock();
        let mut entries = match self.defect {
            Defect::EntersInTwoSteps => early,
            _ => inner.users.get(&name).cloned().unwrap_or_default(),
        };
        let answer = self.entered(&mut entries, (*key, now), room);
        if self.has(Defect::OneUserForEachKey) {
            inner.users.values_mut().for_each(|entries| entries.retain(|(there, _)| there != key));
        }
        inner.users.insert(name, entries);
        Ok(answer)
    }

    async fn entries(&self, user: &User) -> Result<Vec<Key>, StoreError> {
        let mut keys: Vec<Key> =
            self.lock().users.get(&self.name(user)).into_iter().flatten().map(|(key, _)| *key).collect();
        match self.defect {
            Defect::NewestFirst => keys.reverse(),
            Defect::NamesTheUser => keys.iter_mut().for_each(|key| *key = Key::from_digest(user.digest())),
            _ => {}
        }
        Ok(keys)
    }

    async fn leave(&self, user: &User, which: Leaving<'_>) -> Result<Vec<Key>, StoreError> {
        let name = self.name(user);
        let early = self.lock().users.get(&name).cloned().unwrap_or_default();
        if self.has(Defect::LeavesInTwoSteps) || self.has(Defect::SaysNobodyLeft) {
            tokio::task::yield_now().await;
        }
        let mut inner = self.lock();
        let entries = match self.defect {
            Defect::LeavesInTwoSteps => early,
            _ => inner.users.remove(&name).unwrap_or_default(),
        };
        let (left, stay): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| match which {
            Leaving::All => true,
            Leaving::AllBut(stays) => key != stays || self.has(Defect::TakesOutWhoStays),
            Leaving::One(leaves) => key == leaves || self.has(Defect::TakesOutAllForOne),
        });
        inner.users.insert(name, stay);
        let left = left.into_iter().map(|(key, _)| key).collect();
        Ok(if self.has(Defect::SaysNobodyLeft) { Vec::new() } else { left })
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
