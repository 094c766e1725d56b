//! The sessions of all visitors: [`Sessions::all`], [`Sessions::revoke`] and [`Sessions::revoke_everyone`].

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec,
};

use futures_util::Stream;

use super::{ListedSession, SessionHandle, Sessions};
use crate::{
    engine::{Engine, Listing},
    error::Error,
    session::Schema,
    store::Position,
};

impl<S: Schema> Sessions<S> {
    /// Returns a stream of all live sessions of this kind and application, of guests and of users, in no order. Use it for an
    /// administrator's page, a report or a job.
    ///
    /// The stream reads the store in batches, so it takes little memory, however many sessions there are, and delays no request. A
    /// session that is live from the first batch to the last is in the stream. A session that begins or ends meanwhile may be
    /// missing. On Redis, a session can come twice, with the same [`ListedSession::handle`]. A session in which a user acts as
    /// another is listed with the acting user's own fields, as in [`SessionsOf::list`](super::SessionsOf::list). A session that is
    /// damaged, or that a newer version of this crate wrote, is left out.
    ///
    /// # Errors
    /// The stream ends after an error. [`Error::is_unavailable`] if the store does not answer: continue later at
    /// [`AllSessions::position`]. It is another error if the sessions are in their visitors' cookies
    /// ([`CookieStore`](crate::CookieStore)), or if the store is your own and does not implement
    /// [`Store::scan`](crate::store::Store::scan).
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64>, device: String }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let mut all = sessions.all();
    /// while let Some(session) = all.next().await {
    ///     let session = session?;
    ///     println!("{}: {:?}, {}, last seen {:?}", session.handle(), session.user_id(), session.device(), session.last_seen());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn all(&self) -> AllSessions<S> {
        self.all_from(Position::start())
    }

    /// Returns the stream of [`Sessions::all`] from a position on. The position comes from [`AllSessions::position`], in this
    /// process or in another one, and may be days old.
    ///
    /// A position is valid only for the store that it came from. On a Redis cluster, it is no longer valid once the node that it
    /// names is not a primary.
    ///
    /// # Errors
    /// If the store does not know the position, the stream's only item is an error, and [`Error::is_unavailable`] is `false` for
    /// it.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions, store::Position};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// /// Returns a page of 50 sessions or more, up to the end of a batch, and the position of the next page.
    /// async fn page(sessions: &Sessions<Shop>, from: &[u8]) -> Result<(Vec<String>, Option<Vec<u8>>), Error> {
    ///     let mut all = sessions.all_from(Position::new(from));
    ///     let mut page = Vec::new();
    ///     while let Some(session) = all.next().await {
    ///         page.push(session?.handle().to_string());
    ///         if page.len() >= 50 && all.loaded() == 0 {
    ///             break;
    ///         }
    ///     }
    ///     Ok((page, all.position().map(|next| next.as_bytes().to_vec())))
    /// }
    /// ```
    pub fn all_from(&self, position: Position) -> AllSessions<S> {
        AllSessions {
            engine: Arc::clone(&self.engine),
            batch: Vec::new().into_iter(),
            from: None,
            next: Some(position),
            loading: None,
            has_failed: false,
            kind: PhantomData,
        }
    }

    /// Ends one session of any visitor, and returns whether this call ended it. It returns `false` if the session has already
    /// ended, or if it is of another kind or application. If a user acts as another in the session, it ends as a whole.
    ///
    /// **This is for administrators**, since it accepts the handle of any session. To let users end their own sessions, call
    /// [`SessionsOf::revoke`](super::SessionsOf::revoke).
    ///
    /// Takes one load and one swap.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down; the session may then still be live. It is another error if the sessions are
    /// in their visitors' cookies.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, SessionHandle, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn show(sessions: Sessions<Shop>, handle: SessionHandle) -> Result<(), Error> {
    /// let ended = sessions.revoke(handle).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke(&self, session: SessionHandle) -> Result<bool, Error> {
        self.engine.end_one(&session.key()).await
    }

    /// Ends the sessions of all visitors, guests included, and returns how many ended (OWASP ASVS 7.4.5). Only the sessions of
    /// this kind and application end.
    ///
    /// * **Every session that was there when the call began ends**, even if requests write it meanwhile, and immediately on every
    ///   server: a request in progress can no longer change it, and the next request with its cookie is anonymous. Streams and
    ///   sockets that wait for the end ([`Core::ended`](crate::Core::ended)) get
    ///   [`SessionEnd::Revoked`](crate::SessionEnd::Revoked). Each end is reported as an [`Event::Ended`](crate::Event::Ended).
    /// * **A session that begins during the call** may end too, or stay. If it begins more than a minute after the start of the
    ///   call, it stays, so that new sessions cannot prolong the call without end. To keep visitors out, first make sign-ins refuse
    ///   them. See also "Check the sign-in" in [`guide::security`](crate::guide::security).
    /// * **The caller's own session ends too.** A handler that calls `log_in` after this call keeps its visitor signed in, under
    ///   a new id.
    /// * **If users act as others**, those sessions end as a whole.
    /// * **The lists of users' sessions stay**, as after a sign-out: sign-ins and listings ignore the entries of ended sessions,
    ///   and the entries are removed once they expire.
    ///
    /// The call ends up to 16 sessions at a time, in the store's order, and locks each of them only while it ends that session. A
    /// measurement on two cores: 100,000 sessions in a `MemoryStore` took 0.4 seconds, 20,000 on Redis 0.8 seconds, and 20,000 in
    /// SQLite 2.5 seconds. The median time of other requests doubled at most. If the call's future is dropped, the call stops. So
    /// spawn a task, as below: otherwise the call stops when the administrator's browser closes the connection.
    ///
    /// # Errors
    /// The first error. Some sessions may then still be live: call it again, in this process or in another, until it succeeds. A
    /// second call quickly skips the sessions that have already ended. If one session cannot be ended, the call still ends the
    /// others. [`Error::is_unavailable`] if the store is down, or if a newer version of this crate wrote a session, which only that
    /// version can end. [`Error::is_conflict`] if other requests kept changing a session. The call ends nothing if the store is
    /// your own and does not implement [`Store::scan`](crate::store::Store::scan), or if the sessions are in their visitors'
    /// cookies: [`CookieStore::issued_after`](crate::CookieStore::issued_after) ends those.
    ///
    /// If a Redis server fails over during the call, or a cluster moves slots to another node, the call can miss sessions. Call it
    /// again then.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// /// A route for administrators.
    /// async fn sign_everybody_out(sessions: Sessions<Shop>) -> &'static str {
    ///     tokio::spawn(async move {
    ///         while let Err(error) = sessions.revoke_everyone().await {
    ///             eprintln!("not all sessions have ended yet: {error}");
    ///             tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    ///         }
    ///     });
    ///     "all sessions are ending"
    /// }
    /// ```
    pub async fn revoke_everyone(&self) -> Result<u64, Error> {
        self.engine.end_everyone().await
    }
}

/// All live sessions of one kind and application: a `Stream`, made by [`Sessions::all`].
///
/// ```
/// # use session_runtime::{Error, Session, Sessions};
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
/// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
/// use futures_util::TryStreamExt;
///
/// let users = sessions.all().try_fold(0, async |users, session| Ok(users + u32::from(session.user_id().is_some()))).await?;
/// # Ok(()) }
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct AllSessions<S> {
    engine: Arc<Engine>,
    /// The sessions of the current batch that were not returned yet.
    batch: vec::IntoIter<Listing>,
    /// Where the current batch begins; `None` before the first.
    from: Option<Position>,
    /// Where the next batch begins; `None` if there is none.
    next: Option<Position>,
    loading: Option<Loading>,
    has_failed: bool,
    kind: PhantomData<fn() -> S>,
}

/// The sessions of a batch, and the position of the batch after it.
type Loading = Pin<Box<dyn Future<Output = Result<(Vec<Listing>, Option<Position>), Error>> + Send>>;

impl<S: Schema> AllSessions<S> {
    /// Returns the next session, or `None` at the end. It does the same as `next` of `StreamExt`, without that trait. If the future
    /// is dropped, no session is lost.
    ///
    /// # Errors
    /// As [`Sessions::all`].
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let mut all = sessions.all();
    /// while let Some(session) = all.next().await {
    ///     println!("{}", session?.theme());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn next(&mut self) -> Option<Result<ListedSession<S>, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns the position from which [`Sessions::all_from`] returns all sessions that this stream has not returned yet; `None` if
    /// it has returned all. `Some` does not promise that more sessions follow: a page that begins there may be empty. If
    /// the current batch has sessions left ([`AllSessions::loaded`]), the position is the beginning of that batch, so the sessions
    /// that this stream has returned from the batch come again. After an error, it is the position at which to try again.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions, store::Position};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) {
    /// assert_eq!(sessions.all().position(), Some(&Position::start()));
    /// # }
    /// ```
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        if self.loaded() > 0 { self.from.as_ref() } else { self.next.as_ref() }
    }

    /// Returns how many sessions of the current batch the stream has not returned yet. The stream returns them without asking the
    /// store.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) {
    /// assert_eq!(sessions.all().loaded(), 0);
    /// # }
    /// ```
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.batch.len()
    }
}

impl<S: Schema> Stream for AllSessions<S> {
    type Item = Result<ListedSession<S>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(listing) = this.batch.next() {
                return Poll::Ready(Some(Ok(ListedSession::new(&this.engine, listing))));
            }
            let Some(next) = this.next.as_ref().filter(|_| !this.has_failed) else { return Poll::Ready(None) };
            let loading = this.loading.get_or_insert_with(|| {
                let (engine, next) = (Arc::clone(&this.engine), next.clone());
                Box::pin(async move { engine.sessions_from(&next).await })
            });
            let loaded = ready!(loading.as_mut().poll(cx));
            this.loading = None;
            match loaded {
                Ok((sessions, next)) => {
                    this.batch = sessions.into_iter();
                    this.from = std::mem::replace(&mut this.next, next);
                }
                // If the stream did not end here, a caller that ignores errors would ask an unavailable store again and again.
                Err(error) => {
                    this.has_failed = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.loaded(), None)
    }
}

impl<S> fmt::Debug for AllSessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllSessions").field("of", &self.engine.name).finish_non_exhaustive()
    }
}
