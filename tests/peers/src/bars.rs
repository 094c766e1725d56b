//! This project's targets, and the known misses.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    at_once::{Calls, UPDATES},
    correctness::Faults,
    figures::Figures,
    sealed::Sealed,
    works::WORKS,
};

/// The most instructions (without hashing, which callgrind counts in software) and allocations above the bare handler, for each
/// work.
const WORK_BARS: [(f64, f64); WORKS.len()] =
    [(2200.0, 7.0), (8000.0, 8.0), (12_000.0, 13.0), (12_000.0, 15.0), (11_000.0, 11.0)];
const BYTES_PER_SESSION: f64 = 750.0;
/// Store calls per request, for many concurrent updates of one session.
const CALLS: f64 = 16.0;
/// For a session in a cookie: microseconds above the bare handler to read two fields and to write a small one, and the cookie's
/// bytes, name included.
const COOKIE_BARS: [f64; 3] = [2.1, 2.8, 300.0];

/// A miss may exceed the accepted figure by this factor, because hash maps have random layouts.
const SLACK: f64 = 1.02;

pub struct Bar {
    pub name: String,
    pub bound: Bound,
    /// `None` if it could not be measured.
    pub measured: Option<f64>,
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    /// A lower bound, for ratios.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, measured: f64) -> bool {
        // Rounds to the last digit that the page shows.
        let round = |number: f64, digits: f64| (number * digits).round() / digits;
        match self {
            Self::AtMost(most) => round(measured, 10.0) <= most,
            Self::AtLeast(least) => round(measured, 100.0) >= least,
        }
    }

    /// Returns whether the measured value is no worse than the accepted miss, with some slack.
    fn is_missed_by(self, accepted: f64, measured: f64) -> bool {
        match self {
            Self::AtMost(_) => measured <= accepted * SLACK,
            Self::AtLeast(_) => measured >= accepted / SLACK,
        }
    }
}

/// The parts of the comparison; each has bars of its own.
#[derive(Clone, Copy)]
pub enum Part {
    InProcess,
    Loopback,
}

/// The content of `misses.toml`, by name of bar.
#[derive(Deserialize)]
struct Misses {
    loopback: BTreeMap<String, Miss>,
    #[serde(flatten)]
    in_process: BTreeMap<String, Miss>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Miss {
    measured: f64,
    reason: String,
}

/// The result for a bar.
pub enum Verdict {
    Met,
    Unmeasured,
    /// Missed as `misses.toml` says, with the reason.
    Known(String),
    Missed(String),
}

pub fn bars(ours: &Figures, faults: &Faults, cookie: Option<&Sealed>, calls: &[Calls]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (at, work) in WORKS.into_iter().enumerate() {
        let (cost, (instructions, allocations)) = (ours.costs[at], WORK_BARS[at]);
        let mut bar = |what: &str, at_most, measured| {
            bars.push(Bar { name: format!("{work} {what}"), bound: Bound::AtMost(at_most), measured })
        };
        bar("instructions", instructions, cost.instructions.map(|instructions| instructions.without_hashing()));
        bar("allocations", allocations, Some(cost.allocations));
    }
    let none: [(&str, Option<usize>); 6] = [
        ("lost updates of fields", Some(faults.lost_field)),
        ("lost updates of a counter", Some(faults.lost_count)),
        ("resurrected sessions", Some(faults.resurrected)),
        ("ghosts", faults.ghosts),
        ("writes lost in a renewal", Some(faults.lost_in_renewal)),
        ("stale reads of another node", Some(faults.stale)),
    ];
    let count = |(name, count): (&str, Option<usize>)| Bar {
        name: name.to_owned(),
        bound: Bound::AtMost(0.0),
        measured: count.map(|count| count as f64),
    };
    let bytes = Bar {
        name: "bytes per session".to_owned(),
        bound: Bound::AtMost(BYTES_PER_SESSION),
        measured: Some(ours.bytes_per_session),
    };
    let in_cookie = [
        ("W1 microseconds in a cookie", cookie.map(|of| of.nanoseconds[0] / 1e3)),
        ("W2 microseconds in a cookie", cookie.map(|of| of.nanoseconds[1] / 1e3)),
        ("bytes of a session in a cookie", cookie.map(|of| of.bytes as f64)),
    ];
    let in_cookie = in_cookie.into_iter().zip(COOKIE_BARS);
    let in_cookie =
        in_cookie.map(|((name, measured), most)| Bar { name: name.to_owned(), bound: Bound::AtMost(most), measured });
    let calls = calls.iter().map(|of| Bar {
        name: format!("store calls of each of {UPDATES} updates at once, {}", nodes(of.nodes)),
        bound: Bound::AtMost(CALLS),
        measured: Some(of.most as f64),
    });
    bars.into_iter().chain([bytes]).chain(in_cookie).chain(none.map(count)).chain(calls).collect()
}

fn nodes(nodes: usize) -> String {
    if nodes == 1 { "one node".to_owned() } else { format!("{nodes} nodes") }
}

/// Compares the bars with the known misses in `misses.toml`.
pub fn verdicts(part: Part, bars: &[Bar]) -> Vec<Verdict> {
    let misses: Misses = toml::from_str(include_str!("../misses.toml")).unwrap();
    let known = match part {
        Part::InProcess => misses.in_process,
        Part::Loopback => misses.loopback,
    };
    let unknown: Vec<_> = known.keys().filter(|name| bars.iter().all(|bar| bar.name != **name)).collect();
    assert!(unknown.is_empty(), "misses.toml: no bar is called {unknown:?}");
    bars.iter().map(|bar| verdict(bar, known.get(&bar.name))).collect()
}

fn verdict(bar: &Bar, known: Option<&Miss>) -> Verdict {
    let Some(measured) = bar.measured else { return Verdict::Unmeasured };
    match known {
        _ if bar.bound.holds(measured) => Verdict::Met,
        Some(miss) if bar.bound.is_missed_by(miss.measured, measured) => Verdict::Known(miss.reason.clone()),
        Some(miss) => Verdict::Missed(format!("beyond the {} that misses.toml accepts", miss.measured)),
        None => Verdict::Missed("not in misses.toml".to_owned()),
    }
}

/// Returns whether all missed bars are known misses.
pub fn is_fine(verdicts: &[Verdict]) -> bool {
    !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Missed(_)))
}
