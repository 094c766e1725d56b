//! B19, B21, B22, B28, B34, B36, B55: commits that wait for one session are stored together, in one swap.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, Session, SessionsBuilder};
use tests::{
    app::{Server, Site, minutes},
    client::{Reply, Visitor},
    store::AnyStore,
};
use tokio::{sync::Notify, task::JoinHandle};

use super::faulty::{Fault, Faulty, Gate, after};

type S = Session<Site>;

/// Requests that wait for the session of one visitor, while the swap of the first request has not reached the store.
struct Line {
    server: Server,
    faulty: Faulty,
    visitor: Visitor,
    first: JoinHandle<Reply>,
    gate: Gate,
    waiting: Vec<JoinHandle<Reply>>,
}

fn patient(builder: SessionsBuilder<Site>) -> SessionsBuilder<Site> {
    builder.store_timeout(minutes(1)).commit_timeout(minutes(2))
}

impl Line {
    async fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let (server, faulty) = Faulty::server(&AnyStore::memory(), patient);
        Self::on(server, faulty, paths).await
    }

    async fn on(server: Server, faulty: Faulty, paths: impl IntoIterator<Item = String>) -> Self {
        let mut visitor = server.visitor();
        visitor.post("/visit").await;
        let gate = Gate::new();
        faulty.plan([Fault::None, Fault::Late(gate.clone())]);
        faulty.swapped();
        let first = post_at(&visitor, "/visit");
        gate.wait().await;
        let mut line = Self { server, faulty, visitor, first, gate, waiting: Vec::new() };
        for path in paths {
            line.join(&path).await;
        }
        line
    }

    /// Sends a request, and returns when the request waits.
    async fn join(&mut self, path: &str) {
        self.waiting.push(post_at(&self.visitor, path));
        settle().await;
    }

    /// Lets the first request continue. The next store calls have these faults.
    async fn go(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faulty.plan(faults);
        self.gate.open();
        settle().await;
    }

    /// Returns the answers to the requests that waited, in their order, and the number of swaps.
    async fn answers(&mut self) -> (Vec<StatusCode>, usize) {
        assert_eq!((&mut self.first).await.unwrap().status, StatusCode::OK);
        let mut answers = Vec::new();
        for request in self.waiting.drain(..) {
            answers.push(request.await.map_or(StatusCode::IM_A_TEAPOT, |reply| reply.status));
        }
        (answers, self.faulty.swapped().len())
    }

    async fn visits(&self) -> u64 {
        self.visitor.clone().get("/show").await.json()["visits"].as_u64().unwrap()
    }
}

fn post_at(visitor: &Visitor, path: &str) -> JoinHandle<Reply> {
    let (mut visitor, path) = (visitor.clone(), path.to_owned());
    tokio::spawn(async move { visitor.post(&path).await })
}

/// Lets the other tasks of this single thread run until all of them wait.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn visits(count: usize) -> impl Iterator<Item = String> {
    std::iter::repeat_n("/visit".to_owned(), count)
}

// B55: a session remembers the nonces of its last four writes only. Many more commits can nevertheless share one swap.
#[tokio::test]
async fn a_hundred_waiting_commits_take_three_swaps() {
    let mut line =
        Line::new((0..100).map(|at| if at % 2 == 0 { "/visit".into() } else { format!("/notices/{at}") })).await;
    line.go([]).await;
    assert_eq!(line.answers().await, (vec![StatusCode::OK; 100], 3));
    assert_eq!(line.visits().await, 52);
    let expected: Vec<_> = (1..100).step_by(2).map(|at: u32| at.to_string()).collect();
    assert_eq!(
        line.visitor.get("/show").await.json()["notices"],
        json!(expected),
        "the commits are stored in the order in which the requests arrived"
    );
}

// B34: the answer to the common swap is lost, and the swap is sent again.
#[tokio::test]
async fn a_lost_answer_counts_each_commit_once() {
    let mut line = Line::new(visits(10)).await;
    line.go([Fault::Lost]).await;
    assert_eq!(line.answers().await, (vec![StatusCode::OK; 10], 3));
    assert_eq!(line.visits().await, 12);
}

// B34: the common swap stores all commits, but its answers are lost. The request that sent it gets a 503. The other commits find
// out that they are stored.
#[tokio::test]
async fn commits_whose_common_swap_was_never_answered_are_recognised() {
    let mut line = Line::new(visits(10)).await;
    line.go([Fault::Lost, Fault::Lost]).await;
    let (answers, swaps) = line.answers().await;
    assert_eq!(answers[0], StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answers[1..], [StatusCode::OK; 9]);
    assert_eq!(
        (swaps, line.visits().await),
        (4, 12),
        "the next commit asks the store whether the common swap was applied, and passes the answer on to the others"
    );
}

// B34: the common swap did not reach the store, and the request that sent it gets a 503. The next commit finds out that nothing
// is stored, and the rest share a swap again.
#[tokio::test]
async fn commits_whose_common_swap_failed_start_over() {
    let mut line = Line::new(visits(30)).await;
    line.go([Fault::Down, Fault::Down]).await;
    let (answers, swaps) = line.answers().await;
    assert_eq!(answers[0], StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answers[1..], [StatusCode::OK; 29]);
    assert_eq!((swaps, line.visits().await), (6, 31));
}

// B34: the store applies the swap after its caller gave up, before or after the other commits have started over.
#[tokio::test]
async fn a_common_swap_that_takes_effect_late_counts_once() {
    for is_before in [true, false] {
        let brief =
            |builder: SessionsBuilder<Site>| builder.store_timeout(Duration::from_secs(2)).commit_timeout(minutes(2));
        let (server, faulty) = Faulty::server(&AnyStore::memory(), brief);
        let mut line = Line::on(server, faulty, visits(10)).await;
        let (late, next) = (Gate::new(), Gate::new());
        line.go([Fault::AfterAll(late.clone()), Fault::Late(next.clone())]).await;
        late.wait().await;
        next.wait().await;
        if is_before {
            late.open();
            late.wait().await;
        }
        next.open();
        let (answers, _) = line.answers().await;
        if !is_before {
            late.open();
            late.wait().await;
        }
        assert_eq!(answers[0], StatusCode::SERVICE_UNAVAILABLE, "{is_before}");
        assert_eq!(answers[1..], [StatusCode::OK; 9], "{is_before}");
        assert_eq!(line.visits().await, if is_before { 12 } else { 11 });
    }
}

// B19, B36: another process writes first.
#[tokio::test]
async fn commits_whose_common_swap_was_refused_share_a_swap_again() {
    let [(here, faulty), (there, _)] = Faulty::two_servers(&AnyStore::memory(), patient);
    let mut line = Line::on(here, faulty, visits(10)).await;
    let gate = Gate::new();
    line.go([Fault::Late(gate.clone())]).await;
    gate.wait().await;
    line.visitor.at(&there.app).post("/visit").await;
    line.join("/visit").await;
    gate.open();
    assert_eq!(line.answers().await, (vec![StatusCode::OK; 11], 3));
    assert_eq!(line.visits().await, 14);
}

// B21, B36: a commit passes the stored value on to the next commit. Here the first commit's answer is late, so its value is older
// than the value that the next request has loaded.
#[tokio::test]
async fn a_commit_that_is_handed_an_older_value_loads_again() {
    let [(here, faulty), (there, _)] = Faulty::two_servers(&AnyStore::memory(), |builder| builder);
    let mut visitor = here.visitor();
    visitor.post("/name/first").await;
    let gate = Gate::new();
    faulty.plan(after(1, [Fault::Slow(gate.clone())]));
    let mut before = visitor.clone();
    let before = tokio::spawn(async move { before.post("/visit").await.status });
    gate.wait().await;
    // The commit is stored, but its answer is still on the way. Another process renews the session in the meantime.
    let mut renewed = visitor.at(&there.app);
    renewed.post("/login/ada").await;
    let mut behind = renewed.at(&here.app);
    let mut request = Box::pin(behind.post("/name/after"));
    // The request loads the session, which the memory store answers immediately, and then waits for the earlier commit.
    assert!(poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await.is_pending());
    gate.open();
    assert_eq!((before.await.unwrap(), request.await.status), (StatusCode::OK, StatusCode::OK));
    let seen = renewed.get("/show").await.json();
    assert_eq!((&seen["user"], &seen["name"], &seen["visits"]), (&json!("ada"), &json!("after"), &json!(1)));
}

// B22: another process ends the session.
#[tokio::test]
async fn waiting_commits_do_not_revive_an_ended_session() {
    let [(here, faulty), (there, _)] = Faulty::two_servers(&AnyStore::memory(), patient);
    let mut line = Line::on(here, faulty, visits(10)).await;
    let gate = Gate::new();
    line.go([Fault::Late(gate.clone())]).await;
    gate.wait().await;
    line.visitor.at(&there.app).post("/destroy").await;
    line.server.heard();
    gate.open();
    assert_eq!(line.answers().await.0, [StatusCode::OK; 10]);
    assert_eq!(line.server.heard(), vec![Event::Gone; 10]);
    assert_eq!(line.visitor.get("/show").await.json()["is_new"], true);
}

// B22
#[tokio::test]
async fn an_end_is_stored_before_the_commits_that_wait() {
    let mut line = Line::new(visits(5)).await;
    line.join("/destroy").await;
    line.join("/visit").await;
    line.server.heard();
    line.go([]).await;
    assert_eq!(line.answers().await, (vec![StatusCode::OK; 7], 2));
    assert_eq!(line.server.heard().iter().filter(|event| **event == Event::Gone).count(), 6);
    assert_eq!(line.visitor.get("/show").await.json()["is_new"], true);
}

// B23: the sign-in arrives last, but is stored first. It renews the id, so the other waiting commits are rejected.
#[tokio::test]
async fn a_sign_in_is_stored_before_the_commits_that_wait() {
    let mut line = Line::new(visits(3)).await;
    line.join("/login/ada").await;
    line.go([]).await;
    let (answers, _) = line.answers().await;
    assert_eq!(answers, [StatusCode::CONFLICT, StatusCode::CONFLICT, StatusCode::CONFLICT, StatusCode::OK]);
}

// A commit that does more than write fields shares no swap. It still keeps its turn among the waiting commits.
#[tokio::test]
async fn other_commits_take_their_own_turn() {
    let mut line = Line::new(visits(3)).await;
    line.join("/remember").await;
    for path in ["/visit", "/visit", "/cart/tea", "/visit", "/name/ada"] {
        line.join(path).await;
    }
    line.go([]).await;
    // The swaps: the first request; three visits; `remember`; two visits; the update; a visit and the name.
    assert_eq!(line.answers().await, (vec![StatusCode::OK; 9], 6));
    let seen = line.visitor.get("/show").await.json();
    assert_eq!((&seen["visits"], &seen["cart"], &seen["name"]), (&json!(8), &json!(["tea"]), &json!("ada")));
}

// S46: a change that would make the session too large fails. The commits that share its swap do not.
#[tokio::test]
async fn a_commit_that_is_too_large_does_not_fail_the_others() {
    let small = |builder: SessionsBuilder<Site>| patient(builder).max_bytes(2_000);
    let (server, faulty) = Faulty::server(&AnyStore::memory(), small);
    let mut line = Line::on(server, faulty, visits(3)).await;
    line.join(&format!("/name/{}", "x".repeat(2_000))).await;
    line.join("/visit").await;
    line.join("/visit").await;
    line.go([]).await;
    let (answers, swaps) = line.answers().await;
    assert_eq!((answers[3], swaps), (StatusCode::PAYLOAD_TOO_LARGE, 3));
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::OK).count(), 5);
    assert_eq!(line.visits().await, 7);
}

// B28: a request is cancelled while the common swap is under way, before or after the swap has reached the store.
#[tokio::test]
async fn a_cancelled_request_does_not_harm_the_others() {
    for (at, stored) in [(0, false), (0, true), (4, false), (4, true), (9, true)] {
        let mut line = Line::new(visits(10)).await;
        let gate = Gate::new();
        line.go([if stored { Fault::Slow(gate.clone()) } else { Fault::Late(gate.clone()) }]).await;
        gate.wait().await;
        line.waiting[at].abort();
        settle().await;
        gate.open();
        let (mut answers, _) = line.answers().await;
        assert_eq!(answers.remove(at), StatusCode::IM_A_TEAPOT);
        assert_eq!(answers, [StatusCode::OK; 9]);
        // The first of the waiting requests sends the common swap. Only its own change is missing, and only if it was cancelled
        // before the swap reached the store.
        let counted = if at == 0 && !stored { 11 } else { 12 };
        assert_eq!(line.visits().await, counted, "{at} {stored}");
    }
}

#[tokio::test]
async fn a_request_that_is_cancelled_before_its_turn_is_not_stored() {
    for at in [0, 4, 9] {
        let mut line = Line::new(visits(10)).await;
        line.waiting[at].abort();
        settle().await;
        line.go([]).await;
        let (answers, swaps) = line.answers().await;
        assert_eq!(answers.iter().filter(|status| **status == StatusCode::OK).count(), 9);
        assert_eq!((swaps, line.visits().await), (2, 11), "{at}");
    }
}

// B28: the commit that sends the common swap is cancelled between two attempts. No store call is in progress at that time, so the
// outcome of each attempt is known.
#[tokio::test]
async fn a_request_that_is_cancelled_between_two_attempts_does_not_harm_the_others() {
    let [(here, faulty), (there, _)] = Faulty::two_servers(&AnyStore::memory(), patient);
    let mut line = Line::on(here, faulty, visits(10)).await;
    // After each lost race, the commit waits longer before it tries again.
    let gates = [(); 8].map(|()| Gate::new());
    line.go(gates.clone().map(Fault::Late)).await;
    for gate in gates {
        gate.wait().await;
        line.visitor.at(&there.app).post("/visit").await;
        gate.open();
    }
    settle().await;
    line.waiting[0].abort();
    let (answers, _) = line.answers().await;
    assert_eq!(answers[1..], [StatusCode::OK; 9]);
    assert!([19, 20].contains(&line.visits().await), "{}", line.visits().await);
}

// B28, B34: a handler gives up on `save`, and the commit after the handler completes it.
#[tokio::test]
async fn a_save_that_is_given_up_on_counts_once() {
    for fault in [Fault::Late as fn(Gate) -> Fault, Fault::Slow, Fault::SlowlyDown] {
        let (server, faulty) = Faulty::server(&AnyStore::memory(), patient);
        let give_up = Arc::new(Notify::new());
        let app = server.serving(Router::new().route(
            "/give-up",
            post({
                let give_up = Arc::clone(&give_up);
                move |mut s: S| async move {
                    s.visits_mut().add(1);
                    tokio::select! {
                        saved = s.save() => saved.unwrap(),
                        () = give_up.notified() => {}
                    }
                    s.note_mut().set("gave up".into());
                }
            }),
        ));
        let mut line = Line::on(server, faulty, visits(3)).await;
        let visitor = line.visitor.clone();
        line.visitor = visitor.at(&app);
        line.join("/give-up").await;
        line.visitor = visitor;
        line.join("/visit").await;
        let gate = Gate::new();
        line.go([fault(gate.clone())]).await;
        gate.wait().await;
        give_up.notify_one();
        settle().await;
        gate.open();
        assert_eq!(line.answers().await.0, [StatusCode::OK; 5]);
        let seen = line.visitor.get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["note"]), (&json!(7), &json!("gave up")));
    }
}

// B49: after `save`, a handle shows what is stored, and its next commit loses nothing. This also holds for a handle that outlives
// the response (B45).
#[tokio::test]
async fn a_handle_whose_commit_shared_a_swap_shows_what_is_stored_and_loses_nothing() {
    let (server, faulty) = Faulty::server(&AnyStore::memory(), patient);
    let (sender, mut late) = tokio::sync::mpsc::unbounded_channel();
    let app = server.serving(Router::new().route(
        "/twice/{at}",
        post(move |mut s: S, other: S, Path(at): Path<u64>| async move {
            s.visits_mut().add(1);
            s.save().await.unwrap();
            assert_eq!(s.visits(), 22, "the handle shows the visits of all requests");
            s.notices_mut().put(at.to_string());
            sender.send((at, other)).ok().unwrap();
        }),
    ));
    let mut line = Line::on(server, faulty, []).await;
    let visitor = line.visitor.clone();
    line.visitor = visitor.at(&app);
    for at in 0..20 {
        line.join(&format!("/twice/{at}")).await;
    }
    line.visitor = visitor;
    line.go([]).await;
    assert_eq!(line.answers().await.0, [StatusCode::OK; 20]);
    let mut handles = Vec::new();
    for _ in 0..20 {
        let (at, mut handle) = late.recv().await.unwrap();
        handle.notices_mut().put((at + 100).to_string());
        handles.push(tokio::spawn(async move { handle.save().await }));
    }
    for handle in handles {
        handle.await.unwrap().unwrap();
    }
    let seen = line.visitor.get("/show").await.json();
    let mut notices: Vec<u64> =
        seen["notices"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect();
    notices.sort_unstable();
    assert_eq!(notices, (0..20).chain(100..120).collect::<Vec<_>>());
    assert_eq!(seen["visits"], 22);
}

// B34, B55: whatever fails, no change is stored twice, and every change that was answered 200 is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn random_faults_lose_no_change_and_double_none() {
    let rounds = std::env::var("ROUNDS").map_or(40, |rounds| rounds.parse().unwrap());
    let mut seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    for round in 0..rounds {
        let first_seed = seed;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let servers = Faulty::two_servers(&AnyStore::memory(), patient);
        let mut visitor = servers[0].0.visitor();
        visitor.post("/visit").await;
        let mut requests = Vec::new();
        for at in 0..60 {
            let (server, faulty) = &servers[usize::from(random(4) == 0)];
            let mut visitor = visitor.at(&server.app);
            let request = tokio::spawn(async move { visitor.post(&format!("/notices/{at}")).await.status });
            if random(5) == 0 {
                let faults = (0..random(12)).map(|_| match random(4) {
                    0 => Fault::Lost,
                    1 => Fault::Down,
                    _ => Fault::None,
                });
                faulty.plan(faults.collect::<Vec<_>>());
            }
            if random(8) == 0 {
                tokio::time::sleep(Duration::from_micros(random(300))).await;
                request.abort();
            } else if random(3) == 0 {
                tokio::task::yield_now().await;
            }
            requests.push((at.to_string(), request));
        }
        let mut answered = Vec::new();
        for (at, request) in requests {
            if request.await.is_ok_and(|status| status == StatusCode::OK) {
                answered.push(at);
            }
        }
        servers.iter().for_each(|(_, faulty)| faulty.plan([]));
        let seen = visitor.get("/show").await.json();
        let stored: Vec<_> =
            seen["notices"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        let case = format!("round {round}, seed {first_seed}: {stored:?}");
        let unique: std::collections::HashSet<_> = stored.iter().collect();
        assert_eq!(unique.len(), stored.len(), "{case}");
        assert!(answered.iter().all(|at| unique.contains(at)), "{case} {answered:?}");
    }
}
