//! S9, S11, S13: fields that decide what a visitor may do, and ids that were replaced long ago.

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Clock, Event, KeyRing, Session, Sessions};
use tests::{
    app::{Server, minutes},
    client::Visitor,
    over_stores,
    store::AnyStore,
};

/// A session in which somebody has a role.
#[derive(Session)]
#[session(cookie = "__Host-role")]
struct Role {
    #[session(identity)]
    user: Option<String>,
    #[session(rotates)]
    role: Option<String>,
    #[session(secret)]
    token: Option<String>,
    #[session(atomic, secret)]
    codes: Vec<String>,
    cart: Vec<String>,
    #[session(flash)]
    notices: Vec<String>,
    #[session(device)]
    theme: String,
}

type S = Session<Role>;

struct Place {
    app: Router,
    clock: Clock,
}

fn place(store: AnyStore) -> Place {
    let clock = Clock::stopped();
    let sessions =
        Sessions::<Role>::builder().store(store).keys(KeyRing::generate()).clock(clock.clone()).build().unwrap();
    let app = Router::new()
        .route("/role", post(|mut s: S| async move { s.role_mut().clear() }))
        .route("/role/{role}", post(|mut s: S, Path(role): Path<String>| async move { s.role_mut().set(role) }))
        .route("/cart/{item}", post(|mut s: S, Path(item): Path<String>| async move { s.cart_mut().push(item) }))
        .route(
            "/secrets/{to}",
            post(|mut s: S, Path(to): Path<String>| async move {
                s.token_mut().set(to.clone());
                s.codes_mut().update(|codes| codes.push(to.clone())).await
            }),
        )
        .route("/notice/{text}", post(|mut s: S, Path(text): Path<String>| async move { s.notices_mut().put(text) }))
        .route("/theme/{to}", post(|mut s: S, Path(to): Path<String>| async move { *s.theme_mut() = to }))
        .route("/login/{user}", post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().log_in(user) }))
        .route(
            "/elevated/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                s.role_mut().set("planted".into());
                s.user_mut().log_in(user);
                assert_eq!(s.role(), None, "what was there before is a guest's");
                s.role_mut().set("granted".into());
                s.codes_mut().update(|codes| codes.push("granted".into())).await
            }),
        )
        .route(
            "/goodbye",
            post(|mut s: S| async move {
                s.user_mut().log_out();
                s.notices_mut().put("goodbye".into());
                s.codes_mut().update(|codes| codes.push("new".into())).await
            }),
        )
        .route(
            "/fail/{role}",
            post(|mut s: S, Path(role): Path<String>| async move {
                s.role_mut().set(role);
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/show",
            get(|s: S| async move {
                let secrets = json!([s.token(), s.codes()]);
            Json(json!({ "user": s.user(), "role": s.role(), "cart": s.cart(), "theme": s.theme(), "secrets": secrets, "notices": s.notices() }))
            }),
        )
        .layer(sessions.layer());
    Place { app, clock }
}

over_stores! {
    // S9
    async fn a_field_that_rotates_renews_the_id(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/cart/tea").await;
        for path in ["/role/clerk", "/role/admin", "/role"] {
            let mut old = visitor.clone();
            visitor.post(path).await;
            assert_ne!(visitor.cookie(), old.cookie(), "{path}");
            assert_eq!(old.get("/show").await.json()["user"], json!(null), "{path}: the id before is dead");
            assert_eq!(visitor.get("/show").await.json()["cart"], json!(["tea"]));
            // A request from before may not write (B23).
            assert_eq!(old.post("/cart/late").await.status, StatusCode::CONFLICT);
            place.clock.advance(minutes(2));
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["role"], &seen["cart"]), (&json!("ada"), &json!(null), &json!(["tea"])));
    }

    // S9, B27: nothing changed, nothing renewed; and what a failed handler did is dropped whole.
    async fn what_does_not_change_renews_nothing(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/role/clerk").await;
        for path in ["/role/clerk", "/fail/admin", "/cart/tea"] {
            assert_eq!(visitor.post(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(visitor.get("/show").await.json()["role"], "clerk");
    }

    // S13: an attacker who prepares a session gains nothing from who signs in to it.
    async fn a_first_sign_in_forgets_what_rotates_and_what_is_secret(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/role/admin").await;
        visitor.post("/secrets/planted").await;
        visitor.post("/cart/tea").await;
        visitor.post("/theme/dark").await;
        let mut planted = visitor.clone();
        visitor.post("/login/ada").await;
        let seen = visitor.get("/show").await.json();
        let kept = json!({ "user": "ada", "role": null, "cart": ["tea"], "theme": "dark", "secrets": [null, []], "notices": [] });
        assert_eq!(seen, kept);
        assert_eq!(planted.get("/show").await.json()["user"], json!(null));
    }

    // S13: what the sign-in itself grants stays, what came before it in the same request does not.
    async fn what_a_sign_in_grants_stays(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        for _ in 0..2 {
            visitor.post("/elevated/ada").await;
            let seen = visitor.get("/show").await.json();
            assert_eq!((&seen["role"], &seen["secrets"]), (&json!("granted"), &json!([null, ["granted"]])));
            visitor = Visitor::new(&place.app);
            visitor.post("/role/planted").await;
            visitor.post("/secrets/planted").await;
        }
    }

    // S13, B25: what is written after the sign-out is written on nothing, whatever was there before.
    async fn what_follows_a_sign_out_begins_anew(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/notice/unread").await;
        visitor.post("/secrets/hers").await;
        visitor.post("/theme/dark").await;
        assert_eq!(visitor.post("/goodbye").await.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["notices"], &seen["secrets"]), (&json!(null), &json!(["goodbye"]), &json!([null, ["new"]])));
        assert_eq!(seen["theme"], "dark");
    }

    // S13
    async fn signing_in_again_keeps_it(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/role/clerk").await;
        visitor.post("/login/ada").await;
        assert_eq!(visitor.get("/show").await.json()["role"], "clerk");
        visitor.post("/login/bob").await;
        assert_eq!(visitor.get("/show").await.json()["role"], json!(null));
    }

    // S11: somebody may hold a stolen cookie.
    async fn a_replayed_id_ends_the_session_if_told_so(store) {
        for told in [false, true] {
            let server = Server::with(store.clone(), |builder| builder.end_on_replay(told));
            let mut visitor = server.signed_in("ada").await;
            let mut stolen = visitor.clone();
            visitor.post("/renew").await;
            // Within the minute it is a late request of the same page.
            assert_eq!(stolen.get("/show").await.json()["user"], json!(null));
            assert_eq!(visitor.get("/show").await.json()["user"], "ada");
            server.turn(minutes(1));
            server.heard();
            let reply = stolen.get("/show").await;
            assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (None, None));
            let ended = if told { vec![Event::Replayed { recently: false }, Event::Ended] } else { vec![Event::Replayed { recently: false }] };
            assert_eq!(server.heard(), ended);
            assert_eq!(visitor.get("/show").await.json()["user"].as_str(), (!told).then_some("ada"));
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), usize::from(!told));
            server.sessions.of("ada").revoke_all().await.unwrap();
        }
    }
}
