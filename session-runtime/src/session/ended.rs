//! [`Ended`]: waits until a session ends, and [`UntilEnded`]: a stream that ends with it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, future::pending};

use super::{Core, Schema};
use crate::{engine::Request, event::SessionEnd, fields::Origin};

impl<S: Schema> Core<S> {
    /// Waits until the session ends, on whichever server that happens, and returns why. Use it in a stream, a web socket or a
    /// task that outlives the response: without it, that code would continue after "log out everywhere".
    ///
    /// The future does not borrow the handle, so the handle may be dropped, and a task may own the future. Once the future has
    /// resolved, [`Core::reload`] and [`Core::is_live`] also find that the session is over; and once they do, the future
    /// resolves. Call this method while the session is live: after a `reload` that failed, the handle no longer knows the
    /// reason.
    ///
    /// * **How soon**: immediately if the same [`Sessions`](crate::Sessions), or a clone, ends the session. Otherwise within a
    ///   second on `MemoryStore`, `RedisStore`, and `SqlStore` with PostgreSQL, which send messages. On other stores, and if a
    ///   message is lost, within [`watch_every`](crate::SessionsBuilder::watch_every).
    /// * **An open stream does not count as use.** The session expires if its visitor sends no requests. To keep it alive, use
    ///   [`Ended::keep_alive`].
    /// * **A new id** counts as the end ([`SessionEnd::Superseded`]) if the visitor's rights may have changed: after a sign-in in
    ///   another tab, `renew`, or a change of a `rotates` field. The page then connects again, with its new cookie. Renewals by
    ///   this same request, before its response is sent, do not count. Renewals by
    ///   [`rotate_every`](crate::SessionsBuilder::rotate_every) and `reauthenticate` do not count either.
    ///   An edit of a `rotates` field by [`SessionsOf::update`](crate::SessionsOf::update) counts, although it changes no id.
    /// * **A session that is never stored** cannot end, so the future never resolves. This also happens if the visitor's
    ///   earlier session ended before this request: the handle then shows a new guest ([`Core::is_new`]). A page that connects
    ///   again after an end must expect that.
    /// * **While the store is down**, the future waits. Once the last known deadline of the session has passed, it resolves to
    ///   [`SessionEnd::Unknown`].
    /// * **If the session is in its visitor's cookie**, the future resolves at the deadline in that cookie. It resolves on a
    ///   log-out only if the store of [`CookieStore::revocations`](crate::CookieStore::revocations) is set.
    ///
    /// Watching a session takes no task of its own, and about 550 bytes of memory.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # struct Socket;
    /// # impl Socket { async fn recv(&mut self) -> Option<String> { None } async fn send(&mut self, text: String) {} }
    /// async fn chat(mut socket: Socket, session: Session<Shop>) {
    ///     let mut ended = session.ended();
    ///     loop {
    ///         tokio::select! {
    ///             end = &mut ended => {
    ///                 socket.send(format!("your session is over: {end}")).await;
    ///                 return;
    ///             }
    ///             message = socket.recv() => match message {
    ///                 Some(text) => socket.send(text).await,
    ///                 None => return,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    #[must_use = "a future does nothing until it is awaited"]
    pub fn ended(&self) -> Ended {
        match &self.__state.origin {
            Origin::Request(request) => {
                let request = Arc::clone(request);
                Ended { end: Err(Box::pin(Arc::clone(&request).until_ended())), request: Some(request) }
            }
            Origin::Listed { engine, key } => match self.__state.snapshot.record.clone() {
                Some(record) => {
                    let (engine, key) = (Arc::clone(engine), *key);
                    Ended { end: Err(Box::pin(async move { engine.until_ended(key, &record).await })), request: None }
                }
                None => Ended::never(),
            },
            Origin::Nothing => Ended::never(),
        }
    }

    /// Returns a stream with the items of `stream`, which ends when the session does: see [`Core::ended`].
    ///
    /// [`UntilEnded::with_last`] adds a last item that says why.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// use futures_util::{Stream, StreamExt, stream};
    ///
    /// fn news(session: Session<Shop>) -> impl Stream<Item = &'static str> {
    ///     let news = stream::iter(["news", "more news"]);
    ///     session.until_ended(news)
    /// }
    /// ```
    pub fn until_ended<T: Stream>(&self, stream: T) -> UntilEnded<T> {
        UntilEnded { stream: Some(Box::pin(stream)), ended: self.ended(), last: None }
    }
}

/// Resolves to the reason when a session ends, and again whenever it is polled after that. See [`Core::ended`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Ended {
    end: Result<SessionEnd, Pin<Box<dyn Future<Output = SessionEnd> + Send>>>,
    /// The request, for `keep_alive`; `None` after the first poll.
    request: Option<Arc<Request>>,
}

impl Ended {
    fn never() -> Self {
        Self { end: Err(Box::pin(pending())), request: None }
    }

    /// Keeps the session alive for as long as the future is awaited: from time to time it moves the session's idle deadline, as
    /// a request would. The absolute deadline stays. Call this before the future is first polled; later, it has no effect.
    ///
    /// It also has no effect in a passive request, nor on a session in its visitor's cookie, since only a response can move
    /// the deadline in a cookie.
    ///
    /// Without this, a visitor who only watches a stream loses the session after
    /// [`idle`](crate::SessionsBuilder::idle). With it, a page that a visitor left open never becomes idle.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn handler(session: Session<Shop>) {
    /// let end = session.ended().keep_alive().await;
    /// # }
    /// ```
    pub fn keep_alive(mut self) -> Self {
        if let Some(request) = self.request.take() {
            self.end = Err(Box::pin(request.until_ended_in_use()));
        }
        self
    }
}

impl Future for Ended {
    type Output = SessionEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SessionEnd> {
        self.request = None;
        let end = match &mut self.end {
            Ok(end) => *end,
            Err(pending) => match pending.as_mut().poll(cx) {
                Poll::Ready(end) => end,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.end = Ok(end);
        Poll::Ready(end)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ended(..)")
    }
}

/// A stream that ends when a session does. See [`Core::until_ended`].
#[must_use = "a stream does nothing until it is polled"]
pub struct UntilEnded<T: Stream> {
    /// `None` once the stream has ended.
    stream: Option<Pin<Box<T>>>,
    ended: Ended,
    last: Option<Last<T::Item>>,
}

/// Makes the last item of a stream.
type Last<T> = Box<dyn FnOnce(SessionEnd) -> T + Send>;

impl<T: Stream> UntilEnded<T> {
    /// Keeps the session alive for as long as the stream is read. See [`Ended::keep_alive`].
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn handler(session: Session<Shop>) {
    /// let numbers = session.until_ended(futures_util::stream::iter(0..10)).keep_alive();
    /// # }
    /// ```
    pub fn keep_alive(self) -> Self {
        Self { ended: self.ended.keep_alive(), ..self }
    }

    /// Adds a last item if the session ends before the stream does.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn handler(session: Session<Shop>) {
    /// let news = futures_util::stream::iter(["news".to_owned()]);
    /// let news = session.until_ended(news).with_last(|end| format!("your session is over: {end}"));
    /// # }
    /// ```
    pub fn with_last(self, last: impl FnOnce(SessionEnd) -> T::Item + Send + 'static) -> Self {
        Self { last: Some(Box::new(last)), ..self }
    }
}

impl<T: Stream> Stream for UntilEnded<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        let item = match Pin::new(&mut this.ended).poll(cx) {
            Poll::Ready(end) => {
                this.stream = None;
                return Poll::Ready(this.last.take().map(|last| last(end)));
            }
            Poll::Pending => stream.as_mut().poll_next(cx),
        };
        if matches!(item, Poll::Ready(None)) {
            this.stream = None;
            this.ended = Ended::never();
        }
        item
    }
}

impl<T: Stream> fmt::Debug for UntilEnded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntilEnded(..)")
    }
}
