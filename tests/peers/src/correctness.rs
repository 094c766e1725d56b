//! Checks the session that two concurrent requests leave behind. The requests meet in the middle of their handlers, over two
//! nodes on one store.

use tokio::task::LocalSet;

use crate::{
    app::{App, Jar, Reply},
    contestants::{Contestant, Pair},
    gate,
    session::{Seen, Theme},
};

/// How often each fault occurred, and in how many pairs of requests.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub pairs: usize,
    /// Two requests wrote different fields, and one of the values is missing.
    pub lost_field: usize,
    /// Two requests each added one to a counter, and it did not grow by two.
    pub lost_count: usize,
    /// A request that wrote during a log-out ended after the log-out, and the visitor is signed in again.
    pub resurrected: usize,
    /// A request that wrote during a log-out ended after the log-out, and the store then holds more records than before the
    /// session began. `None` if the store cannot count its records.
    pub ghosts: Option<usize>,
    /// A request that wrote during a renewal of the id succeeded after the renewal, and the written value is missing.
    pub lost_in_renewal: usize,
    /// A request that wrote during a renewal was rejected, so that the client could send it again.
    pub refused_in_renewal: usize,
    /// After a request that wrote during a renewal, the visitor is no longer signed in.
    pub signed_out: usize,
    /// After a request that wrote during a renewal, the id from before the sign-in still opens a session.
    pub old_id_opens: usize,
    /// One node answered a write, but the other node then did not read the written value.
    pub stale: usize,
}

/// Runs this many pairs of each kind, if two nodes of the contestant can share a store.
pub fn judge(contestant: &'static Contestant, pairs: usize) -> Option<Faults> {
    Some(judge_pair(contestant.name, contestant.pair?(), pairs))
}

/// Runs the pairs on these two nodes.
pub fn judge_pair(name: &str, open: impl Future<Output = Pair>, pairs: usize) -> Faults {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let pair = open.await;
        it_works(name, &pair).await;
        let mut faults = Faults { pairs, ghosts: pair.records.as_ref().map(|_| 0), ..Faults::default() };
        for _ in 0..pairs {
            two_fields(&pair, &mut faults).await;
            two_counts(&pair, &mut faults).await;
            late_after_log_out(&pair, &mut faults).await;
            late_after_renewal(&pair, &mut faults).await;
            other_node(&pair, &mut faults).await;
        }
        faults
    })
}

async fn send(app: &App, path: &str, jar: &Jar) -> Reply {
    app(path, jar.header().as_deref()).await
}

async fn show(app: &App, jar: &Jar) -> Seen {
    send(app, "/show", jar).await;
    gate::shown().unwrap_or_default()
}

fn succeeded(reply: &Reply) -> bool {
    reply.status() < 400
}

/// Checks sequential requests. Every contestant handles those, so a failure means that this benchmark misuses the contestant.
async fn it_works(name: &str, pair: &Pair) {
    let mut jar = Jar::of(&send(&pair.nodes[0], "/guest", &Jar::default()).await);
    for path in ["/theme", "/locale", "/count", "/in"] {
        jar.keep(&send(&pair.nodes[0], path, &jar).await);
    }
    let seen = show(&pair.nodes[0], &jar).await;
    let user = seen.user.filter(|user| *user > 0);
    let expected = Seen { user, locale: "de-AT".into(), theme: Theme::Dark, visits: 42 };
    assert!(user.is_some() && seen == expected, "{name}: {seen:?}");
    let old = jar.clone();
    jar.keep(&send(&pair.nodes[0], "/out", &jar).await);
    for jar in [&old, &jar] {
        assert_eq!(show(&pair.nodes[0], jar).await, Seen::default(), "{name}");
    }
}

/// Sends two requests of one visitor that both read before either writes.
async fn together(pair: &Pair, jar: &mut Jar, paths: [&str; 2]) -> bool {
    let mut replies = None;
    let requests = async {
        replies = Some(tokio::join!(send(&pair.nodes[0], paths[0], jar), send(&pair.nodes[1], paths[1], jar)));
    };
    gate::closed_for(2, async {}, requests).await;
    let Some((first, second)) = replies else { return false };
    jar.keep(&first);
    jar.keep(&second);
    succeeded(&first) && succeeded(&second)
}

/// Sends a request that reads before another request begins, and writes after the other has been answered.
async fn late(pair: &Pair, jar: &mut Jar, slow: &str, meanwhile: &str) -> bool {
    let (mut slow_reply, mut other_reply) = (None, None);
    let requests = async { slow_reply = Some(send(&pair.nodes[0], slow, jar).await) };
    let other = async { other_reply = Some(send(&pair.nodes[1], meanwhile, jar).await) };
    gate::closed_for(1, other, requests).await;
    let (Some(slow), Some(other)) = (slow_reply, other_reply) else { return false };
    jar.keep(&other);
    jar.keep(&slow);
    succeeded(&slow)
}

async fn two_fields(pair: &Pair, faults: &mut Faults) {
    let mut jar = Jar::of(&send(&pair.nodes[0], "/begin", &Jar::default()).await);
    let succeeded = together(pair, &mut jar, ["/theme", "/locale"]).await;
    let seen = show(&pair.nodes[0], &jar).await;
    faults.lost_field += usize::from(succeeded && (seen.theme != Theme::Dark || seen.locale != "de-AT"));
}

async fn two_counts(pair: &Pair, faults: &mut Faults) {
    let mut jar = Jar::of(&send(&pair.nodes[0], "/begin", &Jar::default()).await);
    let before = show(&pair.nodes[0], &jar).await.visits;
    let succeeded = together(pair, &mut jar, ["/count", "/count"]).await;
    let seen = show(&pair.nodes[0], &jar).await;
    faults.lost_count += usize::from(succeeded && seen.visits != before + 2);
}

async fn late_after_log_out(pair: &Pair, faults: &mut Faults) {
    let records = || pair.records.as_ref().map(|records| records());
    let before = records();
    let mut jar = Jar::of(&send(&pair.nodes[0], "/begin", &Jar::default()).await);
    let old = jar.clone();
    late(pair, &mut jar, "/theme", "/out").await;
    if let (Some(ghosts), Some(before), Some(after)) = (&mut faults.ghosts, before, records()) {
        *ghosts += usize::from(after > before);
    }
    let opened = [show(&pair.nodes[0], &old).await, show(&pair.nodes[0], &jar).await];
    faults.resurrected += usize::from(opened.iter().any(|seen| seen.user.is_some()));
}

async fn late_after_renewal(pair: &Pair, faults: &mut Faults) {
    let mut jar = Jar::of(&send(&pair.nodes[0], "/guest", &Jar::default()).await);
    let old = jar.clone();
    let succeeded = late(pair, &mut jar, "/locale", "/in").await;
    let seen = show(&pair.nodes[0], &jar).await;
    faults.lost_in_renewal += usize::from(succeeded && seen.locale != "de-AT");
    faults.refused_in_renewal += usize::from(!succeeded);
    faults.signed_out += usize::from(seen.user.is_none());
    faults.old_id_opens += usize::from(show(&pair.nodes[0], &old).await != Seen::default());
}

async fn other_node(pair: &Pair, faults: &mut Faults) {
    let mut jar = Jar::of(&send(&pair.nodes[0], "/begin", &Jar::default()).await);
    show(&pair.nodes[1], &jar).await;
    jar.keep(&send(&pair.nodes[0], "/theme", &jar).await);
    faults.stale += usize::from(show(&pair.nodes[1], &jar).await.theme != Theme::Dark);
}
