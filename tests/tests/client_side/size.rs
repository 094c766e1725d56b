//! The size of a session in a cookie, and its limit.

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use session_runtime::{CookieStore, KeyRing, Session, Sessions};
use tests::{client::Visitor, log::Log};

use crate::site::{COOKIE, Server, over_forms};

/// A session of eight fields, whose size is compared with other frameworks.
#[derive(Session)]
#[session(cookie = "__Host-bench")]
struct Bench {
    #[session(identity, unlisted)]
    user: Option<u64>,
    name: String,
    roles: Vec<String>,
    cart: Vec<Line>,
    token: String,
    theme: Theme,
    visits: u64,
    locale: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    sku: u32,
    qty: u16,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
enum Theme {
    #[default]
    Light,
    Dark,
}

fn bench(store: CookieStore) -> Router {
    let fill = |mut session: Session<Bench>| async move {
        session.user_mut().log_in(42_017);
        *session.name_mut() = "Ada Lovelace, London".into();
        *session.roles_mut() = ["buyer", "editor", "admin"].map(str::to_owned).into();
        *session.cart_mut() = (0..5).map(|line| Line { sku: 10_000 + 77 * line, qty: 1 + line as u16 }).collect();
        *session.token_mut() = "f3a9c1d2e4b5a697f3a9c1d2e4b5a697".into();
        *session.theme_mut() = Theme::Dark;
        *session.visits_mut() = 41;
        *session.locale_mut() = "en-GB".into();
    };
    let show = |session: Session<Bench>| async move {
        let skus: Vec<_> = session.cart().iter().map(|line| (line.sku, line.qty)).collect();
        format!(
            "{:?} {} {:?} {skus:?} {:?} {}",
            session.user(),
            session.name(),
            session.roles(),
            session.theme(),
            session.visits()
        )
    };
    let sessions = Sessions::<Bench>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
    Router::new().route("/fill", post(fill)).route("/show", get(show)).layer(sessions.layer())
}

// Our budget: at most 300 bytes, the cookie's name included.
#[tokio::test]
async fn eight_fields_take_at_most_300_bytes() {
    let app = bench(CookieStore::encrypted());
    let mut visitor = Visitor::new(&app);
    visitor.post("/fill").await;
    let pair = format!("__Host-bench={}", visitor.cookie().unwrap());
    println!("{} bytes", pair.len());
    assert!(pair.len() <= 300, "{}: {pair}", pair.len());
    let shown = visitor.get("/show").await.body;
    let lines = "[(10000, 1), (10077, 2), (10154, 3), (10231, 4), (10308, 5)]";
    assert_eq!(shown, format!(r#"Some(42017) Ada Lovelace, London ["buyer", "editor", "admin"] {lines} Dark 41"#));
}

over_forms! {
    // S27: the response is an error, and the old cookie stays. The log lists the fields by size.
    async fn a_session_that_outgrows_its_cookie_is_an_error(store) {
        let server = Server::new(store.split(1));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let before = visitor.cookie();
        let log = Log::of_this_thread();
        let reply = visitor.post(&format!("/note/{}", "x".repeat(4096))).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::PAYLOAD_TOO_LARGE, None));
        assert!(!reply.body.contains('`'), "{}", reply.body); // F12
        let logged = log.take();
        let sizes = logged.split_once("its fields by size: ").unwrap().1;
        assert!(sizes.starts_with("`note` (4") && sizes.contains("), `name` ("), "{logged}");
        assert_eq!((visitor.cookie(), &visitor.get("/show").await.json()["name"]), (before, &"ada".into()));
    }

    // If the session is too large, `save` returns the error to the handler.
    async fn save_reports_a_session_that_is_too_large(store) {
        let sessions = Sessions::<crate::site::Prefs>::builder().store(store.split(1)).keys(KeyRing::generate()).build().unwrap();
        let save = |mut session: Session<crate::site::Prefs>, Path(length): Path<usize>| async move {
            *session.name_mut() = "x".repeat(length);
            session.save().await.unwrap_err().is_too_large().to_string()
        };
        let app = Router::new().route("/save/{length}", post(save)).layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        let reply = visitor.post("/save/5000").await;
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("true", None));
        assert_eq!(visitor.cookie_named(COOKIE), None);
    }
}

over_forms! {
    // S20: a session that the handler has ended and saved stays ended, even if a later write in the same request fails.
    async fn a_session_that_was_ended_and_saved_stays_ended(store) {
        type S = Session<crate::site::Prefs>;
        let sessions = Sessions::<crate::site::Prefs>::builder().store(store.split(1)).keys(KeyRing::generate()).build().unwrap();
        let end = |mut session: S| async move {
            session.destroy();
            session.save().await.unwrap();
            *session.name_mut() = "x".repeat(5000);
        };
        let app = crate::site::routes().route("/end", post(end)).layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        visitor.post("/login/ada").await;
        let reply = visitor.post("/end").await;
        assert_eq!((reply.status, visitor.cookie_named(COOKIE)), (StatusCode::PAYLOAD_TOO_LARGE, None));
        assert_eq!(visitor.get("/show").await.json()["user"].as_str(), None);
    }
}

// For a session in several cookies, the error names a limit below the session's size.
#[tokio::test]
async fn the_error_names_a_limit_below_the_sessions_size() {
    let server = Server::new(CookieStore::encrypted().split(2));
    let mut visitor = server.visitor();
    for length in (6000..6060).step_by(3) {
        let log = Log::of_this_thread();
        let reply = visitor.post(&format!("/note/{}", "x".repeat(length))).await;
        if reply.status == StatusCode::OK {
            continue;
        }
        let logged = log.take();
        let (_, sentence) = logged.split_once("the session takes").unwrap();
        let numbers: Vec<usize> =
            sentence.split(' ').filter_map(|word| word.trim_end_matches(';').parse().ok()).collect();
        assert!(numbers[0] > numbers[1], "{logged}");
        return;
    }
    panic!("nothing was too large");
}
