//! Serves the table of routes with axum.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::Path,
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use session_runtime::{Cookies, Error, Passive, Session, SessionRefusal, SessionRejection, View};
use tests::app::Site;
use tokio::sync::Notify;

use crate::{
    Application, Stop,
    table::{self, Desk, Fresh, Hidden, Member, Reply, Route, Run, Text},
};

pub(crate) fn serve(application: Application, started: impl FnOnce(SocketAddr, Stop)) {
    crate::runtime().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stopping = Arc::new(Notify::new());
        let stop = Arc::clone(&stopping);
        started(listener.local_addr().unwrap(), Box::new(move || stop.notify_one()));
        let signal = async move { stopping.notified().await };
        axum::serve(listener, router(application)).with_graceful_shutdown(signal).await.unwrap();
    });
}

fn router(application: Application) -> Router {
    let mut router = Router::new();
    for one in application.routes {
        router = router.route(&one.pattern("{rest}"), route(one));
    }
    if let Some(sessions) = application.sessions {
        router = router.layer(sessions);
    }
    if let Some(again) = application.again {
        router = router.layer(again);
    }
    if let Some(desk) = application.desk {
        router = router.layer(desk);
    }
    if let Some(cookies) = application.cookies {
        router = router.layer(cookies);
    }
    router.layer(map_response(name_refusal))
}

/// The application's own middleware.
async fn name_refusal(mut response: Response) -> Response {
    if let Some(refusal) = response.extensions().get::<SessionRefusal>().copied() {
        response.headers_mut().insert(table::REFUSAL, format!("{refusal:?}").parse().unwrap());
    }
    response
}

type Rest = Option<Path<String>>;

fn route(Route { is_post, run, .. }: Route) -> MethodRouter {
    let text = |rest: Rest| rest.map(|Path(rest)| rest).unwrap_or_default();
    macro_rules! on {
        ($handler:expr) => {
            if is_post { post($handler) } else { get($handler) }
        };
    }
    match run {
        Run::Plain => on!(async || table::plain()),
        Run::Session(run) => on!(async move |session: Session<Site>, rest: Rest| run(session, text(rest)).await),
        Run::Either(run) => on!(async move |session: Result<Session<Site>, SessionRejection>| run(session.ok())),
        Run::Both(run) => on!(async move |site: Session<Site>, desk: Session<Desk>| run(site, desk)),
        Run::Polled(run) => on!(async move |passive: Passive, session: Session<Site>| run(passive, session)),
        Run::Cookies(run) => on!(async move |cookies: Cookies, rest: Rest| run(cookies, text(rest))),
        Run::Member => on!(async |member: View<Member>| table::member(member)),
        Run::Hidden => on!(async |hidden: View<Hidden>| table::hidden(hidden)),
        Run::Fresh => on!(async |fresh: View<Fresh>| table::fresh(fresh)),
        Run::Guarded(ran) => on!(async move || table::guarded(&ran)).layer(View::<Member>::layer()),
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let body = match self.body {
            Text::Whole(text) => Body::from(text),
            Text::Endless(text) => Body::from_stream(Text::stream(text)),
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let response = response.body(body).unwrap();
        match self.changes {
            Some(changes) => (Extension(changes), response).into_response(),
            None => response,
        }
    }
}

const _: fn(Error) -> Response = Error::into_response;
