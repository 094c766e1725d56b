//! B61, B63, S8, S22, ASVS 7.4.5: all sessions of one kind and application are ended, and one session by its handle.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Path, routing::post};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use session_runtime::{
    Event, ImpersonationEnd, KeyRing, MemoryStore, Session, SessionEnd, SessionHandle, Sessions, Timestamp,
    store::{Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    log::Log,
    over_stores,
    store::AnyStore,
};

use super::faulty::{Fault, Faulty, Gate};

type S = Session<Site>;

/// The event of a session that was ended from elsewhere.
const REVOKED: Event = Event::Ended { why: SessionEnd::Revoked };
/// How often a process asks a store that sends no messages.
const OFTEN: Duration = Duration::from_millis(50);

pub(super) async fn is(visitor: &Visitor, user: &str) -> bool {
    visitor.clone().get("/show").await.json()["user"].as_str() == Some(user)
}

async fn is_live(visitor: &Visitor) -> bool {
    visitor.clone().get("/show").await.json()["is_new"] == false
}

/// Returns the names of all sessions, in order.
pub(super) async fn names(sessions: &Sessions<Site>) -> Vec<String> {
    let mut names: Vec<_> = sessions.all().map_ok(|session| session.name().to_owned()).try_collect().await.unwrap();
    names.sort();
    names
}

pub(super) async fn handles(sessions: &Sessions<Site>) -> HashSet<SessionHandle> {
    sessions.all().map_ok(|session| session.handle()).try_collect().await.unwrap()
}

pub(super) async fn guest(server: &Server, name: &str) -> Visitor {
    let mut visitor = server.visitor();
    assert_eq!(visitor.post(&format!("/name/{name}")).await.status, StatusCode::OK);
    visitor
}

/// Begins this many sessions: of guests, and of users with one session each.
pub(super) async fn crowd(server: &Server, number: usize) {
    futures_util::stream::iter(0..number)
        .for_each_concurrent(16, async |number| {
            match number % 4 {
                0 => server.signed_in(&format!("user-{number}")).await,
                _ => guest(server, &number.to_string()).await,
            };
        })
        .await;
}

/// Returns the server of another process on the same store.
pub(super) fn elsewhere(server: &Server) -> Server {
    Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder)
}

/// Returns the server of another application on the same store.
pub(super) fn other_application(server: &Server) -> Server {
    Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder.app("other"))
}

fn revocations(server: &Server) -> usize {
    server.heard().iter().filter(|event| **event == REVOKED).count()
}

/// Returns a route that writes, but begins no session.
fn writing() -> Router {
    Router::new().route(
        "/visit",
        post(|mut s: S| async move {
            if s.user().is_some() {
                s.visits_mut().add(1);
            }
        }),
    )
}

fn with_impersonation(server: &Server) -> Router {
    server.serving(tests::app::routes().route(
        "/as/{user}",
        post(|mut s: S, Path(user): Path<String>| async move {
            s.user_mut().impersonate(user, minutes(5)).unwrap();
            *s.name_mut() = "written as the customer".into();
        }),
    ))
}

over_stores! {
    async fn revoke_everyone_ends_every_session_immediately(store) {
        let server = Server::new(store);
        let other = other_application(&server);
        let (ada, bob, guest) = (server.signed_in("ada").await, server.signed_in("bob").await, guest(&server, "guest").await);
        let stays = other.signed_in("ada").await;
        server.heard();
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 3);
        assert_eq!(revocations(&server), 3);
        assert!(!is(&ada, "ada").await && !is(&bob, "bob").await && !is_live(&guest).await);
        assert!(names(&server.sessions).await.is_empty());
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 0);
        // A late request does not bring a session back.
        ada.clone().post("/name/late").await;
        assert!(!is_live(&ada).await);
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 1, "the session that the late request began");
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 0);

        assert!(is(&stays, "ada").await && other.sessions.of("ada").count().await.unwrap() == 1);
        let again = server.signed_in("ada").await;
        assert!(is(&again, "ada").await && server.sessions.of("ada").count().await.unwrap() == 1);
    }

    // The store's calls: scan, then one swap for each session.
    async fn a_call_that_is_interrupted_anywhere_is_completed_by_another(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        for before in [0, 1, 2, 17, 19] {
            crowd(&server, 20).await;
            server.heard();
            faulty.plan(vec![Fault::None; before].into_iter().chain(vec![Fault::Down; 200]));
            let error = server.sessions.revoke_everyone().await.unwrap_err();
            assert!(error.is_unavailable(), "{error}");
            let ended = revocations(&server);
            faulty.plan([]);
            let left = handles(&server.sessions).await.len();
            assert!(ended <= before && left == 20 - ended, "{ended} ended, and {left} are left");
            assert_eq!(server.sessions.revoke_everyone().await.unwrap(), left as u64);
            assert!(names(&server.sessions).await.is_empty());
        }
    }

    async fn a_session_that_cannot_be_ended_keeps_no_other_alive(store) {
        let (stubborn, trouble) = Stubborn::new(&store);
        let server = Server::with(store, |builder| builder.store(stubborn));
        crowd(&server, 20).await;
        *trouble.lock().unwrap() = Trouble::RefusesOneKey(None);
        assert!(server.sessions.revoke_everyone().await.unwrap_err().is_unavailable());
        *trouble.lock().unwrap() = Trouble::None;
        assert_eq!(handles(&server.sessions).await.len(), 1);
        assert_eq!((revocations(&server), server.sessions.revoke_everyone().await.unwrap()), (19, 1));
    }

    async fn a_session_whose_answer_is_lost_counts_once(store) {
        let (stubborn, trouble) = Stubborn::new(&store);
        let server = Server::with(store, |builder| builder.store(stubborn));
        let app = with_impersonation(&server);
        server.signed_in("admin").await.at(&app).post("/as/customer").await;
        server.heard();
        *trouble.lock().unwrap() = Trouble::LosesOneAnswer;
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 1);
        let [Event::ImpersonationEnded { .. }, REVOKED] = &server.heard()[..] else { panic!("each event comes once") };
        assert!(names(&server.sessions).await.is_empty());
    }

    // Each visitor writes all the time. Every session that was there ends, and none comes back.
    async fn requests_that_write_meanwhile_keep_no_session_alive(store) {
        let server = Server::new(store);
        let processes = [&server, &elsewhere(&server)].map(|server| server.serving(writing()));
        let mut visitors = Vec::new();
        for number in 0..24 {
            visitors.push(server.signed_in(&format!("user-{}", number % 3)).await);
        }
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let writers: Vec<_> = visitors
            .iter()
            .enumerate()
            .map(|(number, visitor)| {
                let (visitor, stopped) = (visitor.at(&processes[number % 2]), stopped.clone());
                tokio::spawn(async move {
                    let mut written = 0;
                    while !*stopped.borrow() {
                        let status = visitor.clone().post("/visit").await.status;
                        assert!(matches!(status, StatusCode::OK | StatusCode::CONFLICT), "{status}");
                        written += 1;
                        tokio::task::yield_now().await;
                    }
                    written
                })
            })
            .collect();
        while visitors[0].clone().get("/show").await.json()["visits"] == 0 {
            tokio::task::yield_now().await;
        }
        let before = handles(&server.sessions).await;
        server.sessions.revoke_everyone().await.unwrap();
        stop.send(true).unwrap();
        for writer in writers {
            assert!(writer.await.unwrap() > 0);
        }
        assert_eq!((before.len(), handles(&server.sessions).await.len()), (24, 0));
        for visitor in &visitors {
            assert!(!is_live(visitor).await);
        }
        for user in ["user-0", "user-1", "user-2"] {
            assert_eq!(server.sessions.of(user).count().await.unwrap(), 0);
        }
    }

    // A visitor signs in after the scan has read its first batch. If the sign-in begins a session, a later batch may or may not
    // include that session. If it continues a guest's session, that session was there before the call, and ends.
    async fn a_sign_in_during_the_call_counts_as_later_unless_its_session_was_there(store) {
        for is_guest in [false, true] {
            let (server, faulty) = Faulty::server(&store, |builder| builder);
            let elsewhere = elsewhere(&server);
            let before = server.signed_in("ada").await;
            let visitor = if is_guest { guest(&server, "guest").await } else { server.visitor() };
            let gate = Gate::new();
            faulty.plan([Fault::Slow(gate.clone())]);
            let sessions = server.sessions.clone();
            let ending = tokio::spawn(async move { sessions.revoke_everyone().await.unwrap() });
            gate.wait().await;
            let mut visitor = visitor.at(&elsewhere.app);
            assert_eq!(visitor.post("/login/bob").await.status, StatusCode::OK);
            gate.open();
            let ended = ending.await.unwrap();
            assert!(!is(&before, "ada").await);
            let stays = is(&visitor, "bob").await;
            assert!(!(is_guest && stays));
            assert_eq!(ended, 2 - u64::from(stays));
            assert_eq!(server.sessions.of("bob").count().await.unwrap(), usize::from(stays), "the list agrees");
            server.sessions.revoke_everyone().await.unwrap();
        }
    }

    // Otherwise visitors who begin sessions faster than the call ends them could prolong it without end.
    async fn a_session_that_begins_a_minute_after_the_call_stays(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let before = server.signed_in("ada").await;
        let gate = Gate::new();
        faulty.plan([Fault::Slow(gate.clone())]);
        let sessions = server.sessions.clone();
        let ending = tokio::spawn(async move { sessions.revoke_everyone().await.unwrap() });
        gate.wait().await;
        server.turn(minutes(2));
        crowd(&server, 20).await;
        gate.open();
        assert_eq!(ending.await.unwrap(), 1);
        assert!(!is(&before, "ada").await && handles(&server.sessions).await.len() == 20);
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 20);
    }

    async fn a_watched_session_learns_that_it_was_revoked(store) {
        let server = Server::with(store, |builder| builder.watch_every(OFTEN));
        let elsewhere = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| {
            builder.watch_every(OFTEN)
        });
        server.signed_in("ada").await;
        guest(&server, "guest").await;
        let listed: Vec<_> = elsewhere.sessions.all().try_collect().await.unwrap();
        let ended: Vec<_> = listed.iter().map(|session| tokio::spawn(session.ended())).collect();
        // The process that ends the sessions watches them too.
        let here: Vec<_> = server.sessions.all().try_collect().await.unwrap();
        let ended_here: Vec<_> = here.iter().map(|session| tokio::spawn(session.ended())).collect();
        tokio::task::yield_now().await;
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 2);
        for end in ended_here.into_iter().chain(ended) {
            let end = tokio::time::timeout(Duration::from_secs(30), end).await.unwrap().unwrap();
            assert_eq!(end, SessionEnd::Revoked);
        }
    }

    // S8: this call takes the handle of any session of its kind.
    async fn an_administrator_ends_one_session_by_its_handle(store) {
        let server = Server::new(store);
        let other = other_application(&server);
        let (ada, guest, bob) = (server.signed_in("ada").await, guest(&server, "guest").await, server.signed_in("bob").await);
        other.signed_in("ada").await;
        let all: Vec<_> = server.sessions.all().try_collect().await.unwrap();
        let handle_of = |user: Option<&str>| all.iter().find(|session| session.user() == user).unwrap().handle();
        for (visitor, handle) in [(&guest, handle_of(None)), (&ada, handle_of(Some("ada")))] {
            let handle: SessionHandle = handle.to_string().parse().unwrap();
            server.heard();
            assert!(server.sessions.revoke(handle).await.unwrap());
            assert_eq!(server.heard(), [REVOKED]);
            assert!(!is_live(visitor).await && !server.sessions.revoke(handle).await.unwrap(), "it has ended already");
        }
        assert!(is(&bob, "bob").await);
        let elsewhere = handles(&other.sessions).await.into_iter().next().unwrap();
        assert!(!server.sessions.revoke(elsewhere).await.unwrap(), "it is another application's session");
        let unknown: SessionHandle = "00".repeat(16).parse().unwrap();
        assert!(!server.sessions.revoke(unknown).await.unwrap(), "the handle names no session");
        assert_eq!(handles(&other.sessions).await.len(), 1);
        assert_eq!(handles(&server.sessions).await.len(), 1);
    }

    // B61: the session of an administrator who acts as a customer is listed as the administrator's, and ends as a whole.
    async fn a_session_in_which_a_user_acts_as_another_ends_as_a_whole(store) {
        let server = Server::new(store);
        let app = with_impersonation(&server);
        for by_handle in [false, true] {
            let mut admin = server.signed_in("admin").await.at(&app);
            admin.post("/name/desk").await;
            assert_eq!(admin.post("/as/customer").await.status, StatusCode::OK);
            let all: Vec<_> = server.sessions.all().try_collect().await.unwrap();
            let [session] = &all[..] else { panic!("{} sessions", all.len()) };
            assert_eq!((session.user(), session.acts_as().as_deref(), session.name()), (Some("admin"), Some("customer"), "desk"));
            server.heard();
            if by_handle {
                assert!(server.sessions.revoke(session.handle()).await.unwrap());
            } else {
                assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 1);
            }
            let [Event::ImpersonationEnded { why: ImpersonationEnd::Revoked, .. }, REVOKED] = &server.heard()[..] else {
                panic!("the events of a revoked impersonation");
            };
            assert!(!is_live(&admin).await);
        }
    }

    // The administrator's own session ends with the others.
    async fn a_sign_in_after_revoke_everyone_in_one_request_stands(store) {
        let server = Server::new(store);
        let sessions = server.sessions.clone();
        let app = server.serving(Router::new().route("/incident", post(move |mut s: S| async move {
            let ended = sessions.revoke_everyone().await.unwrap();
            s.user_mut().log_in("admin".into());
            ended.to_string()
        })));
        let (other, before) = (server.signed_in("ada").await, server.signed_in("admin").await);
        let mut admin = before.at(&app);
        let reply = admin.post("/incident").await;
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "2"));
        assert!(is(&admin.at(&server.app), "admin").await && !is(&before, "admin").await && !is(&other, "ada").await);
        assert_eq!(server.sessions.of("admin").count().await.unwrap(), 1);
    }

    // Only the newer version of this crate can end such a session, so the call does not claim that all visitors are signed out.
    async fn a_session_of_a_newer_version_stays_and_is_an_error(store) {
        let server = Server::new(store);
        guest(&server, "newer").await;
        let (key, now) = (server.key().await, server.clock.now());
        let before = server.store.load(&key, now).await.unwrap().unwrap();
        let mut bytes = before.value().to_bytes().to_vec();
        bytes[7] ^= 1;
        bytes[8] += 16; // the version
        let swapped = server.store.swap(&key, Some(&before), Some(&Value::from_bytes(bytes)), now).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)));
        let ada = server.signed_in("ada").await;
        let log = Log::of_this_thread();
        assert_eq!(handles(&server.sessions).await.len(), 1);
        assert!(log.take().contains("newer version of this crate"));
        let error = server.sessions.revoke_everyone().await.unwrap_err();
        assert!(format!("{error:?}").contains("newer version"), "{error:?}");
        assert!(!is(&ada, "ada").await, "the others have ended");
        assert!(server.store.load(&key, now).await.unwrap().is_some());
        assert_eq!(other_application(&server).sessions.revoke_everyone().await.unwrap(), 0, "it is not theirs");
    }
}

/// Returns sessions in a [`MemoryStore`], and an application that uses them. The engine calls this store directly, unless it is
/// wrapped in another store, as in [`Server`].
fn in_memory() -> (Sessions<Site>, Router) {
    let sessions = Sessions::<Site>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let app = tests::app::routes().layer(sessions.layer());
    (sessions, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_on_other_threads_keep_no_session_alive_in_memory() {
    let (sessions, app) = in_memory();
    let mut visitors = Vec::new();
    for number in 0..400 {
        let mut visitor = Visitor::new(&app);
        visitor.post(&format!("/login/user-{number}")).await;
        visitors.push(visitor);
    }
    let writing = writing().layer(sessions.layer());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = visitors
        .chunks(100)
        .map(|visitors| {
            let visitors: Vec<_> = visitors.iter().map(|visitor| visitor.at(&writing)).collect();
            let stopped = stopped.clone();
            tokio::spawn(async move {
                while !*stopped.borrow() {
                    for visitor in &visitors {
                        assert_eq!(visitor.clone().post("/visit").await.status, StatusCode::OK);
                    }
                }
            })
        })
        .collect();
    assert_eq!(sessions.revoke_everyone().await.unwrap(), 400);
    stop.send(true).unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(handles(&sessions).await.is_empty());
    for visitor in &visitors {
        assert!(!is_live(visitor).await);
    }
}

#[tokio::test]
async fn an_administrator_ends_one_session_in_memory_by_its_handle() {
    let (sessions, app) = in_memory();
    let (mut one, mut other) = (Visitor::new(&app), Visitor::new(&app));
    one.post("/name/one").await;
    other.post("/login/other").await;
    let all: Vec<_> = sessions.all().try_collect().await.unwrap();
    let handle = all.iter().find(|session| session.name() == "one").unwrap().handle();
    assert!(sessions.revoke(handle).await.unwrap() && !sessions.revoke(handle).await.unwrap());
    assert!(!is_live(&one).await && is(&other, "other").await);
}

/// A store that has trouble with one swap.
struct Stubborn {
    inner: AnyStore,
    trouble: Arc<Mutex<Trouble>>,
}

enum Trouble {
    None,
    /// Refuses every swap of the key whose swap comes first.
    RefusesOneKey(Option<Key>),
    /// Loses the answer to the next swap.
    LosesOneAnswer,
}

impl Stubborn {
    fn new(inner: &AnyStore) -> (Self, Arc<Mutex<Trouble>>) {
        let trouble = Arc::new(Mutex::new(Trouble::None));
        (Self { inner: inner.clone(), trouble: Arc::clone(&trouble) }, trouble)
    }
}

impl Store for Stubborn {
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
        let is_lost = {
            let mut trouble = self.trouble.lock().unwrap();
            if let Trouble::RefusesOneKey(refused) = &mut *trouble
                && refused.get_or_insert(*key) == key
            {
                return Err(StoreError::new("the store refuses this swap"));
            }
            let is_lost = matches!(*trouble, Trouble::LosesOneAnswer);
            if is_lost {
                *trouble = Trouble::None;
            }
            is_lost
        };
        let swapped = self.inner.swap(key, before, after, now).await;
        if is_lost { Err(StoreError::new("the connection broke before the answer came")) } else { swapped }
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.inner.scan(from, now).await
    }
}
