//! B23: a request whose id another request of the visitor has just replaced. Each change that it makes is refused, and none is
//! answered as done.

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, StatusCode};
use session_runtime::{Event, Session, View, view};
use tests::{
    app::{Server, Site, minutes, routes},
    client::Visitor,
    over_two_stores,
    store::AnyStore,
};

use super::shared::other_tab;

type S = Session<Site>;

#[view(Site, or_redirect = "/login", fresh = 10m, stale_redirect = "/confirm")]
struct Member {
    user: String,
}

/// Every change that a handler can make, except a sign-in. Each is refused if the request is late.
const CHANGES: [&str; 17] = [
    "log_out",
    "destroy",
    "clear",
    "renew",
    "remember",
    "forget",
    "reauthenticate",
    "stop",
    "act",
    "renew_and_log_out",
    "set",
    "set_the_default",
    "reset",
    "clear_a_field",
    "add",
    "put",
    "update",
];

fn act(s: &mut S, what: &str) {
    match what {
        "log_out" => s.user_mut().log_out(),
        "destroy" => s.destroy(),
        "clear" => s.clear(),
        "renew" => s.renew(),
        "remember" => s.remember(true),
        "forget" => s.remember(false),
        "reauthenticate" => assert!(!s.user_mut().reauthenticate("ada")),
        "stop" => assert!(!s.user_mut().stop_impersonating()),
        "renew_and_log_out" => {
            s.renew();
            s.user_mut().log_out();
        }
        "set" => s.name_mut().set("late".into()),
        "set_the_default" => s.name_mut().set(String::new()),
        "reset" => s.lucky_mut().reset(),
        "clear_a_field" => s.note_mut().clear(),
        "add" => s.visits_mut().add(1),
        "put" => s.notices_mut().put("late".into()),
        _ => panic!("{what}"),
    }
}

fn app(server: &Server) -> Router {
    server.serving(
        routes()
            .route(
                "/do/{what}",
                post(|mut s: S, Path(what): Path<String>| async move {
                    if what == "update" {
                        return s.cart_mut().update(|cart| cart.push("late".into())).await.into_response();
                    }
                    if what == "act" {
                        return match s.user_mut().impersonate("bob".into(), minutes(5)) {
                            Ok(()) => "acts".into_response(),
                            Err(error) => error.into_response(),
                        };
                    }
                    act(&mut s, &what);
                    "done".into_response()
                })
                .get(|mut s: S, Path(what): Path<String>| async move { act(&mut s, &what) }),
            )
            .route(
                "/save/{what}",
                post(|mut s: S, Path(what): Path<String>| async move {
                    act(&mut s, &what);
                    match s.save().await {
                        Ok(()) => "saved".to_owned(),
                        Err(error) => format!("moved: {}", error.is_moved()),
                    }
                }),
            )
            .route("/act", post(|mut s: S| async move { s.user_mut().impersonate("bob".into(), minutes(5)) }))
            .route("/stop", post(|mut s: S| async move { s.user_mut().stop_impersonating().to_string() }))
            .route("/member", post(member).get(member))
            .route("/guarded", post(async || "in").get(async || "in").route_layer(View::<Member>::layer()))
            .route(
                "/sign-in-again",
                post(|me: Option<View<Member>>, mut s: S| async move {
                    assert!(me.is_none());
                    s.user_mut().log_in("ada".into());
                }),
            ),
    )
}

async fn member(View(me): View<Member>) -> Response {
    me.user.into_response()
}

/// Returns a visitor, and another tab of their browser whose id `path` has just replaced.
async fn overtaken(server: &Server, app: &Router, path: &str) -> (Visitor, Visitor) {
    let mut visitor = Visitor::new(app);
    visitor.post("/login/ada").await;
    for stored in ["/name/ada", "/note/hers", "/theme/dark"] {
        visitor.post(stored).await;
    }
    if path == "/stop" {
        visitor.post("/act").await;
    }
    let tab = visitor.clone();
    assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
    server.heard();
    (visitor, tab)
}

async fn user(visitor: &mut Visitor) -> Option<String> {
    visitor.get("/show").await.json()["user"].as_str().map(str::to_owned)
}

over_two_stores! {
    // B23: the visitor is still signed in, so a success would be the wrong answer to a late log-out.
    async fn no_late_change_is_answered_as_done(store) {
        let server = Server::new(store);
        let app = app(&server);
        for (renewal, user_after) in [("/login/ada", "ada"), ("/renew", "ada"), ("/act", "bob"), ("/stop", "ada")] {
            for change in CHANGES {
                let (mut visitor, mut tab) = overtaken(&server, &app, renewal).await;
                let reply = tab.post(&format!("/do/{change}")).await;
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{renewal}, then {change}");
                assert_eq!(user(&mut visitor).await.as_deref(), Some(user_after), "{renewal}, then {change}");
                if change != "act" {
                    assert!(server.heard().contains(&Event::Moved), "{renewal}, then {change}");
                }
            }
        }
    }

    // B23: `save` reports the refusal to the handler.
    async fn save_after_a_late_change_says_that_the_session_moved(store) {
        let server = Server::new(store);
        let app = app(&server);
        for change in CHANGES.into_iter().filter(|change| !["update", "act"].contains(change)) {
            let (mut visitor, mut tab) = overtaken(&server, &app, "/renew").await;
            assert_eq!(tab.post(&format!("/save/{change}")).await.body, "moved: true", "{change}");
            assert_eq!(user(&mut visitor).await.as_deref(), Some("ada"), "{change}");
        }
    }

    // B23: if another request has signed the user out, a late sign-out has nothing left to do.
    async fn a_second_sign_out_is_answered_as_done(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut visitor, mut tab) = overtaken(&server, &app, "/logout").await;
        for _ in 0..2 {
            assert_eq!(tab.post("/do/log_out").await.status, StatusCode::OK);
            assert_eq!(tab.post("/save/log_out").await.body, "saved");
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["user"].as_str(), &seen["theme"]), (None, &"Dark".into()));
        // The session lives on with its `device` fields, so other late changes are refused.
        for change in ["destroy", "renew", "set"] {
            assert_eq!(tab.post(&format!("/do/{change}")).await.status, StatusCode::CONFLICT, "{change}");
        }
        // A session that has ended has nothing left to lose.
        let (_, mut tab) = overtaken(&server, &app, "/destroy").await;
        for change in ["log_out", "destroy", "renew"] {
            assert_eq!(tab.post(&format!("/do/{change}")).await.status, StatusCode::OK, "{change}");
        }
    }

    // B23: another request signs out while the slow sign-out is in progress, so nothing is left to do for the slow one. If the
    // other request signs in instead, a user is still signed in, and the slow sign-out is refused.
    async fn a_second_sign_out_during_the_first_is_answered_as_done(store) {
        let server = Server::new(store);
        let (began, go_on) = (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Notify::new()));
        let (here, there) = (began.clone(), go_on.clone());
        let app = server.serving(routes().route("/slow", post(|mut s: S| async move {
            s.user_mut().log_out();
            here.notify_one();
            there.notified().await;
        })));
        for signs_out in ["/logout", "/login/ada"] {
            let (mut visitor, mut tab) = overtaken(&server, &app, "/renew").await;
            tab.clone_from(&visitor);
            let slow = tokio::spawn(async move { tab.post("/slow").await });
            began.notified().await;
            visitor.post(signs_out).await;
            go_on.notify_one();
            let expected = if signs_out == "/logout" { StatusCode::OK } else { StatusCode::CONFLICT };
            assert_eq!(slow.await.unwrap().status, expected, "{signs_out}");
        }
    }

    // B23: a late request that only reads shows a guest's page. A late GET keeps its response even if its change is refused.
    async fn a_late_get_keeps_its_response(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (mut visitor, mut tab) = overtaken(&server, &app, "/login/ada").await;
        assert_eq!(tab.get("/read").await.status, StatusCode::OK);
        for change in ["log_out", "destroy", "renew", "set", "set_the_default", "stop"] {
            let reply = tab.get(&format!("/do/{change}")).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{change}");
        }
        assert_eq!(user(&mut visitor).await.as_deref(), Some("ada"));
    }

    // B23, B42: the visitor of a late POST may be signed in, so a view does not redirect it to the sign-in page.
    async fn a_view_answers_a_late_post_with_409(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (_, mut tab) = overtaken(&server, &app, "/login/ada").await;
        for path in ["/member", "/guarded"] {
            let reply = tab.post(path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{path}");
            let reply = tab.get(path).await;
            let location = reply.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
            assert_eq!((reply.status, location), (StatusCode::SEE_OTHER, Some(format!("/login?next={path}"))));
        }
        // After a minute, a request with the replaced id counts as a guest's.
        server.turn(minutes(2));
        assert_eq!(tab.post("/member").await.status, StatusCode::SEE_OTHER);
    }

    // B7: a late sign-in starts a session of its own. So a visitor whose new cookie was lost can sign in at once.
    async fn a_late_sign_in_succeeds(store) {
        let server = Server::new(store);
        let app = app(&server);
        let (_, mut tab) = overtaken(&server, &app, "/login/ada").await;
        let reply = tab.post("/sign-in-again").await;
        assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::OK, true));
        assert_eq!(user(&mut tab).await.as_deref(), Some("ada"));
    }

    // B48: the handler failed and its log-out was rejected. The visitor gets the handler's own answer, which is more useful than
    // an error page about the log-out.
    async fn a_failed_handlers_answer_stays_although_its_log_out_came_too_late(store) {
        let server = Server::new(store);
        let other = server.app.clone();
        let app = server.serving(Router::new().route("/", post(move |mut s: S, headers: HeaderMap| async move {
            assert_eq!(other_tab(&other, &headers).post("/renew").await.status, StatusCode::OK);
            s.user_mut().log_out();
            (StatusCode::INTERNAL_SERVER_ERROR, "mine")
        })));
        let reply = server.signed_in("ada").await.at(&app).post("/").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "mine"));
    }
}

// B23, B32: with `on_store_down = anonymous`, the handler sees a guest. A change that would not change a guest's session, such
// as a write of the default, is refused too.
#[tokio::test]
async fn changes_without_effect_on_a_guest_are_refused_while_the_store_is_down() {
    let server =
        Server::with(AnyStore::memory(), |builder| builder.on_store_down(session_runtime::StoreDown::Anonymous));
    let app = app(&server);
    let mut visitor = Visitor::new(&app);
    visitor.post("/login/ada").await;
    visitor.post("/name/ada").await;
    server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
    for change in ["set_the_default", "reauthenticate", "stop", "log_out", "destroy"] {
        assert_eq!(visitor.post(&format!("/do/{change}")).await.status, StatusCode::SERVICE_UNAVAILABLE, "{change}");
    }
}
