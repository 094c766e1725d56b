//! Measures the same sessions end to end. Each contestant runs behind its framework's own server, in a process of its own, with
//! its sessions in each store, and answers requests over HTTP/1.1 on a loopback socket.
//!
//! `served` is such a process, and `place` keeps its sessions; `http` and `crowd` send requests to it. The measurements are its
//! `speed`, its traffic to the store (`counts`), the `room` that sessions take there and where its `bytes` go, and the results of concurrent requests to
//! two `nodes`. `page` writes the page.

mod bytes;
mod counts;
mod crowd;
mod http;
mod nodes;
mod page;
mod place;
mod processor;
mod room;
pub mod served;
mod speed;

use std::path::Path;

use self::place::Place;
use crate::{
    bars::{self, Bar, Bound},
    correctness::Faults,
    kept::Store,
    works::WORKS,
};

/// The measurements of one store.
pub struct Measured {
    store: Store,
    version: Option<String>,
    speeds: Vec<speed::Row>,
    counts: Vec<counts::Row>,
}

/// Further measurements, only on Redis.
#[derive(Default)]
pub struct OnRedis {
    room: Vec<room::Room>,
    faults: Vec<(&'static str, Faults)>,
}

/// Writes the page into this folder's `report`. Returns whether all missed bars are known misses.
pub fn run(directory: &Path, date: &str) -> bool {
    let (mut all, mut redis) = (Vec::new(), OnRedis::default());
    for store in Store::ALL {
        let Some(place) = Place::open(store) else { continue };
        if let Place::Redis(server) = &place
            && store == Store::Redis
        {
            eprintln!("{}: what two nodes leave", store.name());
            redis.faults = nodes::judge(&place, server);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            eprintln!("{}: what is sent", store.name());
            let counts = counts::measure(store, &place).await;
            if let Place::Redis(server) = &place
                && store == Store::Redis
            {
                eprintln!("{}: room", store.name());
                redis.room = room::measure(&place, server).await;
            }
            eprintln!("{}: speed", store.name());
            let speeds = speed::measure(store, &place).await;
            all.push(Measured { store, version: place.version(), speeds, counts });
        });
    }
    let bars = bars(&all, &redis);
    let verdicts = bars::verdicts(bars::Part::Loopback, &bars);
    page::write(&directory.join("report"), date, &all, &redis, &crate::tables::bars(&bars, &verdicts)).unwrap();
    bars::is_fine(&verdicts)
}

/// The index of this project in each store's list, after the hand-written contestant.
const OURS: usize = 1;

/// The other contestants that load a session before they write it, as this project does. The first one ends a session without
/// loading it, with one blind `DEL`.
const LOADING: [&str; 3] = ["tower-sessions", "actix-session", "poem"];

fn bars(all: &[Measured], redis: &OnRedis) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut bar = |name: String, bound, measured| bars.push(Bar { name, bound, measured });
    let wire = |store: Store, work: usize| of(all, store)?.counts[OURS].counts[work].wire.as_ref();
    for (work, at_most) in [0.0, 1.0, 2.0, 1.0, 2.0].into_iter().enumerate() {
        let measured = wire(Store::Redis, work).map(|wire| wire.round_trips);
        bar(format!("{} round trips to Redis", WORKS[work]), Bound::AtMost(at_most), measured);
        let measured = wire(Store::Postgres, work).map(|wire| wire.statements());
        bar(format!("{} statements on PostgreSQL", WORKS[work]), Bound::AtMost(at_most), measured);
    }
    for (store, at_least) in [(Store::Valkey, [1.05, 1.1, 0.8, 0.95]), (Store::Redis, [1.0, 0.95, 0.75, 0.8])] {
        for (work, at_least) in (1..).zip(at_least) {
            let name = format!("{} per second on {}, to the fastest that loads", WORKS[work], store.name());
            let others = if WORKS[work] == "W4" { &LOADING[1..] } else { &LOADING[..] };
            bar(name, Bound::AtLeast(at_least), to_others(all, store, work, others));
        }
    }
    for (store, work, at_least) in [(Store::Postgres, 4, 0.7), (Store::Sqlite, 1, 1.0), (Store::Sqlite, 2, 1.0)] {
        let name = format!("{} per second on {}, to tower-sessions", WORKS[work], store.name());
        bar(name, Bound::AtLeast(at_least), to_others(all, store, work, &LOADING[..1]));
    }
    for (store, at_most) in [(Store::Valkey, 1.6), (Store::Redis, 2.8)] {
        let name = format!("W2 processor time of {}, to hand-written", store.name());
        let of = of(all, store);
        let measured = of.and_then(|of| of.speeds[store.frameworks().count() + OURS].speeds[2].store_to_floor);
        bar(name, Bound::AtMost(at_most), measured);
    }
    let own = redis.room.get(OURS).map(|room| room.full.own);
    bar("bytes per session on Redis".to_owned(), Bound::AtMost(320.0), own);
    bars
}

fn of(all: &[Measured], store: Store) -> Option<&Measured> {
    all.iter().find(|of| of.store == store)
}

/// Returns this project's requests per second as a multiple of those of the fastest of `others`.
fn to_others(all: &[Measured], store: Store, work: usize, others: &[&str]) -> Option<f64> {
    let rows = &of(all, store)?.speeds;
    let per_second = |row: &speed::Row| row.speeds[work].per_second.figure;
    let fastest = rows.iter().filter(|row| others.contains(&&*row.subject.name())).map(per_second).reduce(f64::max)?;
    Some(per_second(&rows[store.frameworks().count() + OURS]) / fastest)
}
