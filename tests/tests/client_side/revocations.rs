//! S21: a copy of a cookie that is used after a log-out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::StatusCode;
use session_runtime::{
    CookieStore, Event, MemoryStore, StoreDown, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{hours, minutes},
    client::Visitor,
    log::Log,
    over_stores,
    store::{AnyStore, Controls, Probe},
};

use tokio::sync::Barrier;

use crate::site::{Server, shown};

over_stores! {
    // S9, S20, S21, ASVS 7.4.1: on every store that can hold the revocation list.
    async fn a_logged_out_cookie_opens_nothing(store) {
        let server = Server::new(CookieStore::encrypted().revocations(store));
        for path in ["/logout", "/destroy", "/clear", "/anew/x", "/renew", "/login/ada", "/login/bob", "/role/admin"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/name/ada").await;
            let copy = visitor.cookie().unwrap();
            assert_eq!(shown(&server.app, &copy).await.json()["name"], "ada");
            visitor.post(path).await;
            let reply = shown(&server.app, &copy).await;
            assert_eq!((reply.status, &reply.json()["name"], reply.set_cookie()), (StatusCode::OK, &"".into(), None), "{path}");
            server.turn(minutes(2));
            assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None, "{path}");
        }
    }
}

fn revocable() -> (Server, Arc<Controls>) {
    let controls = Arc::<Controls>::default();
    let store = Probe { inner: AnyStore::memory(), controls: Arc::clone(&controls) };
    (Server::new(CookieStore::encrypted().revocations(store)), controls)
}

/// A documented limit: without a revocation list, a copy of the cookie works until the session's deadline.
#[tokio::test]
async fn without_a_list_a_copy_outlives_the_log_out() {
    let server = Server::new(CookieStore::encrypted());
    let mut visitor = server.signed_in("ada").await;
    let copy = visitor.cookie().unwrap();
    visitor.post("/logout").await;
    assert_eq!(shown(&server.app, &copy).await.json()["user"], "ada");
}

/// A revocation list whose first two swaps wait for each other.
struct Crossroads {
    inner: MemoryStore,
    both: Barrier,
    still: AtomicUsize,
}

impl Store for Crossroads {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.inner.load(key, now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        if self.still.fetch_update(SeqCst, SeqCst, |still| still.checked_sub(1)).is_ok() {
            self.both.wait().await;
        }
        self.inner.swap(key, before, after, now).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_expired(now).await
    }
}

// S10, S12, S21: of two concurrent requests that end or renew the session, only one sets a cookie. If both did, there would
// be two sessions, and a log-out would end only the one whose cookie the browser kept.
#[tokio::test]
async fn only_one_of_two_concurrent_renewals_sets_a_cookie() {
    let (renewed, conflict, ended) = ((200, true), (409, false), (200, false));
    for (first, second, [one, other]) in [
        ("/renew", "/renew", [renewed, conflict]),
        ("/login/ada", "/role/admin", [renewed, conflict]),
        ("/logout", "/logout", [renewed, ended]),
    ] {
        let store = Crossroads { inner: MemoryStore::new(), both: Barrier::new(2), still: AtomicUsize::new(2) };
        let server = Server::new(CookieStore::encrypted().revocations(store));
        let mut visitor = server.signed_in("ada").await;
        let mut companion = visitor.clone();
        let (a, b) = tokio::join!(visitor.post(first), companion.post(second));
        let mut seen = [a, b].map(|reply| (reply.status.as_u16(), reply.set_cookie().is_some()));
        seen.sort_by_key(|(_, cookie)| !cookie);
        assert_eq!(seen, [one, other], "{first} and {second}");
    }
}

// B7, S11: for a minute after a sign-in, late requests with the old cookie neither write nor set a cookie. After that, such a
// request starts a new session.
#[tokio::test]
async fn a_replaced_cookie_is_recognised_for_a_minute() {
    let (server, _) = revocable();
    let mut visitor = server.visitor();
    visitor.post("/name/ada").await;
    let mut late = visitor.clone();
    visitor.post("/login/ada").await;
    server.heard();
    let reply = late.post("/note/late").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None));
    assert_eq!(server.heard(), [Event::Replayed { recently: true }, Event::Moved]);
    server.turn(minutes(1));
    let reply = late.post("/note/later").await;
    assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::OK, true));
    assert_eq!(server.heard(), [Event::Replayed { recently: false }, Event::Created]);
    assert_eq!(visitor.get("/show").await.json()["user"], "ada");
}

// B23: a late change is never answered as done, and neither is a late log-out.
#[tokio::test]
async fn a_late_change_is_refused() {
    let server = Server::new(CookieStore::encrypted().revocations(MemoryStore::new()));
    for path in
        ["/name/late", "/note", "/theme/late", "/logout", "/destroy", "/clear", "/renew", "/remember", "/forget"]
    {
        let mut visitor = server.signed_in("ada").await;
        let mut late = visitor.clone();
        visitor.post("/renew").await;
        let reply = late.post(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::CONFLICT, None), "{path}");
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }
}

// S12, B22: a request that was in progress during a log-out does not restore the session.
#[tokio::test]
async fn a_late_write_does_not_undo_a_log_out() {
    use axum::{Router, extract::State, routing::post};
    use session_runtime::{KeyRing, Session, Sessions};
    use tokio::sync::Semaphore;

    use crate::site::Prefs;

    let store = CookieStore::encrypted().revocations(MemoryStore::new());
    let sessions = Sessions::<Prefs>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
    let gates = Arc::new((Semaphore::new(0), Semaphore::new(0)));
    let slow = |State(gates): State<Arc<(Semaphore, Semaphore)>>, mut session: Session<Prefs>| async move {
        gates.0.add_permits(1);
        gates.1.acquire().await.unwrap().forget();
        *session.name_mut() = "late".into();
    };
    let app = crate::site::routes().merge(Router::new().route("/slow", post(slow)).with_state(Arc::clone(&gates)));
    let app = app.layer(sessions.layer());
    for (path, status) in [("/destroy", StatusCode::OK), ("/login/bob", StatusCode::CONFLICT)] {
        let mut visitor = Visitor::new(&app);
        visitor.post("/login/ada").await;
        let mut slow = visitor.clone();
        let under_way = tokio::spawn(async move { slow.post("/slow").await });
        gates.0.acquire().await.unwrap().forget();
        visitor.post(path).await;
        gates.1.add_permits(1);
        let reply = under_way.await.unwrap();
        assert_eq!((reply.status, reply.set_cookie()), (status, None), "{path}");
    }
}

// S47: an unreachable list counts as a store that is down: requests with a cookie are answered with 503, and no visitor is logged
// out.
#[tokio::test]
async fn a_list_that_is_down_counts_as_a_store_that_is_down() {
    let (server, controls) = revocable();
    let mut visitor = server.signed_in("ada").await;
    controls.down.store(true, SeqCst);
    for (path, method) in
        [("/show", http::Method::GET), ("/name/x", http::Method::POST), ("/logout", http::Method::POST)]
    {
        let reply = visitor.send(method, path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
    }
    assert_eq!(server.visitor().get("/show").await.status, StatusCode::OK, "a visitor without a cookie needs no list");
    controls.down.store(false, SeqCst);
    assert_eq!(visitor.get("/show").await.json()["user"], "ada");
}

// S20
#[tokio::test]
async fn a_log_out_whose_answer_was_lost_is_retried() {
    let (server, controls) = revocable();
    let mut visitor = server.signed_in("ada").await;
    controls.swaps.store(0, SeqCst);
    controls.lose_answer.store(true, SeqCst);
    // The answer to the first swap is lost. The second swap learns that the entry is stored. The third swap writes the entry
    // again: if the store waits for replicas, they may not have the entry yet.
    assert_eq!(visitor.post("/logout").await.status, StatusCode::OK);
    assert_eq!(controls.swaps.load(SeqCst), 3);
    assert_eq!(visitor.cookie(), None);
}

#[tokio::test]
async fn anonymous_pages_work_while_the_list_is_down() {
    let (controls, memory) = (Arc::<Controls>::default(), AnyStore::memory());
    let store = CookieStore::encrypted().revocations(Probe { inner: memory, controls: Arc::clone(&controls) });
    let server = Server::with(store, |builder| builder.on_store_down(StoreDown::Anonymous));
    let mut visitor = server.signed_in("ada").await;
    controls.down.store(true, SeqCst);
    assert_eq!(visitor.get("/show").await.json()["user"].as_str(), None);
    let reply = visitor.post("/name/x").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
}

// A session's id is revoked until the session's longest-lived cookie has expired, even if a later cookie expires earlier.
#[tokio::test]
async fn a_remembered_copy_is_revoked_as_long_as_it_would_last() {
    let (server, _) = revocable();
    let mut visitor = server.signed_in("ada").await;
    visitor.post("/remember").await;
    let copy = visitor.cookie().unwrap();
    visitor.post("/forget").await;
    visitor.post("/logout").await;
    for _ in 0..29 {
        server.turn(hours(24));
        assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
    }
}

// S21: the copy stays revoked even if the tab that signs out first has a cookie that expires earlier.
#[tokio::test]
async fn a_copy_from_another_tab_is_revoked_as_long_as_it_would_last() {
    let (server, _) = revocable();
    let mut visitor = server.signed_in("ada").await;
    let mut other = visitor.clone();
    other.post("/remember").await;
    let copy = other.cookie().unwrap();
    // This tab's cookie is not a remembered one, so it expires earlier.
    visitor.post("/name/ada").await;
    visitor.post("/logout").await;
    other.post("/logout").await;
    for _ in 0..29 {
        assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
        server.turn(hours(24));
    }
}

// S21: a full store evicts guests' sessions. It never evicts the entry of an ended session.
#[tokio::test]
async fn a_flood_of_guests_evicts_no_revocation() {
    use crate::site::Prefs;
    use session_runtime::{KeyRing, Sessions};

    let store = MemoryStore::with_capacity(3);
    let server = Server::new(CookieStore::encrypted().revocations(store.clone()));
    let guests = Sessions::<Prefs>::builder().store(store).keys(KeyRing::generate()).clock(server.clock.clone());
    let guests = crate::site::routes().layer(guests.build().unwrap().layer());
    let mut visitor = server.signed_in("ada").await;
    let copy = visitor.cookie().unwrap();
    visitor.post("/logout").await;
    for _ in 0..9 {
        Visitor::new(&guests).post("/name/guest").await;
    }
    assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
}

// F8, S21: destroying a guest's session adds no entry to the revocation list, so guests cannot fill the list.
#[tokio::test]
async fn destroyed_guest_sessions_need_no_entry() {
    let store = MemoryStore::with_capacity(200);
    let server = Server::new(CookieStore::encrypted().revocations(store.clone()));
    let mut visitor = server.signed_in("ada").await;
    let copy = visitor.cookie().unwrap();
    visitor.post("/logout").await;
    for _ in 0..250 {
        let mut guest = server.visitor();
        guest.post("/name/guest").await;
        let reply = guest.post("/destroy").await;
        assert_eq!((reply.status, guest.cookie()), (StatusCode::OK, None));
    }
    assert_eq!(store.len(), 1);
    assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
}

// F8, S20, S21: a full list rejects new entries, and forgets none.
#[tokio::test]
async fn a_full_list_refuses_and_does_not_forget() {
    let store = MemoryStore::with_capacity(200);
    let server = Server::new(CookieStore::encrypted().revocations(store.clone()));
    let mut bob = server.signed_in("bob").await;
    let mut visitor = server.signed_in("ada").await;
    let copy = visitor.cookie().unwrap();
    assert_eq!(visitor.post("/logout").await.status, StatusCode::OK);
    // Eve's first sign-in replaces no session. Each later sign-in revokes the cookie of the one before.
    let mut eve = server.visitor();
    for nth in 1..=201 {
        let full = nth > 200;
        let reply = eve.post("/login/eve").await;
        assert_eq!(reply.status == StatusCode::SERVICE_UNAVAILABLE, full, "sign-in {nth}: {}", reply.status);
    }
    assert_eq!(store.len(), 200);
    assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
    // If the list cannot record that a session has ended or was renewed, the request fails and the cookie stays.
    for path in ["/logout", "/destroy", "/renew"] {
        let reply = bob.post(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
    }
    assert_eq!(bob.get("/show").await.json()["user"], "bob");
    // An entry expires with the cookie that it revokes.
    server.turn(hours(12));
    let mut bob = server.signed_in("bob").await;
    assert_eq!(bob.post("/logout").await.status, StatusCode::OK);
    assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), None);
}

// F8: the application's operator learns why users cannot sign out.
#[tokio::test]
async fn a_log_out_that_a_full_list_rejects_is_logged_at_error() {
    let server = Server::new(CookieStore::encrypted().revocations(MemoryStore::with_capacity(3)));
    for _ in 0..3 {
        assert_eq!(server.signed_in("ada").await.post("/logout").await.status, StatusCode::OK);
    }
    let mut bob = server.signed_in("bob").await;
    let log = Log::of_this_thread();
    assert_eq!(bob.post("/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let lines = log.take();
    let is_it = |line: &&str| line.contains("ERROR") && line.contains("a session could not be stored");
    let errors: Vec<_> = lines.lines().filter(is_it).collect();
    assert!(matches!(errors[..], [line] if line.contains("full of revocations")), "{lines}");
}

// B45, S20: after the response has been sent, the cookie of a destroyed session cannot be removed. So the session is revoked,
// even if it is a guest's. Without the revocation, `save` would report an end that did not happen.
#[tokio::test]
async fn a_session_that_is_destroyed_after_the_response_is_revoked() {
    use axum::{Router, extract::State, routing::post};
    use session_runtime::{KeyRing, Session, Sessions};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use crate::site::Prefs;

    type Late = UnboundedSender<Session<Prefs>>;
    let store = CookieStore::encrypted().revocations(MemoryStore::new());
    let sessions = Sessions::<Prefs>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
    let (sender, mut receiver) = unbounded_channel();
    let keep = |State(sender): State<Late>, session: Session<Prefs>| async move { sender.send(session).ok().unwrap() };
    let app = crate::site::routes().merge(Router::new().route("/keep", post(keep)).with_state(sender));
    let app = app.layer(sessions.layer());
    for path in ["/login/ada", "/role/guest"] {
        let mut visitor = Visitor::new(&app);
        visitor.post(path).await;
        visitor.post("/name/ada").await;
        visitor.post("/keep").await;
        let mut late = receiver.recv().await.unwrap();
        late.destroy();
        late.save().await.unwrap();
        assert_eq!(visitor.get("/show").await.json()["name"], "", "{path}");
    }
}

// With a revocation list, a cookie opens nothing after 400 days, because Redis keeps an entry of the list no longer than that.
// Browsers keep no cookie longer than that either, so a cookie that is sent later is a copy.
#[tokio::test]
async fn a_copy_does_not_outlive_the_list() {
    let days = |days: u64| hours(24 * days);
    let server = |store| Server::with(store, |builder| builder.idle(days(800)).absolute(days(900)));
    let list = CookieStore::encrypted().revocations(MemoryStore::new());
    for (store, user) in [(list, None), (CookieStore::encrypted(), Some("ada"))] {
        let server = server(store);
        let copy = server.signed_in("ada").await.cookie().unwrap();
        server.turn(days(400) - Duration::from_millis(1));
        assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), Some("ada"));
        server.turn(Duration::from_millis(1));
        assert_eq!(shown(&server.app, &copy).await.json()["user"].as_str(), user);
    }
}

// S20: `wait_for` demands that nine replicas confirm the log-out. The server has none, so the request fails and the cookie stays.
#[tokio::test]
async fn a_log_out_waits_for_replicas() {
    let Some(AnyStore::Redis(store, _shelf)) = AnyStore::redis().await else { return };
    let server = Server::new(CookieStore::encrypted().revocations(store.wait_for(9, Duration::from_millis(20))));
    let mut visitor = server.signed_in("ada").await;
    let reply = visitor.post("/logout").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
}
