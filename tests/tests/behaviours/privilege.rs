//! S9, S11, S13: fields that grant rights, and ids that were replaced long ago.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, Request},
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Clock, Event, KeyRing, Session, SessionEnd, Sessions, store::Store};
use tests::{
    app::{Server, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

use super::faulty::{Fault, Faulty, Gate};

/// A session in which the user has a role.
#[derive(Session)]
#[session(cookie = "__Host-role")]
struct Role {
    #[session(identity)]
    user: Option<String>,
    #[session(rotates, alias = "rank")]
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

/// The same session in an older build.
#[derive(Session)]
#[session(kind = "Role", cookie = "__Host-role")]
struct Rank {
    #[session(identity)]
    user: Option<String>,
    rank: Option<String>,
}

type S = Session<Role>;

struct Place {
    app: Router,
    clock: Clock,
}

fn place(store: impl Store) -> Place {
    place_with(store, &KeyRing::generate())
}

fn place_with(store: impl Store, keys: &KeyRing) -> Place {
    let clock = Clock::stopped();
    let builder = Sessions::<Role>::builder().store(store).keys(keys.clone()).clock(clock.clone());
    // Disables background clean-up, so that each fault meets the request that it is meant for.
    let sessions = builder.clean_every(Duration::ZERO).build().unwrap();
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
        .route(
            "/held/login/{user}",
            post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().log_in(user) }).layer(from_fn(hold)),
        )
        .route("/login/{user}", post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().log_in(user) }))
        .route(
            "/elevated/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                s.role_mut().set("planted".into());
                s.user_mut().log_in(user);
                assert_eq!(s.role(), None, "the sign-in drops the guest's role");
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

/// A middleware that writes, and holds its handle while the handler runs.
async fn hold(mut session: S, request: Request, next: Next) -> Response {
    session.role_mut().set("planted".into());
    session.token_mut().set("planted".into());
    session.cart_mut().push("tea".into());
    *session.theme_mut() = "dark".into();
    next.run(request).await
}

over_stores! {
    // S13: a first sign-in also drops secrets that another tab wrote during the sign-in.
    async fn a_first_sign_in_drops_concurrently_written_secrets(store) {
        let faulty = Faulty::new(&store);
        let place = place(faulty.clone());
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/cart/tea").await;
        let (gate, mut tab) = (Gate::new(), visitor.clone());
        faulty.plan([Fault::Slow(gate.clone())]);
        let request = tokio::spawn(async move {
            let reply = tab.post("/login/ada").await;
            (tab, reply)
        });
        gate.wait().await;
        assert_eq!(visitor.post("/secrets/planted").await.status, StatusCode::OK);
        gate.open();
        let (mut visitor, reply) = request.await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["cart"], &seen["secrets"]), (&json!("ada"), &json!(["tea"]), &json!([null, []])));
    }
}

over_two_stores! {
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
            assert_eq!(old.get("/show").await.json()["user"], json!(null), "{path}: the previous id opens nothing");
            assert_eq!(visitor.get("/show").await.json()["cart"], json!(["tea"]));
            // A late request with the previous id cannot write (B23).
            assert_eq!(old.post("/cart/late").await.status, StatusCode::CONFLICT);
            place.clock.advance(minutes(2));
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["role"], &seen["cart"]), (&json!("ada"), &json!(null), &json!(["tea"])));
    }

    // S9, B27: an equal value is not a change, and a failed handler's changes are dropped. Neither renews the id.
    async fn an_unchanged_value_renews_nothing(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/role/clerk").await;
        for path in ["/role/clerk", "/fail/admin", "/cart/tea"] {
            assert_eq!(visitor.post(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(visitor.get("/show").await.json()["role"], "clerk");
    }

    // S13: an attacker who prepares a session gains nothing when a victim signs in to it.
    async fn a_first_sign_in_drops_rotating_and_secret_fields(store) {
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

    // S13, B45: a first sign-in also drops roles and secrets that an earlier handle of the request wrote.
    async fn a_first_sign_in_drops_roles_and_secrets_of_earlier_handles(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        assert_eq!(visitor.post("/held/login/ada").await.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["role"], &seen["secrets"]), (&json!(null), &json!([null, []])));
        assert_eq!((&seen["cart"], &seen["theme"]), (&json!(["tea"]), &json!("dark")), "the guest's other fields stay");
        // When another user signs in, only the device fields remain.
        visitor.post("/held/login/bob").await;
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["role"], &seen["cart"], &seen["theme"]), (&json!("bob"), &json!(null), &json!([]), &json!("dark")));
    }

    // S9: a change of a role renews the id, even if the role is stored under an older name.
    async fn a_role_under_an_older_name_renews_the_id(store) {
        let keys = KeyRing::generate();
        let old = Sessions::<Rank>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
        let old = Router::new()
            .route("/", post(|mut s: Session<Rank>| async move { s.rank_mut().set("admin".into()) }))
            .layer(old.layer());
        let place = place_with(store, &keys);
        for path in ["/role", "/role/clerk"] {
            let mut visitor = Visitor::new(&old);
            visitor.post("/").await;
            let mut visitor = visitor.at(&place.app);
            assert_eq!(visitor.get("/show").await.json()["role"], "admin");
            assert!(visitor.post(path).await.set_cookie().is_some(), "{path}");
            assert_ne!(visitor.get("/show").await.json()["role"], "admin");
        }
    }

    // S13: roles and secrets that the handler writes after `log_in` stay. Those that it wrote before `log_in` are dropped.
    async fn fields_granted_by_a_sign_in_stay(store) {
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

    // S13, B25: writes after the sign-out start from an empty session.
    async fn writes_after_a_sign_out_start_from_an_empty_session(store) {
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
    async fn signing_in_again_keeps_the_role(store) {
        let place = place(store);
        let mut visitor = Visitor::new(&place.app);
        visitor.post("/login/ada").await;
        visitor.post("/role/clerk").await;
        visitor.post("/login/ada").await;
        assert_eq!(visitor.get("/show").await.json()["role"], "clerk");
        visitor.post("/login/bob").await;
        assert_eq!(visitor.get("/show").await.json()["role"], json!(null));
    }

    // S11: a replaced cookie that is presented again may be stolen.
    async fn a_replayed_id_ends_the_session_if_configured(store) {
        for told in [false, true] {
            let server = Server::with(store.clone(), |builder| builder.end_on_replay(told));
            let mut visitor = server.signed_in("ada").await;
            let mut stolen = visitor.clone();
            visitor.post("/renew").await;
            // For a minute, a request with the replaced id counts as a late request of the same browser.
            assert_eq!(stolen.get("/show").await.json()["user"], json!(null));
            assert_eq!(visitor.get("/show").await.json()["user"], "ada");
            server.turn(minutes(1));
            server.heard();
            let reply = stolen.get("/show").await;
            assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (None, None));
            let ended = if told { vec![Event::Replayed { recently: false }, Event::Ended { why: SessionEnd::Replayed }] } else { vec![Event::Replayed { recently: false }] };
            assert_eq!(server.heard(), ended);
            assert_eq!(visitor.get("/show").await.json()["user"].as_str(), (!told).then_some("ada"));
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), usize::from(!told));
            server.sessions.of("ada").revoke_all().await.unwrap();
        }
    }
}
