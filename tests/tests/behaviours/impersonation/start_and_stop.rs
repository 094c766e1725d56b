//! F4, S61, B34, B48, B61: starting and stopping. The impersonation is visible to handlers, and reported. When it stops, the
//! administrator's own session continues.

use http::StatusCode;
use serde_json::json;
use session_runtime::ImpersonationEnd;
use tests::{app::Server, client::Visitor, over_stores, over_two_stores};

use super::{acting, app, heard, user};
use crate::faulty::{Fault, Faulty};

over_stores! {
    // F4
    async fn an_administrator_acts_as_a_customer_and_gets_their_own_session_back(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, mut before) = acting(&app, 30).await;
        assert_eq!(heard(&server), [None]);
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("ada"), &json!(""), &json!([])));
        assert_eq!(root.get("/banner").await.body, "ada Some(\"root\")");
        assert_eq!(root.get("/support").await.body, "root");
        // The id is renewed, as for any change of privilege.
        assert_ne!(root.cookie(), before.cookie());
        assert_eq!(before.post("/name/late").await.status, StatusCode::CONFLICT);
        root.post("/cart/wine").await;
        root.post("/theme/dark").await;
        let acted = root.clone();
        assert_eq!(root.post("/stop").await.body, "true");
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Stopped)]);
        assert_ne!(root.cookie(), acted.cookie());
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("root"), &json!("Root"), &json!(["tea"])));
        assert_eq!(seen["theme"], "Dark", "device fields keep their changes");
        assert_eq!(root.get("/support").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(acted.clone().post("/name/late").await.status, StatusCode::CONFLICT);
        assert_eq!(root.post("/stop").await.body, "false");
        assert_eq!(heard(&server), []);
    }

    // F4, B34: the answer to a swap is lost: to the session's swap, which is call 1, or to the list's, which is call 3.
    async fn an_impersonation_whose_answer_was_lost_stands(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = app(&server);
        for call in [1, 3] {
            let mut root = Visitor::new(&app);
            root.post("/login/root").await;
            root.post("/name/Root").await;
            faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Lost]));
            assert_eq!(root.post("/as/ada/5").await.status, StatusCode::OK, "call {call}");
            faulty.plan([]);
            assert_eq!(user(&root).await.as_deref(), Some("ada"), "call {call}");
            faulty.plan(vec![Fault::None; 1].into_iter().chain([Fault::Lost]));
            assert_eq!(root.post("/stop").await.status, StatusCode::OK);
            faulty.plan([]);
            assert_eq!(root.get("/show").await.json()["name"], "Root");
            assert_eq!(heard(&server), [None, Some(ImpersonationEnd::Stopped)], "one start and one end, call {call}");
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }
}

over_two_stores! {
    // F4: later changes in the same request apply to the administrator's session.
    async fn the_request_that_stops_an_impersonation_continues_as_the_administrator(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, _) = acting(&app, 30).await;
        let seen = root.post("/stop-and-look").await.json();
        for seen in [seen, root.get("/show").await.json()] {
            assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("root"), &json!("Root"), &json!(["tea"])));
            assert_eq!((&seen["notices"], &seen["theme"]), (&json!(["back"]), &json!("Dark")));
        }
    }

    // F4: a sign-out during an impersonation signs out the administrator too, and so does a sign-in.
    async fn a_sign_out_or_sign_in_ends_the_administrators_session_too(store) {
        let server = Server::new(store);
        let app = app(&server);
        for path in ["/logout", "/destroy", "/login/bob", "/login/ada"] {
            let (mut root, _) = acting(&app, 30).await;
            root.post("/theme/dark").await;
            heard(&server);
            assert_eq!(root.post(path).await.status, StatusCode::OK);
            assert_eq!(heard(&server), [Some(ImpersonationEnd::Stopped)], "{path}");
            assert_eq!(user(&root).await.as_deref(), path.strip_prefix("/login/"), "{path}");
            assert_eq!(root.post("/stop").await.body, "false");
            assert_eq!(server.sessions.of("root").count().await.unwrap(), 0);
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), usize::from(path == "/login/ada"));
            assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
            server.sessions.of("ada").revoke_all().await.unwrap();
        }
    }

    // F4, B48
    async fn a_handler_that_fails_starts_no_impersonation_but_stops_one(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        root.post("/as-and-fail/ada").await;
        assert_eq!((user(&root).await.as_deref(), heard(&server)), (Some("root"), vec![]));
        root.post("/as/ada/5").await;
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        root.post("/stop-and-fail").await;
        assert_eq!(user(&root).await.as_deref(), Some("root"));
        assert_eq!(heard(&server), [None, Some(ImpersonationEnd::Stopped)]);
    }
}
