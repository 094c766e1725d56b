//! Tests features that only rocket has: catchers, which see refused requests, and test clients, which keep cookies.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rocket::{
    Build, Request, Rocket, Route, catch, catchers,
    error::ErrorKind,
    get,
    http::{Header, Method, Status},
    local::asynchronous::Client,
    request::Outcome,
    route, routes,
};
use session_runtime::{KeyRing, MemoryStore, SameOriginLayer, Session, Sessions};

#[derive(Session)]
struct Counted {
    #[session(counter)]
    visits: u64,
}

#[get("/")]
fn visit(mut session: Session<Counted>) -> String {
    session.visits_mut().add(1);
    session.visits().to_string()
}

/// Uses the session of each request that it catches.
#[catch(default)]
async fn caught(status: Status, request: &Request<'_>) -> String {
    if let Outcome::Success(mut session) = request.guard::<Session<Counted>>().await {
        session.visits_mut().add(100);
    }
    format!("the application's own page for {status}")
}

fn server() -> Rocket<Build> {
    let sessions = Sessions::<Counted>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let config = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    rocket::custom(config)
        .mount("/", routes![visit])
        .register("/", catchers![caught])
        .attach(sessions.layer().pages(|page| page))
        .attach(SameOriginLayer::new())
}

#[tokio::test]
async fn a_local_client_keeps_the_sessions_cookie() {
    let client = Client::tracked(server()).await.unwrap();
    for visits in ["1", "2", "3"] {
        assert_eq!(client.get("/").dispatch().await.into_string().await.unwrap(), visits);
    }
}

#[tokio::test]
async fn a_catcher_of_a_refused_request_has_no_session() {
    let client = Client::tracked(server()).await.unwrap();
    client.get("/").dispatch().await;
    let forged = client.post("/").header(Header::new("sec-fetch-site", "cross-site")).dispatch().await;
    assert_eq!(forged.status(), Status::Forbidden);
    let shielded = forged.headers().contains("x-content-type-options");
    assert!(shielded, "headers of other fairings stay: {:?}", forged.headers());
    assert!(forged.into_string().await.unwrap().starts_with("This request came from a page of another site"));
    assert_eq!(client.get("/").dispatch().await.into_string().await.unwrap(), "2");
}

#[tokio::test]
async fn the_page_of_the_applications_catcher_stays() {
    let client = Client::tracked(server()).await.unwrap();
    let missing = client.get("/missing").dispatch().await;
    assert_eq!(missing.into_string().await.unwrap(), "the application's own page for 404 Not Found");
    assert_eq!(
        client.get("/").dispatch().await.into_string().await.unwrap(),
        "101",
        "the catcher of a request that was not refused has the session"
    );
}

#[tokio::test]
async fn a_server_with_a_route_for_connect_does_not_start() {
    let connect = Route::new(Method::Connect, "/", route::dummy_handler);
    let error = server().mount("/proxy", [connect]).ignite().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::FailedFairings(_)));
}

#[tokio::test]
async fn a_server_without_the_fairing_does_not_start() {
    let error = rocket::build().mount("/", routes![visit]).ignite().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SentinelAborts(_)));
}

#[derive(Session)]
struct Other {
    name: String,
}

#[tokio::test]
async fn a_server_with_only_the_fairing_of_another_kind_does_not_start() {
    let other = Sessions::<Other>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let server = rocket::build().mount("/", routes![visit]).attach(other.layer());
    let error = server.ignite().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SentinelAborts(_)));
}
