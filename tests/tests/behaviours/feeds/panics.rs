//! B62: watches survive a store that panics, returns too few or too many values, or does not answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use session_runtime::{
    SessionEnd, Timestamp,
    store::{Feed, Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{app::Server, store::AnyStore};

use super::watched;
use crate::watch::{OFTEN, Two, is_over, opening, soon};

/// A store whose `load_many` panics or returns a wrong number of values while `is_wrong` is set, or whose `listen` panics.
#[derive(Clone)]
struct Wrong {
    inner: AnyStore,
    how: How,
    is_wrong: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    listens: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Panics,
    PanicsInListen,
    AnswersNothing,
    AnswersTooMuch,
}

impl Store for Wrong {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.inner.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.inner.swap(key, before, after, now).await
    }

    async fn load_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Versioned>>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if !self.is_wrong.load(Ordering::SeqCst) {
            return self.inner.load_many(keys, now).await;
        }
        match self.how {
            How::Panics => panic!("the store panics"),
            How::AnswersNothing => Ok(Vec::new()),
            How::AnswersTooMuch => {
                let mut values = self.inner.load_many(keys, now).await?;
                values.extend(values.clone());
                Ok(values)
            }
            How::PanicsInListen => self.inner.load_many(keys, now).await,
        }
    }

    async fn listen(&self, feed: Feed) -> Result<(), StoreError> {
        self.listens.fetch_add(1, Ordering::SeqCst);
        assert!(self.how != How::PanicsInListen, "the store panics");
        self.inner.listen(feed).await
    }
}

// B62
#[tokio::test]
async fn watches_survive_a_store_that_panics_or_returns_a_wrong_number_of_values() {
    for how in [How::Panics, How::PanicsInListen, How::AnswersNothing, How::AnswersTooMuch] {
        let store = Wrong {
            inner: AnyStore::memory(),
            how,
            is_wrong: Arc::new(true.into()),
            looks: Arc::default(),
            listens: Arc::default(),
        };
        let under = store.clone();
        let server = Server::with(store.inner.clone(), |builder| builder.watch_every(OFTEN).store(under));
        let (opened, app) = opening(&server);
        let mut streams = Vec::new();
        for _ in 0..3 {
            server.signed_in("ada").await.at(&app).get("/stream").await;
            streams.push(opened.lock().unwrap().take().unwrap().ended());
        }
        let looks = store.looks.load(Ordering::SeqCst);
        while store.looks.load(Ordering::SeqCst) < looks + 10 {
            for ended in &mut streams {
                assert!(!is_over(ended).await, "{how:?}");
            }
            tokio::time::sleep(OFTEN).await; // polls
        }
        store.is_wrong.store(false, Ordering::SeqCst);
        server.sessions.of("ada").revoke_all().await.unwrap();
        for ended in streams {
            assert_eq!(soon(ended).await, SessionEnd::Revoked, "{how:?}");
        }
        assert!(store.looks.load(Ordering::SeqCst) < 10_000, "{how:?}: the watches look at the store without a pause");
        assert!(store.listens.load(Ordering::SeqCst) < 100, "{how:?}: the engine calls `listen` without a pause");
    }
}

// B62, B33
#[tokio::test]
async fn a_store_that_hangs_delays_the_news_until_it_answers() {
    let two =
        Two::with(AnyStore::memory(), |builder| builder.watch_every(OFTEN).store_timeout(Duration::from_millis(100)));
    let (_, mut ended) = watched(&two, "ada").await;
    let controls = &two.here.controls;
    controls.stuck.store(true, Ordering::SeqCst);
    two.there.sessions.of("ada").revoke_all().await.unwrap();
    let looks = controls.calls().0;
    while controls.calls().0 < looks + 3 {
        assert!(!is_over(&mut ended).await);
        tokio::time::sleep(OFTEN).await; // polls
    }
    controls.stuck.store(false, Ordering::SeqCst);
    assert_eq!(soon(ended).await, SessionEnd::Revoked);
}
