//! How the store is asked: within a time limit, and once more where a commit's answer was lost. Where there is none, and
//! sessions are in cookies, nothing is found and nothing gets in.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use super::{Engine, Home};
use crate::{
    clock::Timestamp,
    id::Key,
    record::{Applied, Change, Record},
    store::{Ended, StoreError, User, UserEntry},
};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Engine {
    pub(super) async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let Home::Store { store, .. } = &self.home else { return Ok(None) };
        within(self.store_timeout, store.load(key, now)).await
    }

    /// Applies a change; once more if the answer is lost, which the nonce makes safe (B34).
    pub(super) async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let Home::Store { store, .. } = &self.home else { return Ok(Applied::Gone) };
        twice(|| within(self.store_timeout, store.apply(key, change, now))).await
    }

    /// Applies a change that ends the session, and has the record removed. If the answer is lost, and the session is gone
    /// when asked once more, this is taken to have ended it.
    pub(super) async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let Home::Store { store, .. } = &self.home else { return Ok(Applied::Gone) };
        let (Ended { answer, remains }, asked) =
            asked(|| within(self.store_timeout, store.end(key, change, now))).await?;
        // It has expired; that it is removed at once is a courtesy.
        if remains && let Err(error) = within(self.store_timeout, store.delete(key)).await {
            tracing::warn!(target: "session_runtime", %error, "an ended session could not be removed; clean-up will");
        }
        let is_ours = answer == Applied::Gone && asked == Asked::Twice;
        Ok(if is_ours { Applied::Applied { renewed: false } } else { answer })
    }

    pub(super) async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let Some(users) = self.home.users() else { return Ok(()) };
        twice(|| within(self.store_timeout, users.enter(user, key, now))).await
    }

    /// The entries of `user`; none where nobody is entered.
    pub(super) async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        let Some(users) = self.home.users() else { return Ok(Vec::new()) };
        twice(|| within(self.store_timeout, users.entries(user))).await
    }

    pub(super) async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        let Some(users) = self.home.users() else { return Ok(()) };
        twice(|| within(self.store_timeout, users.leave(user, keys))).await
    }
}

/// How often it took to be answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Once,
    Twice,
}

/// Asks once more if the answer is lost. Not after a time-out: who waited so long need not wait twice.
pub(super) async fn twice<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    Ok(asked(ask).await?.0)
}

async fn asked<T, F>(ask: impl Fn() -> F) -> Result<(T, Asked), StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match ask().await {
        Err(error) if !error.is_timeout() => {
            tracing::warn!(target: "session_runtime", %error, "the session store did not answer; asking once more");
            Ok((ask().await?, Asked::Twice))
        }
        answer => Ok((answer?, Asked::Once)),
    }
}

/// Waits for an answer, but not for ever (B33). One that is there at once, as from memory, needs no timer.
pub(super) async fn within<T>(limit: Duration, mut answer: Answer<'_, T>) -> Result<T, StoreError> {
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
        return answer;
    }
    // In a box, since every request would have room for a timer otherwise, also where none is ever set.
    Box::pin(tokio::time::timeout(limit, answer)).await.unwrap_or_else(|_| Err(StoreError::timeout(limit)))
}
