//! Many sessions end at once.

use session_runtime::SessionEnd;
use tests::{app::hours, over_stores_with_feeds};

use super::{hears, watched};
use crate::watch::{Two, soon};

over_stores_with_feeds! {
    // B62: a watch loads its session when it begins, and again when the session ends.
    async fn the_end_of_300_watched_sessions_takes_one_load_each(store) {
        const SESSIONS: usize = 300;
        let two = Two::new(store, hours(1));
        hears(&two).await;
        let before = two.here.controls.calls().0;
        let mut streams = Vec::new();
        for user in 0..SESSIONS {
            let (_, ended) = watched(&two, &user.to_string()).await;
            streams.push(tokio::spawn(soon(ended)));
        }
        let begun = two.here.controls.calls().0;
        for user in 0..SESSIONS {
            assert_eq!(two.there.sessions.of(&user.to_string()).revoke_all().await.unwrap(), 1);
        }
        for ended in streams {
            assert_eq!(ended.await.unwrap(), SessionEnd::Revoked);
        }
        let loads = two.here.controls.calls().0 - begun;
        // The second number includes the loads of the sign-ins and of the requests that opened the streams.
        println!("{loads} loads for the end of {SESSIONS} sessions, and {} to begin", begun - before);
        assert!(loads <= SESSIONS + SESSIONS / 10, "{loads} loads");
    }
}
