//! One session of the store under test, and changes written as sentences.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    store::{
        Add, Applied, Change, Digest, Ended, Expect, Key, Lifetime, Name, Previous, Record, Renew, Set, Sign, Store,
        StoreError,
    },
};

/// When everything happens, unless said otherwise: in 2027.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) const APPLIED: Applied = Applied::Applied { renewed: false };
pub(super) const RENEWED: Applied = Applied::Applied { renewed: true };

/// `minutes` after [`NOW`].
pub(super) fn after(minutes: u64) -> Timestamp {
    NOW + Duration::from_secs(60 * minutes)
}

/// Some verifier's digest.
pub(super) fn digest(number: u8) -> Digest {
    Digest::from([number; 16])
}

/// A renewal by the clock, asked for by a request that presented what the record has.
pub(super) fn by_timer(from: Digest, to: Digest) -> Renew {
    Renew::Timer { from, presented: from, to }
}

/// A new record: verifier 1, half an hour of silence, twelve hours at most.
pub(super) fn create() -> Change {
    Change::create(digest(1), NOW, after(30), after(720))
}

/// An empty change of a record that nobody renewed.
pub(super) fn update() -> Change {
    Change::update(0)
}

/// Ends the session of this generation.
pub(super) fn ending(generation: u64) -> Change {
    let long_ago = Timestamp::from_millis(0);
    Change::update(generation).keeping([]).signing_out().restarting(long_ago, long_ago, false)
}

pub(super) trait Sentence: Sized {
    fn setting(self, name: impl Into<Name>, value: impl Into<Vec<u8>>) -> Self {
        self.setting_until(name, value, Timestamp::NEVER)
    }
    fn setting_until(self, name: impl Into<Name>, value: impl Into<Vec<u8>>, expires: Timestamp) -> Self;
    fn unsetting(self, name: impl Into<Name>) -> Self;
    fn expecting(self, name: impl Into<Name>, value: Option<&[u8]>) -> Self;
    fn keeping<const N: usize>(self, names: [&'static str; N]) -> Self;
    /// Without bounds but those of `i64`, from zero.
    fn adding(self, name: impl Into<Name>, amount: i128) -> Self {
        self.adding_with(Add {
            name: name.into(),
            amount,
            floor: i64::MIN.into(),
            ceiling: i64::MAX.into(),
            initial: 0,
            expires: Timestamp::NEVER,
        })
    }
    fn adding_with(self, add: Add) -> Self;
    fn touching(self, until: Timestamp) -> Self;
    fn restarting(self, idle_until: Timestamp, ends_at: Timestamp, remembered: bool) -> Self;
    fn signing_in(self, user: &[u8], at: Timestamp) -> Self;
    fn signing_out(self) -> Self;
    fn renewing(self, renew: Renew) -> Self;
}

impl Sentence for Change {
    fn setting_until(mut self, name: impl Into<Name>, value: impl Into<Vec<u8>>, expires: Timestamp) -> Self {
        self.set.push(Set { name: name.into(), value: value.into(), expires });
        self
    }

    fn unsetting(mut self, name: impl Into<Name>) -> Self {
        self.unset.push(name.into());
        self
    }

    fn expecting(mut self, name: impl Into<Name>, value: Option<&[u8]>) -> Self {
        self.expect.push(Expect { name: name.into(), value: value.map(<[u8]>::to_vec) });
        self
    }

    fn keeping<const N: usize>(mut self, names: [&'static str; N]) -> Self {
        self.keep = Some(names.map(Name::from).to_vec());
        self
    }

    fn adding_with(mut self, add: Add) -> Self {
        self.add.push(add);
        self
    }

    fn touching(mut self, until: Timestamp) -> Self {
        self.touch = Some(until);
        self
    }

    fn restarting(mut self, idle_until: Timestamp, ends_at: Timestamp, remembered: bool) -> Self {
        self.restart = Some(Lifetime { idle_until, ends_at, remembered });
        self
    }

    fn signing_in(mut self, user: &[u8], at: Timestamp) -> Self {
        self.sign = Some(Sign::In { user: user.into(), at });
        self
    }

    fn signing_out(mut self) -> Self {
        self.sign = Some(Sign::Out);
        self
    }

    fn renewing(mut self, renew: Renew) -> Self {
        self.renew = Some(renew);
        self
    }
}

/// One session of the store under test, which need not exist there.
pub(super) struct Subject<S> {
    pub(super) store: Arc<S>,
    pub(super) key: Key,
}

impl<S: Store> Subject<S> {
    /// A key that nothing is stored under.
    pub(super) fn absent(store: &Arc<S>) -> Self {
        Self { store: store.clone(), key: Key::random().expect("random bytes") }
    }

    /// A record as [`create`] makes it.
    pub(super) async fn created(store: &Arc<S>) -> Self {
        Self::created_by(store, &create()).await
    }

    pub(super) async fn created_by(store: &Arc<S>, create: &Change) -> Self {
        let subject = Self::absent(store);
        assert_eq!(subject.apply(create).await, APPLIED, "creating a record");
        subject
    }

    pub(super) async fn apply(&self, change: &Change) -> Applied {
        self.apply_at(change, NOW).await
    }

    pub(super) async fn apply_at(&self, change: &Change, now: Timestamp) -> Applied {
        answered(self.store.apply(&self.key, change, now).await)
    }

    /// Applies what must apply.
    pub(super) async fn write(&self, change: &Change) {
        assert_eq!(self.apply(change).await, APPLIED, "of {change:?}");
    }

    pub(super) async fn end(&self, ending: &Change) -> Applied {
        self.end_at(ending, NOW).await
    }

    pub(super) async fn end_at(&self, ending: &Change, now: Timestamp) -> Applied {
        let Ended { answer, remains } = answered(self.store.end(&self.key, ending, now).await);
        if remains {
            self.delete().await;
        }
        answer
    }

    pub(super) async fn delete(&self) {
        answered(self.store.delete(&self.key).await);
    }

    pub(super) async fn load(&self, now: Timestamp) -> Option<Seen> {
        answered(self.store.load(&self.key, now).await).map(|record| Seen::at(&record, now))
    }

    /// The record, which must be there.
    pub(super) async fn seen(&self) -> Seen {
        self.load(NOW).await.expect("the record should be there")
    }

    /// The value of a live field.
    pub(super) async fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.seen().await.fields.remove(name).map(|(value, _)| value)
    }

    /// The value of a live counter.
    pub(super) async fn number(&self, name: &str) -> Option<i128> {
        self.value(name).await.map(|value| number(&value).expect("a number"))
    }

    /// Checks that the record under this key stays as it is, whatever the store is asked.
    pub(super) async fn assert_unchanged_by(&self, change: &Change, answer: Applied) {
        let before = self.load(NOW).await;
        assert_eq!(self.apply(change).await, answer, "of {change:?}");
        assert_eq!(self.load(NOW).await, before, "a change that was refused must write nothing: {change:?}");
    }
}

impl<S> Clone for Subject<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), key: self.key }
    }
}

pub(super) fn answered<T>(answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| panic!("the store answered with an error: {error}"))
}

/// A counter's value.
pub(super) fn number(value: &[u8]) -> Option<i128> {
    rmp_serde::from_slice::<u64>(value)
        .map(i128::from)
        .or_else(|_| rmp_serde::from_slice::<i64>(value).map(i128::from))
        .ok()
}

/// What of a record must be the same in every store: the fields in any order, and only the live ones. How a store keeps
/// its nonces is its own affair.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) record: Record,
    pub(super) fields: BTreeMap<String, (Vec<u8>, Timestamp)>,
}

impl Seen {
    pub(super) fn at(record: &Record, now: Timestamp) -> Self {
        let mut fields = BTreeMap::new();
        for entry in record.fields.iter().filter(|entry| entry.is_live(now)) {
            let twice = fields.insert(entry.name.to_owned(), (entry.value.to_vec(), entry.expires));
            assert!(twice.is_none(), "the field `{}` is stored twice", entry.name);
        }
        let record = Record { nonces: Vec::new(), fields: Default::default(), ..record.clone() };
        Self { record, fields }
    }

    pub(super) fn verifiers(&self) -> (Digest, Option<Previous>) {
        (self.record.verifier, self.record.previous.clone())
    }
}
