//! How the store is asked: within a time limit, and once more where a commit's answer was lost.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use super::Engine;
use crate::{
    clock::Timestamp,
    id::Key,
    record::{Applied, Change, Record},
    store::StoreError,
};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Engine {
    pub(super) async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        within(self.store_timeout, self.store.load(key, now)).await
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        within(self.store_timeout, self.store.delete(key)).await
    }

    /// Applies a change; sends it once more if the answer is lost, which the nonce makes safe (B34). Not after a
    /// time-out: who waited so long need not wait twice.
    pub(super) async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let apply = || within(self.store_timeout, self.store.apply(key, change, now));
        match apply().await {
            Err(error) if !error.is_timeout() => {
                tracing::warn!(target: "session_runtime", %error, "the session store did not answer a commit; asking once more");
                apply().await
            }
            answer => answer,
        }
    }
}

/// Waits for an answer, but not for ever (B33). One that is there at once, as from memory, needs no timer.
async fn within<T>(limit: Duration, mut answer: Answer<'_, T>) -> Result<T, StoreError> {
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
        return answer;
    }
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(StoreError::timeout(limit)))
}
