//! The handlers of the measured applications, over any contestant's session.

use crate::{
    gate,
    session::{Data, Shop, Theme, next_theme, next_user},
};

/// Kinds of request: W0 does not touch its session, W1 reads two fields, W2 writes a small one, W3 begins a session, W4 ends one.
pub const WORKS: [&str; 5] = ["W0", "W1", "W2", "W3", "W4"];

pub const OK: &str = "ok";

pub async fn untouched() -> &'static str {
    OK
}

pub async fn read(s: &mut impl Shop) -> &'static str {
    if s.theme().await as u64 + s.visits().await > 0 { OK } else { "" }
}

pub async fn write(s: &mut impl Shop) -> &'static str {
    s.set_theme(next_theme()).await;
    OK
}

/// Paths that write a small field, used in turns, so that each write changes the value even with many sessions.
pub const WRITES: [&str; 2] = ["W2-dark", "W2-dim"];

pub async fn write_dark(s: &mut impl Shop) -> &'static str {
    s.set_theme(Theme::Dark).await;
    OK
}

pub async fn write_dim(s: &mut impl Shop) -> &'static str {
    s.set_theme(Theme::Dim).await;
    OK
}

/// Begins a session by writing a value that differs from a new session's.
pub async fn start(s: &mut impl Shop) -> &'static str {
    s.set_locale("de-AT").await;
    OK
}

pub async fn begin(s: &mut impl Shop) -> &'static str {
    s.fill(Data::signed_in()).await;
    OK
}

pub async fn guest(s: &mut impl Shop) -> &'static str {
    s.fill(Data::guest()).await;
    OK
}

pub async fn end(s: &mut impl Shop) -> &'static str {
    s.sign_out().await;
    OK
}

pub async fn sign_in(s: &mut impl Shop) -> &'static str {
    s.sign_in(next_user()).await;
    OK
}

/// Reads, waits at the gate, and writes.
pub async fn slow_theme(s: &mut impl Shop) -> &'static str {
    s.theme().await;
    gate::pause().await;
    s.set_theme(Theme::Dark).await;
    OK
}

pub async fn slow_locale(s: &mut impl Shop) -> &'static str {
    s.theme().await;
    gate::pause().await;
    s.set_locale("de-AT").await;
    OK
}

pub async fn slow_count(s: &mut impl Shop) -> &'static str {
    let seen = s.visits().await;
    gate::pause().await;
    s.count(seen).await;
    OK
}

pub async fn show(s: &mut impl Shop) -> &'static str {
    gate::show(s.seen().await);
    OK
}
