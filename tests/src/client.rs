//! A browser without a network: sends requests to a service in this process, and keeps cookies as a browser does.

use axum::{Router, body::Body};
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// A visitor with a cookie jar. A clone starts with a copy of the jar, like a second tab that is about to load.
#[derive(Clone)]
pub struct Visitor {
    app: Router,
    jar: Vec<(String, String)>,
}

impl Visitor {
    /// Returns a visitor who has never been here.
    pub fn new(app: &Router) -> Self {
        Self { app: app.clone(), jar: Vec::new() }
    }

    /// Returns a visitor who has a cookie.
    pub fn with_cookie(app: &Router, name: &str, value: &str) -> Self {
        Self { app: app.clone(), jar: vec![(name.into(), value.into())] }
    }

    /// Returns the same browser, at another server.
    pub fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), jar: self.jar.clone() }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path).await
    }

    pub async fn post(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path).await
    }

    pub async fn send(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !self.jar.is_empty() {
            request = request.header(COOKIE, self.cookies());
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        self.keep(&reply);
        reply
    }

    /// Stores the response's cookies in the jar.
    pub fn keep(&mut self, reply: &Reply) {
        for line in reply.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            self.jar.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.jar.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Returns the value of the header `Cookie`.
    pub fn cookies(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Returns the value of the only cookie.
    pub fn cookie(&self) -> Option<String> {
        assert!(self.jar.len() < 2, "more than one cookie: {:?}", self.jar);
        self.jar.first().map(|(_, value)| value.clone())
    }

    /// Returns the value of the cookie with this name.
    pub fn cookie_named(&self, name: &str) -> Option<String> {
        self.jar.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

/// Sends the request unchanged.
pub async fn send(app: &Router, request: Request<Body>) -> Reply {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn set_cookies(&self) -> Vec<String> {
        self.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    /// Returns the only `Set-Cookie`.
    pub fn set_cookie(&self) -> Option<String> {
        let mut lines = self.set_cookies();
        assert!(lines.len() < 2, "more than one Set-Cookie: {lines:?}");
        lines.pop()
    }

    pub fn vary(&self) -> Option<&str> {
        assert!(self.headers.get_all(VARY).iter().count() < 2, "more than one Vary");
        self.headers.get(VARY).map(|value| value.to_str().unwrap())
    }

    pub fn cache_control(&self) -> Option<&str> {
        self.headers.get(CACHE_CONTROL).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}: {}", self.status, self.body))
    }
}
