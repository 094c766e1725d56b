//! The same sessions end to end: each contestant behind its framework's own server, in a process of its own, asked over
//! HTTP/1.1 on a loopback socket, with its sessions in each store.
//!
//! `served` is such a process, `place` what keeps its sessions; `http` and `crowd` ask it. Measured are its `speed`, what
//! it sends to the store (`counts`), the `room` that sessions take there, and what two `nodes` leave of them. `page` writes
//! it down.

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

/// What was measured of one store.
pub struct Measured {
    store: Store,
    version: Option<String>,
    speeds: Vec<speed::Row>,
    counts: Vec<counts::Row>,
}

/// And of Redis alone.
#[derive(Default)]
pub struct OnRedis {
    room: Vec<room::Room>,
    faults: Vec<(&'static str, Faults)>,
}

/// Writes the page into this folder's `report`; says whether no bar is missed but those that are known.
pub fn run(directory: &Path, date: &str) -> bool {
    let (mut all, mut redis) = (Vec::new(), OnRedis::default());
    for store in Store::ALL {
        let Some(place) = Place::open(store) else { continue };
        if let Place::Redis(server) = &place {
            eprintln!("{}: what two nodes leave", store.name());
            redis.faults = nodes::judge(&place, server);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            eprintln!("{}: what is sent", store.name());
            let counts = counts::measure(store, &place).await;
            if let Place::Redis(server) = &place {
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

/// This project is the second that is kept in each store, after the floor.
const OURS: usize = 1;

fn bars(all: &[Measured], redis: &OnRedis) -> Vec<Bar> {
    let of = |store: Store| all.iter().find(|of| of.store == store);
    let wire = |store: Store, work: usize| of(store).and_then(|of| of.counts[OURS].counts[work].wire.as_ref());
    let to_floor = |work: usize| {
        let of = of(Store::Redis)?;
        of.speeds[Store::Redis.frameworks().count() + OURS].speeds[work].per_second.to_floor
    };
    let mut bars = Vec::new();
    for (work, at_most) in [0.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
        let name = format!("{} round trips to Redis", WORKS[work]);
        let measured = wire(Store::Redis, work).map(|wire| wire.round_trips);
        bars.push(Bar { name, bound: Bound::AtMost(at_most), measured });
    }
    for (work, at_least) in [(1, 0.95), (2, 0.75), (3, 0.9)] {
        let name = format!("{} per second on Redis, to hand-written", WORKS[work]);
        bars.push(Bar { name, bound: Bound::AtLeast(at_least), measured: to_floor(work) });
    }
    bars.push(Bar {
        name: "bytes per session on Redis".to_owned(),
        bound: Bound::AtMost(450.0),
        measured: redis.room.get(OURS).map(|room| room.full.own),
    });
    for work in [1, 2, 3] {
        let name = format!("{} statements on PostgreSQL", WORKS[work]);
        let measured = wire(Store::Postgres, work).map(|wire| wire.statements());
        bars.push(Bar { name, bound: Bound::AtMost(1.0), measured });
    }
    bars
}
