//! Two builds of an application that serve the same sessions: each is a process to which a test sends requests.

use std::{io::BufRead as _, path::Path, process::Command};

use axum::{Router, body::Body};
use http::{Request, header::COOKIE};
use serde_json::{Value, json};

use crate::{client::send, worker::Worker};

/// Reads requests from standard input, `METHOD PATH COOKIES` on a line, and answers each with a line of JSON.
pub async fn serve(app: Router) {
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let [method, path, cookies] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let request = Request::builder().method(method).uri(path).header(COOKIE, cookies);
        let reply = send(&app, request.body(Body::empty()).unwrap()).await;
        let answer = json!({ "status": reply.status.as_u16(), "body": reply.body, "cookies": reply.set_cookies() });
        println!("{answer}");
    }
}

/// One build, as a process.
pub struct Build(Worker);

impl Build {
    /// Starts `program` with sessions at `store` (a URL, or `cookie`), under the keys in this file.
    pub fn start(program: &str, store: &str, keys: &Path) -> Self {
        Self(Worker::start(Command::new(program).arg(store).arg(keys)))
    }
}

/// A browser that can send its requests to either build.
#[derive(Default)]
pub struct Visitor {
    cookie: String,
}

impl Visitor {
    /// Sends a `GET` and returns the answer.
    pub fn get(&mut self, build: &mut Build, path: &str) -> Value {
        self.ask(build, "GET", path);
        self.answer(build)
    }

    /// Sends a `POST` and returns the answer.
    pub fn post(&mut self, build: &mut Build, path: &str) -> Value {
        self.ask(build, "POST", path);
        self.answer(build)
    }

    /// Sends a request without waiting; [`Visitor::answer`] waits.
    pub fn ask(&self, build: &mut Build, method: &str, path: &str) {
        build.0.tell(&format!("{method} {path} {}", self.cookie));
    }

    /// Returns the answer to the oldest request that has none yet, parsed if it is JSON.
    pub fn answer(&mut self, build: &Build) -> Value {
        let answer: Value = serde_json::from_str(&build.0.line()).unwrap();
        assert_eq!(answer["status"], 200, "{answer}");
        if let Some(cookie) = answer["cookies"][0].as_str() {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        let body = answer["body"].as_str().unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| body.into())
    }
}

/// Opens the sessions of one kind in the store that the program's first argument names, with the keys in the file that the second
/// one names.
#[macro_export]
macro_rules! deployed {
    ($session:ty) => {{
        let arguments: Vec<String> = std::env::args().collect();
        let builder = Sessions::<$session>::builder().keys(KeyRing::open(&arguments[2]).unwrap());
        let builder = match arguments[1].split_once(':') {
            Some(("file", folder)) => builder.store(FileStore::open(folder).await.unwrap()),
            Some(("redis", _)) => builder.store(RedisStore::open(&arguments[1]).await.unwrap()),
            _ => builder.store(SqlStore::open(&arguments[1]).await.unwrap()),
        };
        builder.build().unwrap()
    }};
}
