//! B17, B36, B39, B41: the list of a user's sessions names each live session, even if the store fails, or another process writes
//! at the same time.

use http::StatusCode;
use tests::{app::hours, over_stores};

use super::{
    counted::{Call, Counted},
    faulty::{Fault, Faulty, Gate, after},
    shared::is_in,
};

over_stores! {
    // F7, B39: sessions are loaded in batches of 64.
    async fn a_list_of_200_sessions_takes_four_loads_of_sessions(store) {
        let (server, counted) = Counted::server(&store, |builder| builder.max_per_user(200));
        for _ in 0..200 {
            server.signed_in("ada").await;
        }
        counted.calls();
        assert_eq!(server.sessions.of("ada").list().await.unwrap().len(), 200);
        let batches = [64, 64, 64, 8].map(Call::LoadMany);
        assert_eq!(counted.calls(), [&[Call::Load][..], &batches].concat(), "the user's list, and four batches");
    }

    // B17, B39: the list is written before the session, so a session whose lifetime was extended is always listed.
    async fn a_remembered_session_is_listed_although_its_visitor_leaves_or_the_store_fails(store) {
        // The store calls: load the session, load and swap the list, swap the session.
        for call in 0..4 {
            for leaves in [false, true] {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let visitor = server.signed_in("ada").await;
                let mut remembering = visitor.clone();
                if leaves {
                    let gate = Gate::new();
                    faulty.plan(after(call, [Fault::Slow(gate.clone())]));
                    let request = tokio::spawn(async move { remembering.post("/remember").await });
                    gate.wait().await;
                    request.abort();
                    assert!(request.await.unwrap_err().is_cancelled());
                } else {
                    faulty.plan(after(call, [Fault::Down, Fault::Down]));
                    assert_eq!(remembering.post("/remember").await.status, StatusCode::SERVICE_UNAVAILABLE);
                }
                faulty.plan([]);
                server.turn(hours(13));
                let lasts = is_in(&visitor).await;
                let ada = server.sessions.of("ada");
                assert_eq!(ada.count().await.unwrap(), usize::from(lasts), "call {call}, leaves {leaves}");
                assert_eq!(ada.revoke_all().await.unwrap(), u64::from(lasts), "call {call}, leaves {leaves}");
                assert!(!is_in(&visitor).await);
            }
        }
    }

    // B17, B36, B39: one process forgets the session while another remembers it, in either order.
    async fn a_session_that_is_forgotten_and_remembered_concurrently_is_listed(store) {
        // The store calls: load the session, load the list, swap the session.
        for call in 0..3 {
            let [(here, faulty), (there, _)] = Faulty::two_servers(&store, |builder| builder);
            let mut visitor = here.signed_in("ada").await;
            visitor.post("/remember").await;
            let gate = Gate::new();
            faulty.plan(after(call, [Fault::Slow(gate.clone())]));
            let mut forgetting = visitor.clone();
            let request = tokio::spawn(async move { forgetting.post("/forget").await.status });
            gate.wait().await;
            assert_eq!(visitor.at(&there.app).post("/remember").await.status, StatusCode::OK, "call {call}");
            gate.open();
            assert_eq!(request.await.unwrap(), StatusCode::OK, "call {call}");
            here.turn(hours(13));
            let lasts = is_in(&visitor).await;
            let ada = there.sessions.of("ada");
            assert_eq!(ada.count().await.unwrap(), usize::from(lasts), "call {call}");
            assert_eq!(ada.revoke_all().await.unwrap(), u64::from(lasts), "call {call}");
            assert!(!is_in(&visitor).await, "call {call}");
        }
    }

    // B41: the first session cannot be reached; the others end nevertheless.
    async fn a_session_that_cannot_be_ended_keeps_no_other_alive(store) {
        let (server, faulty) = Faulty::server(&store, |builder| builder);
        let [one, two, three] = [server.signed_in("ada").await, server.signed_in("ada").await, server.signed_in("ada").await];
        let ada = server.sessions.of("ada");
        // The store calls: load the list, then the first session.
        faulty.plan(after(1, [Fault::Down, Fault::Down]));
        assert!(ada.revoke_all().await.unwrap_err().is_unavailable());
        assert_eq!([is_in(&one).await, is_in(&two).await, is_in(&three).await], [true, false, false]);
        assert_eq!((ada.count().await.unwrap(), ada.revoke_all().await.unwrap()), (1, 1));
        assert!(!is_in(&one).await);
    }
}
