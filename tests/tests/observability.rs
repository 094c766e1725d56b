//! S50, S7, S49, B12: takes sessions through their whole life, with everything turned on by which an application can observe
//! them: the log with its spans, events by closure and by stream, and metrics. Nothing shows a secret, and the metrics are
//! those of the guide. The log and the metrics belong to the process, so this is a binary of its own.
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
use metrics_util::debugging::{DebuggingRecorder, Snapshotter};
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
        let (controls, hook, clock) = (Arc::<Controls>::default(), Arc::<Mutex<String>>::default(), Clock::stopped());
        let heard = Arc::clone(&hook);
        let sessions = Sessions::<House>::builder()
            .store(Probe { inner: AnyStore::memory(), controls: Arc::clone(&controls) })
            .keys(keys.clone())
            .clock(clock.clone())
            .clean_every(Duration::ZERO)
            .store_timeout(Duration::from_millis(200))
            .max_per_user(SessionLimit::EndOldest(2))
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
    // Another request changes the session between the load and the commit.
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

/// The metrics that were counted: each name, with the values of each label.
type Counted = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn counted(snapshotter: &Snapshotter) -> Counted {
    let mut counted = Counted::new();
    for (key, _, _, _) in snapshotter.snapshot().into_vec() {
        let labels = counted.entry(key.key().name().to_owned()).or_default();
        for label in key.key().labels() {
            labels.entry(label.key().to_owned()).or_default().insert(label.value().to_owned());
        }
    }
    counted
}

/// Returns the names and labels in the guide's table.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let guide = include_str!("../../session-runtime/docs/events.md");
    let (_, table) = guide.split_once("| name | type | labels | |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').collect();
        let name = names(cells.get(1)?).pop()?;
        Some((name, names(cells[3]).into_iter().collect()))
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
        counted.iter().map(|(name, labels)| (name.clone(), labels.keys().cloned().collect())).collect();
    assert_eq!(names, documented());
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
