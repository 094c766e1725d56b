//! The session struct and the routes. The struct has a field of each policy that a cookie can hold.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use session_runtime::{Clock, CookieStore, Event, KeyRing, Session, Sessions, SessionsBuilder};
use tests::client::{Reply, Visitor};

pub(crate) const COOKIE: &str = "__Host-prefs";

#[derive(Session)]
#[session(cookie = "__Host-prefs", idle = 30m, absolute = 12h, remember = 30d)]
pub(crate) struct Prefs {
    #[session(identity, unlisted)]
    pub(crate) user: Option<String>,
    #[session(device)]
    pub(crate) theme: String,
    #[session(expires = 5m)]
    pub(crate) code: Option<String>,
    #[session(flash)]
    pub(crate) notice: Option<String>,
    #[session(flash)]
    pub(crate) notices: Vec<String>,
    #[session(rotates)]
    pub(crate) roles: Vec<String>,
    pub(crate) name: String,
    pub(crate) note: Option<String>,
    #[session(default = 7)]
    pub(crate) lucky: u32,
}

/// One server with its own keys, clock and list of events.
pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) clock: Clock,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl Server {
    pub(crate) fn new(store: CookieStore) -> Self {
        Self::with(store, |builder| builder)
    }

    pub(crate) fn with(
        store: CookieStore,
        options: impl FnOnce(SessionsBuilder<Prefs>) -> SessionsBuilder<Prefs>,
    ) -> Self {
        Self::made(store, KeyRing::generate(), Clock::stopped(), options)
    }

    pub(crate) fn made(
        store: CookieStore,
        keys: KeyRing,
        clock: Clock,
        options: impl FnOnce(SessionsBuilder<Prefs>) -> SessionsBuilder<Prefs>,
    ) -> Self {
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let heard = Arc::clone(&events);
        let builder = Sessions::<Prefs>::builder()
            .store(store)
            .keys(keys)
            .clock(clock.clone())
            .on_event(move |report| heard.lock().unwrap().push(report.event.clone()));
        let app = routes().layer(options(builder).build().unwrap().layer());
        Self { app, clock, events }
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    pub(crate) async fn signed_in(&self, user: &str) -> Visitor {
        let mut visitor = self.visitor();
        assert_eq!(visitor.post(&format!("/login/{user}")).await.status, StatusCode::OK);
        visitor
    }

    pub(crate) fn turn(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Returns the events since the last call.
    pub(crate) fn heard(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

/// Returns the response to `/show` for a cookie with this value.
pub(crate) async fn shown(app: &Router, value: &str) -> Reply {
    Visitor::with_cookie(app, COOKIE, value).get("/show").await
}

pub(crate) fn routes() -> Router {
    type S = Session<Prefs>;
    Router::new()
        .route("/untouched", get(|| async { "static" }))
        .route("/show", get(|session: S| async move { Json(show(&session)) }))
        .route("/name/{to}", post(|mut session: S, Path(to): Path<String>| async move { *session.name_mut() = to }))
        .route("/note/{to}", post(|mut session: S, Path(to): Path<String>| async move { session.note_mut().set(to) }))
        .route("/note", post(|mut session: S| async move { session.note_mut().clear() }))
        .route("/code/{to}", post(|mut session: S, Path(to): Path<String>| async move { session.code_mut().set(to) }))
        .route("/theme/{to}", post(|mut session: S, Path(to): Path<String>| async move { *session.theme_mut() = to }))
        .route("/role/{to}", post(|mut session: S, Path(to): Path<String>| async move { session.roles_mut().push(to) }))
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
            "/anew/{name}",
            post(|mut session: S, Path(name): Path<String>| async move {
                session.destroy();
                *session.name_mut() = name;
            }),
        )
        .route(
            "/save/{name}",
            post(|mut session: S, Path(name): Path<String>| async move {
                *session.name_mut() = name.clone();
                session.save().await.unwrap();
                *session.name_mut() = format!("{name}, and then some");
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/fail/{how}",
            post(|mut session: S, Path(how): Path<String>| async move {
                *session.name_mut() = "written by a failed request".into();
                match how.as_str() {
                    "login" => session.user_mut().log_in("mallory".into()),
                    "logout" => session.user_mut().log_out(),
                    "destroy" => session.destroy(),
                    _ => {}
                }
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
}

/// Returns the values of all fields, and whether the session is new.
pub(crate) fn show(session: &Session<Prefs>) -> Value {
    json!({
        "user": session.user(),
        "theme": session.theme(),
        "code": session.code(),
        "notice": session.notice(),
        "notices": session.notices(),
        "roles": session.roles(),
        "name": session.name(),
        "note": session.note(),
        "lucky": session.lucky(),
        "is_new": session.is_new(),
    })
}

/// Runs an async test over each form of a session in a cookie.
macro_rules! over_forms {
    ($($(#[$meta:meta])* async fn $name:ident($store:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($store: session_runtime::CookieStore) $body

            #[tokio::test]
            async fn encrypted() {
                test(session_runtime::CookieStore::encrypted()).await;
            }

            #[tokio::test]
            async fn signed() {
                test(session_runtime::CookieStore::signed()).await;
            }

            #[tokio::test]
            async fn in_chunks() {
                test(session_runtime::CookieStore::encrypted().split(3)).await;
            }

            #[tokio::test]
            async fn revocable() {
                test(session_runtime::CookieStore::encrypted().revocations(session_runtime::MemoryStore::new())).await;
            }
        }
    )*};
}
pub(crate) use over_forms;
