//! The store under test: two handles on the same store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{sync::Barrier, task::JoinSet};

use super::value;
use crate::{
    clock::Timestamp,
    store::{Class, Key, Revision, Store, StoreError, Swapped, Value, Versioned},
};

pub(super) struct Stores<S> {
    handles: [S; 2],
    calls: AtomicUsize,
    /// The current time, as the engine would pass it. It is the real time, since servers that expire values use their own
    /// clocks.
    pub(super) now: Timestamp,
}

impl<S: Store> Stores<S> {
    pub(super) async fn open(open: impl AsyncFn() -> S) -> Arc<Self> {
        let handles = [open().await, open().await];
        Arc::new(Self { handles, calls: AtomicUsize::new(0), now: SystemTime::now().into() })
    }

    /// Returns one of the handles, in turn.
    pub(super) fn either(&self) -> &S {
        let [first, second] = &self.handles;
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { first } else { second }
    }

    pub(super) fn handles(&self) -> &[S; 2] {
        &self.handles
    }

    pub(super) fn after(&self, minutes: u64) -> Timestamp {
        self.now + Duration::from_secs(60 * minutes)
    }

    /// Returns a value with this content, of a class that no store evicts early. It expires in an hour.
    pub(super) fn value(&self, content: impl AsRef<[u8]>) -> Value {
        value(Class::User, self.after(60), content)
    }

    /// Loads the value through one handle.
    pub(super) async fn load(&self, key: &Key) -> Option<Versioned> {
        answered(self.either().load(key, self.now).await)
    }

    pub(super) async fn swap(&self, key: &Key, before: Option<&Versioned>, after: Option<&Value>) -> Swapped {
        answered(self.either().swap(key, before, after, self.now).await)
    }

    /// Returns a new key that holds this value.
    pub(super) async fn created(&self, value: &Value) -> (Key, Versioned) {
        let key = random_key();
        let rule = "a swap that expects nothing must write the value to a key that holds nothing";
        (key, self.replaced(&key, None, value, rule).await)
    }

    /// Makes a swap that must succeed, and returns the key's new value.
    pub(super) async fn replaced(&self, key: &Key, before: Option<&Versioned>, after: &Value, rule: &str) -> Versioned {
        let revision = done(self.swap(key, before, Some(after)).await, rule);
        Versioned::with_revision(after.clone(), revision)
    }

    /// Removes the key's value.
    pub(super) async fn remove(&self, key: &Key, held: &Versioned) {
        let rule = "a removal of what the key holds must be done";
        done(self.swap(key, Some(held), None).await, rule);
        self.assert_holds(key, None, "after a removal the key must hold nothing").await;
    }

    /// Checks that both handles load this value, or nothing if it is `None`.
    pub(super) async fn assert_holds(&self, key: &Key, expected: Option<&Value>, rule: &str) {
        for (number, handle) in self.handles.iter().enumerate() {
            let loaded = answered(handle.load(key, self.now).await);
            let loaded = loaded.as_ref().map(Versioned::value);
            ensure!(
                is_same(loaded, expected),
                "{rule}: the key should hold {}, and handle {} loads {}",
                shown(expected),
                number + 1,
                shown(loaded)
            );
        }
    }

    /// Checks that a swap writes nothing and answers the key's value.
    pub(super) async fn assert_stale(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        held: Option<&Value>,
        rule: &str,
    ) {
        let found = stale(self.swap(key, before, after).await, rule);
        let found = found.as_ref().map(Versioned::value);
        ensure!(
            is_same(found, held),
            "{rule}: `Stale` must say what the key holds, which is {}, and said {}",
            shown(held),
            shown(found)
        );
        self.assert_holds(key, held, rule).await;
    }
}

/// Ends a check. Unlike `panic!` this prints nothing: [`super::run`] reports all failures together.
pub(super) fn fail(message: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(message.into()))
}

/// Ends a check with this message, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            $crate::testing::conformance::stores::fail(format!($($message)+))
        }
    };
}
pub(super) use ensure;

/// Runs `number` futures concurrently, and returns their answers in order.
pub(super) async fn race<T, F>(number: usize, racer: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (start, mut tasks) = (Arc::new(Barrier::new(number)), JoinSet::new());
    for index in 0..number {
        let (start, future) = (start.clone(), racer(index));
        tasks.spawn(async move {
            start.wait().await;
            (index, future.await)
        });
    }
    let mut answers = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(answer) => answers.push(answer),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(cancelled)) => fail(cancelled.to_string()),
        }
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

pub(super) fn random_key() -> Key {
    Key::random().unwrap_or_else(|error| fail(error.to_string()))
}

pub(super) fn answered<T>(answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| fail(format!("the store answered with an error: {error}")))
}

/// Returns the revision of a swap. Fails unless the swap is done.
pub(super) fn done(swapped: Swapped, rule: &str) -> Revision {
    match swapped {
        Swapped::Done(revision) => revision,
        Swapped::Stale(found) => {
            fail(format!("{rule}: it answered `Stale` with {}", shown(found.as_ref().map(Versioned::value))))
        }
    }
}

/// Returns the key's value from a swap. Fails unless the swap is refused.
pub(super) fn stale(swapped: Swapped, rule: &str) -> Option<Versioned> {
    match swapped {
        Swapped::Stale(found) => found,
        Swapped::Done(_) => fail(format!("{rule}: it answered `Done`")),
    }
}

/// Returns whether two values have the same bytes and the same header.
pub(super) fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    let parts = |value: &Value| (value.to_bytes(), value.class(), value.expires_at(), value.revision());
    one.map(parts) == other.map(parts)
}

/// Formats a value for a message.
pub(super) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(
        || "nothing".into(),
        |value| {
            let (bytes, revision, end) = (value.to_bytes().len(), value.revision(), value.expires_at().as_millis());
            format!("{bytes} bytes with revision {revision:x} ({:?}, expires at {end})", value.class())
        },
    )
}
