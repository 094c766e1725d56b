//! What this project wants to reach in process (DESIGN section 6), and which misses are known.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{correctness::Faults, figures::Figures, works::WORKS};

/// At most so many instructions (without the hashing, which callgrind counts in software) and allocations above the bare
/// handler.
const WORK_BARS: [(f64, f64); WORKS.len()] =
    [(2200.0, 7.0), (7000.0, 12.0), (8000.0, 14.0), (8000.0, 14.0), (8000.0, 12.0)];
const BYTES_PER_SESSION: f64 = 750.0;
/// Its name included.
const BYTES_OF_COOKIE: f64 = 300.0;

/// How much above the accepted figure a miss may be: hash maps are laid out at random.
const SLACK: f64 = 1.02;

pub struct Bar {
    pub name: String,
    pub at_most: f64,
    /// None where it could not be measured.
    pub measured: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Miss {
    measured: f64,
    reason: String,
}

/// What a bar came to.
pub enum Verdict {
    Met,
    Unmeasured,
    /// Missed by what is known, and why.
    Known(String),
    Missed(String),
}

pub fn bars(ours: &Figures, faults: &Faults, cookie: Option<usize>) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (at, work) in WORKS.into_iter().enumerate() {
        let (cost, (instructions, allocations)) = (ours.costs[at], WORK_BARS[at]);
        let mut bar =
            |what: &str, at_most, measured| bars.push(Bar { name: format!("{work} {what}"), at_most, measured });
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
        at_most: 0.0,
        measured: count.map(|count| count as f64),
    };
    let bytes = Bar {
        name: "bytes per session".to_owned(),
        at_most: BYTES_PER_SESSION,
        measured: Some(ours.bytes_per_session),
    };
    let cookie = Bar {
        name: "bytes of a session in a cookie".to_owned(),
        at_most: BYTES_OF_COOKIE,
        measured: cookie.map(|bytes| bytes as f64),
    };
    bars.into_iter().chain([bytes, cookie]).chain(none.map(count)).collect()
}

/// Compares with the list of known misses, `misses.toml`.
pub fn verdicts(bars: &[Bar]) -> Vec<Verdict> {
    let known: BTreeMap<String, Miss> = toml::from_str(include_str!("../misses.toml")).unwrap();
    let unknown: Vec<_> = known.keys().filter(|name| bars.iter().all(|bar| bar.name != **name)).collect();
    assert!(unknown.is_empty(), "misses.toml: no bar is called {unknown:?}");
    bars.iter().map(|bar| verdict(bar, known.get(&bar.name))).collect()
}

fn verdict(bar: &Bar, known: Option<&Miss>) -> Verdict {
    let Some(measured) = bar.measured else { return Verdict::Unmeasured };
    match known {
        _ if round(measured) <= bar.at_most => Verdict::Met,
        Some(miss) if measured <= miss.measured * SLACK => Verdict::Known(miss.reason.clone()),
        Some(miss) => Verdict::Missed(format!("more than the {} that misses.toml accepts", miss.measured)),
        None => Verdict::Missed("not in misses.toml".to_owned()),
    }
}

/// To the tenth that is shown.
fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
