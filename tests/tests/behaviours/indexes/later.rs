//! B64: a field becomes an `index` while sessions are live, and an older build writes them meanwhile.

use super::*;

/// The same session in an older build, whose fields have no `index`.
mod before {
    use session_runtime::Session;

    #[derive(Session)]
    #[session(cookie = "__Host-member", kind = "Member", app = "indexes", absolute = 2h)]
    pub(super) struct Member {
        #[session(identity)]
        pub(super) user: Option<String>,
        pub(super) tenant: Option<u64>,
    }
}

/// Returns the routes of the older build on the same sessions.
fn older_build(store: &AnyStore, keys: &KeyRing, clock: &Clock) -> Router {
    let sessions = Sessions::<before::Member>::builder().store(store.clone()).keys(keys.clone()).clock(clock.clone());
    let sessions = sessions.clean_every(Duration::ZERO).build().unwrap();
    let set = post(|Path(tenant): Path<u64>, mut s: Session<before::Member>| async move {
        s.tenant_mut().set(tenant);
    });
    Router::new().route("/set/{tenant}", set).layer(sessions.layer())
}

over_stores! {
    async fn a_field_that_becomes_an_index_lists_live_sessions_with_their_next_write(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let old = older_build(&store, &keys, &clock);
        let mut visitor = Visitor::new(&old);
        visitor.post("/set/7").await;
        let new = made(&store, &keys, &clock, |builder| builder);
        assert_eq!(new.of_tenant(7).await, 0);
        let mut visitor = visitor.at(&new.app);
        // A read refreshes the idle deadline once `touch` has passed. That write lists the session.
        clock.advance(minutes(2));
        visitor.get("/show").await;
        assert_eq!(new.of_tenant(7).await, 1);
        // While both builds run, the old one changes the value. The new build's next write lists the session again.
        let mut visitor = visitor.at(&old);
        visitor.post("/set/8").await;
        assert_eq!((new.of_tenant(7).await, new.of_tenant(8).await), (0, 0));
        let mut visitor = visitor.at(&new.app);
        visitor.post("/name/x").await;
        assert_eq!((new.of_tenant(7).await, new.of_tenant(8).await), (0, 1));
    }

    async fn a_session_that_an_index_does_not_list_yet_is_found_among_all_and_ended(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let old = older_build(&store, &keys, &clock);
        let (mut away, mut other) = (Visitor::new(&old), Visitor::new(&old));
        away.post("/set/7").await;
        other.post("/set/8").await;
        let new = made(&store, &keys, &clock, |builder| builder);
        assert_eq!((new.of_tenant(7).await, new.sessions.by_tenant(&7).revoke_all().await.unwrap()), (0, 0));
        let (mut all, mut ended) = (new.sessions.all(), 0);
        while let Some(session) = all.next().await {
            let session = session.unwrap();
            if session.tenant() == Some(7) {
                ended += u32::from(new.sessions.revoke(session.handle()).await.unwrap());
            }
        }
        assert_eq!(ended, 1);
        assert_eq!(shows(&away.at(&new.app)).await, "None None ");
        assert_eq!(shows(&other.at(&new.app)).await, "None Some(8) ");
    }

    // The update must list the session itself: it also moves the idle deadline, so no refresh of the deadline may follow that
    // would list the session.
    async fn an_update_of_an_atomic_field_lists_a_session_of_an_older_build(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let old = older_build(&store, &keys, &clock);
        let mut visitor = Visitor::new(&old);
        visitor.post("/set/7").await;
        let new = made(&store, &keys, &clock, |builder| builder);
        visitor.at(&new.app).post("/cart").await;
        assert_eq!(new.of_tenant(7).await, 1);
    }
}

over_two_stores! {
    // The older build changes the value, and later sets it again. In between, the session's entry is removed from the list. The
    // older build stores no digest of the entries, so the next write of the newer build lists the session again.
    async fn a_value_that_an_older_build_sets_again_is_listed(store) {
        let new = place(&store);
        let old = older_build(&store, &new.keys, &new.clock);
        let visitor = new.at("/tenant/7").await;
        for _ in 0..17 {
            new.at("/tenant/7").await;
        }
        visitor.at(&old).post("/set/8").await;
        new.clock.advance(minutes(3));
        for _ in 0..60 {
            new.at("/tenant/7").await;
        }
        visitor.at(&old).post("/set/7").await;
        visitor.at(&new.app).post("/name/x").await;
        assert_eq!(new.of_tenant(7).await, 78);
    }
}
