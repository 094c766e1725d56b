//! [`EventStream`]: the events as a stream. Each stream has a queue of its own, so a slow reader delays no request and no other
//! reader.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_core::Stream;

use super::{Event, Report};

/// How many reports a stream keeps for its reader.
const CAPACITY: usize = 16_384;

/// The events of one kind of session, from [`Sessions::events`](crate::Sessions::events). A `Stream` of [`Report`]s, which ends
/// when the last [`Sessions`](crate::Sessions) is dropped, and everything that was made from it, such as a layer, a
/// [`SessionsOf`](crate::SessionsOf) or a future of [`Core::ended`](crate::Core::ended).
///
/// The stream keeps up to 16,384 reports for its reader. If more come, it drops the oldest, and the reader gets a report with
/// [`Event::Missed`], which says how many were dropped. So a slow reader delays no request.
///
/// ```
/// use session_runtime::{Event, KeyRing, MemoryStore, Session, Sessions};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user: Option<String>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), session_runtime::Error> {
/// let sessions = Sessions::<Shop>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()?;
/// let mut events = sessions.events();
/// let reader = tokio::spawn(async move {
///     while let Some(report) = events.next().await {
///         if let Event::SignedIn { .. } = report.event {
///             println!("user {:?} signed in to session {:?}", report.user, report.session);
///         }
///     }
/// });
/// # drop(sessions);
/// # reader.await.unwrap();
/// # Ok(()) }
/// ```
pub struct EventStream {
    queue: Arc<Queue>,
    readers: Weak<Readers>,
}

impl EventStream {
    /// Waits for the next report. Returns `None` once the last [`Sessions`](crate::Sessions) is dropped and all reports have been
    /// read. If the future is dropped, no report is lost.
    ///
    /// ```
    /// # use session_runtime::EventStream;
    /// # async fn read(mut events: EventStream) {
    /// while let Some(report) = events.next().await {
    ///     println!("{:?} at {:?}", report.event, report.at);
    /// }
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<Report> {
        poll_fn(|context| self.queue.poll(context)).await
    }
}

impl Stream for EventStream {
    type Item = Report;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Report>> {
        self.queue.poll(context)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(readers) = self.readers.upgrade() {
            readers.remove(&self.queue);
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("waiting", &self.queue.state().reports.len()).finish_non_exhaustive()
    }
}

/// The streams of one kind of session.
#[derive(Default)]
pub(crate) struct Readers {
    queues: Mutex<Vec<Arc<Queue>>>,
    /// How many queues there are, so that an event without a reader takes no lock.
    count: AtomicUsize,
}

impl Readers {
    pub(crate) fn add(self: &Arc<Self>) -> EventStream {
        let queue = Arc::<Queue>::default();
        self.change(|queues| queues.push(Arc::clone(&queue)));
        EventStream { queue, readers: Arc::downgrade(self) }
    }

    fn remove(&self, queue: &Arc<Queue>) {
        self.change(|queues| queues.retain(|other| !Arc::ptr_eq(other, queue)));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Queue>>)) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut queues);
        self.count.store(queues.len(), Ordering::Release);
    }

    pub(super) fn are_any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    pub(super) fn send(&self, report: &Report) {
        if self.are_any() {
            let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for queue in queues {
                queue.push(report.clone());
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        for queue in self.queues.get_mut().unwrap_or_else(PoisonError::into_inner) {
            queue.close();
        }
    }
}

/// The reports that wait for one reader.
#[derive(Default)]
struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    reports: VecDeque<Report>,
    /// How many reports were dropped since the reader last got one.
    missed: u64,
    is_closed: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock panics halfway through a change, so the state behind a poisoned lock is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, report: Report) {
        self.change(|state| {
            if state.reports.len() >= CAPACITY {
                state.reports.pop_front();
                state.missed = state.missed.saturating_add(1);
            }
            state.reports.push_back(report);
        });
    }

    fn close(&self) {
        self.change(|state| state.is_closed = true);
    }

    /// Changes the state, and wakes the reader after the lock is released.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.state();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Report>> {
        let mut state = self.state();
        let missed = std::mem::take(&mut state.missed);
        let next = match state.reports.front() {
            // `Missed` takes its time and its kind from the oldest report that is left.
            Some(Report { at, kind, .. }) if missed > 0 => {
                let event = Event::Missed { reports: missed };
                Some(Report { event, at: *at, kind, session: None, user: None, impersonator: None })
            }
            _ => state.reports.pop_front(),
        };
        if next.is_some() || state.is_closed {
            return Poll::Ready(next);
        }
        let former = state.reader.replace(context.waker().clone());
        drop(state);
        drop(former);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Wake, time::SystemTime};

    use super::*;

    fn report(event: Event) -> Report {
        Report { event, at: SystemTime::UNIX_EPOCH, kind: "Shop", session: None, user: None, impersonator: None }
    }

    /// Returns the events that wait in the stream, and whether the stream has ended.
    fn read(stream: &mut EventStream) -> (Vec<Event>, bool) {
        let mut events = Vec::new();
        loop {
            match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(report)) => events.push(report.event),
                Poll::Ready(None) => return (events, true),
                Poll::Pending => return (events, false),
            }
        }
    }

    #[test]
    fn each_reader_gets_every_event_until_it_is_dropped() {
        let readers = Arc::<Readers>::default();
        assert!(!readers.are_any());
        let (mut one, mut other) = (readers.add(), readers.add());
        readers.send(&report(Event::Created));
        assert_eq!(read(&mut one), (vec![Event::Created], false));
        drop(one);
        readers.send(&report(Event::Renewed));
        assert_eq!(read(&mut other), (vec![Event::Created, Event::Renewed], false));
        drop(other);
        assert!(!readers.are_any());
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_events_and_learns_how_many() {
        let readers = Arc::<Readers>::default();
        let mut slow = readers.add();
        for _ in 0..3 {
            readers.send(&report(Event::Created));
        }
        for _ in 0..CAPACITY {
            readers.send(&report(Event::Renewed));
        }
        let (events, _) = read(&mut slow);
        assert_eq!((events.len(), &events[0]), (CAPACITY + 1, &Event::Missed { reports: 3 }));
        assert!(events[1..].iter().all(|event| *event == Event::Renewed));
        readers.send(&report(Event::Created));
        assert_eq!(read(&mut slow), (vec![Event::Created], false));
    }

    #[test]
    fn a_stream_yields_the_events_that_wait_before_it_ends() {
        let readers = Arc::<Readers>::default();
        let mut stream = readers.add();
        readers.send(&report(Event::Created));
        drop(readers);
        assert_eq!(read(&mut stream), (vec![Event::Created], true));
    }

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_event_and_the_end_wake_the_reader() {
        let readers = Arc::<Readers>::default();
        let mut stream = readers.add();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut poll = || Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        readers.send(&report(Event::Created));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(poll().is_ready() && poll().is_pending());
        drop(readers);
        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        assert!(matches!(poll(), Poll::Ready(None)));
    }
}
