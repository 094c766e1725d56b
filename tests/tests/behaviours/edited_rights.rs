//! B62, B23: a job changes a field that decides what a user may do (`rotates`), by `sessions.of(…).update(…)`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Clock, KeyRing, Session, SessionEnd, Sessions};
use tests::{app::hours, client::Visitor, over_stores, over_stores_with_feeds, over_two_stores, store::AnyStore};
use tokio::{sync::Semaphore, time::timeout};

use crate::watch::{OFTEN, soon};

#[derive(Session)]
#[session(cookie = "__Host-clerk")]
struct Clerk {
    #[session(identity)]
    user: Option<String>,
    #[session(rotates)]
    role: String,
    name: String,
}

type S = Session<Clerk>;

struct Place {
    app: Router,
    sessions: Sessions<Clerk>,
    opened: Arc<Mutex<Option<S>>>,
    arrived: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

fn place(store: AnyStore, keys: &KeyRing, clock: &Clock, watch_every: Duration) -> Place {
    let builder = Sessions::<Clerk>::builder().store(store).keys(keys.clone()).clock(clock.clone());
    let sessions = builder.watch_every(watch_every).clean_every(Duration::ZERO).build().unwrap();
    let opened = Arc::<Mutex<Option<S>>>::default();
    let (arrived, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let keep = Arc::clone(&opened);
    let gate = (Arc::clone(&arrived), Arc::clone(&go_on));
    let pass = move || {
        let (arrived, go_on) = gate.clone();
        async move {
            arrived.add_permits(1);
            go_on.acquire().await.unwrap().forget();
        }
    };
    let (write, out) = (pass.clone(), pass);
    let app = Router::new()
        .route(
            "/login",
            post(|mut s: S| async move {
                s.user_mut().log_in("ada".into());
                s.role_mut().set("admin".into());
            }),
        )
        .route("/role", get(|s: S| async move { s.role().to_owned() }))
        .route("/name", post(|mut s: S| async move { s.name_mut().set("now".into()) }))
        .route(
            "/slow/name",
            post(|mut s: S| async move {
                write().await;
                s.name_mut().set("late".into());
            }),
        )
        .route(
            "/slow/out",
            post(|mut s: S| async move {
                s.user_mut().log_out();
                out().await;
            }),
        )
        .route("/stream", get(|s: S| async move { *keep.lock().unwrap() = Some(s) }))
        .layer(sessions.layer());
    Place { app, sessions, opened, arrived, go_on }
}

fn two(store: AnyStore, watch_every: Duration) -> [Place; 2] {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    [(); 2].map(|()| place(store.clone(), &keys, &clock, watch_every))
}

impl Place {
    async fn stream(&self, visitor: &Visitor) -> S {
        assert_eq!(visitor.at(&self.app).get("/stream").await.status, StatusCode::OK);
        self.opened.lock().unwrap().take().unwrap()
    }

    async fn demote(&self) -> u64 {
        self.sessions.of("ada").update(|session| session.role_mut().set("clerk".into())).await.unwrap()
    }
}

over_stores! {
    // B62: also on stores without messages.
    async fn a_stream_ends_when_a_job_changes_a_right(store) {
        let [here, there] = two(store, OFTEN);
        let mut ada = Visitor::new(&here.app);
        ada.post("/login").await;
        let cookie = ada.cookie();
        let mut session = here.stream(&ada).await;
        let ended = session.ended();
        // An edit of another field does not end the stream.
        there.sessions.of("ada").update(|session| session.name_mut().set("Ada".into())).await.unwrap();
        assert!(session.is_live().await.unwrap());
        assert_eq!(there.demote().await, 1);
        assert_eq!(soon(ended).await, SessionEnd::Superseded);
        assert!(!session.is_live().await.unwrap(), "`is_live` agrees");
        // The page connects again, under the same id.
        assert_eq!((ada.get("/role").await.body.as_str(), ada.cookie()), ("clerk", cookie));
        let again = here.stream(&ada).await.ended();
        // This edit changes nothing, so it does not end the stream.
        assert_eq!(there.demote().await, 0);
        there.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(soon(again).await, SessionEnd::Revoked);
    }
}

over_stores_with_feeds! {
    // B62: the watches look at the store once an hour only, so the stream learns of the change by a message.
    async fn a_message_ends_the_stream(store) {
        let [here, there] = two(store, hours(1));
        for _ in 0..60 {
            let mut ada = Visitor::new(&here.app);
            ada.post("/login").await;
            let ended = here.stream(&ada).await.ended();
            // Waits for the watch's first look at the store, so that the look does not find the change.
            let ended = tokio::spawn(ended);
            tokio::time::sleep(Duration::from_millis(100)).await;
            there.demote().await;
            // Until the feed is connected, messages are lost.
            if let Ok(end) = timeout(Duration::from_secs(1), ended).await {
                assert_eq!(end.unwrap(), SessionEnd::Superseded);
                return;
            }
        }
        panic!("the feed delivered no message within a minute");
    }
}

over_two_stores! {
    // B23: a request that loaded the session before its rights changed cannot write. A sign-out needs no rights.
    async fn a_request_in_progress_is_refused_unless_it_signs_out(store) {
        let [here, _] = two(store, hours(1));
        for (path, status) in [("/slow/name", StatusCode::CONFLICT), ("/slow/out", StatusCode::OK)] {
            let mut ada = Visitor::new(&here.app);
            ada.post("/login").await;
            let mut tab = ada.clone();
            let slow = tokio::spawn(async move { tab.post(path).await.status });
            here.arrived.acquire().await.unwrap().forget();
            assert!(here.demote().await > 0);
            here.go_on.add_permits(1);
            assert_eq!(slow.await.unwrap(), status, "{path}");
            // After the refused write, the session still has its id, so a second try succeeds. After the sign-out, the write
            // begins a guest's session.
            let role = if path == "/slow/out" { "" } else { "clerk" };
            assert_eq!(ada.get("/role").await.body, role);
            assert_eq!(ada.post("/name").await.status, StatusCode::OK);
        }
    }
}
