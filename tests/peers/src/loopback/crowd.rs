//! Many connections to one application. Each connection sends requests of one kind, one at a time.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{
    http::{Connection, Visitor},
    place::Place,
    processor,
    served::{Served, Subject},
};

/// The number of connections.
pub const CROWD: usize = 16;
/// The number of sessions for each connection. Connections share none.
const VISITORS: usize = 4;

pub struct Crowd {
    pub subject: Subject,
    pub served: Served,
    members: Vec<Member>,
}

struct Member {
    connection: Connection,
    visitors: Vec<Visitor>,
}

/// The measurements of one turn.
pub struct Turn {
    pub requests: usize,
    pub seconds: f64,
    pub latencies: Vec<Duration>,
    /// Processor time of the application.
    pub processor: Duration,
    /// Processor time of the client.
    pub asking: Duration,
    /// Processor time of the store's server, in seconds.
    pub store: Option<f64>,
}

impl Crowd {
    pub async fn open(subject: Subject, served: Served) -> Self {
        let mut members = Vec::new();
        for _ in 0..CROWD {
            let mut connection = Connection::open(served.port).await;
            let visitors = begin(subject, &mut connection, VISITORS).await;
            members.push(Member { connection, visitors });
        }
        Self { subject, served, members }
    }

    /// Sends this many requests, spread over all connections.
    pub async fn turn(&mut self, work: &str, requests: usize, place: &Place) -> Turn {
        let each = requests / CROWD;
        let mut spent = Vec::new();
        for member in &mut self.members {
            // Opens a new connection, because servers close idle connections while other contestants take their turns.
            member.connection = Connection::open(self.served.port).await;
            // W4 ends its session, so each request needs a session of its own. W3 begins a session, so it needs none.
            spent.push(match work {
                "W3" => Some(vec![Visitor::default(); each]),
                "W4" => Some(begin(self.subject, &mut member.connection, each).await),
                _ => None,
            });
        }
        let cpu = || (self.served.processor_time(), processor::own());
        let (store, before) = (place.processor_time(), cpu());
        let from = Instant::now();
        let mut busy = JoinSet::new();
        for (mut member, spent) in self.members.drain(..).zip(spent) {
            let work = work.to_owned();
            busy.spawn(async move {
                let mut latencies = Vec::with_capacity(each);
                let kept = spent.is_none();
                let mut visitors = spent.unwrap_or_else(|| std::mem::take(&mut member.visitors));
                for at in 0..each {
                    let (from, many) = (Instant::now(), visitors.len());
                    member.connection.visit(&work, &mut visitors[at % many]).await;
                    latencies.push(from.elapsed());
                }
                if kept {
                    member.visitors = visitors;
                }
                (member, latencies)
            });
        }
        let done = busy.join_all().await;
        let seconds = from.elapsed().as_secs_f64();
        let (after, store_after) = (cpu(), place.processor_time());
        let mut latencies = Vec::new();
        for (member, of) in done {
            self.members.push(member);
            latencies.extend(of);
        }
        Turn {
            requests: each * CROWD,
            seconds,
            latencies,
            processor: after.0 - before.0,
            asking: after.1 - before.1,
            store: store_after.zip(store).map(|(after, before)| after - before),
        }
    }
}

/// Returns visitors, each with a full session. Visitors of a bare handler have a cookie, but no session.
pub async fn begin(subject: Subject, connection: &mut Connection, visitors: usize) -> Vec<Visitor> {
    let mut begun = Vec::new();
    for _ in 0..visitors {
        let mut visitor = Visitor::default();
        match subject {
            Subject::Of(_) => drop(connection.visit("begin", &mut visitor).await),
            Subject::Bare(_) => visitor.jar.keep_lines(&["__Host-id=0123456789abcdef0123456789abcdef".to_owned()]),
        }
        begun.push(visitor);
    }
    begun
}
