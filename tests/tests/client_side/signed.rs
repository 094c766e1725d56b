//! Signed cookies: scripts can read them, but cannot change them.

use axum::{
    Router,
    routing::{get, post},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_runtime::{Clock, CookieStore, KeyRing, Session, Sessions, Timestamp};
use tests::{client::Visitor, log::Log};

use crate::site::Server;

fn text(cookie: &str) -> Value {
    let (text, _) = cookie.split_once('.').unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(text).unwrap()).unwrap()
}

#[tokio::test]
async fn scripts_can_read_a_signed_cookie() {
    let clock = Clock::stopped_at(Timestamp::from_millis(1_800_000_000_000));
    let server = Server::made(CookieStore::signed(), KeyRing::generate(), clock, |builder| builder);
    let mut visitor = server.signed_in("ada").await;
    for path in ["/theme/dark", "/code/123", "/notices/a"] {
        visitor.post(path).await;
    }
    let mut text = text(&visitor.cookie().unwrap());
    let id = text.as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 11);
    let expected = json!({
        "created_at": 1_800_000_000_000_u64,
        "seen_at": 1_800_000_000_000_u64,
        "idle_until": 1_800_001_800_000_u64,
        "ends_at": 1_800_043_200_000_u64,
        "authenticated_at": 1_800_000_000_000_u64,
        "user": "ada",
        "fields": { "theme": "dark", "code": "123", "notices": ["a"] },
        "expire": { "code": 1_800_000_300_000_u64 },
    });
    assert_eq!(text, expected);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Shape {
    #[default]
    Unit,
    Tuple(i64, f32),
    Struct {
        a: Option<char>,
        b: Vec<u8>,
    },
    Newtype(Box<Shape>),
}

#[derive(Session)]
#[session(cookie = "__Host-shapes")]
struct Shapes {
    shapes: Vec<Shape>,
    keyed: std::collections::BTreeMap<String, f64>,
    numbers: std::collections::BTreeMap<u8, u8>,
    nothing: Option<u8>,
    large: u64,
    small: i64,
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape::Unit,
        Shape::Tuple(i64::MIN, 0.1),
        Shape::Struct { a: Some('ß'), b: vec![0, 255] },
        Shape::Newtype(Box::new(Shape::Struct { a: None, b: vec![] })),
    ]
}

/// Covers values that JSON represents differently, such as enum variants and `char`.
#[tokio::test]
async fn values_round_trip_unchanged() {
    let sessions =
        Sessions::<Shapes>::builder().store(CookieStore::signed()).keys(KeyRing::generate()).build().unwrap();
    let write = |mut session: Session<Shapes>| async move {
        *session.shapes_mut() = shapes();
        session.keyed_mut().extend([("a".to_owned(), 1.0), ("ü".to_owned(), -0.1)]);
        *session.large_mut() = u64::MAX;
        *session.small_mut() = i64::MIN;
    };
    let check = |session: Session<Shapes>| async move {
        assert_eq!(*session.shapes(), shapes());
        assert_eq!(session.keyed().values().copied().collect::<Vec<_>>(), [1.0, -0.1]);
        assert_eq!((session.large(), session.small(), session.nothing()), (u64::MAX, i64::MIN, None));
    };
    let numbers = |mut session: Session<Shapes>| async move { *session.numbers_mut() = [(1, 2)].into() };
    let app = Router::new()
        .route("/write", post(write))
        .route("/check", post(check))
        .route("/numbers", post(numbers))
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    assert_eq!(visitor.post("/write").await.status, 200);
    assert_eq!(visitor.post("/check").await.status, 200);
    let log = Log::of_this_thread();
    let refused = visitor.post("/numbers").await;
    assert_eq!((refused.status.as_u16(), refused.set_cookie()), (500, None));
    assert!(log.take().contains("`numbers` has bytes, a key that is not text"));
    assert_eq!(visitor.post("/check").await.status, 200, "the previous cookie is still valid");
}

/// A user whose fields are not in alphabetical order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    tenant: u32,
    id: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Deep(Option<Box<(Deep,)>>);

#[derive(Session)]
#[session(cookie = "__Host-members")]
struct Members {
    #[session(identity, unlisted)]
    member: Option<Member>,
    role: Option<Member>,
    theme: String,
    share: f64,
    deep: Deep,
}

fn members() -> Router {
    type S = Session<Members>;
    let member = || Member { tenant: 7, id: 8 };
    Router::new()
        .route("/in", post(move |mut s: S| async move { s.member_mut().log_in(member()) }))
        .route("/role", post(move |mut s: S| async move { s.role_mut().set(member()) }))
        .route("/dark", post(|mut s: S| async move { *s.theme_mut() = "dark".to_owned() }))
        .route("/share", post(|mut s: S| async move { *s.share_mut() = f64::NAN }))
        .route(
            "/deep",
            post(|mut s: S| async move {
                *s.deep_mut() = (0..130).fold(Deep(None), |deep, _| Deep(Some(Box::new((deep,)))))
            }),
        )
        .route("/theme", get(|s: S| async move { s.theme().to_owned() }))
        .layer(
            Sessions::<Members>::builder()
                .store(CookieStore::signed())
                .keys(KeyRing::generate())
                .build()
                .unwrap()
                .layer(),
        )
}

// S13, B27: if the same user signs in again, the session keeps its data. Assigning an equal value is not a write.
#[tokio::test]
async fn a_struct_equals_itself_after_a_round_trip() {
    let app = members();
    let mut visitor = Visitor::new(&app);
    for path in ["/in", "/dark", "/role", "/in"] {
        assert_eq!(visitor.post(path).await.status, 200);
    }
    assert_eq!(visitor.get("/theme").await.body, "dark");
    assert_eq!(visitor.post("/role").await.set_cookie(), None);
}

// A value that JSON cannot express is an error, rather than a changed or missing session.
#[tokio::test]
async fn values_that_json_cannot_hold_are_refused() {
    let app = members();
    let mut visitor = Visitor::new(&app);
    visitor.post("/dark").await;
    for (path, why) in
        [("/share", "`share` has bytes, a key that is not text"), ("/deep", "`deep` cannot be read back")]
    {
        let log = Log::of_this_thread();
        let refused = visitor.post(path).await;
        assert_eq!((refused.status.as_u16(), refused.set_cookie()), (500, None), "{path}");
        assert!(log.take().contains(why), "{path}");
        assert_eq!(visitor.get("/theme").await.body, "dark");
    }
}
