//! Turns Redis errors into messages that say what was tried, and what to do.

use redis::RedisError;

use super::super::StoreError;
use crate::error::Error;

/// Returns an error such as `Redis did not write a value; it is out of memory: raise its …: OOM …`.
pub(super) fn failed(doing: &str, source: RedisError) -> StoreError {
    StoreError::new(format!("Redis did not {doing}; {}", remedy(&source))).because(source)
}

/// Returns the error for an answer that does not fit the command.
pub(super) fn unexpected(doing: &str) -> StoreError {
    StoreError::new(format!("Redis did not {doing}; its answer does not fit the command: is a proxy in between?"))
}

/// Returns an error of [`Error::is_setup`], for failures at start.
pub(super) fn refused(place: &str, source: RedisError) -> Error {
    let sentence = format!("cannot use {place}; {}", remedy(&source));
    Error::setup(StoreError::new(sentence).because(source).to_string())
}

fn remedy(source: &RedisError) -> &'static str {
    match source.code().unwrap_or_default() {
        "OOM" => "it is out of memory: raise its `maxmemory`, or end sessions sooner",
        "READONLY" => "it is a replica: connect to the master, or by redis+sentinel://",
        "LOADING" => "it is still loading its data: wait a little",
        "CLUSTERDOWN" => "slots of the cluster have no master: look at `CLUSTER INFO`",
        "MOVED" | "ASK" | "CROSSSLOT" => "it is a node of a cluster: connect by redis+cluster://",
        "MASTERDOWN" => "its master is down",
        "MISCONF" => "it cannot write to its disk and refuses changes: look at its log",
        "NOREPLICAS" => "too few replicas are connected (`min-replicas-to-write`)",
        "BUSY" => "a script blocks it: `SCRIPT KILL` ends the script",
        "NOAUTH" | "WRONGPASS" => "check the user and the password in its URL",
        "NOPERM" => {
            "its user may not do that: sessions need +@read +@write +@scripting +@connection +wait on keys with their prefix"
        }
        "WRONGTYPE" => "something else is stored under its key: does another application use the same prefix?",
        _ if source.is_timeout() => "it did not answer in time",
        _ if source.is_connection_refusal() || source.is_connection_dropped() => "is it running, and reachable?",
        _ => "check the server and its log",
    }
}
