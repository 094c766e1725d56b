//! Requests of one kind to one application. They are made beforehand, and measured while they are served.

use std::mem;

use futures_util::future::LocalBoxFuture;
use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    app::{App, Jar, Reply},
    contestants::{Contestant, Framework, named},
};

/// An application with sessions, or a bare framework.
#[derive(Clone, Copy)]
pub enum Subject {
    Of(&'static Contestant),
    Bare(Framework),
}

impl Subject {
    pub fn name(self) -> String {
        match self {
            Self::Of(contestant) => contestant.name.to_owned(),
            Self::Bare(framework) => format!("bare {}", framework.package()),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let bare = name.strip_prefix("bare ");
        match bare {
            Some(name) => Framework::ALL.into_iter().find(|framework| framework.package() == name).map(Self::Bare),
            None => named(name).map(Self::Of),
        }
    }

    pub async fn open(self) -> App {
        match self {
            Self::Of(contestant) => (contestant.open)().await,
            Self::Bare(framework) => (framework.bare().app)().await,
        }
    }
}

pub struct Load {
    // Dropped first, because the requests refer to the other fields.
    requests: Vec<LocalBoxFuture<'static, Reply>>,
    app: App,
    local: LocalSet,
    runtime: Runtime,
}

impl Load {
    pub fn new(subject: Subject, path: &str, times: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        let (app, requests) = local.block_on(&runtime, async {
            let app = subject.open().await;
            // W4 ends its session, so each request needs a session of its own. W3 and `/begin` begin sessions, so they need none.
            let sessions = match path {
                "/W3" | "/begin" => 0,
                "/W4" => times,
                _ => 1,
            };
            let mut cookies = Vec::new();
            for _ in 0..sessions {
                cookies.push(match subject {
                    Subject::Of(_) => Jar::of(&app("/begin", None).await).header(),
                    Subject::Bare(_) => Some("__Host-id=0123456789abcdef0123456789abcdef".to_owned()),
                });
            }
            let cookie = |at: usize| cookies.get(at % sessions.max(1)).and_then(|cookie| cookie.as_deref());
            let requests = (0..times).map(|at| app(path, cookie(at))).collect();
            (app, requests)
        });
        Self { requests, app, local, runtime }
    }

    /// Serves the requests. The instructions of this function are counted.
    #[inline(never)]
    pub fn serve_the_requests(&mut self) {
        let requests = mem::take(&mut self.requests);
        self.local.block_on(&self.runtime, async {
            for request in requests {
                assert_eq!(request.await.status(), 200);
            }
        });
    }

    /// Makes each request just before it is served, so that none stays in memory.
    pub fn make_and_serve(&self, path: &str, times: usize) {
        self.local.block_on(&self.runtime, async {
            for _ in 0..times {
                assert_eq!((self.app)(path, None).await.status(), 200);
            }
        });
    }
}
