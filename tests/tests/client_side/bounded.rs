//! `bounded` and `max_len`: the compile-time proof that a session fits into a cookie, and the run-time checks on which the proof
//! relies.

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use session_runtime::{Bounded, CookieStore, KeyRing, MemoryStore, Session, Sessions};
use tests::{client::Visitor, log::Log};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Line {
    sku: u64,
    /// Can be longer than `MAX_BYTES` allows.
    note: String,
}

impl Bounded for Line {
    const MAX_BYTES: usize = 40;
}

#[derive(Session)]
#[session(bounded, cookie = "__Host-bounded")]
struct Small {
    #[session(identity, unlisted)]
    user: Option<u64>,
    #[session(max_len = 1200)]
    name: String,
    #[session(max_len = 20, expires = 5m)]
    recent: Vec<u64>,
    #[session(max_len = 30)]
    note: Option<String>,
    #[session(flash, max_len = 2)]
    notices: Vec<[char; 8]>,
    #[session(max_len = 30)]
    lines: Vec<Line>,
    last: Option<(u8, i64, f64)>,
    one: Line,
}

fn routes() -> Router {
    type S = Session<Small>;
    Router::new()
        .route("/name/{n}", post(|mut s: S, Path(n): Path<usize>| async move { *s.name_mut() = "ß".repeat(n) }))
        .route("/recent/{n}", post(|mut s: S, Path(n): Path<usize>| async move { *s.recent_mut() = vec![u64::MAX; n] }))
        .route("/note/{n}", post(|mut s: S, Path(n): Path<usize>| async move { s.note_mut().set("x".repeat(n)) }))
        .route("/notices", post(|mut s: S| async move { s.notices_mut().put([char::MAX; 8]) }))
        .route(
            "/lines/{n}",
            post(|mut s: S, Path(n): Path<usize>| async move {
                *s.lines_mut() = vec![Line { sku: u64::MAX, note: "12345678901234567890".into() }; n]
            }),
        )
        .route("/one/{n}", post(|mut s: S, Path(n): Path<usize>| async move { s.one_mut().note = "x".repeat(n) }))
        .route(
            "/rest",
            post(|mut s: S| async move {
                s.user_mut().log_in(u64::MAX);
                s.last_mut().set((u8::MAX, i64::MIN, f64::MIN));
            }),
        )
        .route(
            "/show",
            get(|s: S| async move { format!("{}, {}, {}", s.name().len(), s.recent().len(), s.lines().len()) }),
        )
}

fn on_cookies() -> Router {
    let sessions = Sessions::<Small>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
    routes().layer(sessions.build().unwrap().layer())
}

// Confirms the compile-time proof: the fullest session fits into a cookie.
#[tokio::test]
async fn the_fullest_session_fits() {
    let app = on_cookies();
    let mut visitor = Visitor::new(&app);
    for path in ["/rest", "/name/600", "/recent/20", "/note/30", "/notices", "/notices", "/lines/30", "/one/20"] {
        assert_eq!(visitor.post(path).await.status, 200, "{path}");
    }
    let pair = "__Host-bounded".len() + visitor.cookie().unwrap().len();
    assert!((3000..=4096).contains(&pair), "{pair}");
    assert_eq!(visitor.get("/show").await.body, "1200, 20, 30");
}

// S46: every store rejects a value over the field's bound, and the field keeps its old value.
#[tokio::test]
async fn a_field_over_its_bound_is_refused_and_logged() {
    let sessions = Sessions::<Small>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
    for app in [on_cookies(), routes().layer(sessions.build().unwrap().layer())] {
        let mut visitor = Visitor::new(&app);
        for path in ["/name/600", "/recent/20", "/notices", "/notices"] {
            visitor.post(path).await;
        }
        for (path, sentence) in [
            ("/name/601", "`name` has a length of 1202, and its `max_len` is 1200; nothing was written"),
            ("/recent/21", "`recent` has a length of 21, and its `max_len` is 20; nothing was written"),
            ("/note/31", "`note` has a length of 31, and its `max_len` is 30; nothing was written"),
            ("/notices", "`notices` has a length of 3, and its `max_len` is 2; nothing was written"),
            (
                "/one/30",
                "`one` takes 42 bytes, and the `Bounded::MAX_BYTES` of its type says at most 40; nothing was written: \
                 correct `MAX_BYTES`",
            ),
        ] {
            let log = Log::of_this_thread();
            let reply = visitor.post(path).await;
            let logged = log.take();
            // If the `MAX_BYTES` of a type is too small, the mistake is the program's, not the visitor's.
            let is_mistake = sentence.contains("correct `MAX_BYTES`");
            let expected = if is_mistake { (500, true) } else { (413, true) };
            assert_eq!((reply.status.as_u16(), logged.contains(sentence)), expected, "{path}: {logged}");
            let shown =
                if is_mistake { "Something went wrong on this site" } else { "This is more than can be kept for you" };
            assert!(reply.body.starts_with(shown), "{}", reply.body); // F12
            assert_eq!(reply.set_cookie(), None);
        }
        assert_eq!(visitor.get("/show").await.body, "1200, 20, 0");
    }
}

#[derive(Session)]
#[session(bounded)]
struct Signed {
    visits: u64,
}

#[derive(Session)]
#[session(bounded)]
struct Full {
    #[session(max_len = 2900)]
    text: String,
}

#[test]
fn settings_that_break_the_bound_are_refused_at_start() {
    let signed = Sessions::<Signed>::builder().store(CookieStore::signed()).keys(KeyRing::generate());
    assert_eq!(
        signed.build().unwrap_err().to_string(),
        "the `Signed` sessions are `bounded`, which counts the bytes of an encrypted cookie: use `CookieStore::encrypted()` (as a \
         URL, `cookie:`), or drop `bounded`"
    );
    let name = "a".repeat(100);
    let full = || Sessions::<Full>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
    assert!(full().build().is_ok());
    assert_eq!(
        full().cookie(name.clone()).build().unwrap_err().to_string(),
        format!(
            "under the name `{name}` the cookie of a `Full` session may need 4138 bytes, and browsers keep 4096: choose a \
             shorter name"
        )
    );
}

/// Three builds of one session struct: `before`, `after` and `renamed`. The fullest session of each build fills its cookie.
mod before {
    #[derive(session_runtime::Session)]
    #[session(bounded, cookie = "__Host-full")]
    pub(crate) struct Full {
        #[session(max_len = 2900)]
        pub(crate) name: String,
    }
}

mod after {
    #[derive(session_runtime::Session)]
    #[session(bounded, cookie = "__Host-full")]
    pub(crate) struct Full {
        #[session(max_len = 1400)]
        pub(crate) nick: String,
        #[session(max_len = 1400)]
        pub(crate) note: String,
    }
}

mod renamed {
    #[derive(session_runtime::Session)]
    #[session(bounded, cookie = "__Host-full")]
    pub(crate) struct Full {
        #[session(max_len = 1400, alias = "name")]
        pub(crate) nick: String,
        #[session(max_len = 1400)]
        pub(crate) note: String,
    }
}

// The older build stores the field as `name`, the newer build as `nick`. After the newer build has written `nick`, it drops a
// value under `name` to make space.
#[tokio::test]
async fn a_value_under_an_older_name_is_dropped_to_make_space() {
    use self::{before::Full as Before, renamed::Full as Renamed};
    let keys = KeyRing::generate();
    let name = |mut s: Session<Before>| async move { *s.name_mut() = "x".repeat(1400) };
    let sessions = Sessions::<Before>::builder().store(CookieStore::encrypted()).keys(keys.clone()).build().unwrap();
    let before = Router::new().route("/name", post(name)).layer(sessions.layer());
    let nick = |mut s: Session<Renamed>| async move { *s.nick_mut() = "y".repeat(1400) };
    let note = |mut s: Session<Renamed>| async move { *s.note_mut() = "z".repeat(1400) };
    let read = |s: Session<Renamed>| async move { format!("{:.2} {:.2}", s.nick(), s.note()) };
    let sessions = Sessions::<Renamed>::builder().store(CookieStore::encrypted()).keys(keys).build().unwrap();
    let after = Router::new().route("/nick", post(nick)).route("/note", post(note)).route("/", get(read));
    let after = after.layer(sessions.layer());

    let mut visitor = Visitor::new(&after);
    visitor.post("/nick").await;
    let mut visitor = visitor.at(&before);
    visitor.post("/name").await;
    let mut visitor = visitor.at(&after);
    assert_eq!(visitor.post("/note").await.status, 200);
    assert_eq!(visitor.get("/").await.body, "yy zz");
}

// B30: a build keeps the fields of another build, unless the session would then no longer fit into its cookie.
#[tokio::test]
async fn a_field_of_another_build_is_dropped_to_make_space() {
    use self::{after::Full as After, before::Full as Before};
    let keys = KeyRing::generate();
    let fill = |mut s: Session<Before>, Path(n): Path<usize>| async move { *s.name_mut() = "x".repeat(n) };
    let read = |s: Session<Before>| async move { s.name().len().to_string() };
    let sessions = Sessions::<Before>::builder().store(CookieStore::encrypted()).keys(keys.clone()).build().unwrap();
    let before = Router::new().route("/name/{n}", post(fill)).route("/name", get(read)).layer(sessions.layer());
    let nick = |mut s: Session<After>, Path(n): Path<usize>| async move { *s.nick_mut() = "x".repeat(n) };
    let note = |mut s: Session<After>, Path(n): Path<usize>| async move { *s.note_mut() = "x".repeat(n) };
    let sessions = Sessions::<After>::builder().store(CookieStore::encrypted()).keys(keys).build().unwrap();
    let after = Router::new().route("/nick/{n}", post(nick)).route("/note/{n}", post(note)).layer(sessions.layer());

    let mut visitor = Visitor::new(&before);
    visitor.post("/name/2900").await;
    let mut visitor = visitor.at(&after);
    visitor.post("/nick/10").await;
    assert_eq!(visitor.at(&before).get("/name").await.body, "2900");
    for path in ["/nick/1400", "/note/1400"] {
        assert_eq!(visitor.post(path).await.status, 200, "{path}");
    }
    assert_eq!(visitor.at(&before).get("/name").await.body, "0");
}
