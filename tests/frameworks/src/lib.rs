//! One test application, written as a table of routes, and served by each framework over a real connection.
//!
//! `table` has the routes, and each of the other modules serves them with its framework. To add a framework, add its module and
//! its line in [`Framework`].
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actix;
mod axum;
mod poem;
mod rocket;
mod salvo;
pub mod table;

use std::{net::SocketAddr, sync::mpsc};

use ::axum::{Router, body::Body, extract::Request, response::IntoResponse as _};
use http::Uri;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use session_runtime::{CookiesLayer, SessionLayer};
use tests::app::Site;
use tokio::runtime::Runtime;
use tracing::{Dispatch, dispatcher};

use self::table::{Desk, Route};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    Axum,
    Actix,
    Poem,
    Salvo,
    Rocket,
}

/// The application that a framework serves.
#[derive(Clone)]
pub struct Application {
    pub routes: Vec<Route>,
    pub sessions: Option<SessionLayer<Site>>,
    /// A second layer of the same sessions, around the first.
    pub again: Option<SessionLayer<Site>>,
    /// The layer of another kind of session, around both.
    pub desk: Option<SessionLayer<Desk>>,
    /// The layer of plain cookies, around all others.
    pub cookies: Option<CookiesLayer>,
}

/// A server that runs until it is stopped, or until the test process ends.
pub struct Listening {
    pub addr: SocketAddr,
    stop: Stop,
}

/// Starts the shutdown of a server.
type Stop = Box<dyn FnOnce() + Send>;

impl Listening {
    /// Tells the server to finish the requests in progress, and to take no more.
    pub fn stop(self) {
        (self.stop)();
    }
}

impl Framework {
    /// Serves the application on a thread of its own until the test process ends. Returns a router that forwards to it.
    pub fn serve(self, application: Application) -> Router {
        let addr = self.listen(application).addr;
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http::<Body>();
        let forward = move |mut request: Request| {
            let client = client.clone();
            async move {
                let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
                *request.uri_mut() = format!("http://{addr}{target}").parse::<Uri>().unwrap();
                client
                    .request(request)
                    .await
                    .map(|response| response.map(Body::new).into_response())
                    .map_err(|error| (http::StatusCode::BAD_GATEWAY, format!("the connection ended: {error}")))
            }
        };
        Router::new().fallback(forward)
    }

    /// Serves the application on threads of its own. They write to the log of the calling thread, so that a test can read what
    /// its own server logs.
    pub fn listen(self, application: Application) -> Listening {
        let (started, listening) = mpsc::channel();
        let log = this_log();
        std::thread::spawn(move || {
            write_to(&log);
            let started = move |addr, stop| started.send(Listening { addr, stop }).unwrap();
            match self {
                Self::Axum => axum::serve(application, started),
                Self::Actix => actix::serve(application, started),
                Self::Poem => poem::serve(application, started),
                Self::Salvo => salvo::serve(application, started),
                Self::Rocket => rocket::serve(application, started),
            }
        });
        listening.recv().unwrap()
    }
}

/// Returns the log that this thread writes to.
fn this_log() -> Dispatch {
    dispatcher::get_default(Dispatch::clone)
}

/// Makes this thread write to a log until the thread ends.
fn write_to(log: &Dispatch) {
    std::mem::forget(dispatcher::set_default(log));
}

/// Returns a runtime whose threads write to the log of this thread.
fn runtime() -> Runtime {
    let log = this_log();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().on_thread_start(move || write_to(&log)).build().unwrap()
}

/// Runs an async test in each framework: `over_frameworks!(async fn name(framework) { … })`.
#[macro_export]
macro_rules! over_frameworks {
    ($($(#[$meta:meta])* async fn $name:ident($framework:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($framework: $crate::Framework) $body

            $crate::over_frameworks!(@ axum Axum, actix Actix, poem Poem, salvo Salvo, rocket Rocket);
        }
    )*};
    (@ $($test:ident $framework:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            test($crate::Framework::$framework).await;
        }
    )*};
}
