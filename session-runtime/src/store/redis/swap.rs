//! Compare-and-swap: by `SET … IFEQ` if the server has it (Valkey 8.1, Redis 8.4), otherwise by a script. A critical write, such
//! as the end of a session, always uses a script, which also announces the write.
//!
//! The store probes the server for the command, since a server's version does not tell reliably whether it has the command. After
//! a failover, the next server may lack the command, so the store also detects that at any later write.
//!
//! The code writes the command by hand, since the client's own type for `IFEQ` damages values that are not text.
//!
//! Removing a value, which is rare, always uses a script. A server that lacks `DELIFEQ` or `DELEX` would repeat the value in its
//! error, and the error would appear in a log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::{Cmd, RedisError, RedisResult, Value as Reply};

use super::{
    super::{Class, StoreError, Value, Versioned},
    advice,
    connect::{Link, Wait},
    script::{self, CREATE, DELETE, REPEAT, SWAP, Script},
};
use crate::clock::Timestamp;

/// The longest that the server keeps a value after its last write, even if the value does not expire: 400 days, since browsers
/// keep no cookie for longer, plus the minute of [`Value::time_to_live`].
const LONGEST: Duration = Duration::from_secs((400 * 24 * 60 + 1) * 60);
/// How long the server would keep the probe's value, if the probe wrote it.
const PROBE: Duration = Duration::from_secs(60);

/// Whether the server has `SET … IFEQ`, as far as the store knows.
#[derive(Clone)]
pub(super) struct Ifeq(Arc<AtomicBool>);

/// One compare-and-swap.
pub(super) struct Swap<'a> {
    pub(super) name: &'a str,
    pub(super) change: Change,
    /// The replicas that must confirm the write.
    pub(super) wait: Option<Wait>,
    /// The channel and the message that announce the write.
    pub(super) message: Option<(String, [u8; 16])>,
}

/// The change that a compare-and-swap makes. `Bytes` is the value that the key must hold.
pub(super) enum Change {
    Create(New),
    Replace(Bytes, New),
    Remove(Bytes),
}

/// A value to write.
pub(super) struct New {
    bytes: Bytes,
    /// How long the server keeps it.
    time: Duration,
    is_tombstone: bool,
}

impl New {
    pub(super) fn of(value: &Value, now: Timestamp) -> Self {
        let time = value.time_to_live(now).map_or(LONGEST, |time| time.min(LONGEST));
        Self { bytes: value.to_bytes(), time, is_tombstone: value.class() == Class::Tombstone }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The result of a compare-and-swap.
pub(super) enum Outcome {
    Done,
    /// The swap was refused; this is the key's current value.
    Holds(Option<Versioned>),
    /// The swap was refused, and the answer does not contain the key's value.
    Refused,
}

/// The answer to a command, and how many replicas confirmed its write.
type Confirmed = (Reply, u32);

impl Ifeq {
    /// Tries the command on a key that holds nothing, so that it writes nothing. Loads the scripts.
    ///
    /// # Errors
    /// If the server does not answer, or does not let this user in.
    pub(super) async fn probe(link: &Link, name: &str) -> RedisResult<Self> {
        let new = New { bytes: Bytes::from_static(b"x"), time: PROBE, is_tombstone: false };
        let is_known = match link.ask(&set_ifeq(name, b"y", &new)).await {
            Ok(reply) => reply == Reply::Nil,
            Err(error) if error.code().is_none_or(|code| matches!(code, "NOAUTH" | "WRONGPASS")) => return Err(error),
            // Other errors may pass, such as that of a server that is loading. If one persists, the first write reports it.
            Err(error) => !is_unknown(&error),
        };
        script::load(link).await?;
        Ok(Self(Arc::new(AtomicBool::new(is_known))))
    }

    /// Sends `swap`.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses, or if too few replicas confirm in time.
    pub(super) async fn send(&self, link: &Link, swap: &Swap<'_>) -> Result<Outcome, StoreError> {
        let answer = match &swap.change {
            Change::Create(new) if swap.message.is_some() => {
                run(link, &CREATE, swap, &[&new.bytes, new.millis().to_string().as_bytes()]).await
            }
            Change::Create(new) => ask(link, set_nx(swap.name, new), swap.wait).await,
            Change::Replace(before, new) => match self.replace(link, swap, before, new).await {
                // Removing needs no memory, so a session can end even on a full server.
                Err(error) if new.is_tombstone && error.code() == Some("OOM") => remove(link, swap, before).await,
                answer => answer,
            },
            Change::Remove(before) => remove(link, swap, before).await,
        };
        let (reply, replicas) = match answer {
            Ok(confirmed) => confirmed,
            Err(error) if error.code() == Some("WRONGTYPE") => return Ok(Outcome::Refused),
            Err(error) => return Err(advice::failed("write a value", error)),
        };
        let outcome = match reply {
            Reply::Okay | Reply::Int(1) => Outcome::Done,
            Reply::Nil => Outcome::Refused,
            Reply::Int(0) => Outcome::Holds(None),
            Reply::BulkString(_) => Outcome::Holds(value(reply)?),
            _ => return Err(advice::unexpected("write a value")),
        };
        match (&outcome, swap.wait) {
            (Outcome::Done, Some(wait)) => wait.check(replicas).map(|()| outcome),
            _ => Ok(outcome),
        }
    }

    async fn replace(&self, link: &Link, swap: &Swap<'_>, before: &[u8], new: &New) -> RedisResult<Confirmed> {
        // Only a script can announce the write if and only if it happens.
        if swap.message.is_none() && self.0.load(Ordering::Relaxed) {
            match ask(link, set_ifeq(swap.name, before, new), swap.wait).await {
                Err(error) if is_unknown(&error) => self.0.store(false, Ordering::Relaxed),
                answer => return answer,
            }
        }
        run(link, &SWAP, swap, &[revision(before), &new.bytes, new.millis().to_string().as_bytes()]).await
    }
}

async fn remove(link: &Link, swap: &Swap<'_>, before: &[u8]) -> RedisResult<Confirmed> {
    run(link, &DELETE, swap, &[revision(before)]).await
}

/// Returns whether the error may mean that the server does not know `IFEQ`.
fn is_unknown(error: &RedisError) -> bool {
    error.code() == Some("ERR")
}

/// Returns the key's value, after enough replicas have confirmed it and all earlier writes to the key.
pub(super) async fn confirmed(link: &Link, name: &str, wait: Wait) -> Result<Option<Versioned>, StoreError> {
    let answer = script::run_and_wait(link, &REPEAT, name, &[], wait).await;
    let (reply, replicas) = answer.map_err(|error| advice::failed("confirm a value", error))?;
    wait.check(replicas)?;
    value(reply)
}

/// Returns the value in an answer.
pub(super) fn value(reply: Reply) -> Result<Option<Versioned>, StoreError> {
    match reply {
        Reply::Nil => Ok(None),
        Reply::BulkString(bytes) => Ok(Some(Versioned::new(Value::from_bytes(bytes)))),
        _ => Err(advice::unexpected("load a value")),
    }
}

async fn ask(link: &Link, command: Cmd, wait: Option<Wait>) -> RedisResult<Confirmed> {
    match wait {
        Some(wait) => link.ask_and_wait(command, wait).await,
        None => link.ask(&command).await.map(|reply| (reply, 0)),
    }
}

async fn run(link: &Link, script: &Script, swap: &Swap<'_>, arguments: &[&[u8]]) -> RedisResult<Confirmed> {
    let mut arguments = arguments.to_vec();
    if let Some((channel, message)) = &swap.message {
        arguments.extend([channel.as_bytes(), message]);
    }
    match swap.wait {
        Some(wait) => script::run_and_wait(link, script, swap.name, &arguments, wait).await,
        None => script::run(link, script, swap.name, &arguments).await.map(|reply| (reply, 0)),
    }
}

/// Returns the first bytes of a value, its revision, by which a script tells one write of the value from the next. A damaged
/// value may have fewer bytes.
fn revision(value: &[u8]) -> &[u8] {
    value.get(..8).unwrap_or(value)
}

fn set_nx(name: &str, new: &New) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(&new.bytes[..]).arg("NX").arg("PX").arg(new.millis());
    command
}

/// Returns the command with `PX`: without it, the key would never expire.
fn set_ifeq(name: &str, before: &[u8], new: &New) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(&new.bytes[..]).arg("IFEQ").arg(before).arg("PX").arg(new.millis());
    command
}
