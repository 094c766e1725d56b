//! F5, B8: after `domain` or `path` has changed, a browser may have two cookies with the same name, each with a session.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, Response, header::SET_COOKIE};
use http_body_util::BodyExt as _;
use session_runtime::{Clock, CookieStore, Event, KeyRing, MemoryStore, SessionsBuilder, testing::CookieJar};

use crate::site::{Prefs, Server};

struct Builds {
    store: CookieStore,
    keys: KeyRing,
    clock: Clock,
}

impl Builds {
    fn new(store: CookieStore) -> Self {
        Self { store, keys: KeyRing::generate(), clock: Clock::stopped() }
    }

    fn build(&self, options: impl FnOnce(SessionsBuilder<Prefs>) -> SessionsBuilder<Prefs>) -> Server {
        let options = |builder: SessionsBuilder<Prefs>| options(builder.cookie("prefs"));
        Server::made(self.store.clone(), self.keys.clone(), self.clock.clone(), options)
    }

    async fn post(&self, server: &Server, jar: &mut CookieJar, path: &str) -> Response<Body> {
        self.clock.advance(Duration::from_millis(1));
        let response = send(&server.app, jar, Request::post(path)).await;
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response
    }
}

async fn send(app: &Router, jar: &mut CookieJar, request: http::request::Builder) -> Response<Body> {
    jar.send(app, request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn shown(server: &Server, jar: &mut CookieJar) -> serde_json::Value {
    let response = send(&server.app, jar, Request::get("/show")).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

fn stores() -> [CookieStore; 3] {
    [CookieStore::encrypted(), CookieStore::signed(), CookieStore::encrypted().revocations(MemoryStore::new())]
}

// F5, B54
#[tokio::test]
async fn visitors_can_sign_in_after_the_cookie_got_a_domain() {
    for store in stores() {
        let builds = Builds::new(store);
        let (one, two) = (builds.build(|b| b), builds.build(|b| b.domain("example.com")));
        let mut jar = CookieJar::new();
        builds.post(&one, &mut jar, "/name/guest").await;
        builds.post(&two, &mut jar, "/login/ada").await;
        assert_eq!(shown(&two, &mut jar).await["user"], "ada");
        builds.post(&two, &mut jar, "/name/ada").await;
        assert_eq!(shown(&two, &mut jar).await["name"], "ada");
        assert!(!two.heard().contains(&Event::DuplicateCookie));
    }
}

// F5: without `former_domain`, the cookie of the former domain would stay in the browser, with the session in it.
#[tokio::test]
async fn a_log_out_removes_the_session_in_the_cookie_of_the_former_domain() {
    for store in stores() {
        let builds = Builds::new(store);
        let one = builds.build(|b| b);
        let two = builds.build(|b| b.domain("example.com").former_domain("host-only"));
        let mut jar = CookieJar::new();
        builds.post(&one, &mut jar, "/login/ada").await;
        builds.post(&two, &mut jar, "/logout").await;
        assert_eq!(shown(&two, &mut jar).await["user"], serde_json::Value::Null);
        assert_eq!(jar.value("prefs"), None);
    }
}

// F5, S32: under the name of each chunk, the browser may send two cookies, one of each session.
#[tokio::test]
async fn a_session_in_several_cookies_is_found_beside_another_one() {
    let builds = Builds::new(CookieStore::encrypted().split(4));
    let (one, two) = (builds.build(|b| b), builds.build(|b| b.domain("example.com")));
    for (former, today) in [(3000, 9000), (9000, 3000), (5000, 5000)] {
        let mut jar = CookieJar::new();
        builds.post(&one, &mut jar, &format!("/note/{}", "x".repeat(former))).await;
        builds.post(&two, &mut jar, &format!("/note/{}", "y".repeat(today))).await;
        let note = shown(&two, &mut jar).await["note"].as_str().map(str::to_owned);
        assert_eq!(note, Some("y".repeat(today)));
    }
}

// F5, S20
#[tokio::test]
async fn each_chunk_of_the_former_domain_is_removed() {
    let builds = Builds::new(CookieStore::encrypted().split(2));
    let server = builds.build(|b| b.domain("example.com").former_domain("host-only"));
    let mut jar = CookieJar::new();
    let response = builds.post(&server, &mut jar, "/name/ada").await;
    let lines = response.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    let removed: Vec<_> =
        lines.filter(|line| !line.contains("Domain")).map(|line| &line[..line.find('=').unwrap()]).collect();
    assert_eq!(removed, ["prefs", "prefs-2"]);
}
