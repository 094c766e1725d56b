//! B63: all sessions of one kind and application are listed, from the start or from a stored position.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;
use session_runtime::{
    CookieStore, Error, KeyRing, MemoryStore, Session, Sessions, Timestamp,
    store::{Key, Position, Store, StoreError, Swapped, Value, Versioned},
};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

use super::{
    everyone::{crowd, elsewhere, guest, handles, is, names, other_application},
    faulty::{Fault, Faulty},
};

/// How many sessions fill more than two batches of each store.
const SOME: usize = 600;

/// Copies all values of one store to another.
async fn copy(from: &impl Store, to: &impl Store, now: Timestamp) {
    let mut next = Some(Position::start());
    while let Some(position) = next {
        let batch = from.scan(&position, now).await.unwrap().unwrap();
        for (key, found) in batch.values {
            let value = Value::from_bytes(found.value().to_bytes());
            assert!(matches!(to.swap(&key, None, Some(&value), now).await, Ok(Swapped::Done(_))));
        }
        next = batch.next;
    }
}

/// Checks that `to` has the only session of `ada`, and that a list and a handle find it.
async fn has_moved(ada: &Visitor, to: &Server) {
    assert_eq!(ada.at(&to.app).get("/show").await.json()["user"], "ada");
    let of_ada = to.sessions.of("ada").list().await.unwrap();
    assert_eq!(of_ada.len(), 1);
    assert!(to.sessions.revoke(of_ada[0].handle()).await.unwrap());
    assert_eq!(ada.at(&to.app).get("/show").await.json()["user"], serde_json::Value::Null);
}

// A store in this process has the same keys as any other, whether the engine calls it directly or another store is around it.
over_stores! {
    async fn sessions_that_are_copied_from_memory_to_another_store_go_on_there(store) {
        let (memory, another) = (MemoryStore::new(), MemoryStore::new());
        let from = Server::with(store.clone(), |builder| builder.store(memory.clone()));
        let ada = from.signed_in("ada").await;
        copy(&memory, &store, from.clock.now()).await;
        copy(&store, &another, from.clock.now()).await;
        has_moved(&ada, &elsewhere(&from)).await;
        let under = another.clone();
        let direct = Server::made(store, from.keys.clone(), from.clock.clone(), |builder| builder.store(under));
        has_moved(&ada, &direct).await;
    }
}

over_stores! {
    async fn all_lists_the_live_sessions_of_guests_and_users(store) {
        let server = Server::new(store);
        let mut expired = server.signed_in("ada").await;
        expired.post("/name/expired").await;
        server.turn(minutes(29));
        for name in ["laptop", "phone"] {
            server.signed_in("ada").await.post(&format!("/name/{name}")).await;
        }
        server.signed_in("bob").await.post("/name/bob").await;
        guest(&server, "guest").await;
        guest(&server, "ended").await.post("/destroy").await;
        let began = server.clock.now();
        server.turn(minutes(1));
        guest(&other_application(&server), "of-another-application").await;
        assert_eq!(names(&server.sessions).await, ["bob", "guest", "laptop", "phone"]);

        let all: Vec<_> = server.sessions.all().try_collect().await.unwrap();
        let shown = all.iter().find(|session| session.name() == "bob").unwrap();
        assert_eq!((shown.user(), shown.last_seen()), (Some("bob"), began.into()));
        let of_bob = server.sessions.of("bob").list().await.unwrap();
        assert_eq!(shown.handle(), of_bob[0].handle());
        assert_eq!(all.iter().filter(|session| session.user().is_none()).count(), 1);
    }

    async fn several_batches_of_sessions_are_listed_and_ended(store) {
        let server = Server::new(store);
        crowd(&server, SOME).await;
        crowd(&other_application(&server), 20).await;
        assert_eq!(handles(&server.sessions).await.len(), SOME);
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), SOME as u64);
        assert!(names(&server.sessions).await.is_empty());
        assert_eq!(handles(&other_application(&server).sessions).await.len(), 20);
    }

    async fn a_walk_continues_from_a_stored_position_in_another_process(store) {
        let server = Server::new(store);
        crowd(&server, SOME).await;
        let every = handles(&server.sessions).await;
        for stop_at in [0, 10, 300, usize::MAX] {
            let (mut all, mut seen) = (server.sessions.all(), HashSet::new());
            // The last round stops where the second batch begins.
            while seen.len() < stop_at && (stop_at < usize::MAX || seen.is_empty() || all.loaded() > 0) {
                seen.insert(all.next().await.unwrap().unwrap().handle());
            }
            let position = all.position().unwrap().as_bytes().to_vec();
            let loaded = all.loaded();
            drop(all);
            let rest = elsewhere(&server).sessions.all_from(Position::new(position));
            let rest: HashSet<_> = rest.map_ok(|session| session.handle()).try_collect().await.unwrap();
            assert_eq!(seen.union(&rest).copied().collect::<HashSet<_>>(), every, "stopped at {stop_at}");
            if loaded == 0 && !server.store.expires_by_itself() {
                assert!(seen.is_disjoint(&rest), "the position is exact between batches");
            }
        }
    }

    async fn a_stream_of_sessions_ends_at_an_error_and_says_where_to_continue(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        crowd(&server, SOME).await;
        let mut seen = HashSet::new();
        faulty.plan([Fault::None, Fault::Down, Fault::Down]);
        let mut all = server.sessions.all();
        while let Some(Ok(session)) = all.next().await {
            seen.insert(session.handle());
        }
        assert!(all.next().await.is_none() && all.loaded() == 0);
        faulty.plan([]);
        let position = all.position().unwrap().clone();
        let rest: Vec<_> = server.sessions.all_from(position).try_collect().await.unwrap();
        seen.extend(rest.iter().map(|session| session.handle()));
        assert_eq!(seen.len(), SOME);
    }

    async fn a_damaged_session_is_passed_over(store) {
        let server = Server::new(store);
        guest(&server, "damaged").await;
        let (key, now) = (server.key().await, server.clock.now());
        let before = server.store.load(&key, now).await.unwrap().unwrap();
        let mut bytes = before.value().to_bytes().to_vec();
        bytes[7] ^= 1;
        bytes.truncate(40);
        server.store.swap(&key, Some(&before), Some(&Value::from_bytes(bytes)), now).await.unwrap();
        guest(&server, "sound").await;
        assert_eq!(names(&server.sessions).await, ["sound"]);
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 1);
    }
}

over_two_stores! {
    async fn ten_thousand_sessions_are_listed_and_ended(store) {
        let server = Server::new(store);
        crowd(&server, 10_000).await;
        assert_eq!(handles(&server.sessions).await.len(), 10_000);
        assert_eq!(server.sessions.revoke_everyone().await.unwrap(), 10_000);
        assert!(names(&server.sessions).await.is_empty());
    }

    async fn a_position_of_another_store_is_an_error_that_no_retry_cures(store) {
        let server = Server::new(store);
        crowd(&server, 1).await;
        let mut all = server.sessions.all_from(Position::new(*b"\xff not a position of any store"));
        let error = all.next().await.unwrap().err().unwrap();
        assert!(!error.is_unavailable() && error.to_string().contains("begin at the start"), "{error}");
        assert!(all.next().await.is_none());
    }
}

/// A store that cannot list its values.
struct Unlisted(MemoryStore);

impl Store for Unlisted {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        self.0.load(&Key::from_digest(key.digest()), now).await
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.0.swap(&Key::from_digest(key.digest()), before, after, now).await
    }
}

#[tokio::test]
async fn a_store_that_cannot_list_its_values_is_an_error_that_says_what_to_write() {
    let sessions =
        Sessions::<Site>::builder().store(Unlisted(MemoryStore::new())).keys(KeyRing::generate()).build().unwrap();
    let mut visitor = Visitor::new(&tests::app::routes().layer(sessions.layer()));
    visitor.post("/login/ada").await;
    let check = |error: Error| {
        assert!(
            !error.is_unavailable() && error.to_string().contains("implement `session_runtime::store::Store::scan`"),
            "{error}"
        );
    };
    check(sessions.revoke_everyone().await.unwrap_err());
    check(sessions.all().next().await.unwrap().err().unwrap());
    // One session can still be ended, because that does not scan the store.
    let handle = sessions.of("ada").list().await.unwrap()[0].handle();
    assert!(sessions.revoke(handle).await.unwrap() && !sessions.revoke(handle).await.unwrap());
    assert!(!sessions.revoke("00".repeat(16).parse().unwrap()).await.unwrap());
    assert!(!is(&visitor, "ada").await);
}

#[derive(Session)]
struct InCookies {
    theme: String,
}

#[tokio::test]
async fn listing_or_ending_sessions_in_cookies_is_an_error_that_says_what_to_do_instead() {
    // The store of revocations holds no sessions.
    for store in [CookieStore::encrypted(), CookieStore::encrypted().revocations(AnyStore::memory())] {
        let sessions = Sessions::<InCookies>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
        let handle = "00".repeat(16).parse().unwrap();
        let errors = [
            sessions.revoke_everyone().await.unwrap_err(),
            sessions.all().next().await.unwrap().err().unwrap(),
            sessions.revoke(handle).await.unwrap_err(),
        ];
        for error in errors {
            assert!(!error.is_unavailable() && error.to_string().contains("CookieStore::issued_after"), "{error}");
        }
    }
}
