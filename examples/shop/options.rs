//! The command line, and the errors that keep the shop from opening.

use std::{fmt, process::ExitCode, time::Duration};

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
A small shop whose visitors have sessions.

Usage: shop [OPTIONS]

Options:
  --addr HOST:PORT   where to listen; port 0 takes any free port [default: 127.0.0.1:3000]
  --store URL        where sessions are kept: `memory:`, `file:PATH` or, if this was compiled with the feature,
                     --features sqlite     `sqlite:PATH`
                     and, for shops on several machines,
                     --features postgres   `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
                     --features mysql      `mysql://USER:PASSWORD@HOST:PORT/DATABASE`
                     --features redis      `redis://USER:PASSWORD@HOST:PORT` or another URL that RedisStore knows
                                           (`redis+unix:`, `redis+cluster:`, `redis+sentinel:`)
                     --features redis-tls  the same over TLS: `rediss:`
                     [default: file:.sessions/shop]
  --idle DURATION    a session ends after this long without a request, such as 90s, 30m or 2h [default: 30m]
  --plain-cookie     a cookie without `Secure`, for browsers that refuse such cookies on http://127.0.0.1 (Safari);
                     sessions are then served to this machine alone
  --help             this text

Environment:
  SESSION_KEYS       the keys that sign the cookie, newest first: `openssl rand -hex 32` makes one
                     [default: the file .sessions/keys, created on first use]";

/// The command that the command line asks for.
pub(crate) enum Command {
    Help,
    Serve(Options),
}

pub(crate) struct Options {
    pub(crate) addr: String,
    pub(crate) store: String,
    /// `None`: the attribute of `Shop` applies.
    pub(crate) idle: Option<Duration>,
    pub(crate) plain_cookie: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (addr, store) = ("127.0.0.1:3000".to_owned(), "file:.sessions/shop".to_owned());
        Self { addr, store, idle: None, plain_cookie: false }
    }
}

pub(crate) fn read() -> Result<Command, Failure> {
    let mut options = Options::default();
    let mut given = lexopt::Parser::from_env();
    while let Some(option) = given.next()? {
        match option {
            Long("addr") => options.addr = given.value()?.string()?,
            Long("store") => options.store = given.value()?.string()?,
            Long("idle") => options.idle = Some(duration(&given.value()?.string()?)?),
            Long("plain-cookie") => options.plain_cookie = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(option.unexpected().into()),
        }
    }
    Ok(Command::Serve(options))
}

/// Reads a duration such as `90s`, `30m`, `2h` or `1d`.
fn duration(written: &str) -> Result<Duration, Failure> {
    let unit = written.trim_start_matches(|c: char| c.is_ascii_digit());
    let seconds = match unit {
        "s" => Some(1u64),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    seconds
        .zip(written[..written.len() - unit.len()].parse().ok())
        .and_then(|(seconds, count)| seconds.checked_mul(count))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            Failure::usage(format!("`{written}` is not a duration: write a whole number and s, m, h or d, such as 30m"))
        })
}

/// The reason why the shop did not open, or had to close.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// The command line has a mistake.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 2 }
    }

    /// The mistake is elsewhere, such as a store that does not answer.
    pub(crate) fn start(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 1 }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(format!("{error}; `--help` lists the options"))
    }
}

impl From<session_runtime::Error> for Failure {
    fn from(error: session_runtime::Error) -> Self {
        Self::start(error.to_string())
    }
}
