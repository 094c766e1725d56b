//! S22: a user's password or role changes while they sign in. The guide's recipe ("Check the sign-in") reads the user's row again
//! once the session is listed: then either the sign-in sees the change, or the change sees the session.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, routing::post};
use session_runtime::{Error, Session};
use tests::{
    app::{Server, Site},
    over_stores,
};

use super::faulty::{Fault, Faulty, Gate};

/// A user's row in a database: the version of the password, or the role.
type Row = Arc<AtomicU64>;

fn app(server: &Server, row: &Row) -> Router {
    let row = row.clone();
    let checked = move |mut session: Session<Site>| async move {
        let seen = row.load(Ordering::SeqCst);
        session.user_mut().log_in("ada".into());
        *session.name_mut() = seen.to_string();
        session.save().await?;
        if row.load(Ordering::SeqCst) != seen {
            session.destroy();
        }
        Ok::<_, Error>(())
    };
    server.serving(tests::app::routes().route("/checked", post(checked)))
}

/// Returns the row's value that the session was made from; `None` if it is a guest's.
async fn seen(visitor: &tests::client::Visitor) -> Option<u64> {
    let seen = visitor.clone().get("/show").await.json();
    (seen["user"] == "ada").then(|| seen["name"].as_str().unwrap().parse().unwrap())
}

over_stores! {
    // The store calls of a sign-in: store the session, load and swap the user's list. The change comes during each of them.
    async fn no_sign_in_escapes_a_change_that_happens_meanwhile(store) {
        for by_update in [false, true] {
            for call in 0..=2 {
                let (server, faulty) = Faulty::server(&store, |builder| builder);
                let elsewhere = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |b| b);
                let row = Row::default();
                let gate = Gate::new();
                let app = app(&server, &row);
                faulty.plan(vec![Fault::None; call].into_iter().chain([Fault::Slow(gate.clone())]));
                let mut visitor = server.visitor().at(&app);
                let request = tokio::spawn(async move {
                    visitor.post("/checked").await;
                    visitor
                });
                gate.wait().await;
                row.store(1, Ordering::SeqCst);
                let of = elsewhere.sessions.of("ada");
                if by_update {
                    of.update(|session| *session.name_mut() = "1".into()).await.unwrap();
                } else {
                    of.revoke_all().await.unwrap();
                }
                gate.open();
                let visitor = request.await.unwrap();
                assert_eq!(seen(&visitor).await, None, "update {by_update}, call {call}");
                assert_eq!(of.count().await.unwrap(), 0, "update {by_update}, call {call}");
                // A sign-in after the change succeeds, and a later change finds its session.
                let mut visitor = server.visitor().at(&app);
                visitor.post("/checked").await;
                assert_eq!(seen(&visitor).await, Some(1));
                assert_eq!(of.revoke_all().await.unwrap(), 1);
            }
        }
    }
}
