//! [`timeout`]: limits how long to wait for an answer. All calls of a thread share one timer.
//!
//! `tokio::time::timeout` sets a timer for each call. If a new timer is due before all others of its runtime, the runtime wakes
//! its own thread with a system call. This happens for nearly every request to a store on a network, and costs as much as the
//! request. Here, calls that wait are in a list by time. One task looks at the list when the first of them is due, and ends when
//! the list is empty.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    time::{Instant, timeout_at},
};

thread_local! {
    /// The list for the runtime that used this thread last.
    static LIST: RefCell<Option<Arc<List>>> = const { RefCell::new(None) };
}

/// There was no answer within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed(pub(crate) Duration);

/// Waits for `answer`, but no longer than the time that `limit` returns. If the answer is not ready at the first poll, this poll
/// calls `limit`, and the time starts.
///
/// The call waits in a list of the runtime that polled it first. If the caller moves it to another runtime, and the first runtime
/// stands still, the limit has no effect.
///
/// # Panics
/// As tokio's timers: outside a runtime, if the answer is not ready immediately.
pub(crate) const fn timeout<F: Future + Unpin, L: Fn() -> Duration>(limit: L, answer: F) -> Timeout<F, L> {
    Timeout { answer, limit, entry: None }
}

/// The future that [`timeout`] returns.
pub(crate) struct Timeout<F, L> {
    answer: F,
    limit: L,
    /// `None` until the answer was polled and not ready. Boxed, since every request's future has room for a `Timeout`.
    entry: Option<Box<Entry>>,
}

impl<F: Future + Unpin, L: Fn() -> Duration + Unpin> Future for Timeout<F, L> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
            return Poll::Ready(Ok(answer));
        }
        match &self.entry {
            None => {
                self.entry = Some(Box::new(Entry::new((self.limit)(), context.waker())));
                Poll::Pending
            }
            Some(entry) if entry.still_waits(context.waker()) => Poll::Pending,
            Some(entry) => Poll::Ready(Err(Elapsed(entry.limit))),
        }
    }
}

/// A call that waits. Dropping it removes it from its list.
struct Entry {
    list: Arc<List>,
    at: At,
    limit: Duration,
}

/// When a call has waited long enough, and a number that no other entry of the list has.
type At = (Instant, u64);

impl Entry {
    fn new(limit: Duration, waker: &Waker) -> Self {
        let runtime = Handle::current();
        let now = Instant::now();
        // A limit beyond the clock's range counts as a day.
        let due = now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400));
        let list =
            LIST.try_with(|list| list.borrow().clone()).ok().flatten().filter(|list| list.runtime == runtime.id());
        if let Some(list) = list
            && let Some(at) = list.add(due, waker)
        {
            return Self { list, at, limit };
        }
        let (list, at) = List::starting_with(due, waker, runtime.id());
        // Fails only while the thread ends. Then no other call uses the list.
        let _ = LIST.try_with(|kept| kept.replace(Some(Arc::clone(&list))));
        runtime.spawn(look(Looked(Arc::clone(&list))));
        Self { list, at, limit }
    }

    fn still_waits(&self, waker: &Waker) -> bool {
        let mut state = self.list.state();
        let Some(kept) = state.waiting.get_mut(&self.at) else { return false };
        if !kept.will_wake(waker) {
            let former = std::mem::replace(kept, waker.clone());
            // Dropped after the lock is free: a waker may run code of its own.
            drop(state);
            drop(former);
        }
        true
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let waker = self.list.state().waiting.remove(&self.at);
        // Dropped after the lock is free: a waker may run code of its own.
        drop(waker);
    }
}

/// The calls that wait on one thread of one runtime.
struct List {
    runtime: Id,
    state: Mutex<State>,
    /// Tells the task that a call is due earlier than the task will look.
    earlier: Notify,
}

struct State {
    waiting: BTreeMap<At, Waker>,
    /// The number of the next entry.
    next: u64,
    /// When the task looks next. `None` after it has ended.
    looks_at: Option<Instant>,
}

impl List {
    fn starting_with(due: Instant, waker: &Waker, runtime: Id) -> (Arc<Self>, At) {
        let at = (due, 0);
        let waiting = BTreeMap::from([(at, waker.clone())]);
        let state = Mutex::new(State { waiting, next: 1, looks_at: Some(due) });
        (Arc::new(Self { runtime, state, earlier: Notify::new() }), at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call. Returns `None` if the task has ended.
    fn add(&self, due: Instant, waker: &Waker) -> Option<At> {
        let mut state = self.state();
        let looks_at = state.looks_at?;
        let at = (due, state.next);
        state.next += 1;
        state.waiting.insert(at, waker.clone());
        drop(state);
        if due < looks_at {
            self.earlier.notify_one();
        }
        Some(at)
    }

    /// Wakes the calls that are due. Returns the time at which the next one is due; `None` if none waits, so that the task ends.
    fn wake_due(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let rest = state.waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.waiting, rest);
        state.looks_at = state.waiting.keys().next().map(|(due, _)| *due);
        let looks_at = state.looks_at;
        drop(state);
        due.into_values().for_each(Waker::wake);
        looks_at
    }
}

/// The list of a task. When the task ends, or its runtime drops the task, this wakes all calls in the list. They return
/// [`Elapsed`], even before their time.
struct Looked(Arc<List>);

impl Drop for Looked {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.looks_at = None;
        let all = std::mem::take(&mut state.waiting);
        drop(state);
        all.into_values().for_each(Waker::wake);
    }
}

async fn look(list: Looked) {
    while let Some(at) = list.0.wake_due(Instant::now()) {
        let _ = timeout_at(at, list.0.earlier.notified()).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{future, pin::pin};

    use futures_util::future::join_all;
    use tokio::{
        runtime::{Builder, Runtime},
        time::{advance, sleep},
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn never() -> future::Pending<()> {
        future::pending()
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    }

    /// Returns whether the list of this thread is empty and its task has ended.
    fn no_call_waits() -> bool {
        LIST.with_borrow(|list| {
            list.as_ref().is_none_or(|list| {
                let state = list.state();
                state.waiting.is_empty() && state.looks_at.is_none()
            })
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_is_returned_and_nothing_stays_in_the_list() {
        assert_eq!(timeout(|| SECOND, future::ready(1)).await, Ok(1));
        assert!(LIST.with_borrow(Option::is_none), "an answer that is ready needs no list");
        let answer = Box::pin(async {
            sleep(SECOND / 2).await;
            2
        });
        assert_eq!(timeout(|| SECOND, answer).await, Ok(2));
        assert!(LIST.with_borrow(|list| list.as_ref().unwrap().state().waiting.is_empty()));
        sleep(SECOND).await;
        assert!(no_call_waits(), "the task ends when it finds no call");
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_ends_at_its_own_time_whatever_their_order() {
        let start = Instant::now();
        let limits = [3, 1, 2, 1, 60, 4].map(|times| times * SECOND);
        let ends = join_all(limits.map(|limit| async move {
            assert_eq!(timeout(|| limit, never()).await, Err(Elapsed(limit)));
            start.elapsed()
        }));
        let late = Duration::from_millis(2);
        for (limit, end) in limits.into_iter().zip(ends.await) {
            assert!(end >= limit && end < limit + late, "{limit:?} ended after {end:?}");
        }
        tokio::task::yield_now().await;
        assert!(no_call_waits());
        assert_eq!(timeout(|| SECOND, never()).await, Err(Elapsed(SECOND)), "a later call gets a new list");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_moved_to_another_task_wakes_that_task() {
        let mut call = Box::pin(timeout(|| SECOND, never()));
        assert!(future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_pending());
        assert_eq!(tokio::spawn(call).await.unwrap(), Err(Elapsed(SECOND)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_the_range_of_the_clock_waits() {
        let mut call = pin!(timeout(|| Duration::MAX, never()));
        assert!(future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_pending());
        advance(3600 * SECOND).await;
        assert!(future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_pending());
    }

    #[test]
    fn a_runtime_that_stands_still_or_ends_does_not_stop_the_calls_of_another() {
        let (first, second) = (runtime(), runtime());
        let mut left = Box::pin(timeout(|| SECOND, never()));
        first.block_on(async {
            assert!(future::poll_fn(|context| Poll::Ready(left.as_mut().poll(context))).await.is_pending());
        });
        // The task of the first runtime has not ended, and does not run.
        assert_eq!(second.block_on(timeout(|| SECOND, never())), Err(Elapsed(SECOND)));
        drop(first);
        assert_eq!(second.block_on(timeout(|| SECOND, never())), Err(Elapsed(SECOND)));
        assert_eq!(second.block_on(left), Err(Elapsed(SECOND)), "the calls of a runtime that has ended do not wait");
    }
}
