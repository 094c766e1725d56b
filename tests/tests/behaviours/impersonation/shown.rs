//! F4, F30, S9, S13, S17, S61, B61: what an impersonation shows. It is not one of the customer's sessions, it is never fresh, and
//! the administrator's own fields are set aside.

use axum::{
    Json, Router,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{KeyRing, Session, SessionLimit, Sessions};
use tests::{
    app::{Server, Theme, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

use super::{acting, app, user};

over_stores! {
    // F4: an impersonation is neither counted among the customer's sessions nor listed as one.
    async fn an_impersonation_is_not_one_of_the_customers_sessions(store) {
        for limit in [SessionLimit::EndOldest(2), SessionLimit::Refuse(2)] {
            let server = Server::with(store.clone(), |builder| builder.max_per_user(limit));
            let app = app(&server);
            let one = server.signed_in("ada").await;
            let (root, _) = acting(&app, 30).await;
            let other = server.signed_in("ada").await;
            for own in [&one, &other] {
                assert_eq!(user(own).await.as_deref(), Some("ada"), "{limit:?}");
            }
            assert_eq!(user(&root).await.as_deref(), Some("ada"));
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2);
            let impersonations = server.sessions.of("ada").impersonations().await.unwrap();
            assert_eq!(impersonations.iter().map(|s| s.impersonator()).collect::<Vec<_>>(), [Some("root".to_owned())]);
            // The session is still listed as the administrator's, with the administrator's own fields.
            let own = server.sessions.of("root").list().await.unwrap();
            assert_eq!((own.len(), own[0].name(), own[0].user()), (1, "Root", Some("root")));
            assert_eq!(own[0].impersonator(), None);
            // The limit counts only the customer's own sessions.
            let third = server.signed_in_or_not("ada").await;
            let refuses = matches!(limit, SessionLimit::Refuse(_));
            assert_eq!((user(&one).await.is_some(), user(&third).await.is_some()), (refuses, !refuses));
            assert_eq!(user(&root).await.as_deref(), Some("ada"));
            for user in ["ada", "root"] {
                server.sessions.of(user).revoke_all().await.unwrap();
            }
        }
    }
}

over_two_stores! {
    // F4, F30
    async fn a_job_edits_the_session_that_is_set_aside_and_not_that_of_the_customer(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, _) = acting(&app, 30).await;
        for (user, edited) in [("ada", 0), ("root", 1)] {
            let users = server.sessions.of(user);
            let changed = users.update(|session| {
                session.name_mut().set("Demoted".into());
                session.theme_mut().set(Theme::Dark);
            });
            assert_eq!(changed.await.unwrap(), edited, "{user}");
        }
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"]), (&json!("ada"), &json!("")));
        assert_eq!(root.post("/stop").await.body, "true");
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("root"), &json!("Demoted"), &json!(["tea"])));
    }

    // F4, S17: an impersonation is never fresh. Reauthentication cannot change that, so the answer is 403, not `stale_status`.
    async fn an_impersonation_is_never_fresh(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, before) = acting(&app, 30).await;
        assert_eq!(root.get("/recent").await.status, StatusCode::FORBIDDEN);
        for who in ["ada", "root"] {
            assert_eq!(root.post(&format!("/confirm/{who}")).await.body, "false", "{who}");
        }
        assert_eq!(root.get("/recent").await.status, StatusCode::FORBIDDEN);
        drop(before);
        // After the impersonation, the administrator's session is as fresh as before it.
        root.post("/stop").await;
        assert_eq!(root.get("/recent").await.body, "root");
        server.turn(minutes(10));
        assert_eq!(root.get("/recent").await.status, StatusCode::LOCKED);
    }
}

/// A session with a secret, and a role that grants rights.
#[derive(Session)]
#[session(cookie = "__Host-role")]
struct Role {
    #[session(identity)]
    user: Option<u64>,
    #[session(rotates)]
    is_admin: bool,
    #[session(secret)]
    token: Option<String>,
    #[session(secret, device)]
    device: Option<String>,
}

over_two_stores! {
    // F4, S9, S13: a role and a secret belong to the administrator. An impersonation sets them aside, and its end restores them.
    async fn roles_and_secrets_are_set_aside_and_restored(store) {
        let keys = KeyRing::generate();
        let sessions = Sessions::<Role>::builder().store(store).keys(keys).build().unwrap();
        let app = Router::new()
            .route(
                "/start",
                post(|mut s: Session<Role>| async move {
                    s.user_mut().log_in(1);
                    s.is_admin_mut().set(true);
                    s.token_mut().set("root's".into());
                    s.device_mut().set("browser".into());
                }),
            )
            .route("/as", post(|mut s: Session<Role>| async move { s.user_mut().impersonate(7, minutes(5)) }))
            .route(
                "/write",
                post(|mut s: Session<Role>| async move {
                    s.token_mut().set("hers".into());
                    s.device_mut().set("phone".into());
                }),
            )
            .route("/stop", post(|mut s: Session<Role>| async move { s.user_mut().stop_impersonating().to_string() }))
            .route(
                "/show",
                get(|s: Session<Role>| async move { Json(json!([s.user(), s.is_admin(), s.token(), s.device()])) }),
            )
            .layer(sessions.layer());
        let mut root = Visitor::new(&app);
        root.post("/start").await;
        root.post("/as").await;
        assert_eq!(root.get("/show").await.json(), json!([7, false, null, "browser"]));
        root.post("/write").await;
        assert_eq!(root.get("/show").await.json(), json!([7, false, "hers", "phone"]));
        assert_eq!(root.post("/stop").await.body, "true");
        assert_eq!(root.get("/show").await.json(), json!([1, true, "root's", "phone"]));
    }
}
