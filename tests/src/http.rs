//! A client that visits servers over the network and keeps cookies, as `curl` does with a jar.

use std::{collections::BTreeMap, thread};

use ::http::{HeaderMap, StatusCode};
use serde_json::Value;
use ureq::Agent;

use crate::{
    events::Events,
    program::{PATIENCE, Program},
};

/// A client with a cookie jar. A clone starts with the same cookies, like another tab.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(&'static str, &'static str)>,
    pub jar: BTreeMap<String, String>,
}

/// A response. Redirects are not followed.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Client {
    /// Returns a client of the shop, or of another example.
    pub fn of(program: &Program) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { agent: agent.into(), url: program.url().to_owned(), headers: Vec::new(), jar: BTreeMap::new() }
    }

    /// Adds a header to all further requests.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends all further requests to this program, with the same cookies.
    pub fn visit(&mut self, program: &Program) -> &mut Self {
        program.url().clone_into(&mut self.url);
        self
    }

    /// Sends all further requests to this address, with the same cookies.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// Sends a `HEAD`, without cookies.
    pub fn head(&mut self, path: &str) -> Answer {
        self.take(self.agent.head(format!("{}{path}", self.url)).call().unwrap()).unwrap()
    }

    /// Posts a form.
    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(path, form).unwrap()
    }

    /// Returns the session as `/api/session` shows it. The request also removes the notice from the session.
    pub fn session(&mut self) -> Value {
        let answer = self.get("/api/session");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Sends a `GET`; an error means that the server is gone.
    pub fn try_get(&mut self, path: &str) -> Result<Answer, ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("Cookie", self.cookies());
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.take(request.call()?)
    }

    /// Opens a stream of server-sent events.
    pub fn events(&self, path: &str) -> Events {
        let response = self.agent.get(format!("{}{path}", self.url)).header("Cookie", self.cookies()).call().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Events::of(response.into_body())
    }

    /// Posts a form; an error means that the server is gone.
    pub fn try_post(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Cookie", self.cookies());
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.take(request.send_form(form.iter().copied())?)
    }

    /// Posts a body of this `Content-Type`, without cookies.
    pub fn send(&mut self, path: &str, kind: &str, body: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Content-Type", kind);
        self.take(request.send(body).unwrap()).unwrap()
    }

    /// Sends a request whose `Cookie` header is these bytes.
    pub fn get_with(&mut self, path: &str, cookie: &[u8]) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.url)).header("Cookie", cookie);
        self.take(request.call().unwrap()).unwrap()
    }

    pub fn cookies(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn take(&mut self, response: ::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
        let (head, mut body) = response.into_parts();
        let answer = Answer { status: head.status, headers: head.headers, body: body.read_to_string()? };
        for cookie in answer.set_cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
            }
        }
        Ok(answer)
    }
}

impl Answer {
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that the response redirects to `path`, as every form does.
    #[track_caller]
    pub fn leads_to(&self, path: &str) -> &Self {
        assert_eq!((self.status, self.header("location")), (StatusCode::SEE_OTHER, path), "{}", self.body);
        self
    }
}

/// Runs `work` on `threads` threads at once.
pub fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(threads);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(thread)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
