//! B28, F6, S13, S23, S57: a sign-in that is refused leaves nothing behind, even if the store fails while the sign-in is undone.

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, Session, SessionLimit, SessionsBuilder};
use tests::{
    app::{Server, Site},
    over_stores, over_two_stores,
};

use super::{
    faulty::{Fault, Faulty, Gate, after},
    shared::is_in,
};

type S = Session<Site>;

/// Allows each user one session: a second sign-in is rejected.
fn one_each(builder: SessionsBuilder<Site>) -> SessionsBuilder<Site> {
    builder.max_per_user(SessionLimit::Refuse(1))
}

over_stores! {
    // F6, S23: a rejected sign-in must be undone. If the undo fails, or `save` is dropped during the undo, the next commit
    // completes it.
    async fn a_refused_sign_in_that_cannot_be_undone_immediately_signs_no_user_in(store) {
        for guest in [false, true] {
            for dropped in [false, true] {
                let (server, faulty) = Faulty::server(&store, one_each);
                let first = server.signed_in("ada").await;
                let app = server.serving(Router::new().route("/{again}", post({
                    let faulty = faulty.clone();
                    move |mut s: S, Path(again): Path<bool>| async move {
                        s.user_mut().log_in("ada".into());
                        // The store calls: swap the session, load the list, load the listed session; then undo the sign-in.
                        if dropped {
                            let gate = Gate::new();
                            faulty.plan(after(3, [Fault::Slow(gate.clone())]));
                            tokio::select! {
                                _ = s.save() => unreachable!("the store does not answer"),
                                () = gate.wait() => {}
                            }
                        } else {
                            faulty.plan(after(3, [Fault::Down, Fault::Down]));
                            assert!(s.save().await.unwrap_err().is_unavailable());
                        }
                        if again {
                            assert!(s.save().await.unwrap_err().is_full());
                        }
                    }
                })));
                for (again, status) in [(true, StatusCode::OK), (false, StatusCode::CONFLICT)] {
                    let mut visitor = server.visitor();
                    if guest {
                        visitor.post("/name/guest").await;
                    }
                    let mut visitor = visitor.at(&app);
                    let reply = visitor.post(&format!("/{again}")).await;
                    let case = format!("guest {guest}, dropped {dropped}, again {again}");
                    assert_eq!((reply.status, reply.set_cookie()), (status, None), "{case}");
                    let seen = visitor.at(&server.app).get("/show").await.json();
                    let name = if guest { "guest" } else { "" };
                    assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (None, Some(name)), "{case}");
                    assert!(is_in(&first).await, "{case}");
                    assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1, "{case}");
                }
                server.sessions.of("ada").revoke_all().await.unwrap();
            }
        }
    }

    // S13, S23: the session ends elsewhere while its visitor signs in, so the sign-in starts another session, which is rejected.
    async fn a_refused_sign_in_does_not_revive_an_ended_session_under_another_key(store) {
        let [(here, faulty), (there, _)] = Faulty::two_servers(&store, one_each);
        let first = here.signed_in("ada").await;
        let mut visitor = here.visitor();
        visitor.post("/name/private").await;
        faulty.swapped();
        let gate = Gate::new();
        // The load succeeds; the swap reaches the store too late.
        faulty.plan(after(1, [Fault::Late(gate.clone())]));
        let mut signing_in = visitor.clone();
        let request = tokio::spawn(async move { signing_in.post("/login/ada").await });
        gate.wait().await;
        visitor.at(&there.app).post("/destroy").await;
        gate.open();
        let reply = request.await.unwrap();
        assert_eq!(reply.status, StatusCode::CONFLICT);
        let swapped = faulty.swapped();
        assert!(swapped.iter().any(|key| *key != swapped[0]), "a second session began");
        for key in swapped {
            assert!(here.stored(&key).await.is_none(), "no session is left");
        }
        assert!(is_in(&first).await);
    }
}

over_two_stores! {
    // F6, S57: the handler's writes for the rejected user are dropped.
    async fn writes_after_a_refused_sign_in_are_not_stored(store) {
        let (server, faulty) = Faulty::server(&store, one_each);
        server.signed_in("ada").await;
        let app = server.serving(Router::new().route("/", post({
            let faulty = faulty.clone();
            move |mut s: S| async move {
                s.user_mut().log_in("ada".into());
                // The session is swapped, but the list cannot be reached.
                faulty.plan(after(1, [Fault::Down, Fault::Down]));
                assert!(s.save().await.unwrap_err().is_unavailable());
                *s.name_mut() = "of ada".into();
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/theme/dark").await;
        server.heard();
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::CONFLICT);
        assert!(!server.heard().contains(&Event::Late), "no change is left to be saved");
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["theme"]), (&json!(null), &json!(""), &json!("Dark")));
    }

    // B28, S23: only this response can carry the id that `save` stored.
    async fn a_refused_sign_in_keeps_the_cookie_of_an_earlier_save(store) {
        let server = Server::with(store, one_each);
        server.signed_in("ada").await;
        for renews in [false, true] {
            let app = server.serving(Router::new().route("/", post(move |mut s: S| async move {
                *s.name_mut() = "cart".into();
                if renews {
                    s.renew();
                }
                s.save().await.unwrap();
                s.user_mut().log_in("ada".into());
            })));
            let mut visitor = server.visitor();
            if renews {
                visitor.post("/theme/dark").await;
            }
            let mut visitor = visitor.at(&app);
            let reply = visitor.post("/").await;
            assert_eq!((reply.status, reply.set_cookie().is_some()), (StatusCode::CONFLICT, true), "renews {renews}");
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"]), (&json!(null), &json!("cart")), "renews {renews}");
        }
    }
}
