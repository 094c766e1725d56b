//! How much room a session takes on the server.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use session_runtime::{KeyRing, RedisStore, Session, Sessions};
use tests::{
    eight::{Eight, fill},
    servers::{Kind, Options, RedisServer},
};
use tower::ServiceExt as _;

async fn begin(mut s: Session<Eight>) {
    s.user_mut().log_in(1_000_000);
    fill(&mut s).await;
}

async fn again(mut s: Session<Eight>) {
    let next = s.score() + 1;
    s.score_mut().set(next);
}

/// DESIGN section 6: at most 450 bytes, also after many changes and a renewal.
#[tokio::test]
async fn eight_fields_take_at_most_450_bytes() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap();
        let sessions = Sessions::<Eight>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
        let app = Router::new()
            .route("/begin", get(begin))
            .route("/again", get(again))
            .route("/renew", get(async |mut s: Session<Eight>| s.renew()))
            .layer(sessions.layer());
        let mut cookie = String::new();
        for path in ["/begin", "/again", "/renew"].into_iter().chain(["/again"; 12]) {
            let request = Request::get(path).header("cookie", &cookie).body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            if let Some(set) = response.headers().get("set-cookie") {
                cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            }
        }
        let keys: Vec<String> = server.ask(&["KEYS", "session:s:*"]).unwrap();
        assert_eq!(keys.len(), 1);
        let bytes: u64 = server.ask(&["MEMORY", "USAGE", &keys[0]]).unwrap();
        let encoding: String = server.ask(&["OBJECT", "ENCODING", &keys[0]]).unwrap();
        println!("{kind:?}: {bytes} bytes, {encoding}");
        let compact = if kind == Kind::Redis6 { "ziplist" } else { "listpack" };
        assert_eq!(encoding, compact, "{kind:?}");
        assert!(bytes <= 450, "{kind:?}: {bytes} bytes");
    }
}
