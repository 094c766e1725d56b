//! S50, S7, S49, B12: takes sessions through their whole life, with everything turned on by which an application can observe
//! them: the log with its spans, events by closure and by stream, and metrics. Nothing shows a secret, and the metrics are
//! those of the guide, each counted once. The log and the metrics belong to the process, so this is a binary of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use session_runtime::{Clock, EventStream, KeyRing, Session, SessionLimit, Sessions, testing::unlimited_log};
use tests::{
    client::Visitor,
    log::Lines,
    store::{AnyStore, Controls, Probe},
};
use tracing_subscriber::fmt::format::FmtSpan;

type H = Session<House>;

#[derive(Session)]
#[session(cookie = "__Host-house", idle = 30m, absolute = 12h)]
struct House {
    #[session(identity)]
    owner: Option<String>,
    #[session(secret)]
    safe: Option<String>,
    #[session(rotates)]
    role: String,
    #[session(atomic)]
    rooms: Vec<String>,
    note: String,
}

/// The values of the session's fields. The test fails if a log, a span, an event or a metric shows one of them.
const VALUES: [&str; 4] = ["velvet-antler", "plain-as-day", "lord-protector", "east-wing"];
/// The users. Only the server with `events_name_users` may name them, in its log and its events.
const USERS: [&str; 3] = ["margarete", "ottokar", "valentin"];

/// One server, and everything that it shows.
struct Observed {
    app: Router,
    sessions: Sessions<House>,
    clock: Clock,
    controls: Arc<Controls>,
    hook: Arc<Mutex<String>>,
    stream: EventStream,
}

impl Observed {
    fn new(keys: &KeyRing, names_users: bool) -> Self {
        Self::limited(keys, names_users, SessionLimit::EndOldest(2))
    }

    fn limited(keys: &KeyRing, names_users: bool, limit: SessionLimit) -> Self {
        let (controls, hook, clock) = (Arc::<Controls>::default(), Arc::<Mutex<String>>::default(), Clock::stopped());
        let heard = Arc::clone(&hook);
        let sessions = Sessions::<House>::builder()
            .store(Probe { inner: AnyStore::memory(), controls: Arc::clone(&controls) })
            .keys(keys.clone())
            .clock(clock.clone())
            .clean_every(Duration::ZERO)
            .store_timeout(Duration::from_millis(200))
            .max_per_user(limit)
            .events_name_users(names_users)
            .on_event(move |report| writeln!(heard.lock().unwrap(), "{report:?}").unwrap())
            .build()
            .unwrap();
        let stream = sessions.events();
        Self { app: routes().layer(sessions.layer()), sessions, clock, controls, hook, stream }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    async fn signed_in(&self, user: &str) -> Visitor {
        let mut visitor = self.visitor();
        assert_eq!(visitor.post(&format!("/in/{user}")).await.status, StatusCode::OK);
        visitor
    }

    /// Ends the server. Returns everything that the hook and the stream got.
    async fn into_text(self) -> String {
        let Self { app, sessions, mut stream, hook, .. } = self;
        drop((app, sessions));
        let mut text = hook.lock().unwrap().clone();
        while let Some(report) = stream.next().await {
            writeln!(text, "{report:?}").unwrap();
        }
        text
    }
}

fn routes() -> Router {
    Router::new()
        .route("/show", get(|s: H| async move { format!("{:?} {:?}", s.owner(), s.safe()) }))
        .route(
            "/fill",
            post(|mut s: H| async move {
                s.safe_mut().set(VALUES[0].into());
                *s.note_mut() = VALUES[1].into();
            }),
        )
        .route("/role", post(|mut s: H| async move { *s.role_mut() = VALUES[2].into() }))
        .route(
            "/room",
            post(|mut s: H| async move { s.rooms_mut().update(|rooms| rooms.push(VALUES[3].into())).await }),
        )
        .route("/in/{user}", post(|mut s: H, Path(user): Path<String>| async move { s.owner_mut().log_in(user) }))
        .route(
            "/saved/{user}",
            post(|mut s: H, Path(user): Path<String>| async move {
                s.owner_mut().log_in(user);
                s.save().await.unwrap();
            }),
        )
        .route("/long", post(|mut s: H| async move { *s.note_mut() = "x".repeat(2 << 20) }))
        .route(
            "/again/{user}",
            post(|mut s: H, Path(user): Path<String>| async move {
                assert!(s.owner_mut().reauthenticate(&user));
            }),
        )
        .route(
            "/as/{user}",
            post(|mut s: H, Path(user): Path<String>| async move {
                s.owner_mut().impersonate(user, Duration::from_secs(600)).unwrap();
            }),
        )
        .route("/stop", post(|mut s: H| async move { assert!(s.owner_mut().stop_impersonating()) }))
        .route("/out", post(|mut s: H| async move { s.owner_mut().log_out() }))
        .route(
            "/fail",
            post(|mut s: H| async move {
                *s.note_mut() = VALUES[1].into();
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
}

/// Lets sessions begin, change, fail and end in every way. Returns the tokens that were in use.
async fn live(house: &Observed) -> Vec<String> {
    let mut tokens = Vec::new();
    let [margarete, ottokar, valentin] = USERS;
    let mut visitor = house.visitor();
    for path in
        ["/fill", "/in/margarete", "/fill", "/room", "/role", "/again/margarete", "/as/ottokar", "/fill", "/stop"]
    {
        let old = visitor.clone();
        assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
        tokens.extend(visitor.cookie());
        old.clone().post("/fill").await;
    }
    visitor.post("/fail").await;
    lose_a_race(house, &visitor).await;

    for _ in 0..2 {
        tokens.extend(house.signed_in(margarete).await.cookie());
    }
    house.sessions.of(margarete).revoke_all().await.unwrap();
    let mut out = house.signed_in(ottokar).await;
    tokens.extend(out.cookie());
    out.post("/out").await;
    let mut idle = house.signed_in(valentin).await;
    let token = idle.cookie().unwrap();
    for cookie in [format!("{token}x"), format!("{token}; __Host-house={token}")] {
        Visitor::with_cookie(&house.app, "__Host-house", &cookie).get("/show").await;
    }
    tokens.push(token);
    house.controls.down.store(true, Ordering::SeqCst);
    assert_eq!(idle.clone().get("/show").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.visitor().post("/in/ottokar").await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.controls.down.store(false, Ordering::SeqCst);
    house.controls.stuck.store(true, Ordering::SeqCst);
    assert_eq!(idle.clone().get("/show").await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.controls.stuck.store(false, Ordering::SeqCst);
    house.clock.advance(Duration::from_secs(31 * 60));
    idle.get("/show").await;
    house.sessions.delete_expired().await.unwrap();
    tokens
}

/// Sends a request of the visitor that writes the session. Another request changes the session between the load and the commit.
async fn lose_a_race(house: &Observed, visitor: &Visitor) {
    let mut other = visitor.clone();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = Arc::new(Mutex::new(Some(gone)));
    let app = Router::new()
        .route(
            "/slow",
            post(move |mut s: H| async move {
                sender.send(()).await.unwrap();
                let gone = gone.lock().unwrap().take().unwrap();
                gone.await.unwrap();
                *s.note_mut() = VALUES[3].into();
            }),
        )
        .layer(house.sessions.layer());
    let mut slow = visitor.at(&app);
    let slow = tokio::spawn(async move { slow.post("/slow").await.status });
    receiver.recv().await.unwrap();
    assert_eq!(other.post("/room").await.status, StatusCode::OK);
    go.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), StatusCode::OK);
}

/// Returns the number of each metric since the last call: each counter, and how many values each histogram got. The name of a
/// metric is followed by the values of its labels, without the kind of session and without empty ones.
fn numbers(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels = key.key().labels().filter(|label| label.key() != "kind").map(|label| label.value());
        let words: Vec<_> = std::iter::once(key.key().name()).chain(labels).filter(|word| !word.is_empty()).collect();
        let number = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => panic!("{words:?} is a gauge"),
        };
        if number > 0 {
            numbers.insert(words.join(" "), number);
        }
    }
    numbers
}

/// Returns the numbers that [`numbers`] should return.
fn expected<const N: usize>(numbers: [(&str, u64); N]) -> BTreeMap<String, u64> {
    numbers.map(|(name, number)| (name.to_owned(), number)).into()
}

/// Sends requests whose metrics are known, and checks that each metric is counted as often as it should be.
async fn each_metric_counts_once(keys: &KeyRing, snapshotter: &Snapshotter, lines: &Lines) {
    let house = Observed::new(keys, false);
    // A sign-in stores the session, loads the user's list, and stores the list. If the handler calls `save`, the commit at the
    // end of the request has nothing left to store, and does not count.
    for path in ["/in/margarete", "/saved/ottokar"] {
        let mut visitor = house.visitor();
        assert_eq!(visitor.post(path).await.status, StatusCode::OK);
        let signs_in = expected([
            ("session_events_total created", 1),
            ("session_events_total signed_in with_proof", 1),
            ("session_commits_total applied", 1),
            ("session_store_seconds load", 1),
            ("session_store_seconds swap", 2),
            ("session_size_bytes", 1),
        ]);
        assert_eq!(numbers(snapshotter), signs_in, "{path}");
    }
    let mut visitor = house.signed_in("valentin").await;
    numbers(snapshotter);

    let writes = expected([
        ("session_loads_total found", 1),
        ("session_commits_total applied", 1),
        ("session_store_seconds load", 1),
        ("session_store_seconds swap", 1),
        ("session_size_bytes", 1),
    ]);
    for path in ["/fill", "/room"] {
        let before = commit_spans(lines).len();
        assert_eq!(visitor.post(path).await.status, StatusCode::OK);
        assert_eq!(numbers(snapshotter), writes, "{path}");
        let spans = commit_spans(lines).split_off(before);
        let is_it = |span: &String| span.contains("session=\"") && span.contains("outcome=\"applied\"");
        assert!(spans.len() == 1 && spans.iter().all(is_it), "{path}: {spans:?}");
    }
    assert_eq!(visitor.get("/show").await.status, StatusCode::OK);
    let reads = expected([("session_loads_total found", 1), ("session_store_seconds load", 1)]);
    assert_eq!(numbers(snapshotter), reads);

    // Of the three swaps, the one that loses the race stores nothing.
    lose_a_race(&house, &visitor).await;
    let race = expected([
        ("session_loads_total found", 2),
        ("session_commits_total applied", 2),
        ("session_retries_total", 1),
        ("session_store_seconds load", 2),
        ("session_store_seconds swap", 3),
        ("session_size_bytes", 2),
    ]);
    assert_eq!(numbers(snapshotter), race);

    assert_eq!(visitor.post("/long").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let too_long = expected([
        ("session_loads_total found", 1),
        ("session_commits_total failed", 1),
        ("session_store_seconds load", 1),
    ]);
    assert_eq!(numbers(snapshotter), too_long);

    // A swap that fails is sent a second time, and a load is not.
    house.controls.down.store(true, Ordering::SeqCst);
    assert_eq!(visitor.get("/show").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let no_load = expected([
        ("session_loads_total unavailable", 1),
        ("session_store_failures_total load error", 1),
        ("session_store_seconds load", 1),
    ]);
    assert_eq!(numbers(snapshotter), no_load);
    assert_eq!(house.visitor().post("/in/valentin").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let no_swap = expected([
        ("session_commits_total unavailable", 1),
        ("session_store_failures_total swap error", 2),
        ("session_store_seconds swap", 2),
    ]);
    assert_eq!(numbers(snapshotter), no_swap);
    house.controls.down.store(false, Ordering::SeqCst);

    let mut late = visitor.clone();
    assert_eq!(visitor.post("/out").await.status, StatusCode::OK);
    let signs_out = expected([
        ("session_events_total ended logged_out", 1),
        ("session_events_total signed_out", 1),
        ("session_loads_total found", 1),
        ("session_commits_total applied", 1),
        ("session_store_seconds load", 1),
        ("session_store_seconds swap", 1),
    ]);
    assert_eq!(numbers(snapshotter), signs_out);
    assert_eq!(late.get("/show").await.status, StatusCode::OK);
    let finds_none = expected([
        ("session_events_total unknown", 1),
        ("session_loads_total none", 1),
        ("session_store_seconds load", 1),
    ]);
    assert_eq!(numbers(snapshotter), finds_none);

    // A refused sign-in has stored its session. It loads the user's list and the session on it, and then ends its own session.
    let house = Observed::limited(keys, false, SessionLimit::Refuse(1));
    house.signed_in("valentin").await;
    numbers(snapshotter);
    assert_eq!(house.visitor().post("/in/valentin").await.status, StatusCode::CONFLICT);
    let refused = expected([
        ("session_events_total sign_in_refused", 1),
        ("session_commits_total refused", 1),
        ("session_store_seconds load", 2),
        ("session_store_seconds load_many", 1),
        ("session_store_seconds swap", 2),
        ("session_size_bytes", 1),
    ]);
    assert_eq!(numbers(snapshotter), refused);
}

/// Returns the lines of the spans of commits that were closed so far.
fn commit_spans(lines: &Lines) -> Vec<String> {
    let is_it = |line: &&str| line.contains("session_commit{") && line.contains("close time.busy=");
    lines.text().lines().filter(is_it).map(str::to_owned).collect()
}

/// The metrics that were counted: each name and type, with the values of each label.
type Counted = BTreeMap<(String, &'static str), BTreeMap<String, BTreeSet<String>>>;

fn counted(snapshotter: &Snapshotter) -> Counted {
    let mut counted = Counted::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let ty = match value {
            DebugValue::Counter(_) => "counter",
            DebugValue::Gauge(_) => "gauge",
            DebugValue::Histogram(_) => "histogram",
        };
        let labels = counted.entry((key.key().name().to_owned(), ty)).or_default();
        for label in key.key().labels() {
            labels.entry(label.key().to_owned()).or_default().insert(label.value().to_owned());
        }
    }
    counted
}

/// Returns the names, types and labels in the guide's table.
fn documented() -> BTreeMap<(String, &'static str), BTreeSet<String>> {
    let guide = include_str!("../../session-runtime/docs/events.md");
    let (_, table) = guide.split_once("| name | type | labels | |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |row: &'static str| {
        let cells: Vec<_> = row.split('|').collect();
        let name = names(cells.get(1)?).pop()?;
        Some(((name, cells[2].trim()), names(cells[3]).into_iter().collect()))
    };
    table.lines().filter_map(row).collect()
}

#[tokio::test]
async fn logs_events_and_metrics_show_no_secret() {
    unlimited_log();
    let lines = Lines::default();
    tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .with_span_events(FmtSpan::FULL)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .init();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();

    let key: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(151) ^ 0x3c).collect();
    let keys = KeyRing::from_bytes(&key).unwrap();
    each_metric_counts_once(&keys, &snapshotter, &lines).await;
    let (hashed, named) = (Observed::new(&keys, false), Observed::new(&keys, true));
    let mut secrets = vec![hex(&key), format!("{key:?}")];
    secrets.extend(VALUES.map(str::to_owned));
    let mut tokens = live(&hashed).await;
    let log_of_hashed = lines.text();
    for user in USERS {
        assert!(!log_of_hashed.contains(user), "{user} is in the log");
    }
    tokens.extend(live(&named).await);
    for token in &tokens {
        // The first characters are the version and the key's id, which are not secret.
        secrets.push(token[8..].to_owned());
        secrets.push(hex(&Base64UrlUnpadded::decode_vec(token).unwrap()[6..]));
    }

    let counted = counted(&snapshotter);
    let log = lines.text();
    let hashed = hashed.into_text().await;
    let named = named.into_text().await;
    let all = format!("{log}{hashed}{named}{counted:?}");
    for secret in &secrets {
        for at in (0..secret.len().saturating_sub(11)).step_by(3) {
            assert!(!all.contains(&secret[at..at + 12]), "{} was observed", &secret[at..at + 12]);
        }
    }
    for user in USERS {
        assert!(!hashed.contains(user), "{user} is in an event");
        assert!(named.contains(user) && log.contains(user), "with `events_name_users`, {user} should be named");
        assert!(!format!("{counted:?}").contains(user), "{user} is a label");
    }
    for span in ["session_load{kind=\"House\" session=\"", "session_commit{kind=\"House\" session=\""] {
        assert!(log.contains(span), "{span} is not in {log}");
    }
    for outcome in ["outcome=\"found\"", "outcome=\"lost\"", "outcome=\"applied\"", "outcome=\"unavailable\""] {
        assert!(log.contains(outcome), "{outcome} is not in {log}");
    }

    let names: BTreeMap<_, BTreeSet<_>> =
        counted.iter().map(|(metric, labels)| (metric.clone(), labels.keys().cloned().collect())).collect();
    assert_eq!(names, documented());
    let counted: BTreeMap<_, _> = counted.into_iter().map(|((name, _), labels)| (name, labels)).collect();
    let values = |name: &str, label: &str| counted[name][label].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(values("session_events_total", "kind"), ["House"]);
    assert_eq!(values("session_store_failures_total", "reason"), ["error", "timeout"]);
    assert_eq!(values("session_store_seconds", "operation"), ["delete_expired", "load", "load_many", "swap"]);
    for reason in ["with_proof", "displaced", "revoked", "logged_out", "idle", "stopped"] {
        assert!(counted["session_events_total"]["reason"].contains(reason), "{reason}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
