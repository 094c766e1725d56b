//! Settings from a file, from variables and from URLs, and the one-sentence error for each mistake. For every option,
//! `session-runtime/src/sessions/config/tests.rs` tests which source takes precedence.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arbitrary;
mod environment;
mod file;
mod lists;
mod sentences;
mod start;
mod stores;

use session_runtime::{Config, KeyRing, Session, Sessions, SessionsBuilder};

const KEY: &str = "aae24849842d7082b66f57ce8270bd04da2c39ffb97df22803c270983032c4e5";

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user: Option<String>,
    pub theme: String,
}

/// A session without an identity.
#[derive(Session)]
pub struct Guest {
    pub theme: String,
}

/// Applies lines such as `SESSION_IDLE=15m` to a builder.
fn with(lines: &[&str]) -> Result<SessionsBuilder<Shop>, String> {
    let pairs = lines.iter().map(|line| line.split_once('=').unwrap());
    Sessions::builder().variables("SESSION_", pairs).map_err(sentence)
}

/// Applies these lines as variables and opens the sessions. Returns the error, whichever of the two steps fails.
async fn refused(lines: &[&str]) -> String {
    let builder = match with(lines) {
        Ok(builder) => builder,
        Err(sentence) => return sentence,
    };
    let opened = builder.open().await;
    sentence(opened.err().unwrap_or_else(|| panic!("{lines:?} was accepted")))
}

fn from_json(text: &str) -> Result<Config, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn from_toml(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

fn sentence(error: session_runtime::Error) -> String {
    assert!(error.is_setup(), "{error}");
    let sentence = error.to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

fn sessions() -> SessionsBuilder<Shop> {
    Sessions::<Shop>::builder().keys(KeyRing::generate())
}
