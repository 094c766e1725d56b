//! B64, B56: which entries the list of an `index` value keeps, and what an entry costs.

use super::*;

over_stores! {
    // S22: the sessions have just expired by the clock of the server that ends them. By the other server's clock they are live,
    // so they must end nevertheless.
    async fn a_session_that_has_expired_only_by_this_servers_clock_ends_too(store) {
        for everyone in [false, true] {
            let here = place(&store);
            let ahead = made(&store, &here.keys, &Clock::stopped(), |builder| builder);
            let visitor = here.at("/login/ada/7").await;
            let late = here.at("/login/bob/7").await;
            here.clock.advance(Duration::from_secs(30 * 60 - 20));
            ahead.clock.advance(Duration::from_secs(30 * 60 + 30));
            if everyone {
                ahead.sessions.revoke_everyone().await.unwrap();
            } else {
                assert_eq!(ahead.sessions.of("ada").revoke_all().await.unwrap(), 0);
                assert_eq!(ahead.sessions.by_tenant(&7).revoke_all().await.unwrap(), 0);
            }
            assert!(shows(&visitor).await.starts_with("None None"), "everyone {everyone}");
            assert!(shows(&late).await.starts_with("None None"), "everyone {everyone}");
        }
    }

    // S22: the session has passed its absolute deadline only on the server whose clock is ahead. The lists that this server stores
    // still name it.
    async fn a_session_past_its_absolute_deadline_by_a_fast_clock_stays_listed(store) {
        for of_user in [false, true] {
            let here = place(&store);
            let ahead = made(&store, &here.keys, &Clock::stopped(), |builder| builder);
            let mut visitor = here.at("/login/ada/7").await;
            for _ in 0..5 {
                here.clock.advance(minutes(20));
                visitor.post("/visit").await;
            }
            here.clock.advance(minutes(20) - Duration::from_secs(20));
            ahead.clock.advance(hours(2) + Duration::from_secs(10));
            let another = ahead.at("/login/ada/7").await;
            assert_eq!((here.of_tenant(7).await, here.sessions.of("ada").count().await.unwrap()), (2, 2));
            let ended = if of_user {
                ahead.sessions.of("ada").revoke_all().await
            } else {
                ahead.sessions.by_tenant(&7).revoke_all().await
            };
            assert_eq!(ended.unwrap(), 1);
            assert!(shows(&visitor).await.starts_with("None None"), "of user {of_user}");
            assert!(shows(&another).await.starts_with("None None"), "of user {of_user}");
        }
    }
}

over_two_stores! {
    // B56. Once a list has 16 entries, each new session checks up to two of the old ones. The first 15 sessions no longer have
    // the value, so some of these entries are removed.
    async fn the_store_calls_of_a_session_do_not_grow_with_the_sessions_of_its_value(store) {
        let controls = Arc::<Controls>::default();
        let probe = Probe { inner: store.clone(), controls: Arc::clone(&controls) };
        let place = made(&store, &KeyRing::generate(), &Clock::stopped(), |builder| builder.store(probe));
        let calls = || { let (loads, swaps) = controls.calls(); loads + swaps };
        let mut begun = 0;
        let mut cost_of = async |number| {
            while begun < number - 1 {
                let mut visitor = place.at("/tenant/7").await;
                if begun < 15 {
                    visitor.post("/leave").await;
                }
                begun += 1;
                place.clock.advance(Duration::from_secs(2));
            }
            let before = calls();
            place.at("/tenant/7").await;
            begun += 1;
            calls() - before
        };
        let (twentieth, last) = (cost_of(20).await, cost_of(400).await);
        // The session, and its value's list: one load and two swaps. The probe counts each of the two entries as a load.
        assert!((3..=5).contains(&twentieth) && (3..=5).contains(&last), "{last} instead of {twentieth}");
        assert_eq!(place.of_tenant(7).await, 385);
    }

    // After a value has expired, its entry may be removed. So the session is listed again when the same value is set again.
    async fn an_expired_value_that_is_set_again_is_listed(store) {
        let place = place(&store);
        let mut visitor = place.at("/ticket/a").await;
        for _ in 0..17 {
            place.at("/ticket/a").await;
        }
        place.clock.advance(minutes(12));
        for _ in 0..60 {
            place.at("/ticket/a").await;
        }
        visitor.post("/ticket/a").await;
        assert_eq!(place.sessions.by_ticket("a").count().await.unwrap(), 61);
    }

    // The ticket is the administrator's own, which the impersonation has set aside.
    async fn an_expired_value_that_is_set_again_during_an_impersonation_is_listed(store) {
        let place = place(&store);
        let mut admin = place.at("/login/root").await;
        assert_eq!(admin.post("/ticket/a").await.status, StatusCode::OK);
        assert_eq!(admin.post("/as/ada").await.status, StatusCode::OK);
        for _ in 0..17 {
            place.at("/ticket/a").await;
        }
        place.clock.advance(minutes(12));
        for _ in 0..60 {
            place.at("/ticket/a").await;
        }
        assert_eq!(place.sessions.of("root").update(|s| s.ticket_mut().set("a".into())).await.unwrap(), 1);
        assert_eq!(place.sessions.by_ticket("a").count().await.unwrap(), 61);
    }

    // A list is stored before the session, so an entry whose session does not have the value yet must not be removed.
    async fn old_entries_of_ended_sessions_are_removed_and_recent_ones_stay(store) {
        let place = place(&store);
        for _ in 0..400 {
            let mut visitor = place.at("/login/ada/7").await;
            visitor.post("/logout").await;
            place.clock.advance(Duration::from_secs(2));
        }
        let _last = place.at("/login/ada/7").await;
        let mut longest = 0;
        for key in place.faulty.swapped() {
            let value = store.load(&key, place.clock.now()).await.unwrap();
            longest = longest.max(value.and_then(|held| inspect::listed(held.value())).map_or(0, |list| list.len()));
        }
        // An entry is protected for 75 seconds, in which 37 sessions end. Of the older entries, two are checked with each new one.
        assert!((38..160).contains(&longest), "{longest}");
        assert_eq!(place.of_tenant(7).await, 1);
    }
}
