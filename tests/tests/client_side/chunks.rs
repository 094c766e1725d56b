//! A session in several cookies (S27, S29).

use session_runtime::{Clock, CookieStore, KeyRing};
use tests::{client::Visitor, log::Log};

use crate::site::{COOKIE, Server};

fn server() -> Server {
    Server::new(CookieStore::encrypted().split(4))
}

fn names(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once('=').unwrap().0).collect()
}

#[tokio::test]
async fn a_session_grows_and_shrinks_across_cookies() {
    let server = server();
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    let large = visitor.post(&format!("/note/{}", "x".repeat(8000))).await.set_cookies();
    assert_eq!(names(&large), [COOKIE, "__Host-prefs-2", "__Host-prefs-3"]);
    for line in &large {
        let pair = line.split_once(';').unwrap().0;
        assert!(pair.len() <= 4097 && line.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{line}");
    }
    assert_eq!(visitor.get("/show").await.json()["note"].as_str().unwrap().len(), 8000);
    // A chunk that is no longer needed is removed.
    let smaller = visitor.post(&format!("/note/{}", "x".repeat(4000))).await.set_cookies();
    assert_eq!(names(&smaller), [COOKIE, "__Host-prefs-2", "__Host-prefs-3"]);
    assert!(smaller[2].contains("; Max-Age=0;") && !smaller[1].contains("Max-Age"), "{smaller:?}");
    let small = visitor.post("/note").await.set_cookies();
    assert_eq!(names(&small), [COOKIE, "__Host-prefs-2"]);
    assert!(small[1].contains("; Max-Age=0;"));
    assert_eq!(visitor.get("/show").await.json()["name"], "ada");
    assert!(visitor.cookie().is_some());
}

// S20, B26
#[tokio::test]
async fn every_chunk_is_removed() {
    let server = server();
    let mut visitor = server.visitor();
    visitor.post(&format!("/note/{}", "x".repeat(8000))).await;
    let removed = visitor.post("/destroy").await.set_cookies();
    assert_eq!(names(&removed), [COOKIE, "__Host-prefs-2", "__Host-prefs-3"]);
    assert!(removed.iter().all(|line| line.contains("; Max-Age=0;")));
    assert_eq!(visitor.cookie(), None);
}

// S39: chunks of different sessions, an incomplete set, or a set with a duplicate open nothing.
#[tokio::test]
async fn chunks_of_different_sessions_open_nothing() {
    let server = server();
    let (mut one, mut other) = (server.visitor(), server.visitor());
    for visitor in [&mut one, &mut other] {
        visitor.post(&format!("/note/{}", "x".repeat(5000))).await;
    }
    let chunk = |visitor: &Visitor, name: &str| format!("{name}={}", visitor.cookie_named(name).unwrap());
    let second = "__Host-prefs-2";
    let (first, rest, foreign) = (chunk(&one, COOKIE), chunk(&one, second), chunk(&other, second));
    for (cookies, opens) in [
        (vec![&first, &rest], true),
        (vec![&rest, &first], true),
        (vec![&first], false),
        (vec![&rest], false),
        (vec![&first, &foreign], false),
        (vec![&first, &rest, &rest], false),
        (vec![&first, &rest, &foreign], false),
    ] {
        let cookies: Vec<_> = cookies.into_iter().map(String::as_str).collect();
        let request = http::Request::get("/show").header("cookie", cookies.join("; "));
        let reply = tests::client::send(&server.app, request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(reply.json()["note"].is_string(), opens, "{} cookies", cookies.len());
        assert!(reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn without_split_no_chunks_are_read() {
    let (keys, clock) = (KeyRing::generate(), Clock::stopped());
    let split = Server::made(CookieStore::encrypted().split(2), keys.clone(), clock.clone(), |builder| builder);
    let whole = Server::made(CookieStore::encrypted(), keys, clock, |builder| builder);
    let mut visitor = split.visitor();
    visitor.post(&format!("/note/{}", "x".repeat(5000))).await;
    assert_eq!(visitor.at(&whole.app).get("/show").await.json()["note"].as_str(), None);
    let log = Log::of_this_thread();
    visitor.post(&format!("/note/{}", "x".repeat(7000))).await;
    assert!(log.take().contains("browsers keep 8176"));
}
