//! Costs that grow with the number of sessions, with the number of fields, and with their size. `tests/bench growth` writes
//! `report/growth.md`.
//!
//! # Layout
//!
//! A [`Shelf`] is a store together with its server or folder. [`fill`] puts the sessions of [`eight`] into it. [`sizes`] measures
//! reads, writes, lists and a pass over all sessions. [`counted`] counts instructions in memory. [`waiting`] measures clean-up.
//! [`fields`] measures many or large fields, with [`wide`] in memory. [`visitors`] measures the other projects' stores in memory.
//! [`turns`] takes the times, and [`page`] writes the page.

mod counted;
mod eight;
mod fields;
mod fill;
mod page;
mod shelf;
mod sizes;
mod turns;
mod visitors;
mod waiting;
mod wide;

use std::{path::Path, time::Instant};

use self::shelf::{Shelf, What};
pub use self::{
    visitors::{MOST_BYTES, SIZES},
    wide::CONTESTANTS,
};
use crate::load::Subject;

/// The largest number of sessions in files; a million would be two million files.
const MOST_FILES: u64 = 100_000;

/// All measurements.
pub struct Measured {
    sizes: Vec<sizes::Row>,
    counted: Vec<[Option<f64>; 2]>,
    visitors: Vec<visitors::Row>,
    in_memory: fields::InMemory,
    in_stores: Vec<fields::InStores>,
    passes: Vec<sizes::Pass>,
    clean_ups: Vec<waiting::CleanUp>,
    servers: Vec<String>,
}

/// Runs `growth` with these arguments: a directory and a date, or the work of a separate process.
pub fn command(arguments: &[&str]) {
    match arguments {
        ["requests", name, sizes @ ..] => {
            let sizes: Vec<_> = sizes.iter().map(|size| size.parse().unwrap()).collect();
            visitors::print_times(Subject::named(name).unwrap(), &sizes);
        }
        ["count", work, size] => counted::serve(work, size.parse().unwrap()),
        [directory, date] => run(Path::new(directory), date),
        _ => panic!("start it as `tests/bench growth`"),
    }
}

/// Measures, and writes the page.
pub fn run(directory: &Path, date: &str) {
    let from = Instant::now();
    let visitors = visitors::compare();
    eprintln!("{} s; instructions", from.elapsed().as_secs());
    let counted = counted::count();
    eprintln!("{} s; instructions by fields", from.elapsed().as_secs());
    let in_memory = fields::count();
    // Clean-up and requests run at the same time, as in a service.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let measured = runtime.block_on(async {
        let (shelves, bytes, servers) = filled(from).await;
        eprintln!("{} s; sizes", from.elapsed().as_secs());
        let sizes = sizes::measure(&shelves, &bytes).await;
        eprintln!("{} s; fields", from.elapsed().as_secs());
        let smallest: Vec<_> = shelves.iter().filter(|shelf| shelf.size == SIZES[0]).collect();
        let in_stores = fields::measure(&smallest).await;
        eprintln!("{} s; passes over all sessions", from.elapsed().as_secs());
        let mut passes = Vec::new();
        for shelf in shelves.iter().filter(|shelf| shelf.size > SIZES[0]) {
            passes.push(sizes::pass(shelf).await);
        }
        let mut clean_ups = Vec::new();
        for what in What::ALL.into_iter().filter(|what| *what != What::Redis) {
            eprintln!("{} s; clean-up of {}", from.elapsed().as_secs(), what.name());
            let Some(largest) = shelves.iter().filter(|shelf| shelf.what == what).max_by_key(|shelf| shelf.size) else {
                continue;
            };
            for now in [eight::after_the_first(), eight::after_the_second()] {
                clean_ups.push(waiting::clean_up(largest, now).await);
            }
        }
        Measured { sizes, counted, visitors, in_memory, in_stores, passes, clean_ups, servers }
    });
    eprintln!("{} s", from.elapsed().as_secs());
    page::write(directory, date, &measured).unwrap();
}

/// Returns each store in each size, the bytes that a session takes in it, and the servers' versions.
async fn filled(from: Instant) -> (Vec<Shelf>, Vec<Option<f64>>, Vec<String>) {
    let postgres = shelf::postgres();
    let (mut shelves, mut bytes, mut servers) = (Vec::new(), Vec::new(), Vec::new());
    servers.extend(postgres.as_ref().map(|server| format!("PostgreSQL {}", server.ask("SHOW server_version"))));
    for what in What::ALL {
        eprintln!("{} s; {} is filled", from.elapsed().as_secs(), what.name());
        for size in SIZES {
            if what == What::Files && size > MOST_FILES {
                continue;
            }
            let Some(shelf) = Shelf::open(what, size, &postgres).await else { continue };
            let empty = shelf.bytes().await;
            fill::fill(&shelf).await;
            bytes.push(shelf.bytes().await.zip(empty).map(|(full, empty)| (full - empty) as f64 / size as f64));
            if let (shelf::Home::Redis(server), true) = (&shelf.home, size == SIZES[0]) {
                servers
                    .extend(server.info("server", "redis_version").map(|version| format!("Redis {}", version.trim())));
            }
            shelves.push(shelf);
        }
    }
    (shelves, bytes, servers)
}
