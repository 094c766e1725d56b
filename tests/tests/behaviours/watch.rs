//! B62: streams and sockets that stay open learn that their session ended.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Path, routing::get};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use session_runtime::{
    Ended, KeyRing, MemoryStore, Session, SessionEnd, Sessions, SessionsBuilder, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{Server, Site, hours, minutes, routes},
    client::Visitor,
    over_stores, over_stores_with_feeds,
    store::AnyStore,
};
use tokio::time::timeout;

type S = Session<Site>;

/// How often the watches look at the store in a test that waits for the next look.
pub(crate) const OFTEN: Duration = Duration::from_millis(50);

/// Two servers that share a store. The streams are open on the server `here`.
pub(crate) struct Two {
    pub(crate) here: Server,
    pub(crate) there: Server,
    streams: Router,
    opened: Arc<Mutex<Option<S>>>,
}

impl Two {
    pub(crate) fn new(store: AnyStore, watch_every: Duration) -> Self {
        Self::with(store, |builder| builder.watch_every(watch_every))
    }

    /// Returns two servers on this store. The options apply to the server on which the streams are open.
    pub(crate) fn with(store: AnyStore, options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>) -> Self {
        let here = Server::with(store.clone(), options);
        let there = Server::made(store, here.keys.clone(), here.clock.clone(), |builder| builder);
        let opened = Arc::<Mutex<Option<S>>>::default();
        let keep = opened.clone();
        let streams = here.serving(Router::new().route(
            "/stream",
            get(async move |session: S| {
                *keep.lock().unwrap() = Some(session);
            }),
        ));
        Self { here, there, streams, opened }
    }

    /// Sends a request of this visitor that opens a stream. Returns the stream's session handle, after the response was sent.
    pub(crate) async fn open(&self, visitor: &Visitor) -> S {
        assert_eq!(visitor.at(&self.streams).get("/stream").await.status, 200);
        self.opened.lock().unwrap().take().unwrap()
    }
}

/// Waits until a watch reports that its session ended, and returns the reason. Panics after a minute.
pub(crate) async fn soon(ended: Ended) -> SessionEnd {
    timeout(Duration::from_secs(60), ended).await.expect("the watch reports the end within a minute")
}

/// Lets the other tasks run, without waiting for timers. Returns whether the watch has reported an end by then.
pub(crate) async fn is_over(ended: &mut Ended) -> bool {
    for _ in 0..100 {
        if ended.now_or_never().is_some() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

over_stores! {
    // B62
    async fn a_stream_learns_of_each_kind_of_end_on_another_server(store) {
        let two = Two::new(store, OFTEN);
        for (path, end) in [
            ("/logout", SessionEnd::LoggedOut),
            ("/destroy", SessionEnd::LoggedOut),
            ("/renew", SessionEnd::Superseded),
            ("/login/bob", SessionEnd::Superseded),
        ] {
            let ada = two.here.signed_in("ada").await;
            let ended = two.open(&ada).await.ended();
            ada.at(&two.there.app).post(path).await;
            assert_eq!(soon(ended).await, end, "{path}");
        }
        let ada = two.here.signed_in("ada").await;
        let ended = two.open(&ada).await.ended();
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }

    // B62, B40
    async fn a_stream_learns_that_its_session_expired(store) {
        let two = Two::new(store, OFTEN);
        let ada = two.here.signed_in("ada").await;
        let ended = two.open(&ada).await.ended();
        two.here.turn(minutes(30));
        assert_eq!(soon(ended).await, SessionEnd::Expired);
    }

    // B62: a request elsewhere moves the idle deadline.
    async fn a_session_that_is_used_elsewhere_does_not_expire_for_its_stream(store) {
        let two = Two::new(store, OFTEN);
        let ada = two.here.signed_in("ada").await;
        let session = two.open(&ada).await;
        let ended = session.ended();
        two.here.turn(minutes(20));
        ada.at(&two.there.app).get("/read").await;
        two.here.turn(minutes(20));
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }

    // B62, B60
    async fn the_watch_and_is_live_agree(store) {
        let two = Two::new(store, OFTEN);
        for path in ["/read", "/logout", "/renew", "/remember", "/login/bob"] {
            let ada = two.here.signed_in("ada").await;
            let mut session = two.open(&ada).await;
            let mut ended = session.ended();
            ada.at(&two.there.app).post(path).await;
            if session.is_live().await.unwrap() {
                assert!(!is_over(&mut ended).await, "{path}");
            } else {
                soon(ended).await;
            }
        }
    }
}

// B62
#[tokio::test]
async fn a_stream_learns_that_its_session_was_displaced_or_evicted() {
    let opened = Arc::<Mutex<Option<S>>>::default();
    let keep = opened.clone();
    let stream = async move |session: S| {
        *keep.lock().unwrap() = Some(session);
    };
    let sessions = Sessions::<Site>::builder()
        .store(MemoryStore::with_capacity(2))
        .keys(KeyRing::generate())
        .max_per_user(1)
        .watch_every(hours(1))
        .build()
        .unwrap();
    let app = routes().route("/stream", get(stream)).layer(sessions.layer());
    let open = async |path: &str| {
        let mut visitor = Visitor::new(&app);
        visitor.post(path).await;
        visitor.get("/stream").await;
        opened.lock().unwrap().take().unwrap()
    };
    let displaced = open("/login/ada").await.ended();
    Visitor::new(&app).post("/login/ada").await;
    assert_eq!(soon(displaced).await, SessionEnd::Displaced);

    let mut evicted = open("/name/guest").await.ended();
    assert!(!is_over(&mut evicted).await);
    for user in ["bob", "eve"] {
        Visitor::new(&app).post(&format!("/login/{user}")).await;
    }
    assert_eq!(soon(evicted).await, SessionEnd::Evicted);
}

/// Returns an application whose route opens a stream, and the place in which the route leaves its session handle.
pub(crate) fn opening(server: &Server) -> (Arc<Mutex<Option<S>>>, Router) {
    let opened = Arc::<Mutex<Option<S>>>::default();
    let keep = opened.clone();
    let keep = move |session: S| {
        *keep.lock().unwrap() = Some(session);
        std::future::ready(())
    };
    (opened, server.serving(Router::new().route("/stream", get(keep))))
}

over_stores_with_feeds! {
    // B62: the watches look at the store once an hour only, so the stream learns of the end by a message.
    async fn a_message_ends_a_stream_on_another_server(store) {
        let two = Two::new(store, hours(1));
        let mut tries = 0..60;
        loop {
            tries.next().expect("the feed delivers a message within a minute");
            let ada = two.here.signed_in("ada").await;
            let mut ended = two.open(&ada).await.ended();
            assert!(!is_over(&mut ended).await);
            two.there.sessions.of("ada").revoke_all().await.unwrap();
            // Until the feed is connected, messages are lost. The loop then tries again.
            if let Ok(end) = timeout(Duration::from_secs(1), ended).await {
                assert_eq!(end, SessionEnd::Revoked);
                break;
            }
        }
        for (path, end) in [
            ("/logout", SessionEnd::LoggedOut),
            ("/renew", SessionEnd::Superseded),
            ("/login/bob", SessionEnd::Superseded),
        ] {
            let ada = two.here.signed_in("ada").await;
            let mut ended = two.open(&ada).await.ended();
            assert!(!is_over(&mut ended).await);
            ada.at(&two.there.app).post(path).await;
            assert_eq!(soon(ended).await, end, "{path}");
        }
    }
}

// B62: the request that opens the stream may also give its session a new id. That does not end the stream.
#[tokio::test]
async fn a_sign_in_by_the_streams_own_request_is_not_its_end() {
    let server = Server::with(AnyStore::memory(), |builder| builder.watch_every(hours(1)));
    let kept = Arc::<Mutex<Vec<Ended>>>::default();
    let keep = kept.clone();
    let app = server.serving(Router::new().route(
        "/stream",
        get(async move |mut session: S| {
            let mut before = session.ended();
            assert!(!is_over(&mut before).await);
            session.user_mut().log_in("ada".into());
            session.save().await.unwrap();
            assert!(
                !is_over(&mut before).await,
                "the response of this request carries the new id, so the stream goes on"
            );
            session.renew();
            keep.lock().unwrap().extend([before, session.ended()]);
        }),
    ));
    for visitor in [server.visitor(), server.signed_in("eve").await] {
        visitor.at(&app).get("/stream").await;
        let ended = std::mem::take(&mut *kept.lock().unwrap());
        let mut waiting = Vec::new();
        for mut ended in ended {
            assert!(!is_over(&mut ended).await);
            waiting.push(ended);
        }
        server.sessions.of("ada").revoke_all().await.unwrap();
        for ended in waiting {
            assert_eq!(soon(ended).await, SessionEnd::Revoked);
        }
    }
}

// B62: this server gets no messages, and an hour passes between looks. So the stream learns of the end only when another handle
// on this server finds that the session is over.
#[tokio::test]
async fn a_handle_that_finds_its_session_over_tells_the_streams() {
    for saves in [true, false] {
        let two = Two::new(AnyStore::memory(), hours(1));
        two.here.controls.deaf.store(true, Ordering::SeqCst);
        let ada = two.here.signed_in("ada").await;
        let mut ended = two.open(&ada).await.ended();
        let mut other = two.open(&ada).await;
        assert!(!is_over(&mut ended).await);
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        assert!(!is_over(&mut ended).await, "nothing has told this server");
        if saves {
            *other.name_mut() = "Ada".into();
            assert!(other.save().await.unwrap_err().is_gone());
        } else {
            assert!(!other.is_live().await.unwrap());
        }
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }
}

// B62
#[tokio::test]
async fn a_session_that_is_never_stored_never_ends() {
    let server = Server::with(AnyStore::memory(), |builder| builder.watch_every(OFTEN));
    let (opened, app) = opening(&server);
    server.visitor().at(&app).get("/stream").await;
    let mut ended = opened.lock().unwrap().take().unwrap().ended();
    server.turn(hours(100));
    assert!(!is_over(&mut ended).await);
    assert_eq!(server.controls.calls(), (0, 0));
}

// B62: the store may be down for so long that the session expires meanwhile. The watch then cannot know why the session ended.
#[tokio::test]
async fn while_the_store_is_down_the_watch_waits_until_the_last_known_deadline() {
    let server = Server::with(AnyStore::memory(), |builder| builder.watch_every(OFTEN));
    let (opened, app) = opening(&server);
    let (ada, bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let mut streams = Vec::new();
    for visitor in [&ada, &bob] {
        visitor.at(&app).get("/stream").await;
        streams.push(opened.lock().unwrap().take().unwrap().ended());
    }
    let (mut of_bob, of_ada) = (streams.pop().unwrap(), streams.pop().unwrap());
    assert!(!is_over(&mut of_bob).await);
    let looks = server.controls.calls().0;
    server.controls.down.store(true, Ordering::SeqCst);
    while server.controls.calls().0 < looks + 10 {
        assert!(of_bob.is_pending(), "an outage of the store does not end the session");
        tokio::time::sleep(OFTEN).await;
    }
    server.controls.down.store(false, Ordering::SeqCst);
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(soon(of_ada).await, SessionEnd::Revoked);
    server.controls.down.store(true, Ordering::SeqCst);
    server.turn(minutes(30));
    assert_eq!(soon(of_bob).await, SessionEnd::Unknown);
}

trait IsPending {
    /// Polls once, and returns whether the future is pending.
    fn is_pending(&mut self) -> bool;
}

impl IsPending for Ended {
    fn is_pending(&mut self) -> bool {
        self.now_or_never().is_none()
    }
}

// B62
#[tokio::test]
async fn a_wrapped_stream_ends_with_its_session() {
    let server = Server::with(AnyStore::memory(), |builder| builder.watch_every(hours(1)));
    let (opened, app) = opening(&server);
    let ada = server.signed_in("ada").await;
    ada.at(&app).get("/stream").await;
    let session = opened.lock().unwrap().take().unwrap();
    let mut numbers = session.until_ended(stream::iter(0..2).chain(stream::pending()));
    drop(session);
    assert_eq!((numbers.next().await, numbers.next().await), (Some(0), Some(1)));
    assert_eq!(numbers.next().now_or_never(), None);
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(timeout(Duration::from_secs(60), numbers.next()).await.unwrap(), None);
    assert_eq!(numbers.next().await, None, "the stream stays ended");
}

// B62
#[tokio::test]
async fn a_wrapped_stream_can_end_with_the_reason() {
    let server = Server::with(AnyStore::memory(), |builder| builder.watch_every(hours(1)));
    let (opened, app) = opening(&server);
    let ada = server.signed_in("ada").await;
    ada.at(&app).get("/stream").await;
    let session = opened.lock().unwrap().take().unwrap();
    let news = stream::iter(["news"]).chain(stream::pending());
    let mut news = session.until_ended(news).with_last(SessionEnd::as_str);
    drop(session);
    assert_eq!(news.next().await, Some("news"));
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(timeout(Duration::from_secs(60), news.next()).await.unwrap(), Some("revoked"));
    assert_eq!(news.next().await, None);

    ada.at(&app).get("/stream").await;
    let session = opened.lock().unwrap().take().unwrap();
    let mut short = session.until_ended(stream::iter(["news"])).with_last(SessionEnd::as_str);
    assert_eq!(
        (short.next().await, short.next().await),
        (Some("news"), None),
        "the inner stream ended before the session, so no reason follows"
    );
}

// B62: one task looks at the store for all streams. It runs on the first stream's runtime, which may shut down before the
// runtimes of the other streams.
#[test]
fn a_watch_survives_the_runtime_that_began_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (two, ada) = first.block_on(async {
        let two = Two::new(AnyStore::memory(), OFTEN);
        let ada = two.here.signed_in("ada").await;
        let mut ended = two.open(&ada).await.ended();
        assert!(!is_over(&mut ended).await);
        (two, ada)
    });
    second.block_on(async {
        let ended = two.open(&ada).await.ended();
        let ended = tokio::spawn(ended);
        tokio::task::yield_now().await;
        first.shutdown_background();
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        let end = timeout(Duration::from_secs(60), ended).await.expect("the watch reports the end within a minute");
        assert_eq!(end.unwrap(), SessionEnd::Revoked);
    });
}

/// A store that counts its loads, and records how many were in progress at the same time.
#[derive(Clone, Default)]
struct Counting {
    values: Arc<Mutex<HashMap<[u8; 16], Value>>>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
}

impl Store for Counting {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(self.values.lock().unwrap().get(&key.digest()).cloned().map(Versioned::new))
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        _now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let mut values = self.values.lock().unwrap();
        let current = values.get(&key.digest()).cloned().map(Versioned::new);
        if current.as_ref().map(Versioned::revision) != before.map(Versioned::revision) {
            return Ok(Swapped::Stale(current));
        }
        Ok(match after {
            Some(value) => {
                values.insert(key.digest(), value.clone());
                Swapped::written(value)
            }
            None => {
                values.remove(&key.digest());
                Swapped::removed()
            }
        })
    }
}

// B62
#[tokio::test]
async fn the_end_of_ten_thousand_watched_sessions_does_not_flood_the_store() {
    const SESSIONS: usize = 10_000;
    let store = Counting::default();
    let sessions = Sessions::<Site>::builder()
        .store(store.clone())
        .keys(KeyRing::generate())
        .clean_every(Duration::ZERO)
        .watch_every(hours(1))
        .build()
        .unwrap();
    let opened = Arc::<Mutex<Option<S>>>::default();
    let keep = opened.clone();
    let stream = async move |Path(user): Path<String>, mut session: S| {
        session.user_mut().log_in(user);
        session.save().await.unwrap();
        *keep.lock().unwrap() = Some(session);
    };
    let app = Router::new().route("/stream/{user}", get(stream)).layer(sessions.layer());
    let mut streams = Vec::new();
    for user in 0..SESSIONS {
        Visitor::new(&app).get(&format!("/stream/{user}")).await;
        let ended = opened.lock().unwrap().take().unwrap().ended();
        streams.push(tokio::spawn(ended));
    }
    while store.loads.load(Ordering::SeqCst) < SESSIONS {
        tokio::time::sleep(OFTEN).await;
    }
    store.most.store(0, Ordering::SeqCst);
    for user in 0..SESSIONS {
        sessions.of(&user.to_string()).revoke_all().await.unwrap();
    }
    for ended in streams {
        let end = timeout(Duration::from_secs(60), ended).await.expect("the watch reports the end within a minute");
        assert_eq!(end.unwrap(), SessionEnd::Revoked);
    }
    let most = store.most.load(Ordering::SeqCst);
    assert!(most <= 4 * 64 + 1, "{most} loads at the same time");
}
