//! B12, S7, S49: no log line, at any level, contains a session id, a key or a value. The log belongs to the process, so this is a
//! binary of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    error::Error as _,
    sync::{OnceLock, atomic::Ordering},
};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Request, header::COOKIE};
use serde::{Deserialize, Serialize, Serializer, ser};
use session_runtime::{Clock, KeyRing, Session, Sessions};
use tests::{
    app::{Server, hours},
    client::{Visitor, send},
    log::Lines,
    store::AnyStore,
};
use tracing_subscriber::filter::LevelFilter;

/// Returns the process's log, which all tests write to.
fn log() -> Lines {
    static LOG: OnceLock<Lines> = OnceLock::new();
    let start = || {
        session_runtime::testing::unlimited_log();
        Lines::of_the_process(LevelFilter::TRACE)
    };
    LOG.get_or_init(start).clone()
}

#[tokio::test]
async fn no_id_key_or_value_is_ever_logged() {
    let log = log();
    let key: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(151) ^ 0x3c).collect();
    let mut secrets = vec![hex(&key), format!("{key:?}"), "correct-horse-battery-staple".into()];
    for store in AnyStore::all().await {
        let server = Server::made(store, KeyRing::from_bytes(&key).unwrap(), Clock::stopped(), |builder| builder);
        let mut visitor = server.visitor();
        for path in [
            "/name/correct-horse-battery-staple",
            "/visit",
            "/login/ada",
            "/renew",
            "/notice/hi",
            "/fail/login",
            "/remember",
            "/logout",
        ] {
            let old = visitor.clone();
            visitor.post(path).await;
            secrets.extend(visitor.cookie());
            old.at(&server.app).post("/note/late").await;
        }
        let token = server.signed_in("bob").await.cookie().unwrap();
        for cookie in
            [format!("__Host-site={token}x"), format!("__Host-site={token}; __Host-site={token}"), token.clone()]
        {
            let request = Request::get("/show").header(COOKIE, cookie).body(Body::empty()).unwrap();
            send(&server.app, request).await;
        }
        server.controls.down.store(true, Ordering::SeqCst);
        server.signed_in_or_not("carol").await;
        server.controls.down.store(false, Ordering::SeqCst);
        server.turn(hours(24 * 365));
        visitor.get("/show").await;
        server.sessions.delete_expired().await.unwrap();
        secrets.push(token);
    }
    let log = log.text();
    assert!(log.contains("Replayed") && log.contains("Refused") && log.contains("the store is down"), "{log}");
    for secret in secrets {
        // The first characters of a token are its version and key id, which are not secret; the rest is.
        let tail = &secret[secret.len().min(8)..];
        for at in (0..tail.len().saturating_sub(10)).step_by(5) {
            assert!(!log.contains(&tail[at..at + 10]), "{} is in the log", &tail[at..at + 10]);
        }
    }
}

/// The first two fields are stored as text. [`Chosen`] expects enums there, so serde quotes the text in its errors. The last
/// field can be encoded only while it is empty.
#[derive(Session)]
#[session(kind = "Safe", cookie = "__Host-safe")]
struct Text {
    #[session(secret)]
    secret: String,
    open: String,
    #[session(secret)]
    picky: Picky,
}

#[derive(Session)]
#[session(kind = "Safe", cookie = "__Host-safe")]
struct Chosen {
    #[session(secret)]
    secret: Choice,
    open: Choice,
}

#[derive(Debug, Default, Serialize, Deserialize)]
enum Choice {
    #[default]
    First,
}

#[derive(Default, Deserialize)]
struct Picky(String);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_unit();
        }
        Err(ser::Error::custom(format!("{} is not to my taste", self.0)))
    }
}

// B12: serde's errors quote the values that it cannot read or write. The values of `secret` fields are left out.
#[tokio::test]
async fn no_secret_is_quoted_by_an_error() {
    let (log, keys) = (log(), KeyRing::generate());
    let write = post(|mut s: Session<Text>| async move {
        *s.secret_mut() = "velvet-antler".into();
        *s.open_mut() = "plain-as-day".into();
        s.save().await.unwrap();
        *s.picky_mut() = Picky("velvet-antler".into());
        let error = s.save().await.unwrap_err();
        assert!(error.to_string().contains("picky") && error.source().is_none());
        format!("{error:?} {s:?}")
    });
    let fail = post(|mut s: Session<Text>| async move { *s.picky_mut() = Picky("velvet-antler".into()) });
    let read = get(|s: Session<Chosen>| async move { format!("{:?} {:?}", s.secret(), s.open()) });
    for store in AnyStore::all().await {
        let text = Sessions::<Text>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
        let chosen = Sessions::<Chosen>::builder().store(store).keys(keys.clone()).build().unwrap();
        let routes = Router::new().route("/", write.clone()).route("/fail", fail.clone());
        let (text, chosen) = (routes.layer(text.layer()), Router::new().route("/", read.clone()).layer(chosen.layer()));
        let mut visitor = Visitor::new(&text);
        let reply = visitor.post("/").await;
        assert!(reply.body.contains("could not be encoded") && !reply.body.contains("velvet"), "{}", reply.body);
        let reply = visitor.post("/fail").await;
        assert!(reply.status.is_server_error() && !reply.body.contains("velvet"), "{}", reply.body);
        assert_eq!(visitor.at(&chosen).get("/").await.body, "First First");
    }
    let log = log.text();
    assert!(
        log.contains("plain-as-day") && log.contains("picky"),
        "serde quotes the plain field, and the log names the field that failed: {log}"
    );
    assert!(!log.contains("velvet"), "{log}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
