//! What a change means, by chance: against a second, simpler description of it; for every interleaving of two requests;
//! and the law by which counters fold.
#![allow(clippy::unwrap_used, reason = "tests")]

mod chance;
mod counters;
mod histories;
mod model;
mod redis;
mod requests;
mod sql;

use session_runtime::store::Digest;

fn digest(number: u8) -> Digest {
    Digest::from([number; 16])
}

/// A MessagePack integer, read by serde.
fn number(value: &[u8]) -> Option<i128> {
    let mut rest = value;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    let number = <serde_json::Value as serde::Deserialize>::deserialize(&mut reader).ok()?;
    let number = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))?;
    rest.is_empty().then_some(number)
}

fn integer(number: i128) -> Vec<u8> {
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => rmp_serde::to_vec(&number),
        (_, Ok(number)) => rmp_serde::to_vec(&number),
        _ if number > 0 => rmp_serde::to_vec(&u64::MAX),
        _ => rmp_serde::to_vec(&i64::MIN),
    }
    .unwrap()
}
