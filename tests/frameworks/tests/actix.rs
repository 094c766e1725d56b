//! Tests features that only actix-web has: scopes with middlewares of their own, and optional arguments of handlers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use actix_web::{
    App,
    http::{StatusCode, header::SET_COOKIE},
    rt::System,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use session_runtime::{
    Cookies, CookiesLayer, CookiesRejection, KeyRing, MemoryStore, Session, SessionRejection, Sessions, View,
    ViewRejection, view,
};

#[derive(Session)]
struct Counted {
    #[session(identity)]
    user: Option<String>,
    #[session(counter)]
    visits: u64,
}

#[view(Counted, or_status = 404)]
struct Member {
    user: String,
}

fn sessions() -> Sessions<Counted> {
    Sessions::<Counted>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap()
}

async fn visit(mut session: Session<Counted>) -> String {
    session.visits_mut().add(1);
    session.visits().to_string()
}

async fn log_in(mut session: Session<Counted>) -> &'static str {
    session.user_mut().log_in("ada".to_owned());
    "done"
}

async fn optional(session: Option<Session<Counted>>, member: Option<View<Member>>, cookies: Option<Cookies>) -> String {
    let visits = session.map(|session| session.visits());
    let user = member.map(|View(member)| member.user);
    format!("{visits:?} {user:?} {:?}", cookies.map(|cookies| cookies.get("theme")))
}

async fn results(
    session: Result<Session<Counted>, SessionRejection>,
    member: Result<View<Member>, ViewRejection>,
    cookies: Result<Cookies, CookiesRejection>,
) -> String {
    let session = session.map(drop).map_err(|rejection| rejection.status().as_u16());
    let user = member.map(|View(member)| member.user);
    let user = user.map_err(|rejection| (rejection.status().as_u16(), rejection.is_refused()));
    let cookies = cookies.map(drop).map_err(|rejection| rejection.status().as_u16());
    format!("{session:?} {user:?} {cookies:?}")
}

/// A response, as a client sees it.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    /// Each cookie that the response sets, as `name=value`.
    cookies: Vec<String>,
    body: String,
}

/// Sends a GET with these cookies. (A macro, since the type of the service has no name.)
macro_rules! get {
    ($app:expr, $path:expr, $cookies:expr) => {{
        let cookies: &[String] = $cookies;
        let request = TestRequest::get().uri($path);
        let request = if cookies.is_empty() { request } else { request.insert_header(("cookie", cookies.join("; "))) };
        let response = call_service(&$app, request.to_request()).await;
        let pair = |line: &str| line.split(';').next().unwrap().to_owned();
        Answer {
            status: response.status(),
            cookies: response.headers().get_all(SET_COOKIE).map(|line| pair(line.to_str().unwrap())).collect(),
            body: String::from_utf8(read_body(response).await.to_vec()).unwrap(),
        }
    }};
}

#[test]
fn the_layers_of_nested_scopes_and_of_the_application_commit_once() {
    System::new().block_on(async {
        let sessions = sessions();
        let inner = web::scope("/inner").route("/visit", web::get().to(visit)).wrap(sessions.layer());
        let outer = web::scope("/outer").route("/visit", web::get().to(visit)).service(inner).wrap(sessions.layer());
        let app = App::new().route("/visit", web::get().to(visit)).service(outer).wrap(sessions.layer());
        let app = init_service(app).await;
        let first = get!(app, "/outer/inner/visit", &[]);
        assert_eq!((first.body.as_str(), first.cookies.len()), ("1", 1), "{first:?}");
        for (path, visits) in [("/outer/visit", "2"), ("/visit", "3"), ("/outer/inner/visit", "4")] {
            let next = get!(app, path, &first.cookies);
            assert_eq!((next.body.as_str(), next.cookies.len()), (visits, 0), "{path}: {next:?}");
        }
    });
}

#[test]
fn a_layer_of_a_scope_serves_only_that_scope() {
    System::new().block_on(async {
        let inner = web::scope("/inner").route("/visit", web::get().to(visit)).wrap(sessions().layer());
        let app = init_service(App::new().service(inner).route("/visit", web::get().to(visit))).await;
        assert_eq!(get!(app, "/inner/visit", &[]).body, "1");
        let outside = get!(app, "/visit", &[]);
        assert_eq!(outside.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!outside.body.contains("Counted") && !outside.body.contains("layer"), "{}", outside.body);
    });
}

#[test]
fn a_scope_and_its_application_cannot_have_different_sessions_of_one_struct() {
    System::new().block_on(async {
        let inner = web::scope("/inner").route("/visit", web::get().to(visit)).wrap(sessions().layer());
        let app = App::new().service(inner).route("/visit", web::get().to(visit)).wrap(sessions().layer());
        let app = init_service(app).await;
        let refused = get!(app, "/inner/visit", &[]);
        assert_eq!((refused.status, refused.cookies.len()), (StatusCode::INTERNAL_SERVER_ERROR, 0), "{refused:?}");
        assert_eq!(get!(app, "/visit", &[]).body, "1");
    });
}

#[test]
fn the_layer_of_a_view_guards_a_scope() {
    System::new().block_on(async {
        let members = web::scope("/members").route("/visit", web::get().to(visit)).wrap(View::<Member>::layer());
        let app = App::new().service(members).route("/log-in", web::get().to(log_in)).wrap(sessions().layer());
        let app = init_service(app).await;
        assert_eq!(get!(app, "/members/visit", &[]).status, StatusCode::NOT_FOUND);
        let signed_in = get!(app, "/log-in", &[]);
        assert_eq!(get!(app, "/members/visit", &signed_in.cookies).body, "1");
    });
}

#[test]
fn optional_arguments_are_none_without_their_layer_and_for_refused_visitors() {
    System::new().block_on(async {
        let bare = init_service(App::new().route("/", web::get().to(optional))).await;
        assert_eq!(get!(bare, "/", &[]).body, "None None None");
        let app = App::new()
            .route("/", web::get().to(optional))
            .route("/log-in", web::get().to(log_in))
            .wrap(sessions().layer())
            .wrap(CookiesLayer::new());
        let app = init_service(app).await;
        assert_eq!(get!(app, "/", &[]).body, "Some(0) None Some(None)");
        let mut cookies = get!(app, "/log-in", &[]).cookies;
        cookies.push("theme=dark".to_owned());
        assert_eq!(get!(app, "/", &cookies).body, r#"Some(0) Some("ada") Some(Some("dark"))"#);
    });
}

#[test]
fn results_as_arguments_tell_a_missing_layer_from_a_refused_visitor() {
    System::new().block_on(async {
        let bare = init_service(App::new().route("/", web::get().to(results))).await;
        assert_eq!(get!(bare, "/", &[]).body, "Err(500) Err((500, false)) Err(500)");
        let app = App::new()
            .route("/", web::get().to(results))
            .route("/log-in", web::get().to(log_in))
            .wrap(sessions().layer())
            .wrap(CookiesLayer::new());
        let app = init_service(app).await;
        assert_eq!(get!(app, "/", &[]).body, "Ok(()) Err((404, true)) Ok(())");
        let cookies = get!(app, "/log-in", &[]).cookies;
        assert_eq!(get!(app, "/", &cookies).body, r#"Ok(()) Ok("ada") Ok(())"#);
    });
}
