//! Compare-and-swap, in the form that the server has: `SET … IFEQ` and `DELIFEQ` (Valkey 8.1 and 9.0) or `DELEX` (Redis 8.4),
//! otherwise a script. Servers are asked whether they have a form, since their versions say little; and any answer may come
//! from another server than the one before, so a form that a server does not know is given up at any time.
//!
//! The commands are written out: the client's own type for `IFEQ` damages values that are not text.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::{Cmd, RedisResult, Value as Reply};

use super::{
    super::{StoreError, Value, Versioned},
    advice,
    connect::{Link, Wait},
    script::{self, DELETE, REPEAT, SWAP, Script},
};
use crate::clock::Timestamp;

/// How long the server keeps a value past its deadline, which is told by the runtime's clock: so clocks may differ, and a
/// value with a deadline in the past is not an error.
const MARGIN: Duration = Duration::from_secs(60);
/// How long the server keeps a value that does not expire, from its last write. Browsers keep no cookie any longer.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The commands that the server has, as far as is known.
#[derive(Clone)]
pub(super) struct Forms(Arc<[AtomicBool; 3]>);

// Places in `Forms`.
const SET_IFEQ: usize = 0;
const DELIFEQ: usize = 1;
const DELEX: usize = 2;

/// One compare-and-swap.
pub(super) struct Swap<'a> {
    pub(super) name: &'a str,
    /// `None`: the key is to hold nothing.
    pub(super) before: Option<Bytes>,
    /// The new value, and how long the server keeps it. `None`: the value is removed.
    pub(super) after: Option<(Bytes, Duration)>,
    /// Whether the new value is a tombstone, which a full server does without.
    pub(super) is_tombstone: bool,
    /// The replicas that must have what was written.
    pub(super) wait: Option<Wait>,
}

/// What came of it.
pub(super) enum Outcome {
    Done,
    /// It was refused, since this is what the key holds.
    Holds(Option<Versioned>),
    /// It was refused, and the answer does not say what the key holds.
    Refused,
}

/// The answer to a command, and how many replicas confirmed what it wrote.
type Confirmed = (Reply, u32);

impl Forms {
    /// Tries each form on a key that holds nothing, where it writes nothing. Loads the scripts if one is missing.
    ///
    /// # Errors
    /// If the server does not answer, or does not let this user in.
    pub(super) async fn probe(link: &Link, name: &str) -> RedisResult<Self> {
        let [ifeq, delifeq, delex] = [set_ifeq(name, b"x", b"y", MARGIN), delifeq(name, b"y"), delex(name, b"y")];
        let mut known = [true; 3];
        for ((form, command), nothing) in
            known.iter_mut().zip([ifeq, delifeq, delex]).zip([Reply::Nil, Reply::Int(0), Reply::Int(0)])
        {
            *form = match link.ask(&command).await {
                Ok(reply) => reply == nothing,
                Err(error) if error.code().is_none_or(|code| matches!(code, "NOAUTH" | "WRONGPASS")) => {
                    return Err(error);
                }
                // Of any other trouble, such as a server that is loading, the first write tells.
                Err(error) => error.code() != Some("ERR"),
            };
        }
        let [ifeq, delifeq, delex] = known;
        if !ifeq || !delifeq && !delex {
            script::load(link).await?;
        }
        Ok(Self(Arc::new(known.map(AtomicBool::new))))
    }

    /// Sends `swap`.
    ///
    /// # Errors
    /// If the server cannot be asked or refuses, or if replicas are waited for and too few have it in time.
    pub(super) async fn send(&self, link: &Link, swap: &Swap<'_>) -> Result<Outcome, StoreError> {
        let answer = match (&swap.before, &swap.after) {
            (None, None) => return Ok(Outcome::Refused),
            (None, Some((after, time))) => ask(link, set_nx(swap.name, after, *time), swap.wait).await,
            (Some(before), Some((after, time))) => match self.replace(link, swap, before, after, *time).await {
                // Removing takes no memory, so a session can end on a full server too.
                Err(error) if swap.is_tombstone && error.code() == Some("OOM") => self.remove(link, swap, before).await,
                answer => answer,
            },
            (Some(before), None) => self.remove(link, swap, before).await,
        };
        let (reply, replicas) = match answer {
            Ok(confirmed) => confirmed,
            Err(error) if error.code() == Some("WRONGTYPE") => return Ok(Outcome::Refused),
            Err(error) => return Err(advice::failed("write a value", error)),
        };
        let outcome = match reply {
            Reply::Okay | Reply::Int(1) => Outcome::Done,
            Reply::Nil | Reply::Int(0) => Outcome::Refused,
            Reply::BulkString(_) => Outcome::Holds(value(reply)?),
            _ => return Err(advice::unexpected("write a value")),
        };
        match (&outcome, swap.wait) {
            (Outcome::Done, Some(wait)) => wait.check(replicas).map(|()| outcome),
            _ => Ok(outcome),
        }
    }

    async fn replace(
        &self,
        link: &Link,
        swap: &Swap<'_>,
        before: &[u8],
        after: &[u8],
        time: Duration,
    ) -> RedisResult<Confirmed> {
        if let Some(answer) =
            self.attempt(SET_IFEQ, link, || set_ifeq(swap.name, after, before, time), swap.wait).await?
        {
            return Ok(answer);
        }
        let time = time.as_millis().to_string();
        run(link, &SWAP, swap, &[revision(before), after, time.as_bytes()]).await
    }

    async fn remove(&self, link: &Link, swap: &Swap<'_>, before: &[u8]) -> RedisResult<Confirmed> {
        if let Some(answer) = self.attempt(DELIFEQ, link, || delifeq(swap.name, before), swap.wait).await? {
            return Ok(answer);
        }
        if let Some(answer) = self.attempt(DELEX, link, || delex(swap.name, before), swap.wait).await? {
            return Ok(answer);
        }
        run(link, &DELETE, swap, &[revision(before)]).await
    }

    /// The answer to a command of this form; `None` if the server does not have it, or does not let this user use it.
    async fn attempt(
        &self,
        form: usize,
        link: &Link,
        command: impl FnOnce() -> Cmd,
        wait: Option<Wait>,
    ) -> RedisResult<Option<Confirmed>> {
        let Some(is_known) = self.0.get(form).filter(|is_known| is_known.load(Ordering::Relaxed)) else {
            return Ok(None);
        };
        match ask(link, command(), wait).await {
            Err(error) if matches!(error.code(), Some("ERR" | "NOPERM")) => {
                is_known.store(false, Ordering::Relaxed);
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }
}

/// What the key holds, once as many replicas have that and all that was written to the key before.
pub(super) async fn confirmed(link: &Link, name: &str, wait: Wait) -> Result<Option<Versioned>, StoreError> {
    let answer = script::run_and_wait(link, &REPEAT, name, &[], wait).await;
    let (reply, replicas) = answer.map_err(|error| advice::failed("confirm a value", error))?;
    wait.check(replicas)?;
    value(reply)
}

/// The value in an answer.
pub(super) fn value(reply: Reply) -> Result<Option<Versioned>, StoreError> {
    match reply {
        Reply::Nil => Ok(None),
        Reply::BulkString(bytes) => Ok(Some(Versioned::new(Value::from_bytes(bytes)))),
        _ => Err(advice::unexpected("load a value")),
    }
}

/// How long the server keeps a value.
pub(super) fn time_to_live(value: &Value, now: Timestamp) -> Duration {
    value.expires_at().since(now).min(LONGEST) + MARGIN
}

async fn ask(link: &Link, command: Cmd, wait: Option<Wait>) -> RedisResult<Confirmed> {
    match wait {
        Some(wait) => link.ask_and_wait(command, wait).await,
        None => link.ask(&command).await.map(|reply| (reply, 0)),
    }
}

async fn run(link: &Link, script: &Script, swap: &Swap<'_>, arguments: &[&[u8]]) -> RedisResult<Confirmed> {
    match swap.wait {
        Some(wait) => script::run_and_wait(link, script, swap.name, arguments, wait).await,
        None => script::run(link, script, swap.name, arguments).await.map(|reply| (reply, 0)),
    }
}

/// By what a script tells one write of a value from the next. A damaged value may have less than that.
fn revision(value: &[u8]) -> &[u8] {
    value.get(..8).unwrap_or(value)
}

fn set_nx(name: &str, after: &[u8], time: Duration) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(after).arg("NX").arg("PX").arg(millis(time));
    command
}

/// Without `PX` the key would never expire.
fn set_ifeq(name: &str, after: &[u8], before: &[u8], time: Duration) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(after).arg("IFEQ").arg(before).arg("PX").arg(millis(time));
    command
}

fn delifeq(name: &str, before: &[u8]) -> Cmd {
    let mut command = redis::cmd("DELIFEQ");
    command.arg(name).arg(before);
    command
}

fn delex(name: &str, before: &[u8]) -> Cmd {
    let mut command = redis::cmd("DELEX");
    command.arg(name).arg("IFEQ").arg(before);
    command
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
