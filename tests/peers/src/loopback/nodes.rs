//! What two requests at once leave of a session on Redis: two applications, each with connections of its own.

use redis::{Client, Connection, cmd};
use tests::servers::RedisServer;

use super::place::Place;
use crate::{
    contestants::Pair,
    correctness::{Faults, judge_pair},
    kept::{Kept, Open, Store},
};

/// How many pairs of requests of each kind.
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
    Pair { nodes, records: Some(Box::new(move || keys(&mut records.borrow_mut()))) }
}

fn keys(redis: &mut Connection) -> usize {
    cmd("DBSIZE").query(redis).unwrap()
}
