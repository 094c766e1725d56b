//! Measures the memory that a session takes on Redis.

use redis::{Client, Connection as Redis, cmd, pipe};
use tests::servers::RedisServer;

use super::{
    bytes::{self, Parts},
    http::{Connection, Visitor},
    place::Place,
    served::{Served, Subject},
};
use crate::{
    contestants::ours::CONTESTANT as OURS,
    kept::{Kept, Store},
};

/// The number of sessions.
pub const SESSIONS: usize = 3000;

pub struct Room {
    pub kept: &'static Kept,
    pub full: Bytes,
    pub guest: Bytes,
}

/// Memory for one session.
pub struct Bytes {
    /// The memory of the session's own key: the largest of the keys that exist once per session.
    pub own: f64,
    /// The memory of all keys.
    pub all: f64,
    /// The growth of the server's memory.
    pub grown: f64,
    /// The number of keys.
    pub keys: f64,
    /// Where the bytes go; of this project only.
    pub parts: Vec<Parts>,
}

pub async fn measure(place: &Place, server: &RedisServer) -> Vec<Room> {
    let mut redis = Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut rooms = Vec::new();
    for kept in Store::Redis.kept() {
        let [guest, full] = ["guest", "begin"].map(|path| (path, kept));
        let guest = sessions(guest, place, &mut redis).await;
        let full = sessions(full, place, &mut redis).await;
        rooms.push(Room { kept, full, guest });
    }
    rooms
}

async fn sessions((path, kept): (&str, &'static Kept), place: &Place, redis: &mut Redis) -> Bytes {
    cmd("FLUSHALL").exec(redis).unwrap();
    let served = Served::start(Subject::Of(kept), Store::Redis, &place.url(Store::Redis, kept));
    let mut connection = Connection::open(served.port).await;
    connection.visit(path, &mut Visitor::default()).await;
    cmd("FLUSHALL").exec(redis).unwrap();
    let before = used(redis);
    for _ in 0..SESSIONS {
        connection.visit(path, &mut Visitor::default()).await;
    }
    let grown = used(redis) - before;
    let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query(redis).unwrap();
    let mut usage = pipe();
    for key in &keys {
        usage.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
    }
    let mut bytes: Vec<u64> = usage.query(redis).unwrap();
    bytes.sort_unstable();
    let each = |all: f64| all / SESSIONS as f64;
    let sum = |of: &[u64]| each(of.iter().sum::<u64>() as f64);
    let own = sum(&bytes[bytes.len().saturating_sub(SESSIONS)..]);
    let parts = if kept.name == OURS.name { bytes::parts(redis, &keys) } else { Vec::new() };
    Bytes { own, all: sum(&bytes), grown: each(grown), keys: each(keys.len() as f64), parts }
}

fn used(redis: &mut Redis) -> f64 {
    let info: String = cmd("INFO").arg("memory").query(redis).unwrap();
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap()
}
