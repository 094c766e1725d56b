//! F4, S61, B61: an administrator acts as a customer. This module defines the routes under test.

mod refusals;
mod revocation_and_expiry;
mod shown;
mod start_and_stop;

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Event, ImpersonationEnd, Report, Session, View, view};
use tests::{
    app::{Server, Site, Theme, minutes, show},
    client::Visitor,
};

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
