//! F4, S61, B61: an administrator acts as a customer. The impersonation is visible to handlers, limited in time and reported, and
//! does not count as one of the customer's sessions. When it ends, the administrator's own session continues.

use std::time::{Duration, SystemTime};

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, ImpersonationEnd, KeyRing, Report, Session, SessionLimit, Sessions, View, view};
use tests::{
    app::{Server, Site, Theme, hours, minutes, show},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

use super::faulty::{Fault, Faulty, Gate};

type S = Session<Site>;

#[view(Site, fresh = 10m, stale_status = 423)]
struct Recent {
    user: String,
}

/// Shows the administrator behind an impersonation.
#[view(Site)]
struct Banner {
    user: String,
    impersonator: Option<String>,
}

/// Lets in only visitors who act as another user.
#[view(Site)]
struct Support {
    impersonator: String,
}

fn routes() -> Router {
    tests::app::routes()
        .route(
            "/as/{user}/{minutes}",
            post(|mut s: S, Path((user, limit)): Path<(String, u64)>| async move {
                s.user_mut().impersonate(user.clone(), minutes(limit))?;
                assert_eq!((s.user(), s.name(), s.authenticated_at()), (Some(&*user), "", None));
                Ok::<_, session_runtime::Error>(s.impersonator().unwrap())
            }),
        )
        .route("/stop", post(|mut s: S| async move { s.user_mut().stop_impersonating().to_string() }))
        .route(
            "/stop-and-look",
            post(|mut s: S| async move {
                *s.name_mut() = "the customer's".into();
                *s.theme_mut() = Theme::Dark;
                assert!(s.user_mut().stop_impersonating());
                s.notices_mut().put("back".into());
                Json(show(&s))
            }),
        )
        .route(
            "/stop-and-fail",
            post(|mut s: S| async move {
                s.user_mut().stop_impersonating();
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/as-and-fail/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                s.user_mut().impersonate(user, minutes(5)).unwrap();
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/confirm/{user}",
            post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().reauthenticate(&user).to_string() }),
        )
        .route(
            "/write-as/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                if s.user() == Some(&*user) {
                    *s.name_mut() = user;
                }
            }),
        )
        .route("/recent", get(|View(me): View<Recent>| async move { me.user }))
        .route("/banner", get(|View(it): View<Banner>| async move { format!("{} {:?}", it.user, it.impersonator) }))
        .route("/support", get(|View(it): View<Support>| async move { it.impersonator }))
}

fn app(server: &Server) -> Router {
    server.serving(routes())
}

/// Returns an administrator's browser that acts as `ada`, and a copy of that browser from before the impersonation.
async fn acting(app: &Router, limit: u64) -> (Visitor, Visitor) {
    let mut root = Visitor::new(app);
    root.post("/login/root").await;
    root.post("/name/Root").await;
    root.post("/cart/tea").await;
    let before = root.clone();
    let reply = root.post(&format!("/as/ada/{limit}")).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "root"));
    (root, before)
}

async fn user(visitor: &Visitor) -> Option<String> {
    visitor.clone().get("/show").await.json()["user"].as_str().map(str::to_owned)
}

/// Returns the impersonation events since the last call: `None` for a start, and the reason for an end. Checks that each event
/// names root and ada.
fn heard(server: &Server) -> Vec<Option<ImpersonationEnd>> {
    let name = |user: &str| server.sessions.of(user).fingerprint().unwrap();
    let (root, ada) = (name("root"), name("ada"));
    assert_ne!(root, ada);
    let of_impersonation = |report: Report| {
        let why = match report.event {
            Event::ImpersonationStarted { .. } => None,
            Event::ImpersonationEnded { why } => Some(why),
            _ => return None,
        };
        assert_eq!((report.impersonator.as_ref(), report.user.as_ref()), (Some(&root), Some(&ada)));
        Some(why)
    };
    server.reports().into_iter().filter_map(of_impersonation).collect()
}

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

    // F4
    async fn the_customers_revocation_ends_an_impersonation(store) {
        let server = Server::new(store);
        let app = app(&server);
        for by_handle in [false, true] {
            let (root, _) = acting(&app, 30).await;
            let own = server.signed_in("ada").await;
            heard(&server);
            let of = server.sessions.of("ada");
            if by_handle {
                let handle = of.impersonations().await.unwrap()[0].handle();
                assert!(of.revoke(handle).await.unwrap());
                assert_eq!(user(&own).await.as_deref(), Some("ada"));
            } else {
                assert_eq!(of.revoke_all().await.unwrap(), 2);
                assert_eq!(user(&own).await, None);
            }
            assert_eq!(heard(&server), [Some(ImpersonationEnd::Revoked)]);
            let seen = root.clone().get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "root's own session continues");
            assert_eq!(of.impersonations().await.unwrap().len(), 0);
            assert_eq!(of.revoke_all().await.unwrap(), u64::from(by_handle));
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4
    async fn the_administrators_revocation_ends_the_whole_session(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (root, _) = acting(&app, 30).await;
        heard(&server);
        assert_eq!(server.sessions.of("root").revoke_all().await.unwrap(), 1);
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Revoked)]);
        assert_eq!(user(&root).await, None);
        let of = server.sessions.of("ada");
        assert_eq!((of.impersonations().await.unwrap().len(), of.revoke_all().await.unwrap()), (0, 0));
    }

    // S61: the right to act as others is taken away. The administrator stays signed in.
    async fn the_right_to_act_as_others_can_be_taken_away_alone(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (root, _) = acting(&app, 30).await;
        let other = server.signed_in("root").await;
        heard(&server);
        let (of, customer) = (server.sessions.of("root"), server.sessions.of("ada"));
        assert_eq!(customer.end_impersonations().await.unwrap(), 0, "the customer acts as no one");
        let acts_as: Vec<_> = of.list().await.unwrap().iter().map(|device| device.acts_as()).collect();
        assert_eq!(acts_as, [Some("ada".to_owned()), None]);
        assert_eq!(customer.impersonations().await.unwrap()[0].acts_as(), None);
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        assert_eq!(of.end_impersonations().await.unwrap(), 1);
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Withdrawn)]);
        let seen = root.clone().get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")));
        assert_eq!(user(&other).await.as_deref(), Some("root"));
        assert_eq!((of.list().await.unwrap().len(), of.list().await.unwrap()[0].acts_as()), (2, None));
        assert_eq!((customer.impersonations().await.unwrap().len(), of.end_impersonations().await.unwrap()), (0, 0));
    }

    // F4, F6, S57: the customer could not end an impersonation that is not on the customer's list, so it is undone. The store
    // calls: load and swap the session, load and swap the list.
    async fn an_impersonation_that_cannot_be_listed_is_undone(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = app(&server);
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        root.post("/name/Root").await;
        heard(&server);
        for call in 0..4 {
            faulty.plan(vec![Fault::None; call].into_iter().chain(vec![Fault::Down; 2]));
            let reply = root.post("/as/ada/5").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "call {call}");
            faulty.plan([]);
            let seen = root.get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "call {call}");
            assert_eq!((server.sessions.of("ada").impersonations().await.unwrap().len(), heard(&server)), (0, vec![]));
            assert_eq!(server.sessions.of("root").count().await.unwrap(), 1);
        }
    }

    // F4, B34: the answer to a call is lost.
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

    // F4, B41: the customer ends all sessions while an impersonation begins. The impersonation either ends too, or
    // counts as started after the `revoke_all`. The store calls: load and swap the session, load and swap the list.
    async fn an_impersonation_that_races_revoke_all_is_ended_or_counts_as_later(store) {
        for call in 0..4 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
            let app = app(&server);
            let mut root = Visitor::new(&app);
            root.post("/login/root").await;
            let gate = Gate::new();
            faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
            let acting = tokio::spawn(async move {
                let reply = root.post("/as/ada/5").await;
                (root, reply.status)
            });
            gate.wait().await;
            elsewhere.sessions.of("ada").revoke_all().await.unwrap();
            gate.open();
            let (root, status) = acting.await.unwrap();
            assert_eq!(status, StatusCode::OK);
            let later = call < 3;
            assert_eq!(user(&root).await.as_deref(), Some(if later { "ada" } else { "root" }), "call {call}");
            assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), usize::from(later));
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4: the administrator stops while the customer ends all sessions. Whichever comes first, the administrator's own session
    // continues, and no request is rejected.
    async fn stopping_an_impersonation_during_revoke_all_is_not_refused(store) {
        for call in 0..2 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
            let app = app(&server);
            let (mut root, _) = acting(&app, 30).await;
            let gate = Gate::new();
            faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
            let stopping = tokio::spawn(async move {
                let reply = root.post("/stop").await;
                (root, reply.status)
            });
            gate.wait().await;
            let ended = elsewhere.sessions.of("ada").revoke_all().await.unwrap();
            gate.open();
            let (mut root, status) = stopping.await.unwrap();
            assert_eq!((status, ended), (StatusCode::OK, u64::from(call == 0)), "call {call}");
            let seen = root.get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")), "call {call}");
            let events = [server.heard(), elsewhere.heard()].concat();
            let ends = events.iter().filter(|event| matches!(event, Event::ImpersonationEnded { .. }));
            assert_eq!(ends.count(), 1, "call {call}");
            server.sessions.of("root").revoke_all().await.unwrap();
        }
    }

    // F4: the administrator's sessions are ended while an impersonation begins or stops. Neither the session nor an impersonation
    // remains.
    async fn an_end_of_the_administrators_sessions_leaves_no_impersonation(store) {
        for (path, calls) in [("/as/ada/5", 4), ("/stop", 2)] {
            for call in 0..calls {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let elsewhere = Server::made(store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder);
                let app = app(&server);
                let mut root = Visitor::new(&app);
                root.post("/login/root").await;
                if path == "/stop" {
                    root.post("/as/ada/5").await;
                }
                let gate = Gate::new();
                faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
                let request = tokio::spawn(async move {
                    root.post(path).await;
                    root
                });
                gate.wait().await;
                assert_eq!(elsewhere.sessions.of("root").revoke_all().await.unwrap(), 1);
                gate.open();
                let root = request.await.unwrap();
                assert_eq!(user(&root).await, None, "{path}, call {call}");
                assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
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

    // F4: an impersonation ends at its time limit, with or without a request.
    async fn an_impersonation_ends_when_its_time_is_up(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut root, _) = acting(&app, 20).await;
        let ends_at = SystemTime::from(server.clock.now()) + minutes(20);
        let listed = server.sessions.of("ada").impersonations().await.unwrap();
        assert_eq!(listed[0].impersonation_ends_at(), Some(ends_at));
        heard(&server);
        server.turn(minutes(20) - Duration::from_millis(1));
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        let mut tab = root.clone();
        server.turn(Duration::from_millis(1));
        let seen = root.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"]), (&json!("root"), &json!("Root"), &json!(["tea"])));
        assert_eq!(heard(&server), [Some(ImpersonationEnd::Expired)]);
        assert_eq!(tab.post("/name/Root2").await.status, StatusCode::OK, "the same id opens root's session");
        assert_eq!(root.get("/show").await.json()["name"], "Root2");
        assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
        assert_eq!(heard(&server), []);
    }

    // F4: a request that began as the customer cannot write to the administrator's session.
    async fn a_request_that_outlasts_an_impersonation_is_refused(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let app = app(&server);
        let (root, _) = acting(&app, 20).await;
        let gate = Gate::new();
        faulty.plan([Fault::Slow(gate.clone())]);
        let mut tab = root.clone();
        let late = tokio::spawn(async move { tab.post("/name/hers").await });
        gate.wait().await;
        server.turn(minutes(20));
        gate.open();
        assert_eq!(late.await.unwrap().status, StatusCode::CONFLICT);
        assert_eq!(root.clone().get("/show").await.json()["name"], "Root");
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

    // F4, S15: an impersonation ends with the administrator's session, and does not extend it.
    async fn an_impersonation_ends_with_the_session_of_the_administrator(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        for _ in 0..23 {
            server.turn(minutes(29));
            root.get("/show").await;
        }
        root.post("/as/ada/600").await;
        root.post("/remember").await;
        server.turn(minutes(29));
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        server.turn(minutes(29));
        assert_eq!(user(&root).await, None, "12 hours after the sign-in, the administrator's session has ended too");
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

    // F4
    async fn an_impersonation_by_a_guest_or_within_another_or_of_oneself_is_refused(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/as/ada/5").await.status, StatusCode::CONFLICT, "a guest cannot impersonate");
        let (mut root, _) = acting(&app, 30).await;
        assert_eq!(root.post("/as/bob/5").await.status, StatusCode::CONFLICT, "only one impersonation at a time");
        assert_eq!(user(&root).await.as_deref(), Some("ada"));
        root.post("/stop").await;
        assert_eq!(root.post("/as/root/5").await.status, StatusCode::CONFLICT, "no user can impersonate themselves");
        assert_eq!(user(&root).await.as_deref(), Some("root"));
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

// F4: administrators start and stop impersonations while the customer's sessions are revoked again and again. Each
// administrator's own session continues unchanged, and no impersonation remains.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_impersonations_and_revocations_leave_each_session_to_its_owner() {
    let server = Server::with(AnyStore::memory(), |builder| builder);
    let app = app(&server);
    let mut administrators = Vec::new();
    for _ in 0..8 {
        let mut root = Visitor::new(&app);
        root.post("/login/root").await;
        root.post("/name/Root").await;
        administrators.push(root);
    }
    let acting = administrators.into_iter().map(|mut root| {
        tokio::spawn(async move {
            for _ in 0..10 {
                root.post("/as/ada/5").await;
                root.post("/write-as/ada").await;
                let reply = root.post("/stop").await;
                assert_eq!(reply.status, StatusCode::OK);
                let seen = root.get("/show").await.json();
                assert_eq!((&seen["user"], &seen["name"]), (&json!("root"), &json!("Root")));
            }
        })
    });
    let acting: Vec<_> = acting.collect();
    for _ in 0..50 {
        server.sessions.of("ada").revoke_all().await.unwrap();
        tokio::task::yield_now().await;
    }
    for task in acting {
        task.await.unwrap();
    }
    assert_eq!(server.sessions.of("root").count().await.unwrap(), 8);
    assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 0);
    server.turn(hours(1));
}

// S61, B61: an impersonation begins again while `revoke_all` is still ending the customer's other sessions.
#[tokio::test]
async fn an_impersonation_that_begins_again_during_a_revocation_is_listed() {
    let (server, faulty) = Faulty::server(&AnyStore::memory(), |builder| builder);
    let app = app(&server);
    let (mut root, _) = acting(&app, 30).await;
    server.turn(minutes(1));
    Visitor::new(&app).post("/login/ada").await;
    let gate = Gate::new();
    // The store calls: load the list, load and swap the first session, load the second.
    faulty.plan([Fault::None, Fault::None, Fault::None, Fault::Late(gate.clone())]);
    let ada = server.sessions.clone();
    let revoking = tokio::spawn(async move { ada.of("ada").revoke_all().await.unwrap() });
    gate.wait().await;
    server.turn(minutes(1));
    assert_eq!(root.get("/show").await.json()["user"], "root", "the impersonation has ended");
    assert_eq!(root.post("/as/ada/5").await.status, StatusCode::OK);
    gate.open();
    assert_eq!(revoking.await.unwrap(), 2);
    assert_eq!(server.sessions.of("ada").impersonations().await.unwrap().len(), 1);
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(root.get("/show").await.json()["user"], "root");
}

#[derive(Session)]
#[session(cookie = "__Host-large")]
struct Large {
    #[session(identity)]
    user: Option<String>,
    note: String,
    #[session(device)]
    draft: String,
}

// S46: both users share the device fields, so a larger device field also makes the session that is set aside larger.
#[tokio::test]
async fn the_session_that_is_set_aside_does_not_grow_beyond_its_limit() {
    type L = Session<Large>;
    let sessions = Sessions::<Large>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    let sessions = sessions.max_bytes(1_000).build().unwrap();
    let routes = Router::new()
        .route(
            "/in",
            post(|mut s: L| async move {
                s.user_mut().log_in("root".into());
                s.note_mut().set("n".repeat(900));
            }),
        )
        .route("/as", post(|mut s: L| async move { s.user_mut().impersonate("ada".into(), minutes(5)).unwrap() }))
        .route(
            "/draft/{length}",
            post(|mut s: L, Path(length): Path<usize>| async move {
                s.draft_mut().set("d".repeat(length));
            }),
        )
        .route("/stop", post(|mut s: L| async move { assert!(s.user_mut().stop_impersonating()) }))
        .route("/note", post(|mut s: L| async move { s.note_mut().push('!') }));
    let mut root = Visitor::new(&routes.layer(sessions.layer()));
    for (path, status) in [
        ("/in", StatusCode::OK),
        ("/as", StatusCode::OK),
        ("/draft/900", StatusCode::PAYLOAD_TOO_LARGE),
        ("/draft/50", StatusCode::OK),
        ("/stop", StatusCode::OK),
        ("/note", StatusCode::OK),
    ] {
        assert_eq!(root.post(path).await.status, status, "{path}");
    }
}
