//! B29, B32, B34, S10, S47: stores that fail, and what never happens because of it.

use std::sync::atomic::Ordering;

use http::StatusCode;
use session_runtime::store::Store as _;
use tests::{app::Server, over_stores};

over_stores! {
    // B32, S47
    async fn a_store_that_is_down_is_neither_logged_out_nor_logged_in(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        for (method, path) in [(http::Method::GET, "/show"), (http::Method::POST, "/name/x"), (http::Method::POST, "/logout")] {
            let reply = visitor.send(method, path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
            assert!(reply.body.contains("try again"), "{}", reply.body);
        }
        // Whoever brings no cookie needs the store only to write.
        assert_eq!(server.visitor().get("/show").await.status, StatusCode::OK);
        let reply = server.visitor().post("/login/bob").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
        assert_eq!(visitor.get("/untouched").await.status, StatusCode::OK);
        server.controls.down.store(false, Ordering::SeqCst);
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }

    // B33
    async fn a_store_that_does_not_answer_is_as_good_as_down(store) {
        let server = Server::with(store, |builder| builder.store_timeout(std::time::Duration::from_millis(20)));
        let mut visitor = server.signed_in("ada").await;
        server.controls.stuck.store(true, Ordering::SeqCst);
        assert_eq!(visitor.get("/show").await.status, StatusCode::SERVICE_UNAVAILABLE);
        let reply = server.visitor().post("/name/x").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
        server.controls.stuck.store(false, Ordering::SeqCst);
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }

    // B34
    async fn a_commit_whose_answer_was_lost_counts_once(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        for path in ["/visit", "/visit", "/cart/tea", "/login/ada", "/renew", "/notices/hi"] {
            server.controls.lose_answer.store(true, Ordering::SeqCst);
            assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["user"]), (&2.into(), &"ada".into()));
        assert_eq!((seen["cart"].as_array().unwrap().len(), seen["notices"].as_array().unwrap().len()), (1, 1));
    }

    // B38, S2: nothing that a store keeps opens a session or shows half of its token.
    async fn a_record_shows_no_part_of_the_token(store) {
        let server = Server::new(store);
        let visitor = server.signed_in("ada").await;
        let token = visitor.cookie().unwrap();
        let key = *server.controls.keys.lock().unwrap().last().unwrap();
        let record = server.store.load(&key, server.clock.now()).await.unwrap().unwrap();
        let shown = format!("{record:?} {key:?} {}", key.hex());
        assert!(!shown.contains(&token[..16]) && !shown.contains(&token[token.len() - 16..]));
        for planted in [key.hex(), format!("{record:?}")] {
            let Ok(value) = http::HeaderValue::try_from(format!("__Host-site={planted}")) else { continue };
            let request = http::Request::get("/show").header(http::header::COOKIE, value).body(axum::body::Body::empty()).unwrap();
            assert_eq!(tests::client::send(&server.app, request).await.json()["user"].as_str(), None);
        }
    }
}
