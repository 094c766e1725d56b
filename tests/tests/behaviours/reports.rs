//! S50, B65: events say who signed in and out, which sessions ended and why, each once.

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use session_runtime::{Event, EventStream, Report, Session, SessionLimit, SignIn};
use tests::{
    app::{Server, Site, minutes, routes},
    client::Visitor,
    over_stores, over_two_stores,
};

use crate::faulty::{Fault, Faulty};

type S = Session<Site>;

/// Returns the names of the events since the last call, with their reasons, and the users whom they name.
fn told(server: &Server) -> Vec<(String, Option<String>)> {
    server.reports().into_iter().map(|report| (word(&report.event), report.user)).collect()
}

fn word(event: &Event) -> String {
    [Some(event.as_str()), event.reason()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Returns the list that `told` should return: `expected` has each event's word and its user, or "" for a guest.
fn of<const N: usize>(server: &Server, expected: [(&str, &str); N]) -> Vec<(String, Option<String>)> {
    let name = |user: &str| server.sessions.of(user).fingerprint().unwrap();
    expected.map(|(word, user)| (word.to_owned(), (!user.is_empty()).then(|| name(user)))).into()
}

fn name(server: &Server, user: &str) -> Option<String> {
    Some(server.sessions.of(user).fingerprint().unwrap())
}

over_two_stores! {
    async fn events_name_the_user_who_signs_in_and_out(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/login/ada").await;
        assert_eq!(told(&server), of(&server, [("created", "ada"), ("signed_in with_proof", "ada")]));
        visitor.post("/login/ada").await;
        let again = server.reports();
        assert!(matches!(again[1].event, Event::SignedIn { again: true, .. }), "{again:?}");
        visitor.post("/login/bob").await;
        let expected = [("renewed", "bob"), ("signed_out", "ada"), ("signed_in with_proof", "bob")];
        assert_eq!(told(&server), of(&server, expected));
        visitor.post("/theme/dark").await;
        assert_eq!(told(&server), []);
        visitor.post("/logout").await;
        assert_eq!(told(&server), of(&server, [("renewed", ""), ("signed_out", "bob")]), "the guest's session goes on");
        visitor.post("/login/ada").await;
        server.reports();
        visitor.post("/destroy").await;
        assert_eq!(told(&server), of(&server, [("signed_out", "ada"), ("ended logged_out", "ada")]));
        visitor.post("/name/guest").await;
        visitor.post("/destroy").await;
        assert_eq!(told(&server), of(&server, [("created", ""), ("ended logged_out", "")]));
    }

    async fn a_sign_in_says_which_proof_the_user_gave(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/{how}", post(|mut s: S, Path(how): Path<String>| async move {
            match &*how {
                "remembered" => s.user_mut().log_in_with("ada".into(), SignIn::stale()),
                _ => assert!(s.user_mut().reauthenticate("ada")),
            }
        })));
        let mut visitor = Visitor::new(&app);
        visitor.post("/remembered").await;
        assert_eq!(told(&server), of(&server, [("created", "ada"), ("signed_in without_proof", "ada")]));
        visitor.post("/again").await;
        assert_eq!(told(&server), of(&server, [("renewed", "ada"), ("reauthenticated", "ada")]));
    }

    async fn a_commit_that_fails_reports_no_sign_in(store) {
        let server = Server::with(store, |builder| builder.max_per_user(SessionLimit::Refuse(1)));
        let mut visitor = server.visitor();
        visitor.post("/fail/login").await;
        assert_eq!(told(&server), of(&server, [("dropped_on_failure", "")]));
        server.signed_in("ada").await;
        server.reports();
        let mut refused = server.visitor();
        refused.post("/name/guest").await;
        server.reports();
        assert_eq!(refused.post("/login/ada").await.status, StatusCode::CONFLICT);
        assert_eq!(told(&server), of(&server, [("sign_in_refused", "ada")]));
        // If another user was signed in, that user has lost the session.
        let mut bob = server.signed_in("bob").await;
        server.reports();
        assert_eq!(bob.post("/login/ada").await.status, StatusCode::CONFLICT);
        assert_eq!(told(&server), of(&server, [("ended unknown", "bob"), ("sign_in_refused", "ada")]));
    }

    async fn events_of_an_impersonation_name_both_users(store) {
        let server = Server::new(store);
        let app = server.serving(routes().route("/as/{user}", post(|mut s: S, Path(user): Path<String>| async move {
            s.user_mut().impersonate(user, minutes(10)).unwrap()
        })));
        let mut root = server.signed_in("root").await.at(&app);
        server.reports();
        root.post("/as/ada").await;
        let started = server.reports().pop().unwrap();
        assert!(matches!(started.event, Event::ImpersonationStarted { .. }));
        assert_eq!((started.user, started.impersonator), (name(&server, "ada"), name(&server, "root")));
        root.post("/renew").await;
        let renewed = server.reports().pop().unwrap();
        assert_eq!((renewed.user, renewed.impersonator), (name(&server, "ada"), name(&server, "root")));
        root.post("/logout").await;
        let expected = [("impersonation_ended stopped", "ada"), ("signed_out", "root"), ("ended logged_out", "root")];
        assert_eq!(told(&server), of(&server, expected));
    }

    // A sign-in that is refused is undone, so the impersonation goes on, or ends once.
    async fn a_refused_sign_in_reports_the_end_of_an_impersonation_at_most_once(store) {
        let server = Server::with(store, |builder| builder.max_per_user(SessionLimit::Refuse(1)));
        let app = server.serving(routes().route("/as/{user}", post(|mut s: S, Path(user): Path<String>| async move {
            s.user_mut().impersonate(user, minutes(10)).unwrap()
        })));
        let _full = server.signed_in("bob").await;
        let mut root = server.signed_in("root").await.at(&app);
        root.post("/as/ada").await;
        server.reports();
        assert_eq!(root.post("/login/bob").await.status, StatusCode::CONFLICT);
        let ends = server.reports().into_iter().filter(|report| matches!(report.event, Event::ImpersonationEnded { .. })).count();
        let goes_on = root.get("/show").await.json()["user"] == "ada";
        assert_eq!(ends, usize::from(!goes_on));
    }

    async fn a_stream_gets_what_the_hook_gets(store) {
        let server = Server::new(store);
        let mut events = server.sessions.events();
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/logout").await;
        let hook = server.reports();
        assert_eq!(hook.len(), 4);
        for report in hook {
            assert_eq!((report.kind, report.at), ("Site", server.clock.now().into()));
            assert!(report.session.is_some());
            assert_eq!(events.next().await, Some(report));
        }
        // The stream ends with the sessions, even if the store lives on, as when several kinds of sessions share it.
        let store = server.store.clone();
        drop((visitor, server));
        assert_eq!(rest(events).await, []);
        drop(store);
    }

    async fn events_name_users_by_their_identities_if_the_application_allows_it(store) {
        let server = Server::with(store, |builder| builder.events_name_users(true));
        let ada = server.signed_in("ada").await;
        let users: Vec<_> = server.reports().into_iter().map(|report| report.user).collect();
        assert_eq!(users, vec![Some("ada".to_owned()); 2]);
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(told(&server), [("ended revoked".to_owned(), Some("ada".to_owned()))]);
        drop(ada);
    }
}

/// Returns the reports that a stream still has when its source is gone.
async fn rest(mut events: EventStream) -> Vec<Report> {
    let mut reports = Vec::new();
    while let Some(report) = events.next().await {
        reports.push(report);
    }
    reports
}

over_stores! {
    async fn an_expired_session_is_reported_once_and_with_its_cause(store) {
        let server = Server::new(store);
        let (mut idle, mut busy) = (server.signed_in("ada").await, server.signed_in("bob").await);
        for _ in 0..27 {
            server.turn(minutes(26));
            busy.get("/show").await;
        }
        server.reports();
        let others = idle.clone();
        idle.get("/show").await;
        others.clone().get("/show").await;
        assert_eq!(told(&server), of(&server, [("expired idle", "ada"), ("unknown", "")]));
        server.turn(minutes(30));
        busy.get("/show").await;
        busy.get("/show").await;
        assert_eq!(told(&server), of(&server, [("expired absolute", "bob"), ("unknown", "")]));
        assert_eq!(server.sessions.of("bob").count().await.unwrap(), 0);
    }

    async fn each_end_from_elsewhere_is_reported_with_its_cause(store) {
        let server = Server::with(store, |builder| builder.max_per_user(1).end_on_replay(true));
        let mut first = server.signed_in("ada").await;
        server.signed_in("ada").await;
        let ended: Vec<_> = told(&server).into_iter().filter(|(word, _)| word.starts_with("ended")).collect();
        assert_eq!(ended, of(&server, [("ended displaced", "ada")]));
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(told(&server), of(&server, [("ended revoked", "ada")]));
        first.post("/login/ada").await;
        let mut stolen = first.clone();
        first.post("/renew").await;
        server.turn(minutes(1));
        server.reports();
        stolen.get("/show").await;
        assert_eq!(told(&server), of(&server, [("replayed long_ago", "ada"), ("ended replayed", "ada")]));
    }

    // B34: whichever answer is lost, each event is reported once.
    async fn an_event_is_reported_once_if_the_stores_answer_is_lost(store) {
        for (path, expected) in [
            ("/login/bob", [("renewed", "bob"), ("signed_out", "ada"), ("signed_in with_proof", "bob")].as_slice()),
            ("/logout", &[("signed_out", "ada"), ("ended logged_out", "ada")]),
        ] {
            for lost in 1..4 {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let mut visitor = server.signed_in("ada").await;
                server.reports();
                // The load comes first.
                faulty.plan(vec![Fault::None; lost].into_iter().chain([Fault::Lost]));
                assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path} {lost}");
                faulty.plan([]);
                let name = |user: &str| name(&server, user);
                let expected: Vec<_> = expected.iter().map(|(word, user)| ((*word).to_owned(), name(user))).collect();
                assert_eq!(told(&server), expected, "{path} {lost}");
                for user in ["ada", "bob"] {
                    server.sessions.of(user).revoke_all().await.unwrap();
                }
            }
        }
    }

    async fn a_revocation_is_reported_once_if_the_stores_answer_is_lost(store) {
        for lost in 0..4 {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            server.signed_in("ada").await;
            server.reports();
            faulty.plan(vec![Fault::None; lost].into_iter().chain([Fault::Lost]));
            // A load whose answer is lost fails.
            let revoked = server.sessions.of("ada").revoke_all().await;
            faulty.plan([]);
            if revoked.is_err() {
                server.sessions.of("ada").revoke_all().await.unwrap();
            }
            assert_eq!(told(&server), of(&server, [("ended revoked", "ada")]), "{lost}");
        }
    }
}
