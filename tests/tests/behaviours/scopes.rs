//! F1, F2, S6, S54: kinds of sessions, and applications, that share a store or keys are kept apart.

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Clock, KeyRing, Session, Sessions, SessionsBuilder, View, view};
use tests::{
    app::{Server, minutes},
    client::Visitor,
    log::Log,
    over_two_stores,
    store::AnyStore,
};

#[derive(Session)]
struct Customer {
    #[session(identity)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(idle = 5m)]
struct Clerk {
    #[session(identity)]
    user: Option<u64>,
}

#[view(Clerk, or_status = 404)]
struct Staff {
    user: u64,
}

fn customers(store: &AnyStore, keys: &KeyRing) -> SessionsBuilder<Customer> {
    Sessions::<Customer>::builder().store(store.clone()).keys(keys.clone()).clean_every(std::time::Duration::ZERO)
}

fn clerks(store: &AnyStore, keys: &KeyRing) -> SessionsBuilder<Clerk> {
    Sessions::<Clerk>::builder().store(store.clone()).keys(keys.clone()).clean_every(std::time::Duration::ZERO)
}

fn shop(customers: &Sessions<Customer>) -> Router {
    Router::new()
        .route("/login", post(|mut s: Session<Customer>| async move { s.user_mut().log_in(7) }))
        .route("/who", get(|s: Session<Customer>| async move { format!("{:?}", s.user()) }))
        .layer(customers.layer())
}

fn desk(clerks: &Sessions<Clerk>) -> Router {
    Router::new()
        .route("/admin", get(|View(me): View<Staff>| async move { format!("staff member {}", me.user) }))
        .layer(clerks.layer())
}

over_two_stores! {
    // F1: kinds that share keys, store and the cookie's name share no session and no user.
    async fn a_cookie_of_one_kind_opens_nothing_of_another(store) {
        let keys = KeyRing::generate();
        for name in ["sid", "__Host-sid"] {
            let customers = customers(&store, &keys).cookie(name).build().unwrap();
            let clerks = clerks(&store, &keys).cookie(name).build().unwrap();
            let mut visitor = Visitor::new(&shop(&customers));
            visitor.post("/login").await;
            assert_eq!(visitor.get("/who").await.body, "Some(7)");
            assert_eq!(visitor.at(&desk(&clerks)).get("/admin").await.status, StatusCode::NOT_FOUND, "{name}");
            assert_eq!((customers.of(&7).count().await.unwrap(), clerks.of(&7).count().await.unwrap()), (1, 0));
            assert_eq!(clerks.of(&7).revoke_all().await.unwrap(), 0);
            assert_eq!(visitor.get("/who").await.body, "Some(7)");
            customers.of(&7).revoke_all().await.unwrap();
        }
    }

    // F2: applications with different keys that share a store share no users, whatever their limits.
    async fn applications_on_one_store_share_no_users(store) {
        let (one_keys, other_keys) = (KeyRing::generate(), KeyRing::generate());
        let one = customers(&store, &one_keys).app("one").max_per_user(1).build().unwrap();
        let other = customers(&store, &other_keys).app("other").max_per_user(1).build().unwrap();
        let (mut here, mut there) = (Visitor::new(&shop(&one)), Visitor::new(&shop(&other)));
        here.post("/login").await;
        there.post("/login").await;
        assert_eq!((here.get("/who").await.body, there.get("/who").await.body), ("Some(7)".into(), "Some(7)".into()));
        assert_eq!((one.of(&7).count().await.unwrap(), other.of(&7).count().await.unwrap()), (1, 1));
        assert_eq!(other.of(&7).revoke_all().await.unwrap(), 1);
        assert_eq!(here.get("/who").await.body, "Some(7)");
    }
}

// F1: two layers around one route that read the same cookie are a programming error. The response is a 500, and its page names
// neither the cookie nor the session.
#[tokio::test]
async fn two_kinds_around_one_route_need_two_cookies() {
    let (store, keys) = (AnyStore::memory(), KeyRing::generate());
    for (cookie, path, status) in [
        ("sid", "/", StatusCode::INTERNAL_SERVER_ERROR),
        ("sid", "/desk", StatusCode::OK),
        ("desk", "/", StatusCode::OK),
    ] {
        let customers = customers(&store, &keys).cookie("sid").build().unwrap();
        let clerks = clerks(&store, &keys).cookie(cookie).path(path).build().unwrap();
        let app = Router::new()
            .route(
                "/",
                get(|s: Session<Customer>, t: Session<Clerk>| async move { format!("{:?} {:?}", s.user(), t.user()) }),
            )
            .layer(customers.layer())
            .layer(clerks.layer());
        let reply = Visitor::new(&app).get("/").await;
        assert_eq!(reply.status, status, "{cookie} {path}: {}", reply.body);
        assert!(!reply.body.contains("sid") && !reply.body.contains("Clerk"), "{}", reply.body);
    }
}

// F1: only the first of these requests is logged, since every request to the route has the same fault.
#[tokio::test]
async fn two_kinds_with_one_cookie_around_one_route_are_logged_once() {
    let (store, keys) = (AnyStore::memory(), KeyRing::generate());
    let customers = customers(&store, &keys).cookie("sid").build().unwrap();
    let clerks = clerks(&store, &keys).cookie("sid").build().unwrap();
    let app = Router::new().route("/", get(|| async { "" })).layer(customers.layer()).layer(clerks.layer());
    let log = Log::of_this_thread();
    for _ in 0..5 {
        assert_eq!(Visitor::new(&app).get("/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    let lines = log.take();
    let faults: Vec<_> =
        lines.lines().filter(|line| line.contains("of one request both use the cookie `sid`")).collect();
    assert!(matches!(faults[..], [line] if line.contains("ERROR") && line.contains("`Clerk`")), "{lines}");
}

/// Starts an application, and waits until it has compared its keys with those that it finds in the store.
async fn start(store: &AnyStore, keys: &KeyRing, app: &str) -> Server {
    let server =
        Server::made(store.clone(), keys.clone(), Clock::stopped(), |builder| builder.app(app).clean_every(minutes(1)));
    server.visitor().get("/show").await;
    // A store in memory answers at once, so its first call and the comparison are one step of the task.
    while server.controls.calls() == (0, 0) {
        tokio::task::yield_now().await;
    }
    server
}

// F2: two applications that use one store by mistake sign their sessions with different keys.
#[tokio::test]
async fn an_application_warns_if_its_store_holds_sessions_under_other_keys() {
    let (store, log) = (AnyStore::memory(), Log::of_this_thread());
    let (ours, theirs) = (KeyRing::generate(), KeyRing::generate());
    let other_keys = "the store holds sessions of the same application and kind that were signed with other keys";
    let mut servers = Vec::new();
    for (keys, app) in [(&ours, "shop"), (&ours, "shop"), (&theirs, "staging")] {
        servers.push(start(&store, keys, app).await);
        let lines = log.take();
        assert!(!lines.contains(other_keys), "the first of its name, or the same keys: {lines}");
    }
    servers.push(start(&store, &theirs, "shop").await);
    let lines = log.take();
    let warnings: Vec<_> = lines.lines().filter(|line| line.contains(other_keys)).collect();
    assert!(matches!(warnings[..], [line] if line.contains("WARN") && line.contains("Site")), "{lines}");
}

// B10: two kinds beside each other, as on `/shop` and `/admin`, cannot both keep a cookie of one name and path.
#[tokio::test]
async fn kinds_whose_cookies_overwrite_each_other_are_named_at_start() {
    let (store, keys) = (AnyStore::memory(), KeyRing::generate());
    let log = Log::of_this_thread();
    let first = customers(&store, &keys).build().unwrap();
    let same = customers(&store, &keys).build().unwrap();
    let elsewhere = clerks(&store, &keys).path("/admin").cookie("clerk").build().unwrap();
    assert_eq!(log.take(), "", "the same kind again, or another cookie, is no mistake");
    let second = clerks(&store, &keys).cookie("__Host-customer").build().unwrap();
    let logged = log.take();
    for part in ["`Clerk` and the `Customer` sessions both use the cookie", "`cookie = \"…\"`"] {
        assert!(logged.contains(part), "{logged}");
    }
    drop((first, same, elsewhere, second));
    let _alone = clerks(&store, &keys).cookie("__Host-customer").build().unwrap();
    assert_eq!(log.take(), "", "the others are gone");
}
