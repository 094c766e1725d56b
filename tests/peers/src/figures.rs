//! Measures the cost of each contestant, above the bare handler of its framework.

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use crate::{
    allocations,
    contestants::{Contestant, Framework},
    instructions::{self, Instructions},
    load::{Load, Subject},
    works::WORKS,
};

/// How many requests are counted and timed.
#[derive(Clone, Copy)]
pub struct Effort {
    pub counted: usize,
    pub rounds: usize,
    pub timed: usize,
    pub pairs: usize,
    pub sessions: usize,
}

pub const FULL: Effort = Effort { counted: 1000, rounds: 15, timed: 1000, pairs: 1000, sessions: 20_000 };
pub const QUICK: Effort = Effort { counted: 200, rounds: 5, timed: 400, pairs: 200, sessions: 5000 };

/// The cost per request of one kind, above the bare handler.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub instructions: Option<Instructions>,
    pub allocations: f64,
    pub nanoseconds: f64,
}

pub struct Figures {
    pub contestant: &'static Contestant,
    /// In the order of `WORKS`.
    pub costs: Vec<Cost>,
    pub bytes_per_session: f64,
}

/// Measures these contestants and their frameworks.
pub fn measure(contestants: &[&'static Contestant], effort: Effort) -> Vec<Figures> {
    let mut subjects: Vec<_> = Framework::ALL
        .into_iter()
        .filter(|framework| contestants.iter().any(|contestant| contestant.framework == *framework))
        .map(Subject::Bare)
        .collect();
    subjects.extend(contestants.iter().copied().map(Subject::Of));
    let costs = costs(&subjects, effort);
    contestants
        .iter()
        .map(|contestant| {
            let of = |subject: Subject, work: &str| costs[&(subject.name(), work.to_owned())];
            let above = |work: &&str| {
                let (all, bare) = (of(Subject::Of(contestant), work), of(Subject::Bare(contestant.framework), work));
                Cost {
                    instructions: all.instructions.zip(bare.instructions).map(|(all, bare)| all.above(bare)),
                    allocations: all.allocations - bare.allocations,
                    nanoseconds: all.nanoseconds - bare.nanoseconds,
                }
            };
            Figures {
                contestant,
                costs: WORKS.iter().map(above).collect(),
                bytes_per_session: allocations::bytes_per_session(contestant, effort.sessions),
            }
        })
        .collect()
}

fn costs(subjects: &[Subject], effort: Effort) -> BTreeMap<(String, String), Cost> {
    let mut costs = BTreeMap::new();
    for work in WORKS {
        eprintln!("{work}: time and allocations");
        let times = in_turns(subjects, work, effort);
        for (subject, nanoseconds) in subjects.iter().zip(times) {
            let allocations = allocations::per_request(*subject, work, effort.counted);
            costs.insert((subject.name(), work.to_owned()), Cost { instructions: None, allocations, nanoseconds });
        }
    }
    if instructions::countable().is_some() {
        eprintln!("instructions");
        let work =
            Mutex::new(subjects.iter().flat_map(|subject| WORKS.map(|work| (*subject, work))).collect::<Vec<_>>());
        let costs = Mutex::new(&mut costs);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let Some((subject, kind)) = work.lock().unwrap().pop() else { return };
                        let instructions = instructions::count(subject, kind, effort.counted);
                        let mut costs = costs.lock().unwrap();
                        costs.entry((subject.name(), kind.to_owned())).or_default().instructions = instructions;
                    }
                });
            }
        });
    }
    costs
}

/// Returns nanoseconds per request for each subject: the median of rounds in which all take turns.
pub fn in_turns(subjects: &[Subject], work: &str, effort: Effort) -> Vec<f64> {
    let mut rounds = vec![Vec::new(); subjects.len()];
    for round in 0..=effort.rounds {
        for step in 0..subjects.len() {
            // A different subject goes first in each round.
            let at = (round + step) % subjects.len();
            let mut load = Load::new(subjects[at], &format!("/{work}"), effort.timed);
            let from = Instant::now();
            load.serve_the_requests();
            let nanoseconds = from.elapsed().as_nanos() as f64 / effort.timed as f64;
            // Discards the first round, which includes one-time costs.
            if round > 0 {
                rounds[at].push(nanoseconds);
            }
        }
    }
    rounds.into_iter().map(median).collect()
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
