//! B32, S20, S47: with `StoreDown::Anonymous`, visitors see pages as guests while the store is down.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Session, StoreDown, View, view};
use tests::{
    app::{Server, Site},
    over_two_stores,
};

#[view(Site, or_redirect = "/login")]
struct Known {
    user: String,
}

over_two_stores! {
    // B32
    async fn pages_that_only_read_see_a_guest(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/ada").await;
        let cookie = visitor.cookie();
        server.controls.down.store(true, Ordering::SeqCst);
        let reply = visitor.get("/show").await;
        assert_eq!((reply.status, reply.set_cookie(), reply.vary()), (StatusCode::OK, None, Some("Cookie")));
        let seen = reply.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["fingerprint"]), (&json!(null), &json!(""), &json!("new")));
        assert_eq!(visitor.get("/notice").await.status, StatusCode::OK, "taking an absent flash changes nothing");
        server.controls.down.store(false, Ordering::SeqCst);
        assert_eq!(visitor.get("/show").await.json()["user"], "ada", "the session is back without a restart");
        assert_eq!(visitor.cookie(), cookie);
    }

    // B32, S20: neither a write nor a log-out is lost silently.
    async fn a_change_while_the_store_is_down_is_an_error(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        let mut visitor = server.signed_in("ada").await;
        for path in ["/name/x", "/visit", "/cart/tea", "/notice/x", "/login/ada", "/login/bob", "/logout", "/renew", "/destroy", "/clear", "/remember"] {
            server.controls.down.store(true, Ordering::SeqCst);
            let reply = visitor.post(path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
            server.controls.down.store(false, Ordering::SeqCst);
            let seen = visitor.get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"], &seen["visits"]), (&json!("ada"), &json!(""), &json!(0)), "{path}");
        }
    }

    // B32: if the handler ignores the error and continues, the visitor gets an error too.
    async fn save_returns_an_error(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        let app = server.serving(
            Router::new()
                .route("/name", post(|mut s: Session<Site>| async move {
                    *s.name_mut() = "x".into();
                    assert!(s.save().await.unwrap_err().is_unavailable());
                }))
                .route("/out", post(|mut s: Session<Site>| async move {
                    s.user_mut().log_out();
                    assert!(s.save().await.unwrap_err().is_unavailable());
                })),
        );
        let visitor = server.signed_in("ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        for path in ["/name", "/out"] {
            assert_eq!(visitor.at(&app).post(path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
    }

    // B32: the stored value is unknown, so setting the default may be a change.
    async fn setting_the_default_is_an_error_too(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        let app = server.serving(
            Router::new()
                .route("/note", post(|mut s: Session<Site>| async move { s.note_mut().clear() }))
                .route("/name", post(|mut s: Session<Site>| async move { *s.name_mut() = String::new() }))
                .route("/reset", post(|mut s: Session<Site>| async move { s.name_mut().reset() }))
                .route("/lucky", post(|mut s: Session<Site>| async move { *s.lucky_mut() = 7 }))
                .route("/cart", post(|mut s: Session<Site>| async move { s.cart_mut().update(Vec::clear).await })),
        );
        let visitor = server.signed_in("ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        for path in ["/note", "/name", "/reset", "/lucky", "/cart"] {
            assert_eq!(visitor.at(&app).post(path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
    }

    // S47: a visitor who may be signed in is not asked to sign in.
    async fn a_view_needs_the_store(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        let app = server.serving(Router::new().route("/account", get(|View(me): View<Known>| async move { me.user })));
        let visitor = server.signed_in("ada").await;
        assert_eq!(visitor.at(&app).get("/account").await.body, "ada");
        server.controls.down.store(true, Ordering::SeqCst);
        assert_eq!(visitor.at(&app).get("/account").await.status, StatusCode::SERVICE_UNAVAILABLE);
        let stranger = tests::client::Visitor::new(&app).get("/account").await;
        assert_eq!(stranger.headers[http::header::LOCATION], "/login?next=/account");
    }

    // A request without a cookie has no session to load, so only its writes need the store.
    async fn a_visitor_without_a_cookie_needs_the_store_only_to_write(store) {
        let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
        server.controls.down.store(true, Ordering::SeqCst);
        assert_eq!(server.visitor().get("/show").await.status, StatusCode::OK);
        assert_eq!(server.visitor().post("/name/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
