//! Takes medians of rounds in which all cases take turns, so that other load on the machine affects all cases alike.

use std::time::Instant;

/// Returns the median nanoseconds of each case.
pub async fn in_turns(cases: usize, rounds: usize, measure: impl AsyncFn(usize, usize) -> f64) -> Vec<f64> {
    let mut taken = vec![Vec::new(); cases];
    for round in 0..=rounds {
        for step in 0..cases {
            // A different case goes first in each round.
            let case = (round + step) % cases;
            let nanoseconds = measure(case, round).await;
            // Discards the first round, which includes one-time costs.
            if round > 0 {
                taken[case].push(nanoseconds);
            }
        }
    }
    taken.into_iter().map(|taken| share(taken, 0.5)).collect()
}

/// Returns the nanoseconds of one operation, averaged over `times` operations.
pub async fn timed(times: u64, mut one: impl AsyncFnMut(u64)) -> f64 {
    let from = Instant::now();
    for at in 0..times {
        one(at).await;
    }
    from.elapsed().as_nanos() as f64 / times as f64
}

/// Returns the number below which this share of the numbers lies.
pub fn share(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let at = (numbers.len() as f64 * share) as usize;
    numbers.get(at.min(numbers.len().saturating_sub(1))).copied().unwrap_or_default()
}
