//! B62: streams of sessions that are stored in their visitors' cookies.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use session_runtime::{Clock, CookieStore, Ended, KeyRing, Session, SessionEnd, Sessions};
use tests::{
    app::{hours, minutes},
    client::Visitor,
    over_stores_with_feeds,
    store::AnyStore,
};
use tokio::time::timeout;

use crate::watch::{OFTEN, is_over, soon};

#[derive(Session)]
#[session(cookie = "__Host-kept", idle = 30m, absolute = 12h)]
struct Kept {
    #[session(identity, unlisted)]
    user: Option<String>,
}

type K = Session<Kept>;

/// Returns a server's routes, and a function that returns the watch of the stream that was opened last.
fn server(store: CookieStore, keys: &KeyRing, clock: &Clock, every: Duration) -> (Router, impl Fn() -> Ended + use<>) {
    let opened = Arc::<Mutex<Option<K>>>::default();
    let keep = opened.clone();
    let sessions = Sessions::<Kept>::builder()
        .store(store)
        .keys(keys.clone())
        .clock(clock.clone())
        .watch_every(every)
        .build()
        .unwrap();
    let stream = async move |session: K| *keep.lock().unwrap() = Some(session);
    let app = Router::new()
        .route("/login", post(async |mut session: K| session.user_mut().log_in("ada".into())))
        .route("/logout", post(async |mut session: K| session.user_mut().log_out()))
        .route("/renew", post(async |mut session: K| session.renew()))
        .route("/stream", get(stream))
        .layer(sessions.layer());
    (app, move || opened.lock().unwrap().take().unwrap().ended())
}

over_stores_with_feeds! {
    // B62: the store of the revocations has no value for the session until the session ends. It announces that first value too.
    async fn a_stream_hears_that_a_session_in_a_cookie_was_revoked(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let on = || CookieStore::encrypted().revocations(store.clone());
        let (here, watch) = server(on(), &keys, &clock, hours(1));
        let (there, _) = server(on(), &keys, &clock, hours(1));
        let heard = async |path: &str, limit: Duration| {
            let mut ada = Visitor::new(&here);
            ada.post("/login").await;
            ada.get("/stream").await;
            let mut ended = watch();
            for _ in 0..10 {
                // Waits for the watch's first look at the store, so that the session ends after it.
                assert!(!is_over(&mut ended).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            ada.at(&there).post(path).await;
            timeout(limit, ended).await.ok()
        };
        // Until the feed is connected, messages are lost, so this tries repeatedly.
        let mut tries = 0..60;
        while heard("/logout", Duration::from_secs(1)).await.is_none() {
            tries.next().expect("the feed delivers a message within a minute");
        }
        for (path, end) in [("/logout", SessionEnd::LoggedOut), ("/renew", SessionEnd::Superseded)] {
            assert_eq!(heard(path, Duration::from_secs(60)).await, Some(end), "{path}");
        }
    }
}

// B62
#[tokio::test]
async fn a_stream_of_a_session_in_a_cookie_without_revocations_ends_at_its_deadline() {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let (app, watch) = server(CookieStore::encrypted(), &keys, &clock, OFTEN);
    let mut ada = Visitor::new(&app);
    ada.post("/login").await;
    ada.get("/stream").await;
    let mut ended = watch();
    ada.post("/logout").await;
    assert!(!is_over(&mut ended).await, "no store records the log-out");
    clock.advance(minutes(30));
    assert_eq!(soon(ended).await, SessionEnd::Expired);
}

// B62: SQLite announces nothing, so the watch looks at the revocations repeatedly.
#[tokio::test]
async fn a_stream_of_a_session_in_a_cookie_polls_its_revocations() {
    let store = AnyStore::sqlite().await;
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let on = || CookieStore::encrypted().revocations(store.clone());
    let (here, watch) = server(on(), &keys, &clock, OFTEN);
    let (there, _) = server(on(), &keys, &clock, OFTEN);
    let mut ada = Visitor::new(&here);
    ada.post("/login").await;
    ada.get("/stream").await;
    let mut ended = watch();
    assert!(!is_over(&mut ended).await);
    ada.at(&there).post("/logout").await;
    assert_eq!(soon(ended).await, SessionEnd::LoggedOut);
}

// B62: the deadline is in the cookie, which only a response can replace.
#[tokio::test(start_paused = true)]
async fn a_stream_cannot_keep_a_session_in_a_cookie_alive() {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let (app, watch) = server(CookieStore::encrypted(), &keys, &clock, minutes(1));
    let mut ada = Visitor::new(&app);
    ada.post("/login").await;
    ada.get("/stream").await;
    let mut ended = watch().keep_alive();
    for minute in 0..40 {
        clock.advance(minutes(1));
        if let Ok(end) = timeout(minutes(1), &mut ended).await {
            assert_eq!((end, minute >= 29), (SessionEnd::Expired, true), "{minute}");
            return;
        }
    }
    panic!("the watch did not report the end after 30 minutes");
}
