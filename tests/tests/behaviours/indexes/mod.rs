//! B64, B56: sessions are found by their `index` fields. The list of a value names every session that has it, whichever call
//! fails.

mod entries;
mod later;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Clock, Error, KeyRing, Session, Sessions, SessionsBuilder, store::Store as _, testing::inspect};
use tests::{
    app::{hours, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::{AnyStore, Controls, Probe},
};
use tokio::sync::Barrier;

use super::faulty::{Fault, Faulty, Gate};

#[derive(Session)]
#[session(cookie = "__Host-member", kind = "Member", app = "indexes", absolute = 2h)]
struct Member {
    #[session(identity)]
    user: Option<String>,
    #[session(index)]
    tenant: Option<u64>,
    #[session(index)]
    groups: Vec<String>,
    #[session(index, expires = 10m)]
    ticket: Option<String>,
    name: String,
    #[session(counter)]
    visits: u64,
    #[session(atomic)]
    cart: u64,
}

type S = Session<Member>;

#[derive(Clone)]
struct Place {
    app: Router,
    sessions: Sessions<Member>,
    faulty: Faulty,
    keys: KeyRing,
    clock: Clock,
}

fn place(store: &AnyStore) -> Place {
    made(store, &KeyRing::generate(), &Clock::stopped(), |builder| builder)
}

fn made(
    store: &AnyStore,
    keys: &KeyRing,
    clock: &Clock,
    options: impl FnOnce(SessionsBuilder<Member>) -> SessionsBuilder<Member>,
) -> Place {
    let faulty = Faulty::new(store);
    let builder = Sessions::<Member>::builder().store(faulty.clone()).keys(keys.clone()).clock(clock.clone());
    let sessions = options(builder.clean_every(Duration::ZERO)).build().unwrap();
    let app = Router::new()
        .route("/show", get(|s: S| async move { format!("{:?} {:?} {}", s.user(), s.tenant(), s.name()) }))
        .route("/name/{name}", post(|Path(name): Path<String>, mut s: S| async move { s.name_mut().set(name) }))
        .route("/cart", post(|mut s: S| async move { s.cart_mut().update(|cart| *cart += 1).await.unwrap() }))
        .route("/visit", post(|mut s: S| async move { s.visits_mut().add(1) }))
        .route("/tenant/{id}", post(|Path(id): Path<u64>, mut s: S| async move { s.tenant_mut().set(id) }))
        .route("/leave", post(|mut s: S| async move { s.tenant_mut().take().map_or(0, |id| id).to_string() }))
        .route("/ticket/{id}", post(|Path(id): Path<String>, mut s: S| async move { s.ticket_mut().set(id) }))
        .route(
            "/groups/{names}",
            post(|Path(names): Path<String>, mut s: S| async move {
                s.groups_mut().set(names.split(',').map(str::to_owned).collect());
            }),
        )
        .route("/login/{user}", post(|Path(user): Path<String>, mut s: S| async move { s.user_mut().log_in(user) }))
        .route(
            "/login/{user}/{tenant}",
            post(|Path((user, tenant)): Path<(String, u64)>, mut s: S| async move {
                s.user_mut().log_in(user);
                s.tenant_mut().set(tenant);
            }),
        )
        .route(
            "/as/{user}",
            post(|Path(user): Path<String>, mut s: S| async move { s.user_mut().impersonate(user, minutes(30)) }),
        )
        .route(
            "/stop",
            post(|mut s: S| async move {
                s.user_mut().stop_impersonating();
            }),
        )
        .route("/logout", post(|mut s: S| async move { s.user_mut().log_out() }))
        .route("/renew", post(|mut s: S| async move { s.renew() }))
        .route("/remember", post(|mut s: S| async move { s.remember(true) }))
        .layer(sessions.layer());
    Place { app, sessions, faulty, keys: keys.clone(), clock: clock.clone() }
}

impl Place {
    fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    async fn at(&self, path: &str) -> Visitor {
        let mut visitor = self.visitor();
        assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
        visitor
    }

    async fn of_tenant(&self, tenant: u64) -> usize {
        self.sessions.by_tenant(&tenant).count().await.unwrap()
    }
}

async fn shows(visitor: &Visitor) -> String {
    visitor.clone().get("/show").await.body
}

over_stores! {
    async fn sessions_are_found_and_ended_by_a_value(store) {
        let place = place(&store);
        let mut guest = place.at("/tenant/7").await;
        let user = place.at("/login/ada/7").await;
        let other = place.at("/login/bob/8").await;
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await, place.of_tenant(9).await), (2, 1, 0));
        let mut names: Vec<_> = place.sessions.by_tenant(&7).list().await.unwrap().iter().map(|s| s.user().map(str::to_owned)).collect();
        names.sort();
        assert_eq!(names, [None, Some("ada".to_owned())]);
        // The value changes, is removed, and is set again.
        guest.post("/tenant/8").await;
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await), (1, 2));
        guest.post("/leave").await;
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await), (1, 1));
        guest.post("/tenant/7").await;
        assert_eq!(place.sessions.by_tenant(&7).revoke_all().await.unwrap(), 2);
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await), (0, 1));
        assert!(shows(&user).await.starts_with("None") && shows(&guest).await.starts_with("None None"));
        assert!(shows(&other).await.contains("bob"));
    }

    async fn each_item_of_a_list_finds_the_session(store) {
        let place = place(&store);
        let mut visitor = place.at("/groups/red,blue,red").await;
        let count = async |group: &str| place.sessions.by_groups(group).count().await.unwrap();
        assert_eq!((count("red").await, count("blue").await, count("green").await), (1, 1, 0));
        visitor.post("/groups/blue,green").await;
        assert_eq!((count("red").await, count("blue").await, count("green").await), (0, 1, 1));
        let listed = place.sessions.by_groups("blue").list().await.unwrap();
        assert!(place.sessions.by_groups("red").revoke(listed[0].handle()).await.is_ok_and(|ended| !ended));
        assert!(place.sessions.by_groups("green").revoke(listed[0].handle()).await.unwrap());
        assert_eq!(count("blue").await, 0);
    }

    async fn a_session_is_found_after_each_change_of_its_id_and_lifetime(store) {
        let place = place(&store);
        let mut visitor = place.at("/login/ada/7").await;
        for path in ["/renew", "/login/ada", "/remember", "/name/x"] {
            assert_eq!(visitor.post(path).await.status, StatusCode::OK);
            assert_eq!(place.of_tenant(7).await, 1, "{path}");
        }
        // The session is remembered, so it outlives the deadline with which it was first listed.
        place.clock.advance(hours(30));
        assert!(shows(&visitor).await.contains("ada"));
        assert_eq!(place.of_tenant(7).await, 1);
        visitor.post("/logout").await;
        assert_eq!(place.of_tenant(7).await, 0);
    }

    // The store calls: load the session, if there is one; load and swap the list; swap the session.
    async fn a_session_with_the_value_is_listed_whichever_call_fails(store) {
        for guest in [false, true] {
            for fault in [Fault::Down, Fault::Lost] {
                for call in 0..5 {
                    let place = place(&store);
                    let mut visitor = place.visitor();
                    if guest {
                        visitor.post("/name/guest").await;
                    }
                    place.faulty.plan(vec![Fault::None; call].into_iter().chain(vec![fault.clone(); 3]));
                    let reply = visitor.post("/tenant/7").await;
                    place.faulty.plan([]);
                    let has = shows(&visitor).await.contains("Some(7)");
                    assert!(has || reply.status != StatusCode::OK, "guest {guest}, call {call}");
                    let found = place.of_tenant(7).await;
                    assert!(found == usize::from(has) || found == 1 && !guest, "guest {guest}, call {call}: {found}, {has}");
                    assert_eq!(place.sessions.by_tenant(&7).revoke_all().await.unwrap(), found as u64);
                    assert!(!shows(&visitor).await.contains("Some(7)"));
                }
            }
        }
    }

    async fn a_change_that_races_revoke_all_is_ended_or_still_listed(store) {
        for guest in [false, true] {
            let calls = 3 + usize::from(guest);
            for call in 0..calls {
                let here = place(&store);
                let there = made(&store, &here.keys, &here.clock, |builder| builder);
                let mut visitor = here.visitor();
                if guest {
                    visitor.post("/name/guest").await;
                }
                let gate = Gate::new();
                here.faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
                let request = tokio::spawn(async move {
                    let reply = visitor.post("/tenant/7").await;
                    (visitor, reply.status)
                });
                gate.wait().await;
                let ended = there.sessions.by_tenant(&7).revoke_all().await.unwrap();
                gate.open();
                let (visitor, status) = request.await.unwrap();
                assert_eq!(status, StatusCode::OK, "guest {guest}, call {call}");
                let has = shows(&visitor).await.contains("Some(7)");
                assert_eq!((ended, has), if call == calls - 1 { (1, false) } else { (0, true) }, "guest {guest}, call {call}");
                assert_eq!(there.of_tenant(7).await, usize::from(has), "guest {guest}, call {call}");
                there.sessions.by_tenant(&7).revoke_all().await.unwrap();
                assert!(!shows(&visitor).await.contains("Some(7)"));
            }
        }
    }

    async fn an_impersonation_is_found_by_its_own_values_and_by_those_set_aside(store) {
        let place = place(&store);
        let mut admin = place.at("/login/root/1").await;
        admin.post("/as/ada").await;
        admin.post("/tenant/7").await;
        assert_eq!((place.of_tenant(1).await, place.of_tenant(7).await), (1, 0));
        assert_eq!(place.sessions.by_tenant(&7).impersonations().await.unwrap().len(), 1);
        assert_eq!(place.sessions.by_tenant(&7).revoke_all().await.unwrap(), 1);
        assert!(shows(&admin).await.contains(r#"Some("root") Some(1)"#));
        assert_eq!((place.of_tenant(1).await, place.of_tenant(7).await), (1, 0));
        admin.post("/as/ada").await;
        assert_eq!(place.sessions.by_tenant(&1).revoke_all().await.unwrap(), 1);
        assert!(shows(&admin).await.contains("None None"));
    }

    // After the impersonation, the administrator's record must not keep the digest of the impersonation's lists. Otherwise the
    // value would seem to be listed already.
    async fn a_value_of_an_ended_impersonation_that_is_set_again_is_listed(store) {
        let place = place(&store);
        let mut admin = place.at("/login/root").await;
        admin.post("/as/ada").await;
        admin.post("/tenant/7").await;
        assert_eq!(place.sessions.by_tenant(&7).revoke_all().await.unwrap(), 1);
        admin.post("/tenant/7").await;
        assert!(shows(&admin).await.contains(r#"Some("root") Some(7)"#));
        assert_eq!(place.of_tenant(7).await, 1);
    }

    async fn an_edit_from_outside_is_listed_before_it_is_stored(store) {
        for fails in 0..4 {
            let place = place(&store);
            let visitor = place.at("/login/ada").await;
            place.faulty.plan(vec![Fault::None; 2 + fails].into_iter().chain(vec![Fault::Down; 2]));
            let edited = place.sessions.of("ada").update(|s| s.tenant_mut().set(7)).await;
            place.faulty.plan([]);
            let has = shows(&visitor).await.contains("Some(7)");
            assert_eq!(edited.is_ok_and(|count| count == 1), has);
            assert_eq!(place.of_tenant(7).await, usize::from(has), "{fails}");
            assert_eq!(place.sessions.by_tenant(&7).update(|s| s.name_mut().set("seen".into())).await.unwrap(), u64::from(has));
            place.sessions.of("ada").revoke_all().await.unwrap();
        }
    }

    // A refused sign-in restores the guest's session with its values.
    async fn a_sign_in_that_is_undone_leaves_the_guest_listed(store) {
        let here = place(&store);
        let place = made(&store, &here.keys, &here.clock, |builder| builder.max_per_user(session_runtime::SessionLimit::Refuse(1)));
        let _first = place.at("/login/ada").await;
        let mut guest = place.at("/tenant/7").await;
        place.clock.advance(minutes(5));
        assert_eq!(guest.post("/login/ada/8").await.status, StatusCode::CONFLICT);
        assert!(shows(&guest).await.starts_with("None Some(7)"));
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await), (1, 0));
    }

    async fn an_expired_value_finds_no_session(store) {
        let place = place(&store);
        let _visitor = place.at("/ticket/a").await;
        assert_eq!(place.sessions.by_ticket("a").count().await.unwrap(), 1);
        place.clock.advance(minutes(11));
        assert_eq!(place.sessions.by_ticket("a").count().await.unwrap(), 0);
    }
}

over_stores! {
    // Users of one tenant sign in at the same time, in two processes.
    async fn simultaneous_sessions_of_one_value_are_all_listed(store) {
        let here = place(&store);
        let there = made(&store, &here.keys, &here.clock, |builder| builder);
        let barrier = Arc::new(Barrier::new(24));
        let visits = (0..24).map(|n| {
            let (place, barrier) = (if n % 2 == 0 { here.clone() } else { there.clone() }, Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                let mut visitor = place.visitor();
                let reply = visitor.post(&format!("/login/user{n}/7")).await;
                assert_eq!(reply.status, StatusCode::OK);
                visitor
            })
        });
        for visit in visits.collect::<Vec<_>>() {
            visit.await.unwrap();
        }
        assert_eq!(here.of_tenant(7).await, 24);
        assert_eq!(there.sessions.by_tenant(&7).revoke_all().await.unwrap(), 24);
    }
}

over_two_stores! {
    async fn plain_commits_of_one_session_keep_its_entry(store) {
        let place = place(&store);
        let visitor = place.at("/tenant/7").await;
        let visits = (0..40).map(|n| {
            let mut visitor = visitor.clone();
            tokio::spawn(async move { visitor.post(if n % 8 == 0 { "/tenant/8" } else { "/visit" }).await.status })
        });
        for visit in visits.collect::<Vec<_>>() {
            assert_eq!(visit.await.unwrap(), StatusCode::OK);
        }
        assert_eq!((place.of_tenant(7).await, place.of_tenant(8).await), (0, 1));
    }

    async fn a_value_that_is_too_long_and_a_list_that_is_too_long_are_refused(store) {
        let place = place(&store);
        let mut visitor = place.at("/ticket/a").await;
        let long = "x".repeat(1100);
        let reply = visitor.post(&format!("/ticket/{long}")).await;
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
        let found = place.sessions.by_ticket(long.as_str());
        assert_eq!((found.count().await.unwrap(), found.revoke_all().await.unwrap()), (0, 0));
        let names: Vec<_> = (0..65).map(|n| n.to_string()).collect();
        assert_eq!(visitor.post(&format!("/groups/{}", names.join(","))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(visitor.post(&format!("/groups/{}", names[1..].join(","))).await.status, StatusCode::OK);
        assert_eq!(place.sessions.by_ticket("a").count().await.unwrap(), 1);
        assert_eq!(place.sessions.by_groups("64").count().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_error_of_an_index_says_what_to_do() -> Result<(), Error> {
    let place = place(&AnyStore::memory());
    let _visitor = place.at("/login/ada").await;
    let many = (0..65).map(|n| n.to_string()).collect::<Vec<_>>();
    let many = place.sessions.of("ada").update(|s| s.groups_mut().set(many.clone())).await.unwrap_err();
    assert!(many.is_too_large());
    assert_eq!(
        many.to_string(),
        "`groups` is an `index`, and has 65 items, more than the 64 that an index may have; nothing was written: index \
         fewer items"
    );
    let long = place.sessions.of("ada").update(|s| s.ticket_mut().set("x".repeat(2000))).await.unwrap_err();
    assert!(long.is_too_large());
    assert_eq!(
        long.to_string(),
        "`ticket` is an `index`, and a value of it takes 2003 bytes, more than the 1024 that an index may take; nothing was \
         written: index a shorter value"
    );
    Ok(())
}
