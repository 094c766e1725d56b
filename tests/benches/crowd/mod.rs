//! Many at once who do the same, how many do it in a second, and what that costs the server.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::task::JoinSet;

/// How often each side of a comparison takes its turn.
const ROUNDS: usize = 11;
/// Does something once, as this one of the crowd, and for the so many-th time.
pub type Way = Arc<dyn Fn(usize, usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A way to do something, given what each doing needs.
pub fn way<F: Future<Output = ()> + Send + 'static>(once: impl Fn(usize, usize) -> F + Send + Sync + 'static) -> Way {
    Arc::new(move |who, at| Box::pin(once(who, at)))
}

/// What a turn showed.
#[derive(Clone, Copy)]
pub struct Cost {
    pub per_second: f64,
    /// Processor time of the server, in microseconds for each.
    pub server: f64,
}

/// How the server is asked for the processor time, in seconds, that it has taken since it started.
pub type ProcessorTime<'a> = &'a dyn Fn() -> f64;

/// Lets the ways take turns, in each of which something is done so many times, and says what each cost in each round.
pub async fn in_turns(cpu: ProcessorTime<'_>, crowd: usize, times: usize, ways: &[Way]) -> Vec<Vec<Cost>> {
    // Not counted: connections, scripts and memory come into being.
    for way in ways {
        turn(cpu, crowd, times, way).await;
    }
    let mut costs = vec![Vec::new(); ways.len()];
    for round in 0..ROUNDS {
        for step in 0..ways.len() {
            // Nobody is always first.
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

/// The one in the middle.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The median of what `of` says of one side in each round, as a multiple of what it says of the other.
pub fn ratio(ours: &[Cost], others: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    median(ours.iter().zip(others).map(|(ours, others)| of(ours) / of(others)))
}
