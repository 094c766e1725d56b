//! Measures the speed and processor time of each contestant, in rounds in which all take turns.

use std::time::Duration;

use super::{
    crowd::{Crowd, Turn},
    place::Place,
    served::{Served, Subject},
};
use crate::{contestants::Framework, figures::median, kept::Store, works::WORKS};

/// The number of rounds; each contestant has a turn in each round with each work.
pub const ROUNDS: usize = 7;

/// Returns the number of requests in a turn.
pub fn requests(store: Store) -> usize {
    match store {
        Store::Memory | Store::Cookie => 4800,
        Store::Redis | Store::Valkey => 2400,
        Store::Postgres | Store::Sqlite | Store::Files => 800,
    }
}

/// A figure, also as a multiple of the bare handler's figure in the same framework, and of the hand-written contestant's.
#[derive(Clone, Copy)]
pub struct Compared {
    pub figure: f64,
    pub to_bare: f64,
    /// `None` for a bare handler.
    pub to_floor: Option<f64>,
}

pub struct Speed {
    pub per_second: Compared,
    /// The median latency, and the 99th percentile.
    pub latencies: [Duration; 2],
    /// Processor time of the application, in microseconds per request.
    pub processor: Compared,
    /// Processor time of the client.
    pub asking: f64,
    /// Processor time of the store's server.
    pub store: Option<f64>,
    /// `store` as a multiple of the hand-written contestant's, if that is not zero.
    pub store_to_floor: Option<f64>,
}

pub struct Row {
    pub subject: Subject,
    /// In the order of `WORKS`.
    pub speeds: Vec<Speed>,
}

/// Measures all contestants with this store; the bare handlers come first.
pub async fn measure(store: Store, place: &Place) -> Vec<Row> {
    let mut crowds = Vec::new();
    for framework in store.frameworks() {
        let subject = Subject::Bare(framework);
        crowds.push(Crowd::open(subject, Served::start(subject, store, "")).await);
    }
    for kept in store.kept() {
        let subject = Subject::Of(kept);
        crowds.push(Crowd::open(subject, Served::start(subject, store, &place.url(store, kept))).await);
    }
    let mut rows: Vec<_> = crowds.iter().map(|of| Row { subject: of.subject, speeds: Vec::new() }).collect();
    for work in WORKS {
        let turns = in_turns(&mut crowds, work, requests(store), place).await;
        let bare = |framework: Framework| {
            let bare = crowds.iter().position(|of| matches!(of.subject, Subject::Bare(of) if of == framework));
            &turns[bare.unwrap()]
        };
        // The floor is the hand-written contestant, the first after the bare handlers.
        let floor = &turns[store.frameworks().count()];
        for (row, own) in rows.iter_mut().zip(&turns) {
            let floor = matches!(row.subject, Subject::Of(_)).then_some(floor);
            row.speeds.push(speed(own, bare(row.subject.framework()), floor));
        }
    }
    rows
}

async fn in_turns(crowds: &mut [Crowd], work: &str, requests: usize, place: &Place) -> Vec<Vec<Turn>> {
    let mut turns: Vec<Vec<Turn>> = crowds.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for step in 0..crowds.len() {
            // A different contestant goes first in each round.
            let at = (round + step) % crowds.len();
            let turn = crowds[at].turn(work, requests, place).await;
            // Discards the first round, which includes one-time costs.
            if round > 0 {
                turns[at].push(turn);
            }
        }
    }
    turns
}

fn speed(own: &[Turn], bare: &[Turn], floor: Option<&Vec<Turn>>) -> Speed {
    let per_second = |turn: &Turn| turn.requests as f64 / turn.seconds;
    let multiple =
        |others: &[Turn]| median(own.iter().zip(others).map(|(own, of)| per_second(own) / per_second(of)).collect());
    // Averages over all rounds, because the system counts some servers' time in hundredths of a second.
    let per_request = |turns: &[Turn], of: &dyn Fn(&Turn) -> f64| {
        turns.iter().map(of).sum::<f64>() * 1e6 / turns.iter().map(|turn| turn.requests as f64).sum::<f64>()
    };
    let processor = |turns: &[Turn]| per_request(turns, &|turn| turn.processor.as_secs_f64());
    let in_store = |turns: &[Turn]| {
        turns.iter().all(|turn| turn.store.is_some()).then(|| per_request(turns, &|turn| turn.store.unwrap_or(0.0)))
    };
    let mut latencies: Vec<_> = own.iter().flat_map(|turn| &turn.latencies).copied().collect();
    latencies.sort();
    Speed {
        per_second: Compared {
            figure: median(own.iter().map(per_second).collect()),
            to_bare: multiple(bare),
            to_floor: floor.map(|floor| multiple(floor)),
        },
        latencies: [50, 99].map(|percent| latencies[latencies.len() * percent / 100]),
        processor: Compared {
            figure: processor(own),
            to_bare: processor(own) / processor(bare),
            to_floor: floor.map(|floor| processor(own) / processor(floor)),
        },
        asking: per_request(own, &|turn| turn.asking.as_secs_f64()),
        store: floor.and_then(|_| in_store(own)),
        store_to_floor: in_store(own)
            .zip(floor.and_then(|floor| in_store(floor)).filter(|floor| *floor >= 1.0))
            .map(|(own, floor)| own / floor),
    }
}
