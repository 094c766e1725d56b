//! The session and the routes on which the behaviours are tested.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_runtime::{
    Clock, Event, KeyRing, Report, Session, Sessions, SessionsBuilder, store::Key, testing::inspect::Stored,
};

use crate::{
    client::Visitor,
    store::{AnyStore, Controls, Probe},
};

/// A session with a field of each policy.
#[derive(Session)]
#[session(cookie = "__Host-site", idle = 30m, absolute = 12h, remember = 30d)]
pub struct Site {
    #[session(identity)]
    pub user: Option<String>,
    #[session(atomic)]
    pub cart: Vec<String>,
    #[session(device)]
    pub theme: Theme,
    #[session(expires = 5m)]
    pub code: Option<String>,
    #[session(flash)]
    pub notice: Option<String>,
    #[session(flash)]
    pub notices: Vec<String>,
    #[session(counter)]
    pub visits: u64,
    pub name: String,
    pub note: Option<String>,
    #[session(default = 7)]
    pub lucky: u32,
    #[session(skip)]
    pub scratch: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// One server: its clock, the events that it reported, and the calls that its store received.
pub struct Server {
    pub app: Router,
    pub sessions: Sessions<Site>,
    pub clock: Clock,
    pub store: AnyStore,
    pub controls: Arc<Controls>,
    pub events: Arc<Mutex<Vec<Report>>>,
    pub keys: KeyRing,
}

impl Server {
    pub fn new(store: AnyStore) -> Self {
        Self::with(store, |builder| builder)
    }

    pub fn with(store: AnyStore, options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>) -> Self {
        Self::made(store, KeyRing::generate(), Clock::stopped(), options)
    }

    pub fn made(
        store: AnyStore,
        keys: KeyRing,
        clock: Clock,
        options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
    ) -> Self {
        let (controls, events) = (Arc::<Controls>::default(), Arc::<Mutex<Vec<Report>>>::default());
        let heard = Arc::clone(&events);
        let builder = Sessions::<Site>::builder()
            .store(Probe { inner: store.clone(), controls: Arc::clone(&controls) })
            .keys(keys.clone())
            .clock(clock.clone())
            // Disables background clean-up, so that tests can count the store's calls.
            .clean_every(Duration::ZERO)
            .on_event(move |report| heard.lock().unwrap().push(report.clone()));
        let sessions = options(builder).build().unwrap();
        Self { app: routes().layer(sessions.layer()), sessions, clock, store, controls, events, keys }
    }

    /// Serves other routes with the same sessions.
    pub fn serving(&self, routes: Router) -> Router {
        routes.layer(self.sessions.layer())
    }

    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    /// Returns a visitor who is signed in.
    pub async fn signed_in(&self, user: &str) -> Visitor {
        let mut visitor = self.visitor();
        assert_eq!(visitor.post(&format!("/login/{user}")).await.status, StatusCode::OK);
        visitor
    }

    /// Attempts to sign in and ignores the result.
    pub async fn signed_in_or_not(&self, user: &str) -> Visitor {
        let mut visitor = self.visitor();
        visitor.post(&format!("/login/{user}")).await;
        visitor
    }

    /// Returns the key of the store's most recent call whose session is still stored.
    pub async fn key(&self) -> Key {
        let keys = self.controls.keys.lock().unwrap().clone();
        for key in keys.iter().rev() {
            if self.stored(key).await.is_some() {
                return *key;
            }
        }
        panic!("none of {} keys has a stored session", keys.len());
    }

    /// Returns the session under a key, as it is stored.
    pub async fn stored(&self, key: &Key) -> Option<Stored> {
        self.store.session(key, self.clock.now()).await
    }

    pub fn turn(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Returns the events since the last call.
    pub fn heard(&self) -> Vec<Event> {
        self.reports().into_iter().map(|report| report.event).collect()
    }

    /// Returns the events since the last call, with their sessions and users.
    pub fn reports(&self) -> Vec<Report> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

/// Returns a route for each operation on a session.
pub fn routes() -> Router {
    type S = Session<Site>;
    Router::new()
        .route("/untouched", get(|| async { "static" }))
        .route("/read", get(|session: S| async move { session.name().to_owned() }))
        .route("/show", get(|session: S| async move { Json(show(&session)) }))
        .route("/name/{to}", post(|mut session: S, Path(to): Path<String>| async move { *session.name_mut() = to }))
        .route("/note/{to}", post(|mut session: S, Path(to): Path<String>| async move { session.note_mut().set(to) }))
        .route("/note", post(|mut session: S| async move { session.note_mut().clear() }))
        .route("/code/{to}", post(|mut session: S, Path(to): Path<String>| async move { session.code_mut().set(to) }))
        .route("/theme/dark", post(|mut session: S| async move { *session.theme_mut() = Theme::Dark }))
        .route("/visit", post(|mut session: S| async move { session.visits_mut().add(1) }))
        .route(
            "/cart/{item}",
            post(|mut session: S, Path(item): Path<String>| async move {
                session.cart_mut().update(|cart| cart.push(item.clone())).await
            }),
        )
        .route(
            "/notice/{to}",
            post(|mut session: S, Path(to): Path<String>| async move { session.notice_mut().put(to) }),
        )
        .route("/notice", get(|mut session: S| async move { session.notice_mut().take().unwrap_or_default() }))
        .route(
            "/notices/{to}",
            post(|mut session: S, Path(to): Path<String>| async move { session.notices_mut().put(to) }),
        )
        .route("/notices", get(|mut session: S| async move { session.notices_mut().take().join(",") }))
        .route(
            "/login/{user}",
            post(|mut session: S, Path(user): Path<String>| async move { session.user_mut().log_in(user) }),
        )
        .route("/logout", post(|mut session: S| async move { session.user_mut().log_out() }))
        .route("/renew", post(|mut session: S| async move { session.renew() }))
        .route("/destroy", post(|mut session: S| async move { session.destroy() }))
        .route("/clear", post(|mut session: S| async move { session.clear() }))
        .route("/remember", post(|mut session: S| async move { session.remember(true) }))
        .route("/forget", post(|mut session: S| async move { session.remember(false) }))
        .route(
            "/fail/{how}",
            post(|mut session: S, Path(how): Path<String>| async move {
                *session.name_mut() = "written by a failed request".into();
                match how.as_str() {
                    "login" => session.user_mut().log_in("mallory".into()),
                    "logout" => session.user_mut().log_out(),
                    "renew" => session.renew(),
                    "destroy" => session.destroy(),
                    _ => {}
                }
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
}

/// Returns everything that a handler can read.
pub fn show(session: &Session<Site>) -> Value {
    let millis = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    json!({
        "user": session.user(),
        "cart": session.cart(),
        "theme": session.theme(),
        "code": session.code(),
        "code_expires_at": session.code_expires_at().map(millis),
        "notice": session.notice(),
        "notices": session.notices(),
        "visits": session.visits(),
        "name": session.name(),
        "note": session.note(),
        "lucky": session.lucky(),
        "is_new": session.is_new(),
        "created_at": millis(session.created_at()),
        "expires_at": millis(session.expires_at()),
        "authenticated_at": session.authenticated_at().map(millis),
        "fingerprint": session.fingerprint().unwrap_or_else(|| "new".to_owned()),
    })
}
