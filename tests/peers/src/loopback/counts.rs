//! Counts the traffic of one request, with a proxy in front of the store's server. The requests are sequential.

use std::{collections::BTreeMap, thread, time::Duration};

use tests::servers::Proxy;

use super::{
    crowd::begin,
    http::{Connection, Visitor},
    place::Place,
    served::{Served, Subject},
};
use crate::{
    kept::{Kept, Store},
    works::WORKS,
};

/// The number of requests that are counted.
pub const REQUESTS: usize = 200;
/// Warm-up requests, for connections, statements and scripts.
const BEFORE: usize = 20;
/// Time for the work that an application does after its answer.
const AFTERWARDS: Duration = Duration::from_millis(100);

/// Figures per request.
pub struct Counts {
    pub response: f64,
    pub wire: Option<Wire>,
}

/// Traffic between the application and the store's server.
pub struct Wire {
    pub round_trips: f64,
    pub asked: f64,
    pub answered: f64,
    /// What the server executed, and how often: commands, including those that a script called, or the first words of statements.
    pub executed: BTreeMap<String, f64>,
}

impl Wire {
    pub fn statements(&self) -> f64 {
        self.executed.values().sum()
    }
}

pub struct Row {
    pub kept: &'static Kept,
    /// Bytes of the cookie that its visitor sends, name and value.
    pub cookie: usize,
    /// In the order of `WORKS`.
    pub counts: Vec<Counts>,
}

pub async fn measure(store: Store, place: &Place) -> Vec<Row> {
    if let Place::Postgres(server) = place {
        server.ask("ALTER SYSTEM SET log_statement = 'all'");
        server.ask("SELECT pg_reload_conf()");
    }
    let mut rows = Vec::new();
    for kept in store.kept() {
        rows.push(row(kept, store, place).await);
    }
    if let Place::Postgres(server) = place {
        server.ask("ALTER SYSTEM RESET log_statement");
        server.ask("SELECT pg_reload_conf()");
    }
    rows
}

async fn row(kept: &'static Kept, store: Store, place: &Place) -> Row {
    let proxy = place.addr().map(Proxy::start);
    let url = match &proxy {
        Some(proxy) => place.url_through(proxy, store, kept),
        None => place.url(store, kept),
    };
    let served = Served::start(Subject::Of(kept), store, &url);
    let mut connection = Connection::open(served.port).await;
    let visitor = begin(Subject::Of(kept), &mut connection, 1).await.remove(0);
    let cookie = visitor.jar.header().map_or(0, |pairs| pairs.len());
    let mut counts = Vec::new();
    for work in WORKS {
        let mut visitors = match work {
            "W3" => vec![Visitor::default(); BEFORE + REQUESTS],
            "W4" => begin(Subject::Of(kept), &mut connection, BEFORE + REQUESTS).await,
            _ => vec![visitor.clone()],
        };
        send(work, &mut connection, &mut visitors, 0..BEFORE).await;
        thread::sleep(AFTERWARDS);
        let before = Reading::of(place, proxy.as_ref());
        let response = send(work, &mut connection, &mut visitors, BEFORE..BEFORE + REQUESTS).await;
        thread::sleep(AFTERWARDS);
        let wire = before.zip(Reading::of(place, proxy.as_ref())).map(|(before, after)| after.since(&before));
        counts.push(Counts { response, wire });
    }
    Row { kept, cookie, counts }
}

/// Sends requests, and returns the average size of a response in bytes.
async fn send(work: &str, connection: &mut Connection, visitors: &mut [Visitor], times: std::ops::Range<usize>) -> f64 {
    let (requests, many) = (times.len(), visitors.len());
    let mut bytes = 0;
    for at in times {
        bytes += connection.visit(work, &mut visitors[at % many]).await.bytes;
    }
    bytes as f64 / requests as f64
}

/// The counters at one moment.
struct Reading {
    round_trips: u64,
    bytes: [u64; 2],
    executed: BTreeMap<String, u64>,
}

impl Reading {
    fn of(place: &Place, proxy: Option<&Proxy>) -> Option<Self> {
        let executed = match place {
            Place::Redis(server) => server.command_stats().all().clone(),
            Place::Postgres(server) => statements(&server.log()),
            _ => return None,
        };
        let proxy = proxy?;
        Some(Self { round_trips: proxy.round_trips(), bytes: proxy.bytes(), executed })
    }

    fn since(self, before: &Self) -> Wire {
        let per_request = |after: u64, before: u64| (after - before) as f64 / REQUESTS as f64;
        let executed = self.executed.iter().map(|(name, times)| {
            (name.clone(), per_request(*times, before.executed.get(name).copied().unwrap_or_default()))
        });
        Wire {
            round_trips: per_request(self.round_trips, before.round_trips),
            asked: per_request(self.bytes[0], before.bytes[0]),
            answered: per_request(self.bytes[1], before.bytes[1]),
            executed: executed.filter(|(_, times)| *times > 0.0).collect(),
        }
    }
}

/// Counts the first words of the statements in PostgreSQL's log.
fn statements(log: &str) -> BTreeMap<String, u64> {
    let mut words = BTreeMap::new();
    for entry in log.split("LOG:  ").skip(1) {
        let Some((kind, statement)) = entry.split_once(": ") else { continue };
        if kind == "statement" || kind.starts_with("execute ") {
            let word = statement.split_whitespace().next().unwrap_or_default().to_lowercase();
            *words.entry(word.trim_end_matches(';').to_owned()).or_default() += 1;
        }
    }
    words
}
