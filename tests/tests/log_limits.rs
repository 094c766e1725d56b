//! F13, B6: however many requests strangers send, they cause at most one log line of each kind per second. The log belongs to
//! the process, so this is a binary of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Request, header::COOKIE};
use session_runtime::{Cookies, CookiesLayer, Event, SameOriginLayer};
use tests::{
    app::{Server, minutes},
    client::send,
    log::Lines,
    store::AnyStore,
};
use tracing_subscriber::filter::LevelFilter;

const REQUESTS: usize = 40;

// F13, F31, B6
#[tokio::test]
async fn strangers_cause_at_most_one_warning_of_a_kind_per_second() {
    let log = Lines::of_the_process(LevelFilter::WARN);
    let start = Instant::now();

    // Cookies that any client can send.
    let read = get(async |cookies: Cookies| cookies.get("theme").unwrap_or_default());
    let plain = Router::new().route("/", read).layer(CookiesLayer::new());
    let long = format!("a={}", "x".repeat(70_000));
    for _ in 0..REQUESTS {
        for cookie in ["theme=a; theme=b", &long] {
            send(&plain, Request::get("/").header(COOKIE, cookie).body(Body::empty()).unwrap()).await;
        }
    }

    // A cookie that a renewal has replaced, sent immediately after the renewal and two minutes later.
    let server = Server::new(AnyStore::memory());
    let mut visitor = server.signed_in("ada").await;
    let old = visitor.clone();
    visitor.post("/renew").await;
    server.heard();
    for _ in 0..REQUESTS {
        assert_eq!(old.clone().post("/name/x").await.status, 409);
    }
    server.turn(minutes(2));
    for _ in 0..REQUESTS {
        old.clone().get("/show").await;
    }
    let heard = server.heard();
    let count = |wanted: &Event| heard.iter().filter(|event| *event == wanted).count();
    assert_eq!(count(&Event::Moved), REQUESTS, "the application gets an event for each request");
    assert_eq!(count(&Event::Replayed { recently: false }), REQUESTS);

    // Requests from other sites.
    let guarded = Router::new().route("/", post(async || "done")).layer(SameOriginLayer::new());
    for _ in 0..REQUESTS {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test"), ("x-nothing", "")] {
            let request = Request::post("/").header("host", "shop.test").header(name, value);
            assert_eq!(send(&guarded, request.body(Body::empty()).unwrap()).await.status, 403);
        }
    }

    let allowed = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    let log = log.text();
    for line in [
        "several cookies of one name",
        "cookies are too long",
        "event=Moved",
        "event=Replayed",
        "a request from another site was refused: `Sec-Fetch-Site` is `cross-site`",
        "a request from another origin was refused: the origin `https://evil.test` is neither that of this host, `shop.test`",
        "a request without an origin was refused",
    ] {
        let written = log.lines().filter(|text| text.contains("WARN") && text.contains(line)).count();
        assert!((1..=allowed).contains(&written), "{written} lines of {line:?}, {allowed} allowed: {log}");
    }
}

/// How many statements in each source file log a warning or an error without a limit. Requests do not reach these statements,
/// or reach each at most once per file, process, outage or connection.
const UNLIMITED: [(&str, usize); 12] = [
    ("engine/marker.rs", 1),
    ("engine/mod.rs", 1), // once per process
    ("log.rs", 2),        // the documentation
    ("secret_file.rs", 2),
    ("sessions/cleaner.rs", 1),
    ("sessions/config/apply.rs", 4),
    ("store/file/folder.rs", 6),
    ("store/redis/feed.rs", 2), // once per connection
    ("store/sql/clean.rs", 1),
    ("store/sql/feed.rs", 1), // once per process
    ("store/sql/mod.rs", 1),
    ("web/rocket.rs", 1),
];

// F13
#[test]
fn every_warning_that_a_request_can_cause_is_limited() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session-runtime/src");
    let mut found = BTreeMap::new();
    count(&root, &root, &mut found);
    let expected: BTreeMap<_, _> = UNLIMITED.iter().map(|(file, lines)| ((*file).to_owned(), *lines)).collect();
    assert_eq!(
        found, expected,
        "log what a request can cause with `warn_limited!` or `error_limited!`; count any other statement in `UNLIMITED`"
    );
}

/// Counts, for each file, the statements that log at WARN or ERROR without a limit.
fn count(root: &Path, folder: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count(root, &path, found);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let lines = ["tracing::warn!", "tracing::error!"].iter().map(|line| source.matches(line).count()).sum();
        if lines > 0 {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"), lines);
        }
    }
}
