//! B39, B40, S8, S22: listing and ending a user's sessions.

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use session_runtime::{Clock, Event, KeyRing, Session, SessionEnd, SessionHandle, Sessions};
use tests::{
    app::{Server, Site, hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

type S = Session<Site>;

#[derive(Session)]
#[session(cookie = "__Host-admin")]
struct Admin {
    #[session(identity)]
    user: Option<String>,
}

/// An identity. serde serialises the variant `Nobody` like `None`, so the session would have no user.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Who {
    Nobody,
    Number(u64),
}

#[derive(Session)]
#[session(cookie = "__Host-who")]
struct Loose {
    #[session(identity)]
    user: Option<Who>,
}

async fn is(visitor: &Visitor, user: &str) -> bool {
    visitor.clone().get("/show").await.json()["user"].as_str() == Some(user)
}

over_stores! {
    // F20, B58: a password reset ends all sessions of the user, and signs this visitor in again.
    async fn a_sign_in_after_revoke_all_in_one_request_stands(store) {
        let server = Server::new(store);
        let sessions = server.sessions.clone();
        let app = server.serving(Router::new().route("/reset", post(move |mut s: S| async move {
            sessions.of("ada").revoke_all().await.unwrap();
            s.user_mut().log_in("ada".into());
        })));
        for signed_in in [true, false] {
            let other = server.signed_in("ada").await;
            let before = if signed_in { server.signed_in("ada").await } else { server.visitor() };
            let mut visitor = before.at(&app);
            let reply = visitor.post("/reset").await;
            assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::OK, true));
            assert!(is(&visitor.at(&server.app), "ada").await && visitor.cookie() != before.cookie());
            assert!(!is(&other, "ada").await && !is(&before, "ada").await);
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1);
        }
    }

    // B39
    async fn a_list_shows_the_live_sessions_of_its_user(store) {
        let server = Server::new(store);
        let began = server.clock.now();
        assert!(server.sessions.of("ada").list().await.unwrap().is_empty());
        let mut laptop = server.visitor();
        laptop.post("/name/laptop").await;
        server.turn(minutes(1));
        laptop.post("/login/ada").await;
        server.turn(minutes(1));
        let mut phone = server.signed_in("ada").await;
        phone.post("/name/phone").await;
        server.signed_in("bob").await.post("/name/other").await;
        server.turn(minutes(5));
        laptop.get("/read").await;

        let list = server.sessions.of("ada").list().await.unwrap();
        let at = |minute: u64| -> std::time::SystemTime { (began + minutes(minute)).into() };
        let shown: Vec<_> = list
            .iter()
            .map(|s| (s.name(), s.user(), s.created_at(), s.authenticated_at(), s.last_seen(), s.expires_at()))
            .collect();
        assert_eq!(shown, [
            ("laptop", Some("ada"), at(0), Some(at(1)), at(7), at(37)),
            ("phone", Some("ada"), at(2), Some(at(2)), at(2), at(32)),
        ]);
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2);
        assert_eq!(server.sessions.of(&"bob".to_owned()).count().await.unwrap(), 1, "the user may be owned or borrowed");
        assert_eq!(server.sessions.of("nobody").count().await.unwrap(), 0);
    }

    // B39
    async fn an_ended_session_is_not_listed(store) {
        let server = Server::new(store);
        let mut keeps = Vec::new();
        for path in ["/logout", "/destroy", "/clear"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/theme/dark").await;
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1);
            visitor.post(path).await;
            assert!(server.sessions.of("ada").list().await.unwrap().is_empty(), "{path}");
            keeps.push(visitor);
        }
        server.signed_in("ada").await;
        server.turn(minutes(29));
        let mut stays = server.signed_in("ada").await;
        stays.post("/name/stays").await;
        server.turn(minutes(1));
        let names = |list: Vec<session_runtime::ListedSession<Site>>| list.iter().map(|s| s.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(server.sessions.of("ada").list().await.unwrap()), ["stays"]);
        server.sessions.delete_expired().await.unwrap();
        assert_eq!(names(server.sessions.of("ada").list().await.unwrap()), ["stays"]);
    }

    // B39, S22, B22
    async fn a_revoked_session_ends_immediately(store) {
        let server = Server::new(store);
        let (mut laptop, phone, tablet) =
            (server.signed_in("ada").await, server.signed_in("ada").await, server.signed_in("ada").await);
        let bob = server.signed_in("bob").await;
        laptop.post("/name/kept").await;
        server.heard();
        let ada = server.sessions.of("ada");
        let list = ada.list().await.unwrap();
        assert!(ada.revoke(list[1].handle()).await.unwrap());
        assert_eq!(server.heard(), [Event::Ended { why: SessionEnd::Revoked }]);
        assert!(!is(&phone, "ada").await && is(&laptop, "ada").await && is(&tablet, "ada").await);
        assert!(!ada.revoke(list[1].handle()).await.unwrap(), "the session has already ended");
        // A request with the revoked cookie counts as a new visitor's: it does not revive the session.
        let reply = phone.clone().post("/name/ghost").await;
        assert_eq!((reply.status, ada.count().await.unwrap()), (StatusCode::OK, 2));

        assert_eq!(ada.revoke_all().await.unwrap(), 2);
        assert!(!is(&laptop, "ada").await && !is(&tablet, "ada").await && is(&bob, "bob").await);
        assert_eq!((ada.count().await.unwrap(), ada.revoke_all().await.unwrap()), (0, 0));
        assert_eq!(server.signed_in("ada").await.get("/show").await.json()["name"], "", "ada can sign in to a new session");
    }

    // S22: an application revokes the other sessions after a change of password.
    async fn a_user_can_revoke_all_other_sessions(store) {
        let server = Server::new(store);
        let sessions = server.sessions.clone();
        let app = server.serving(Router::new().route("/others", post(move |mut s: S| async move {
            s.renew();
            let user = s.user().unwrap().to_owned();
            let list = sessions.of(&user).list().await.unwrap();
            assert_eq!(list.iter().filter(|listed| listed.is_current(&s)).count(), 1);
            sessions.of(&user).revoke_others(&s).await.unwrap().to_string()
        })));
        let (phone, laptop) = (server.signed_in("ada").await, server.signed_in("ada").await);
        let bob = server.signed_in("bob").await;
        let mut laptop_there = laptop.at(&app);
        assert_eq!(laptop_there.post("/others").await.body, "1");
        assert!(!is(&phone, "ada").await && is(&bob, "bob").await);
        assert!(!is(&laptop, "ada").await, "the id from before the renewal opens nothing");
        assert!(is(&laptop_there.at(&server.app), "ada").await);
    }

    // B40
    async fn signing_in_as_another_user_moves_the_session_to_their_list(store) {
        let server = Server::new(store);
        let mut browser = server.signed_in("ada").await;
        let handle = server.sessions.of("ada").list().await.unwrap()[0].handle();
        browser.post("/login/bob").await;
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 0);
        assert_eq!(server.sessions.of("bob").list().await.unwrap()[0].handle(), handle);
        // The former user can no longer revoke the session.
        assert!(!server.sessions.of("ada").revoke(handle).await.unwrap());
        assert_eq!(server.sessions.of("ada").revoke_all().await.unwrap(), 0);
        assert!(is(&browser, "bob").await);
        browser.post("/login/ada").await;
        assert_eq!((server.sessions.of("ada").count().await.unwrap(), server.sessions.of("bob").count().await.unwrap()), (1, 0));
    }

    // B10, B37: kinds of session, and applications, that share a store share no users.
    async fn kinds_of_session_on_one_store_share_no_users(store) {
        let server = Server::new(store.clone());
        let admins = Sessions::<Admin>::builder().store(store.clone()).keys(server.keys.clone()).clock(server.clock.clone()).build().unwrap();
        let app = Router::new()
            .route("/login", post(|mut s: Session<Admin>| async move { s.user_mut().log_in("ada".into()) }))
            .layer(admins.layer());
        let site = server.signed_in("ada").await;
        Visitor::new(&app).post("/login").await;
        let staging = Server::made(store, server.keys.clone(), server.clock.clone(), |builder| builder.app("staging"));
        assert_eq!((server.sessions.of("ada").count().await.unwrap(), admins.of("ada").count().await.unwrap()), (1, 1));
        assert_eq!(staging.sessions.of("ada").count().await.unwrap(), 0);
        assert_eq!(admins.of("ada").revoke_all().await.unwrap(), 1);
        assert!(is(&site, "ada").await);
    }

    // B36, B39: a session that is ended on one server is ended on all.
    async fn servers_on_one_store_end_each_others_sessions(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let one = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder);
        let other = Server::made(store, keys, clock, |builder| builder);
        let visitor = one.signed_in("ada").await;
        assert!(is(&visitor.at(&other.app), "ada").await);
        assert_eq!(other.sessions.of("ada").revoke_all().await.unwrap(), 1);
        assert!(!is(&visitor, "ada").await && !is(&visitor.at(&other.app), "ada").await);
    }
}

over_two_stores! {
    // A remembered session's deadline does not move, but its last use is recorded.
    async fn a_remembered_session_records_its_last_use(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/remember").await;
        let ends = server.sessions.of("ada").list().await.unwrap()[0].expires_at();
        server.turn(hours(50));
        assert_eq!(visitor.get("/read").await.set_cookie(), None, "its deadline did not move");
        let seen = server.sessions.of("ada").list().await.unwrap();
        assert_eq!((seen[0].last_seen(), seen[0].expires_at()), (server.clock.now().into(), ends));
    }

    // S8: a handle is not a credential, and another user's handle ends nothing.
    async fn a_handle_opens_nothing_and_works_only_for_its_user(store) {
        let server = Server::new(store);
        let ada = server.signed_in("ada").await;
        let handle = server.sessions.of("ada").list().await.unwrap()[0].handle();
        let text = serde_json::to_string(&handle).unwrap();
        let token = ada.cookie().unwrap();
        assert!(!token.contains(&handle.to_string()) && !text.contains(&token[8..24]));
        assert_eq!(serde_json::from_str::<SessionHandle>(&text).unwrap(), handle);
        let mut thief = Visitor::with_cookie(&server.app, "__Host-site", &handle.to_string());
        assert_eq!(thief.get("/show").await.json()["user"], json!(null));
        server.signed_in("bob").await;
        assert!(!server.sessions.of("bob").revoke(handle).await.unwrap());
        assert!(is(&ada, "ada").await);
        // The handle stays the same for the life of the session, through all renewals.
        let mut ada = ada;
        ada.post("/renew").await;
        assert_eq!(server.sessions.of("ada").list().await.unwrap()[0].handle(), handle);
        assert!(server.sessions.of("ada").revoke(handle).await.unwrap() && !is(&ada, "ada").await);
    }

    async fn a_request_sees_its_own_sign_in_and_sign_out(store) {
        let server = Server::new(store);
        let now = server.clock.now();
        let app = server.serving(Router::new().route("/{what}", post(move |mut s: S, Path(what): Path<String>| async move {
            match what.as_str() {
                "in" => s.user_mut().log_in("ada".into()),
                _ => s.user_mut().log_out(),
            }
            let signed = (what == "in").then(|| now.into());
            assert_eq!(s.authenticated_at(), signed);
            drop(s);
            signed.is_some().to_string()
        })));
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/in").await.body, "true");
        assert_eq!(visitor.post("/out").await.body, "false");
    }

    async fn a_store_that_is_down_is_an_error_and_ends_no_session(store) {
        let server = Server::new(store);
        let visitor = server.signed_in("ada").await;
        let ada = server.sessions.of("ada");
        server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(ada.list().await.unwrap_err().is_unavailable());
        assert!(ada.count().await.unwrap_err().is_unavailable());
        assert!(ada.revoke_all().await.unwrap_err().is_unavailable());
        assert_eq!(server.visitor().post("/login/ada").await.status, StatusCode::SERVICE_UNAVAILABLE);
        server.controls.down.store(false, std::sync::atomic::Ordering::SeqCst);
        assert!(is(&visitor, "ada").await && ada.count().await.unwrap() == 1);
    }

    // A session with such an identity would be on no user's list, so the user could not find and end it.
    async fn an_identity_stored_as_nothing_is_refused(store) {
        let sessions = Sessions::<Loose>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
        let app = Router::new()
            .route("/login/nobody", post(|mut s: Session<Loose>| async move { s.user_mut().log_in(Who::Nobody) }))
            .route("/login/7", post(|mut s: Session<Loose>| async move { s.user_mut().log_in(Who::Number(7)) }))
            .route("/show", get(|s: Session<Loose>| async move { Json((s.user().is_some(), s.authenticated_at().is_some())) }))
            .layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/login/nobody").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(visitor.get("/show").await.json(), json!([false, false]));
        visitor.post("/login/7").await;
        assert_eq!(visitor.post("/login/nobody").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(visitor.get("/show").await.json(), json!([true, true]));
        assert_eq!(sessions.of(&Who::Number(7)).count().await.unwrap(), 1);
    }
}
