//! Measures the cost of a read, a write, a user's list and a pass over all sessions, in stores of growing size.

use std::{collections::HashSet, time::Instant};

use session_runtime::store::{Class, Position, Store as _};

use super::{
    eight::{self, NOW},
    shelf::{Shelf, What},
    turns::{in_turns, timed},
};

pub const ROUNDS: usize = 9;

/// The figures of one store with this many sessions, in nanoseconds.
pub struct Row {
    pub what: What,
    pub size: u64,
    pub read: f64,
    pub write: f64,
    pub list: f64,
    pub bytes: Option<f64>,
}

/// Measures all shelves. `bytes` has the bytes per session of each.
pub async fn measure(shelves: &[Shelf], bytes: &[Option<f64>]) -> Vec<Row> {
    let at = |shelf: &Shelf, round: usize, work: u64, step: u64| {
        // Chooses sessions that no recent request has used.
        eight::mix((round as u64) << 32 | work << 24 | step) % shelf.size
    };
    let reads = in_turns(shelves.len(), ROUNDS, async |case, round| {
        let shelf = &shelves[case];
        timed(times(shelf.what), async |step| shelf.read(at(shelf, round, 0, step)).await).await
    });
    let reads = reads.await;
    let writes = in_turns(shelves.len(), ROUNDS, async |case, round| {
        let shelf = &shelves[case];
        timed(times(shelf.what), async |step| shelf.write(at(shelf, round, 1, step)).await).await
    });
    let writes = writes.await;
    let lists = in_turns(shelves.len(), ROUNDS, async |case, _| {
        let shelf = &shelves[case];
        timed(times(shelf.what) / 8, async |_| shelf.list().await).await
    });
    let lists = lists.await;
    let row = |(at, shelf): (usize, &Shelf)| Row {
        what: shelf.what,
        size: shelf.size,
        read: reads[at],
        write: writes[at],
        list: lists[at],
        bytes: bytes[at],
    };
    shelves.iter().enumerate().map(row).collect()
}

/// Returns the number of operations in a round.
pub fn times(what: What) -> u64 {
    match what {
        What::Memory => 4000,
        What::Redis | What::Sqlite => 200,
        What::Postgres | What::Files => 120,
    }
}

/// One pass over all sessions of a store.
pub struct Pass {
    pub what: What,
    pub size: u64,
    pub seconds: f64,
    pub longest_call: f64,
}

pub async fn pass(shelf: &Shelf) -> Pass {
    let (from, mut longest_call) = (Instant::now(), 0.0_f64);
    let (mut seen, mut next) = (HashSet::new(), Some(Position::start()));
    while let Some(position) = next {
        let called = Instant::now();
        let batch = shelf.store.scan(&position, NOW).await.unwrap().unwrap();
        longest_call = longest_call.max(called.elapsed().as_secs_f64());
        let sessions = batch.values.iter().filter(|(_, found)| found.value().class() == Class::User);
        seen.extend(sessions.map(|(key, _)| key.digest()));
        next = batch.next;
    }
    let seconds = from.elapsed().as_secs_f64();
    // The pass also finds the sessions of the listed user.
    assert_eq!(seen.len() as u64, shelf.size + eight::SESSIONS_OF_ONE, "{}", shelf.what.name());
    Pass { what: shelf.what, size: shelf.size, seconds, longest_call }
}
