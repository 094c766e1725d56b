//! Measures the throughput of several concurrent tasks, and what each operation costs the server.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::task::JoinSet;

/// How many rounds a comparison has. Each [`Way`] runs once per round.
const ROUNDS: usize = 11;
/// An operation to measure. Its arguments are the number of the task and the number of the operation.
pub type Way = Arc<dyn Fn(usize, usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Makes a [`Way`] of an async closure.
pub fn way<F: Future<Output = ()> + Send + 'static>(once: impl Fn(usize, usize) -> F + Send + Sync + 'static) -> Way {
    Arc::new(move |who, at| Box::pin(once(who, at)))
}

/// The cost of one operation, measured in one round.
#[derive(Clone, Copy)]
pub struct Cost {
    pub per_second: f64,
    /// Processor time of the server, in microseconds per operation.
    pub server: f64,
}

/// Returns the processor time, in seconds, that the server has taken since it started.
pub type ProcessorTime<'a> = &'a dyn Fn() -> f64;

/// Runs `times` operations of each way in each round, and returns each way's cost in each round.
pub async fn in_turns(cpu: ProcessorTime<'_>, crowd: usize, times: usize, ways: &[Way]) -> Vec<Vec<Cost>> {
    // Warms up connections, scripts and memory; this is not counted.
    for way in ways {
        turn(cpu, crowd, times, way).await;
    }
    let mut costs = vec![Vec::new(); ways.len()];
    for round in 0..ROUNDS {
        for step in 0..ways.len() {
            // A different way goes first in each round.
            let way = (round + step) % ways.len();
            costs[way].push(turn(cpu, crowd, times, &ways[way]).await);
        }
    }
    costs
}

async fn turn(cpu: ProcessorTime<'_>, crowd: usize, times: usize, way: &Way) -> Cost {
    let next = Arc::new(AtomicUsize::new(0));
    let (before, from) = (cpu(), Instant::now());
    let mut running = JoinSet::new();
    for who in 0..crowd {
        let (next, way) = (Arc::clone(&next), Arc::clone(way));
        running.spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= times {
                    return;
                }
                way(who, at).await;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    let seconds = from.elapsed().as_secs_f64();
    let times = times as f64;
    Cost { per_second: times / seconds, server: (cpu() - before) * 1e6 / times }
}

/// Returns the median.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Returns the median, over all rounds, of one side's figure divided by the other's.
pub fn ratio(ours: &[Cost], others: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    median(ours.iter().zip(others).map(|(ours, others)| of(ours) / of(others)))
}
