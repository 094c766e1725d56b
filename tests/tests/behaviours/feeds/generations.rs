//! A session whose id changes while streams watch it.

use std::sync::Arc;

use axum::{Router, extract::Path, routing::post};
use session_runtime::{Ended, Session, SessionEnd};
use tests::{
    app::{Site, hours, minutes, routes},
    over_stores, over_stores_with_feeds,
    store::AnyStore,
};
use tokio::sync::Barrier;

use super::{hears, watched};
use crate::{
    faulty::{Fault, Faulty, Gate},
    watch::{OFTEN, Two, is_over, opening, soon},
};

// B62: a look at the store begins, the session gets a new id, and a second stream is opened under that id. The result of the look
// is then out of date for the second stream.
#[tokio::test]
async fn a_look_in_progress_does_not_end_a_stream_of_the_next_id() {
    let (server, store) = Faulty::server(&AnyStore::memory(), |builder| builder.watch_every(hours(1)));
    let (opened, app) = opening(&server);
    let mut ada = server.signed_in("ada").await;
    ada.at(&app).get("/stream").await;
    let mut before = opened.lock().unwrap().take().unwrap().ended();
    let gate = Gate::new();
    store.plan([Fault::Slow(gate.clone())]);
    assert!(!is_over(&mut before).await);
    gate.wait().await;
    ada.post("/renew").await;
    ada.at(&app).get("/stream").await;
    let mut after = opened.lock().unwrap().take().unwrap().ended();
    assert!(!is_over(&mut after).await);
    gate.open();
    assert_eq!(soon(before).await, SessionEnd::Superseded);
    assert!(!is_over(&mut after).await);
    server.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(soon(after).await, SessionEnd::Revoked);
}

over_stores_with_feeds! {
    // B62: a stream ends when the id under which it was opened is replaced.
    async fn each_stream_ends_with_the_id_under_which_it_was_opened(store) {
        let two = Two::new(store, hours(1));
        hears(&two).await;
        let (mut ada, mut ended) = watched(&two, "ada").await;
        for _ in 0..5 {
            ada = ada.at(&two.there.app);
            ada.post("/renew").await;
            assert_eq!(soon(ended).await, SessionEnd::Superseded);
            let mut both = [two.open(&ada).await.ended(), two.open(&ada).await.ended()];
            for ended in &mut both {
                assert!(!is_over(ended).await);
            }
            [_, ended] = both;
        }
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }

    // B62: a renewal by the timer, `remember` and its withdrawal do not change the visitor's rights.
    async fn renewals_by_time_and_remembering_end_no_stream(store) {
        let two = Two::with(store, |builder| builder.watch_every(OFTEN).rotate_every(minutes(1)));
        let mut ada = two.here.signed_in("ada").await;
        let mut ended = two.open(&ada).await.ended();
        let id = ada.cookie();
        two.here.turn(minutes(2));
        ada.get("/read").await;
        assert_ne!(ada.cookie(), id);
        ada.post("/remember").await;
        ada.post("/forget").await;
        let looks = two.here.controls.calls().0;
        while two.here.controls.calls().0 < looks + 3 {
            assert!(!is_over(&mut ended).await);
            tokio::time::sleep(OFTEN).await; // polls
        }
        two.there.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }

    // B62, F4: the stream ends at the impersonation's time limit, even if no request arrives after it.
    async fn an_impersonation_that_ends_by_itself_ends_its_streams(store) {
        let two = Two::new(store, OFTEN);
        let act = async |mut session: Session<Site>, Path(user): Path<String>| {
            session.user_mut().impersonate(user, minutes(5))
        };
        let app = two.here.serving(routes().route("/as/{user}", post(act)));
        let mut root = two.here.signed_in("root").await.at(&app);
        root.post("/as/ada").await;
        let session = two.open(&root).await;
        let mut ended = session.ended();
        two.here.turn(minutes(4));
        assert!(!is_over(&mut ended).await);
        two.here.turn(minutes(1));
        assert_eq!(soon(ended).await, SessionEnd::Superseded);
        // The administrator's own session continues, and a stream can be opened in it.
        let mut own = two.open(&root).await.ended();
        assert!(!is_over(&mut own).await);
    }
}

over_stores! {
    // B62: a handler may start a session, store it with `save`, and wait for its end before the response is sent.
    async fn a_session_that_its_own_request_stored_is_watched_before_the_response(store) {
        let two = Two::new(store, OFTEN);
        let revoked = two.there.sessions.clone();
        let wait = async move |mut session: Session<Site>, Path(user): Path<String>| {
            let mut ended = session.ended();
            assert!(!is_over(&mut ended).await);
            session.user_mut().log_in(user.clone());
            session.save().await.unwrap();
            assert!(!is_over(&mut ended).await);
            // The same request ends that session and starts another. The watch then follows the new session.
            session.destroy();
            session.user_mut().log_in(user.clone());
            session.save().await.unwrap();
            assert!(!is_over(&mut ended).await);
            revoked.of(&user).revoke_all().await.unwrap();
            soon(ended).await.to_string()
        };
        let app = two.here.serving(Router::new().route("/wait/{user}", post(wait)));
        for mut visitor in [two.here.visitor(), two.here.signed_in("eve").await] {
            assert_eq!(visitor.at(&app).post("/wait/ada").await.body, "revoked");
            visitor.get("/read").await;
        }
    }
}

// B62: the stream learns of the end, whether the watch or the revocation comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_learns_of_an_end_that_comes_while_its_watch_begins() {
    let two = Arc::new(Two::new(AnyStore::memory(), hours(1)));
    hears(&two).await;
    for round in 0..200 {
        let ada = two.here.signed_in("ada").await;
        let ended: Ended = two.open(&ada).await.ended();
        let barrier = Arc::new(Barrier::new(2));
        let (start, ends) = (barrier.clone(), two.clone());
        let end = tokio::spawn(async move {
            start.wait().await;
            // Half of the rounds revoke on the server of the stream, the other half on the other server.
            let server = if round % 2 == 0 { &ends.here } else { &ends.there };
            server.sessions.of("ada").revoke_all().await.unwrap();
        });
        let watch = tokio::spawn(async move {
            barrier.wait().await;
            soon(ended).await
        });
        end.await.unwrap();
        assert_eq!(watch.await.unwrap(), SessionEnd::Revoked, "round {round}");
    }
}
