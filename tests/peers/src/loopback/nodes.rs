//! Sends two concurrent requests to one session on Redis, through two applications with connections of their own.

use redis::{Client, Connection, cmd, pipe};
use session_runtime::store::{Class, Value};
use tests::servers::RedisServer;

use super::place::Place;
use crate::{
    contestants::Pair,
    correctness::{Faults, judge_pair},
    kept::{Kept, Open, Store},
};

/// The number of pairs of requests of each kind.
pub const PAIRS: usize = 200;
pub fn judge(place: &Place, server: &RedisServer) -> Vec<(&'static str, Faults)> {
    let of = |kept: &'static Kept| {
        let url = place.url(Store::Redis, kept);
        Some((kept.name, judge_pair(kept.name, pair(kept.open?, url, server), PAIRS)))
    };
    Store::Redis.kept().iter().filter_map(of).collect()
}

async fn pair(open: Open, url: String, server: &RedisServer) -> Pair {
    let records = Client::open(server.url()).unwrap().get_connection().unwrap();
    let records = std::cell::RefCell::new(records);
    let nodes = [(open(url.clone()).await.app)().await, (open(url).await.app)().await];
    Pair { nodes, records: Some(Box::new(move || sessions(&mut records.borrow_mut()))) }
}

/// Counts all keys. Of this project's keys, it counts only sessions, not tombstones or users' lists.
fn sessions(redis: &mut Connection) -> usize {
    let all: usize = cmd("DBSIZE").query(redis).unwrap();
    let ours: Vec<Vec<u8>> = cmd("KEYS").arg("session:*").query(redis).unwrap();
    let mut classes = pipe();
    for key in &ours {
        classes.cmd("GETRANGE").arg(key).arg(0).arg(Value::HEADER_BYTES - 1);
    }
    // A pipe without a command is an error.
    let heads: Vec<Vec<u8>> = if ours.is_empty() { Vec::new() } else { classes.query(redis).unwrap() };
    let is_session = |head: &Vec<u8>| matches!(Value::from_bytes(head.clone()).class(), Class::Guest | Class::User);
    all - ours.len() + heads.iter().filter(|head| is_session(head)).count()
}
