//! S39: a cookie that is changed anywhere opens nothing. Unit tests show that it never reaches a decoder.

use session_runtime::Event;
use tests::client::Visitor;

use crate::site::{COOKIE, Server, over_forms};

over_forms! {
    // S39, B6: sends the cookie with each character changed, cut to each length, and with characters added. The result is always
    // the same anonymous session, without an error page, and the cookie is not removed.
    async fn a_damaged_cookie_is_an_anonymous_session(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/ada").await;
        let value = visitor.cookie().unwrap();
        let nobody = server.visitor().get("/show").await;
        server.heard();
        let changed = (0..value.len()).map(|at| {
            let replaced = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{replaced}{}", &value[..at], &value[at + 1..])
        });
        let cut = (0..value.len()).map(|length| value[..length].to_owned());
        let longer = ["A", "=", "%3D", "."].map(|more| format!("{value}{more}"));
        for forged in changed.chain(cut).chain(longer) {
            let reply = Visitor::with_cookie(&server.app, COOKIE, &forged).get("/show").await;
            assert_eq!((reply.status, &reply.body, reply.set_cookie()), (nobody.status, &nobody.body, None), "{forged}");
            assert_eq!(server.heard(), [Event::Refused], "{forged}");
        }
        // If a visitor with a damaged cookie writes to the session, a new session begins.
        let mut stranger = Visitor::with_cookie(&server.app, COOKIE, &value[1..]);
        assert!(stranger.post("/theme/dark").await.set_cookie().is_some());
        assert_eq!(stranger.get("/show").await.json()["user"].as_str(), None);
    }
}
