//! B12, S7, S49: whatever is logged at any level, no id, key or value is in it. A binary of its own, since the log is the
//! process's.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io,
    sync::{Arc, Mutex, atomic::Ordering},
};

use axum::body::Body;
use http::{Request, header::COOKIE};
use session_runtime::{Clock, KeyRing};
use tests::{
    app::{Server, hours},
    client::send,
    store::AnyStore,
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_id_key_or_value_is_ever_logged() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).with_ansi(false).init();
    let key: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(151) ^ 0x3c).collect();
    let mut secrets = vec![hex(&key), format!("{key:?}"), "correct-horse-battery-staple".into()];
    for store in [AnyStore::memory(), AnyStore::file().await] {
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
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Replayed") && log.contains("Refused") && log.contains("the store is down"), "{log}");
    for secret in secrets {
        // The head of a token is its version and key id, which tell nothing; the rest does.
        let tail = &secret[secret.len().min(8)..];
        for at in (0..tail.len().saturating_sub(10)).step_by(5) {
            assert!(!log.contains(&tail[at..at + 10]), "{} is in the log", &tail[at..at + 10]);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
